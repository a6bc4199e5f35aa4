//! Control calls about traffic: counters, calls, limits, faults and the clock.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, NO_FAULT, when};
use crate::Simulator;
use crate::buckets::Size;
use crate::faults::Fault;
use crate::ids::Id;
use crate::limits::public_name;
use crate::traffic::Subject;

/// Calls answered when no number is asked for.
const CALLS: usize = 100;

/// Buckets shown at most; those with least left come first.
const BUCKETS_SHOWN: usize = 200;

pub(super) async fn counters(State(simulator): State<Simulator>) -> Json<Value> {
    Json(json!(simulator.counters()))
}

pub(super) async fn reset_counters(State(simulator): State<Simulator>) -> Json<Value> {
    simulator.reset_counters();
    Json(json!({}))
}

#[derive(Deserialize)]
pub(super) struct Last {
    last: Option<usize>,
}

pub(super) async fn calls(State(simulator): State<Simulator>, Query(query): Query<Last>) -> Json<Value> {
    Json(json!(simulator.calls(query.last.unwrap_or(CALLS))))
}

fn whose(subject: Subject) -> Value {
    match subject {
        Subject::Bot(bot) => json!({ "bot": Id(bot) }),
        Subject::Grant(user, app) => json!({ "user": Id(user), "app": Id(app) }),
        Subject::Address => json!({}),
    }
}

/// State of the limits in use: buckets, requests of the last second, invalid answers.
pub(super) async fn limits(State(simulator): State<Simulator>) -> Json<Value> {
    let now_us = simulator.clock().now_us();
    simulator.with(|state| {
        let traffic = &mut state.traffic;
        traffic.buckets.retain(|_, bucket| !bucket.is_idle(now_us));
        let mut buckets: Vec<(u32, Value)> = Vec::new();
        for ((name, subject, owner), bucket) in &traffic.buckets {
            let Some(limit) = simulator.limits().iter().find(|limit| limit.bucket == *name) else {
                continue;
            };
            let size = Size {
                limit: limit.limit,
                window_us: limit.window_ms * 1_000,
                kind: limit.kind,
            };
            let remaining = bucket.remaining(size, now_us);
            let value = json!({
                "bucket": name,
                "hash": public_name(name, false),
                "of": whose(*subject),
                "key": limit.key,
                "id": Id(*owner),
                "limit": limit.limit,
                "window_ms": limit.window_ms,
                "kind": limit.kind,
                "remaining": remaining,
            });
            buckets.push((remaining, value));
        }
        buckets.sort_by_key(|(remaining, _)| *remaining);
        let buckets: Vec<Value> = buckets
            .into_iter()
            .take(BUCKETS_SHOWN)
            .map(|(_, value)| value)
            .collect();
        let global: Vec<Value> = traffic
            .globals
            .iter()
            .filter(|(_, global)| global.used(now_us) > 0)
            .map(|(subject, global)| json!({ "of": whose(*subject), "used": global.used(now_us) }))
            .collect();
        Json(json!({
            "buckets": buckets,
            "global": global,
            "global_limit": simulator.config().global_limit,
            "invalid_in_window": traffic.invalid_in_window(),
            "invalid_limit": simulator.config().invalid_limit,
            "blocked_until_ms": traffic.blocked_until_ms(),
        }))
    })
}

pub(super) async fn faults(State(simulator): State<Simulator>) -> Json<Value> {
    Json(json!(simulator.faults().list()))
}

pub(super) async fn add_fault(State(simulator): State<Simulator>, Json(fault): Json<Fault>) -> Json<Value> {
    Json(json!({ "id": simulator.faults().add(fault) }))
}

pub(super) async fn remove_fault(State(simulator): State<Simulator>, Path(fault): Path<u64>) -> Answer {
    when(simulator.faults().remove(fault), NO_FAULT)
}

pub(super) async fn clear_faults(State(simulator): State<Simulator>) -> Json<Value> {
    simulator.faults().clear();
    Json(json!({}))
}

pub(super) async fn clock(State(simulator): State<Simulator>) -> Json<Value> {
    Json(json!({
        "now_ms": simulator.now_ms(),
        "unix_ms": simulator.clock().unix_ms(),
        "speed": simulator.config().speed,
    }))
}

#[derive(Deserialize)]
pub(super) struct Step {
    ms: u64,
}

/// Jumps forward by some simulated milliseconds.
pub(super) async fn advance(State(simulator): State<Simulator>, Json(step): Json<Step>) -> Json<Value> {
    simulator.clock().advance(step.ms);
    clock(State(simulator)).await
}

/// Contents of a channel's messages, oldest first.
pub(super) async fn messages(State(simulator): State<Simulator>, Path(channel): Path<u64>) -> Json<Value> {
    Json(json!(simulator.messages(channel)))
}
