//! Pushing, and how much waits.
//!
//! apalis' public push, and then the bell; not its keys written by ourselves. Its price: an envelope is due in whole
//! seconds of the *pusher's* clock, so a worker whose clock is behind starts it that much later (a difference of up to
//! 150 ms is covered by the bell's second look), and the bell is one more round trip. The gain: the layout of keys
//! stays apalis' own affair.

use apalis::prelude::{TaskBuilder, TaskId};
use apalis_redis::queries::push_tasks;
use apalis_redis::{Config, Error, RedisTask};
use redis::RedisError;
use rolecall_core::ports::{DeliveryError, Envelope};
use uuid::Uuid;

use super::bell::channel;
use super::connection::Connection;
use crate::delivery::envelope::encode;

/// Envelopes in one script, which keeps Redis busy for about two milliseconds.
const CHUNK: usize = 250;

/// Pushes all of `batch`, in order. Says how many were taken if it came to grief on the way.
pub(super) async fn push(
    connection: &Connection,
    queue: &Config,
    batch: &[Envelope],
) -> Result<usize, DeliveryError> {
    let (mut taken, mut redis) = (0, connection.handle());
    for chunk in batch.chunks(CHUNK) {
        let tasks = chunk.iter().map(task).collect::<Result<Vec<_>, _>>()?;
        if let Err(error) = push_tasks(&mut redis, queue, &tasks).await {
            let error = match error {
                Error::Database(error) => connection.failed(error).await,
                other => DeliveryError(other.to_string()),
            };
            return if taken == 0 { Err(error) } else { Ok(taken) };
        }
        taken += chunk.len();
        let rung: Result<(), RedisError> = redis::cmd("PUBLISH")
            .arg(channel(queue))
            .arg("1")
            .query_async(&mut redis)
            .await;
        if let Err(error) = rung {
            // They are in; the workers look each second.
            tracing::debug!(%error, "pushed without ringing the bell");
        }
    }
    Ok(taken)
}

fn task(envelope: &Envelope) -> Result<RedisTask, DeliveryError> {
    let bytes = encode(envelope).map_err(|error| DeliveryError(error.to_string()))?;
    // A fresh id each time: apalis swallows a second push with the same id without a word, and a retry would be lost.
    // Version 7, because envelopes of the same second are fetched in the order of their ids.
    let id = TaskId::from_string(Uuid::now_v7());
    Ok(TaskBuilder::new(bytes).task_id(id).max_attempts(1).build())
}

/// Waiting in Redis: pushed, and not yet fetched by a worker.
pub(super) async fn depth(connection: &Connection, queue: &Config) -> Result<u64, DeliveryError> {
    let mut redis = connection.handle();
    let answer: Result<(u64, u64), RedisError> = redis::pipe()
        .llen(queue.active_jobs_list())
        .zcard(queue.scheduled_jobs_set())
        .query_async(&mut redis)
        .await;
    match answer {
        Ok((active, scheduled)) => Ok(active + scheduled),
        Err(error) => Err(connection.failed(error).await),
    }
}
