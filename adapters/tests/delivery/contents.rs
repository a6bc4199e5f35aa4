//! What may be found in Redis, and what is left there.

use std::sync::Arc;

use apalis::prelude::TaskBuilder;
use apalis_redis::queries::push_tasks;
use apalis_redis::{Config, RedisTask};
use rolecall_adapters::delivery::redis::{RedisDelivery, RedisSettings};
use rolecall_core::job::Lane;
use rolecall_core::ports::Delivery;

use crate::support::{
    Recorder, Worker, build, client, envelope, envelopes, keys, of_kind, only_workers_are_left, settings,
    shared_url, until, until_it_works_again,
};

/// The queue as apalis sees it.
fn queue(settings: &RedisSettings, lane: Lane) -> Config {
    Config::default()
        .queue(format!("rolecall.{}.{lane}", settings.installation))
        .emit_events(false)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_envelope_are_dropped_and_the_rest_goes_on() {
    let settings = settings(&shared_url());
    let mut redis = client(&settings.url).await;
    let (delivery, handler) = (build(&settings).await, Recorder::new());
    for bytes in [
        &b"\xff\x00\xfe"[..],
        b"",
        b"{}",
        b"[1, 2",
        br#"{"job_id":"no uuid","kind":"plain"}"#,
    ] {
        let task: RedisTask = TaskBuilder::new(bytes.to_vec()).build();
        push_tasks(&mut redis, &queue(&settings, Lane::Normal), &[task])
            .await
            .unwrap();
    }
    let good = envelope();
    delivery
        .push(Lane::Normal, std::slice::from_ref(&good))
        .await
        .unwrap();
    let worker = Worker::start(&delivery, &handler);
    until("the good one is handed over", async || handler.has(&good)).await;
    worker.stop_when_empty(&delivery).await;
    assert_eq!(handler.started().len(), 1);
    assert_eq!(
        keys(&mut redis, &settings.installation).await,
        Vec::<String>::new()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envelope_without_its_data_is_dropped_and_the_rest_goes_on() {
    let settings = settings(&shared_url());
    let mut redis = client(&settings.url).await;
    let (delivery, handler) = (build(&settings).await, Recorder::new());
    delivery.push(Lane::Normal, &envelopes(3)).await.unwrap();
    let data = queue(&settings, Lane::Normal).job_data_hash();
    let ids: Vec<String> = redis::cmd("HKEYS")
        .arg(&data)
        .query_async(&mut redis)
        .await
        .unwrap();
    redis::cmd("HDEL")
        .arg(&data)
        .arg(&ids[1])
        .query_async::<()>(&mut redis)
        .await
        .unwrap();
    let worker = Worker::start(&delivery, &handler);
    // One that was done, and not acknowledged when the worker ended, comes twice.
    until("the other two are done", async || {
        handler
            .started()
            .into_iter()
            .collect::<std::collections::BTreeSet<_>>()
            .len()
            == 2
    })
    .await;
    worker.stop_when_empty(&delivery).await;
    assert_eq!(
        keys(&mut redis, &settings.installation).await,
        Vec::<String>::new()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_envelopes_of_one_job_both_arrive() {
    let settings = settings(&shared_url());
    let (delivery, handler) = (build(&settings).await, Recorder::new());
    let one = envelope();
    delivery
        .push(Lane::Normal, &[one.clone(), one.clone()])
        .await
        .unwrap();
    delivery
        .push(Lane::Normal, std::slice::from_ref(&one))
        .await
        .unwrap();
    let worker = Worker::start(&delivery, &handler);
    until("all three came", async || handler.finished() == 3).await;
    worker.stop().await;
    assert_eq!(handler.started(), [one.job_id; 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_worker_goes_on_after_its_keys_were_deleted() {
    let settings = settings(&shared_url());
    let mut redis = client(&settings.url).await;
    let (delivery, handler) = (build(&settings).await, Recorder::new());
    let worker = Worker::start(&delivery, &handler);
    until_it_works_again(&delivery, &handler).await;
    let all = keys(&mut redis, &settings.installation).await;
    redis::cmd("DEL")
        .arg(all)
        .query_async::<()>(&mut redis)
        .await
        .unwrap();
    until_it_works_again(&delivery, &handler).await;
    worker.stop_when_empty(&delivery).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envelopes_of_one_second_are_started_in_the_order_of_the_push() {
    let settings = settings(&shared_url());
    let settings = RedisSettings {
        slots: rolecall_adapters::delivery::Slots {
            normal: 1,
            ..settings.slots
        },
        ..settings
    };
    let (delivery, handler) = (build(&settings).await, Recorder::new());
    let all = envelopes(300);
    delivery.push(Lane::Normal, &all).await.unwrap();
    let worker = Worker::start(&delivery, &handler);
    until("all are done", async || handler.finished() == 300).await;
    worker.stop().await;
    assert_eq!(
        handler.started(),
        all.iter().map(|e| e.job_id).collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_after_a_stop() {
    let settings = settings(&shared_url());
    let mut redis = client(&settings.url).await;
    let (delivery, handler) = (build(&settings).await, Recorder::new());
    let worker = Worker::start(&delivery, &handler);
    for _ in 0..5 {
        delivery.push(Lane::Bulk, &envelopes(300)).await.unwrap();
        until("the lane is empty", async || {
            delivery.depth(Lane::Bulk).await == Ok(0)
        })
        .await;
    }
    worker.stop().await;
    assert_eq!(
        keys(&mut redis, &settings.installation).await,
        Vec::<String>::new()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finished_envelopes_are_swept_while_the_worker_works() {
    let settings = settings(&shared_url());
    let mut redis = client(&settings.url).await;
    let (delivery, handler) = (build(&settings).await, Recorder::new());
    let worker = Worker::start(&delivery, &handler);
    delivery.push(Lane::Bulk, &envelopes(900)).await.unwrap();
    until("all are done", async || handler.finished() == 900).await;
    only_workers_are_left(&mut redis, &settings.installation).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_name_of_a_killed_worker_is_forgotten_and_its_work_given_back() {
    let settings = settings(&shared_url());
    let mut redis = client(&settings.url).await;
    let (delivery, handler) = (build(&settings).await, Recorder::new());
    let (queue, dead) = (
        queue(&settings, Lane::Normal),
        apalis::prelude::WorkerContext::new("killed"),
    );
    let sent = envelope();
    delivery
        .push(Lane::Normal, std::slice::from_ref(&sent))
        .await
        .unwrap();
    let ids: Vec<String> = redis::cmd("HKEYS")
        .arg(queue.job_data_hash())
        .query_async(&mut redis)
        .await
        .unwrap();
    redis::pipe()
        .zrem(queue.scheduled_jobs_set(), &ids[0])
        .sadd(queue.inflight_set_for(&dead), &ids[0])
        .hset(queue.worker_metadata_key(&dead), "service", "x")
        .exec_async(&mut redis)
        .await
        .unwrap();
    let worker = Worker::start(&delivery, &handler);
    until("it is handed over after all", async || handler.has(&sent)).await;
    worker.stop().await;
    assert_eq!(
        keys(&mut redis, &settings.installation).await,
        Vec::<String>::new()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_installations_share_a_redis_and_nothing_else() {
    let (one, other) = (settings(&shared_url()), settings(&shared_url()));
    let (left, right) = (build(&one).await, build(&other).await);
    let (mine, theirs) = (Recorder::new(), Recorder::new());
    let workers = [Worker::start(&left, &mine), Worker::start(&right, &theirs)];
    left.push(Lane::Normal, &envelopes(20)).await.unwrap();
    right.push(Lane::Normal, &envelopes(30)).await.unwrap();
    until("all are done", async || {
        mine.finished() == 20 && theirs.finished() == 30
    })
    .await;
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_envelopes_leave_no_more_behind_than_twenty() {
    let settings = settings(&shared_url());
    let mut redis = client(&settings.url).await;
    let (delivery, handler) = (build(&settings).await, Recorder::new());
    let worker = Worker::start(&delivery, &handler);
    let all = envelopes(2_000);
    let mut rest = &all[..];
    until("all are pushed", async || {
        rest = &rest[delivery.push(Lane::Bulk, rest).await.unwrap()..];
        rest.is_empty()
    })
    .await;
    until("all are done", async || handler.finished() == 2_000).await;
    // The names of the three workers and what apalis keeps of each, and nothing for an envelope.
    until("what is finished is swept", async || {
        keys(&mut redis, &settings.installation).await.len() <= 20
    })
    .await;
    worker.stop().await;
    assert_eq!(
        keys(&mut redis, &settings.installation).await,
        Vec::<String>::new()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_can_be_thrown_away_and_what_is_in_hand_is_not() {
    let settings = settings(&shared_url());
    let mut redis = client(&settings.url).await;
    let delivery = Arc::new(RedisDelivery::connect(settings.clone()).await.unwrap());
    let handler = Recorder::new();
    for lane in Lane::ALL {
        assert_eq!(delivery.push(lane, &envelopes(700)).await, Ok(700));
    }
    assert_eq!(delivery.clear().await, Ok(2_100));
    assert_eq!(
        keys(&mut redis, &settings.installation).await,
        Vec::<String>::new()
    );
    assert_eq!(delivery.clear().await, Ok(0));

    let shared: Arc<dyn Delivery> = Arc::clone(&delivery) as _;
    let worker = Worker::start(&shared, &handler);
    let held = of_kind("hold");
    delivery
        .push(Lane::Normal, std::slice::from_ref(&held))
        .await
        .unwrap();
    until("it is in hand", async || handler.has(&held)).await;
    delivery.clear().await.unwrap();
    handler.open_gate();
    until("it ends", async || handler.finished() == 1).await;
    worker.stop_when_empty(&shared).await;
    assert_eq!(
        keys(&mut redis, &settings.installation).await,
        Vec::<String>::new()
    );
}
