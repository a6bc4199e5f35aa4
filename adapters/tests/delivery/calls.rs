//! What an envelope costs, in round trips, and that each one is acknowledged in the end.

use std::time::Instant;

use redis::aio::MultiplexedConnection;
use rolecall_core::job::Lane;

use crate::scene::Scene;
use crate::server::Server;
use crate::support::{envelope, envelopes, until};

/// A number that this Redis keeps: in this part of its INFO, behind this text.
async fn counted(redis: &mut MultiplexedConnection, part: &str, name: &str) -> u64 {
    let info: String = redis::cmd("INFO").arg(part).query_async(redis).await.unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix(name));
    let number = line.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    number.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// How often it was asked to run a script.
async fn scripts_run(redis: &mut MultiplexedConnection) -> u64 {
    counted(redis, "commandstats", "cmdstat_evalsha:calls=").await
}

/// How many packets came in.
async fn packets(redis: &mut MultiplexedConnection) -> u64 {
    counted(redis, "stats", "total_reads_processed:").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envelope_that_comes_alone_costs_a_push_a_fetch_and_an_acknowledgement() {
    let scene = Scene::on(Server::start().await).await;
    let mut redis = scene.server.client().await;
    scene.works_again().await;
    const ENVELOPES: u64 = 200;
    let done = scene.handler.finished();
    let (before, began) = (scripts_run(&mut redis).await, Instant::now());
    for n in 1..=ENVELOPES as usize {
        assert_eq!(scene.delivery.push(Lane::Normal, &[envelope()]).await, Ok(1));
        until("it is done", async || scene.handler.finished() >= done + n).await;
    }
    let calls = scripts_run(&mut redis).await - before;
    // Each lane looks each second, and says now and then that it is there. One in four may be fetched right before its own ring,
    // which then finds nothing.
    let looks = 3 * 3 * (began.elapsed().as_secs() + 1) + ENVELOPES / 4;
    assert!(
        calls <= 3 * ENVELOPES + looks,
        "{calls} calls, of which {looks} may be looks"
    );
    scene.worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledgements_travel_with_the_fetches_of_a_busy_lane() {
    let scene = Scene::on(Server::start().await).await;
    let mut redis = scene.server.client().await;
    scene.works_again().await;
    const ENVELOPES: u64 = 600;
    let done = scene.handler.finished();
    let (before, began) = (packets(&mut redis).await, Instant::now());
    scene
        .delivery
        .push(Lane::Bulk, &envelopes(ENVELOPES as usize))
        .await
        .unwrap();
    until("all are done", async || {
        scene.handler.finished() >= done + ENVELOPES as usize
    })
    .await;
    let came = packets(&mut redis).await - before;
    // Each lane looks each second, and says now and then that it is there; and an acknowledgement that no fetch took along
    // goes by itself, twenty times a second at most.
    let others = (3 * 3 + 20) * (began.elapsed().as_secs() + 1);
    assert!(
        came <= ENVELOPES * 5 / 4 + others,
        "{came} packets, of which {others} may be others"
    );
    scene.worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_envelope_is_acknowledged_even_if_the_scripts_are_flushed_meanwhile() {
    let scene = Scene::on(Server::start().await).await;
    scene.works_again().await;
    for _ in 0..10 {
        let done = scene.handler.finished();
        scene.delivery.push(Lane::Bulk, &envelopes(100)).await.unwrap();
        until("some are done", async || scene.handler.finished() > done).await;
        scene.server.tell("SCRIPT FLUSH").await;
        until("all are done", async || scene.handler.finished() >= done + 100).await;
    }
    scene.is_clean().await;
    scene.worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_envelope_is_acknowledged_even_if_the_scripts_are_flushed_right_after_it() {
    let scene = Scene::on(Server::start().await).await;
    // The first acknowledgement of a lane goes at once; the next ones wait for a fetch, of which a lane that is empty has none.
    for _ in 0..3 {
        let done = scene.handler.finished();
        scene.delivery.push(Lane::Bulk, &envelopes(1)).await.unwrap();
        until("it is done", async || scene.handler.finished() > done).await;
    }
    scene.server.tell("SCRIPT FLUSH").await;
    scene.is_clean().await;
    scene.worker.stop().await;
}
