//! What a Redis tells of itself, what its user may do there, and which settings can never work.

use rolecall_adapters::delivery::redis::{
    LARGEST_WINDOW, RedisDelivery, RedisSettings, Refused, inspect, needed, refused,
};
use rolecall_core::job::Lane;

use crate::server::Server;
use crate::support::{Recorder, Worker, build, envelopes, settings, until};

#[tokio::test]
async fn settings_that_can_never_work_are_said_at_once() {
    let good = settings("redis://127.0.0.1:1");
    for bad in [
        RedisSettings {
            url: "postgres://localhost".into(),
            ..good.clone()
        },
        RedisSettings {
            window: LARGEST_WINDOW + 1,
            ..good.clone()
        },
        RedisSettings {
            installation: "two words".into(),
            ..good.clone()
        },
    ] {
        assert!(RedisDelivery::connect(bad).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_facts_of_a_redis_are_told() {
    let server = Server::start().await;
    server.tell("CONFIG SET maxmemory 100000000").await;
    server.tell("CONFIG SET maxmemory-policy allkeys-lru").await;
    let facts = inspect(&server.url()).await.unwrap();
    assert_eq!(
        (facts.maxmemory, facts.maxmemory_policy.as_str()),
        (100_000_000, "allkeys-lru")
    );
    assert_eq!((facts.aof_enabled, facts.role.as_str()), (Some(false), "master"));
    assert!(facts.used_memory > 0 && facts.version.contains('.'));
    assert!(inspect("redis://127.0.0.1:1").await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_user_of_a_redis_may_not_do_is_told() {
    let server = Server::start().await;
    let (work, bell) = (true, true);
    let nothing = Refused::default();
    let all = needed("x");
    for (rights, expected) in [
        (all.clone(), nothing),
        (format!("{all} -info"), nothing),
        (format!("{all} resetchannels"), Refused { bell, ..nothing }),
        (format!("{all} -subscribe"), Refused { bell, ..nothing }),
        (needed("y"), Refused { work, bell }),
        ("~rolecall.x.* &* +@all".to_owned(), Refused { work, ..nothing }),
        (format!("{all} -@scripting"), Refused { work, ..nothing }),
        ("%R~* &* +@all".to_owned(), Refused { work, ..nothing }),
    ] {
        server
            .tell(&format!("ACL SETUSER limited reset on >p@ss/word {rights}"))
            .await;
        let url = server.url().replace("://", "://limited:p%40ss%2Fword@");
        assert_eq!(refused(&url, "x").await.unwrap(), expected, "{rights}");
        // Whoever may not ask is told nothing, and that is no failure.
        let facts = inspect(&url).await.unwrap();
        assert_eq!(facts.version.is_empty(), rights.contains("-info"), "{rights}");
        assert_eq!(facts.aof_enabled.is_none(), rights.contains("-info"), "{rights}");
    }
    assert!(refused("redis://127.0.0.1:1", "x").await.is_err());
    let unreadable = inspect("redis://user:p@ss/w#rd@host:6379/0").await.unwrap_err();
    assert!(unreadable.to_string().contains("%2F"), "{unreadable}");
    assert!(!unreadable.to_string().contains("w#rd"), "{unreadable}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_needs_no_other_rights_than_those_that_are_told() {
    let server = Server::start().await;
    let open = settings(&server.url());
    let rights = needed(&open.installation);
    server
        .tell(&format!("ACL SETUSER limited reset on >pass {rights}"))
        .await;
    let limited = RedisSettings {
        url: server.url().replace("://", "://limited:pass@"),
        ..open
    };
    let (delivery, handler) = (build(&limited).await, Recorder::new());
    let worker = Worker::start(&delivery, &handler);
    let all = envelopes(20);
    assert_eq!(delivery.push(Lane::Normal, &all).await.unwrap(), all.len());
    until("all are done", async || handler.finished() == all.len()).await;
    worker.stop().await;
    let mut redis = server.client().await;
    let denied: Vec<redis::Value> = redis::cmd("ACL")
        .arg("LOG")
        .query_async(&mut redis)
        .await
        .unwrap();
    assert!(denied.is_empty(), "{denied:?}");
}
