//! The files that platforms read: their lines are run as they are written.

use std::time::Duration;

use crate::support::http::Api;
use crate::support::process::Installation;
use crate::support::servers::{Mongo, Redis};
use crate::support::{free_port, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn the_procfile_runs_as_written() {
    let procfile = include_str!("../../Procfile");
    let line = |name: &str| -> Vec<&str> {
        let line = procfile
            .lines()
            .find_map(|l| l.strip_prefix(&format!("{name}: ")))
            .unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[0], "rolecall");
        words[1..].to_vec()
    };
    let (mongo, redis) = (Mongo::fresh(), Redis::start().await);
    let (port, health) = (free_port(), free_port());
    let installation = Installation::embedded()
        .set("MONGODB_URI", &mongo.uri)
        .set("MONGODB_DATABASE", &mongo.database)
        .set("REDIS_URL", &redis.url)
        .set("JWT_SECRET", "a-procfile-secret-that-is-long-enough-012345")
        .set("PORT", port);
    installation.run(&line("release")).ok();
    let mut web = installation.start("web", &line("web"), &[]);
    let mut worker = installation.start("worker", &line("worker"), &[("HEALTH_PORT", health.to_string())]);
    Api::new(port, "").ready().await;
    Api::new(health, "").ready().await;
    installation.run(&["healthcheck"]).ok();
    let url = format!("http://127.0.0.1:{health}/readyz");
    installation.run(&["healthcheck", "--url", &url]).ok();
    for process in [&mut web, &mut worker] {
        process.terminate();
        assert!(
            process.ended(Duration::from_secs(30)).await.success(),
            "{}",
            process.log()
        );
    }
    installation.run(&["healthcheck"]).refused(1, &["readyz"]);
    mongo.forget().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_listens_on_one_address_is_asked_there_for_its_health() {
    // The whole of 127.0.0.0/8 is this machine.
    let installation = Installation::embedded()
        .set("HOST", "127.0.0.2")
        .set("PORT", free_port());
    let mut all = installation.start("all", &["all"], &[]);
    wait_for("it to be well", Duration::from_secs(30), || async {
        (installation.run(&["healthcheck"]).code == Some(0)).then_some(())
    })
    .await;
    assert!(all.is_running(), "{}", all.log());
}
