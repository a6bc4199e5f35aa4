//! A web process, a worker and a scheduler, each with its own `/metrics`: who tells what, and what is counted when Redis
//! breaks connections and loses what it carried.

use std::time::Duration;

use crate::support::free_port;
use crate::support::http::Api;
use crate::support::metrics::{Series, scrape, sum, until_up};
use crate::support::servers::{Mongo, Redis};
use crate::support::wait_for;
use crate::support::world::World;

const PATIENCE: Duration = Duration::from_secs(120);

struct Addresses {
    web: String,
    worker: String,
    scheduler: String,
}

impl Addresses {
    fn fresh() -> Self {
        let address = || format!("127.0.0.1:{}", free_port());
        Self {
            web: address(),
            worker: address(),
            scheduler: address(),
        }
    }
}

fn at(address: &str) -> [(&'static str, String); 1] {
    [("ROLECALL_METRICS_ADDR", address.to_owned())]
}

/// Waits until a sum is at least so much; what was read then.
async fn until(address: &str, name: &str, labels: &[&str], least: f64) -> Series {
    wait_for(name, PATIENCE, || async {
        let (series, _) = scrape(address).await;
        (sum(&series, name, labels) >= least).then_some(series)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_process_tells_what_it_did_and_all_tell_what_is() {
    let world = World::start(60.0, 12, 10).await;
    let (mongo, redis) = (Mongo::fresh(), Redis::start().await);
    let (port, addresses) = (free_port(), Addresses::fresh());
    let installation = world.embedded(port).over(&mongo, &redis);
    world.set_up(&installation);
    installation.nothing_by_the_clock();
    let _web = installation.start("web", &["web"], &at(&addresses.web));
    let mut worker = installation.start("worker", &["worker"], &at(&addresses.worker));
    let _scheduler = installation.start("scheduler", &["scheduler"], &at(&addresses.scheduler));
    let token = installation.run(&["token", "--user", "me", "--admin"]).ok().out;
    let api = Api::new(port, token.trim());
    api.ready().await;
    for address in [&addresses.web, &addresses.worker, &addresses.scheduler] {
        until_up(address).await;
    }
    let sync = async || {
        let asked = api.post("/v1/runs", None).await;
        assert_eq!(asked.status(), 202);
        let asked: serde_json::Value = asked.json().await.unwrap();
        asked["id"].as_str().unwrap().to_owned()
    };
    api.finished(&sync().await).await;
    world.assert_equal();

    // Counts are of who did it.
    let attempts = "rolecall_attempts_total";
    let worked = until(&addresses.worker, attempts, &["kind=\"sync_guild\""], 1.0).await;
    let (served, _) = scrape(&addresses.web).await;
    let (ticked, _) = scrape(&addresses.scheduler).await;
    assert_eq!(
        (sum(&served, attempts, &[]), sum(&ticked, attempts, &[])),
        (0.0, 0.0)
    );
    assert!(sum(&worked, "rolecall_discord_calls_total", &[]) >= 1.0);
    assert!(sum(&served, "rolecall_http_requests_total", &["method=\"POST\""]) >= 1.0);
    // What is, is the same everywhere; Discord's limits are kept together.
    for (who, series) in [("web", &served), ("worker", &worked), ("scheduler", &ticked)] {
        for name in [
            "rolecall_jobs{state=\"running\"}",
            "rolecall_oldest_due_seconds{lane=\"bulk\"}",
            "rolecall_discord_stop_seconds{barrier=\"global\"}",
        ] {
            assert!(series.contains_key(name), "{who}: {name}");
        }
        assert_eq!(series["rolecall_discord_invalid_requests_left"], 1_000.0, "{who}");
        assert_eq!(series["rolecall_store_up"], 1.0, "{who}");
    }
    assert_eq!(served["rolecall_delivery_up"], 1.0);
    let budget = api.get("/v1/discord/budget").await;
    assert_eq!(budget["kept_by"], "redis", "{budget:#}");
    assert_eq!(budget["invalid_requests"]["left"], 1_000, "{budget:#}");
    let top = installation.run(&["top", "--json"]).ok().json();
    assert_eq!(top["discord"]["kept_by"], "redis", "{top:#}");

    // Redis breaks every connection, and refuses new ones for a while.
    let restarted = until(&addresses.worker, "rolecall_delivery_restarts_total", &[], 1.0);
    redis.refusing(restarted).await;
    // Every process notices that its connection is gone, and makes another.
    api.finished(&sync().await).await;

    // What Redis carried is lost while no worker is there.
    worker.terminate();
    assert!(worker.ended(PATIENCE).await.success(), "{}", worker.log());
    let run = sync().await;
    redis.flush_all().await;
    let _worker = installation.start("another", &["worker"], &at(&addresses.worker));
    until_up(&addresses.worker).await;
    until(&addresses.worker, "rolecall_redeliveries_total", &[], 1.0).await;
    api.finished(&run).await;
    mongo.forget().await;
}
