//! `rolecall queue rebuild`: what Redis lost or holds wrongly is sent again at once.

use crate::support::free_port;
use crate::support::http::Api;
use crate::support::servers::{Mongo, Redis};
use crate::support::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn what_redis_forgot_or_holds_in_vain_is_sent_again() {
    let world = World::start(60.0, 40, 20).await;
    let (mongo, redis, port) = (Mongo::fresh(), Redis::start().await, free_port());
    let installation = world.embedded(port).over(&mongo, &redis);
    world.set_up(&installation);
    let token = installation
        .run(&["token", "--user", "tester", "--admin"])
        .ok()
        .out;
    // Nobody works yet, so what is sent stays in Redis.
    let _web = installation.start("web", &["web"], &[]);
    let api = Api::new(port, token.trim());
    api.ready().await;
    let run = api.sync().await;

    let count = |found: &serde_json::Value, name: &str| found[name].as_u64().unwrap();
    let dry = || {
        let dry = installation
            .run(&["queue", "rebuild", "--dry-run", "--json"])
            .ok()
            .json();
        (count(&dry, "envelopes"), count(&dry, "jobs_noted_as_sent"))
    };
    let rebuilt = || {
        let done = installation.run(&["queue", "rebuild", "--json"]).ok().json()["result"].clone();
        ["envelopes_removed", "notes_removed", "sent"].map(|name| count(&done, name))
    };
    let (envelopes, noted) = dry();
    assert!(envelopes > 0 && noted == envelopes, "{envelopes} {noted}");
    redis.flush_all().await;
    assert_eq!(dry(), (0, noted));
    assert_eq!(rebuilt(), [0, noted, noted]);
    assert_eq!(dry(), (noted, noted));

    // The hints of jobs that are over mean nothing.
    let jobs = api.get("/v1/jobs?state=available,scheduled").await;
    let waiting = jobs["jobs"].as_array().unwrap();
    assert_eq!(waiting.len() as u64, noted);
    let id = waiting[0]["id"].as_str().unwrap();
    installation.run(&["jobs", "cancel", id]).ok();
    // The end of the run is stored as a job, and was not sent yet.
    let left = noted - 1;
    assert_eq!(rebuilt(), [noted, left, left + 1]);

    let second = api.sync().await;
    let worker = installation.start("worker", &["worker"], &[]);
    assert_eq!(api.finished(&second).await["state"], "completed");
    assert_ne!(api.finished(&run).await["state"], "running");
    world.assert_equal();
    drop(worker);

    redis.flush_all().await;
    let told = world.embedded(port).run(&["queue", "rebuild"]).ok();
    assert!(told.out.contains("nothing to rebuild"), "{told:#?}");
}
