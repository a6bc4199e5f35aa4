//! Pushing, and how much waits.
//!
//! apalis' public push, and then the bell, with one more round trip. apalis makes an envelope due in whole seconds of the
//! *pusher's* clock, and a worker whose clock is behind would start it that much later, be it an hour. So the same round
//! trip makes it due by any clock.

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
/// A time of the sorted set of what is due that has passed by every clock. Envelopes of one time are fetched in the order
/// of their ids.
const DUE_BY_ANY_CLOCK: u64 = 0;
/// How long the key that was written to see whether Redis takes writes stays.
const PROBE_LASTS_S: u64 = 60;

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
        let mut bell = redis::pipe();
        // Only what is still there (XX): somebody may have taken it already.
        bell.cmd("ZADD").arg(queue.scheduled_jobs_set()).arg("XX");
        for task in &tasks {
            bell.arg(DUE_BY_ANY_CLOCK)
                .arg(task.task_id().map(ToString::to_string));
        }
        bell.cmd("PUBLISH").arg(channel(queue)).arg("1");
        let rung: Result<(), RedisError> = bell.exec_async(&mut redis).await;
        if let Err(error) = rung {
            // They are in; the workers look each second.
            tracing::debug!(%error, "pushed without ringing the bell");
        }
    }
    Ok(taken)
}

/// Fails if Redis cannot be written to: it is a replica, full, or without a disk.
pub(super) async fn try_writing(connection: &Connection, queue: &Config) -> Result<(), DeliveryError> {
    let written: Result<(), RedisError> = redis::cmd("SET")
        .arg(format!("{}:probe", queue.queue))
        .arg("1")
        .arg("EX")
        .arg(PROBE_LASTS_S)
        .query_async(&mut connection.handle())
        .await;
    match written {
        Ok(()) => Ok(()),
        Err(error) => Err(connection.failed(error).await),
    }
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
