//! A Redis that goes away, is silent, or forgets: work goes on, carefully.

use std::sync::Arc;
use std::time::Duration;

use rolecall_core::job::Lane;
use rolecall_core::ports::{Answer, Keeper, RateHeaders};

use crate::model::{Kind, Model, route, run_job};
use crate::server::Server;
use crate::support::until;
use crate::{SPEED, go, ok, redis_pair};

#[tokio::test]
async fn without_redis_each_process_goes_on_with_its_part_and_meets_the_others_again() {
    let mut server = Server::start().await;
    let [one, two] = redis_pair(&server.url(), 50);
    // Twice, so that each has seen the other.
    for limiter in [&one, &two, &one, &two] {
        let ticket = go(limiter, "guild", Lane::Normal).await;
        if let Ok(ticket) = ticket {
            limiter.complete(ticket, &ok(1_000, 999, 1.0));
        }
    }
    server.down();
    let mut parts = Vec::new();
    for limiter in [&one, &two] {
        let first = go(limiter, "role-write", Lane::Normal).await.unwrap();
        limiter.complete(first, &ok(10, 9, 10_000.0));
        let mut calls = 1;
        while go(limiter, "role-write", Lane::Normal).await.is_ok() {
            calls += 1;
        }
        parts.push(calls);
    }
    assert!(
        parts.iter().sum::<u32>() <= 10 && parts.iter().all(|n| *n >= 4),
        "{parts:?}"
    );

    server.up().await;
    until("both ask Redis again", async || {
        // A fresh bucket that one uses is closed for the other.
        let name = "member-edit";
        match go(&one, name, Lane::Normal).await {
            Ok(_) => go(&two, name, Lane::Normal).await.is_err() && keys(&server).await > 0,
            Err(_) => keys(&server).await > 0,
        }
    })
    .await;
}

async fn keys(server: &Server) -> usize {
    redis::cmd("DBSIZE")
        .query_async(&mut server.client().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_silent_redis_holds_nobody_up_for_long() {
    let server = Server::start().await;
    let [one, _] = redis_pair(&server.url(), 50);
    server.hang();
    let asked = tokio::time::timeout(Duration::from_secs(30), go(&one, "guild", Lane::Normal)).await;
    assert!(asked.unwrap().is_ok());
}

#[tokio::test]
async fn a_redis_that_forgets_everything_costs_two_429_at_most() {
    let server = Server::start().await;
    let pair = redis_pair(&server.url(), 50);
    let model = Model::at_speed(Kind::Fixed, 10, 10.0, SPEED);
    let jobs = (0..60).map(|n| {
        let limiter = Arc::clone(&pair[(n % 2) as usize]);
        tokio::spawn(run_job(
            limiter,
            Arc::clone(&model),
            route("role-write", 1),
            Lane::Bulk,
            n,
            3,
        ))
    });
    let jobs: Vec<_> = jobs.collect();
    until("some went", async || model.counts().0 > 15).await;
    server.tell("FLUSHALL").await;
    for done in futures::future::join_all(jobs).await {
        done.unwrap();
    }
    let (accepted, rejected) = model.counts();
    // Its first call after that is the one that learns; it may be the one too many.
    assert!(accepted == 60 && rejected <= 2, "{accepted} {rejected}");
}

#[tokio::test]
async fn what_is_left_without_redis_is_what_the_process_knows_itself() {
    let mut server = Server::start().await;
    let [one, _] = redis_pair(&server.url(), 50);
    server.down();
    let left = one.budget().await;
    assert_eq!((left.keeper, left.invalid_left()), (Keeper::Part, 1_000));
    let ticket = go(&one, "guild", Lane::Normal).await.unwrap();
    let refused = Answer::Status {
        status: 403,
        headers: RateHeaders::default(),
    };
    one.complete(ticket, &refused);
    let left = one.budget().await;
    assert_eq!((left.keeper, left.invalid_left()), (Keeper::Part, 999));

    server.up().await;
    until("Redis tells again", async || {
        one.budget().await.keeper == Keeper::Redis
    })
    .await;
}
