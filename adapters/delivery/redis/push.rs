//! Pushing, and how much waits.
//!
//! apalis' public push, and then the bell. apalis makes an envelope due in whole seconds of the *pusher's* clock, and a
//! worker whose clock is behind would start it that much later, be it an hour; so it is made due by any clock. That, the bell,
//! and the question how much waits, travel with the push: all of it is one round trip ([`Ringing`]).

use apalis::prelude::{TaskBuilder, TaskId};
use apalis_redis::queries::push_tasks;
use apalis_redis::{Config, Error, RedisTask};
use redis::aio::ConnectionManager;
use redis::{Cmd, FromRedisValue, Pipeline, RedisError, RedisResult, Value};
use rolecall_core::ports::{DeliveryError, Envelope};
use uuid::Uuid;

use super::bell::channel;
use super::connection::Connection;
use super::together::{Accompanied, Company, together};
use crate::delivery::envelope::encode;

/// Envelopes in one script, which keeps Redis busy for about two milliseconds.
const CHUNK: usize = 250;
/// A time of the sorted set of what is due that has passed by every clock. Envelopes of one time are fetched in the order
/// of their ids.
const DUE_BY_ANY_CLOCK: u64 = 0;
/// How long the key that was written to see whether Redis takes writes stays.
const PROBE_LASTS_S: u64 = 60;

/// What a push came to.
pub(super) struct Pushed {
    /// From the front.
    pub(super) taken: usize,
    /// Waiting in Redis right after it, if Redis said so.
    pub(super) depth: Option<u64>,
}

/// Pushes all of `batch`, in order. Says how many were taken if it came to grief on the way.
pub(super) async fn push(
    connection: &Connection,
    queue: &Config,
    batch: &[Envelope],
) -> Result<Pushed, DeliveryError> {
    let mut redis = Accompanied {
        redis: connection.handle(),
        by: Ringing {
            queue,
            pushed: Vec::new(),
            depth: None,
        },
    };
    let mut taken = 0;
    for chunk in batch.chunks(CHUNK) {
        let tasks = chunk.iter().map(task).collect::<Result<Vec<_>, _>>()?;
        let ids = tasks.iter().filter_map(|task| task.task_id());
        redis.by.pushed = ids.map(ToString::to_string).collect();
        if let Err(error) = push_tasks(&mut redis, queue, &tasks).await {
            let error = match error {
                Error::Database(error) => connection.failed(error).await,
                other => DeliveryError(other.to_string()),
            };
            if taken == 0 {
                return Err(error);
            }
            break;
        }
        taken += chunk.len();
    }
    Ok(Pushed {
        taken,
        depth: redis.by.depth,
    })
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

/// What goes with a push: what makes the envelopes due, a ring of the bell, and the question how much waits.
struct Ringing<'q> {
    queue: &'q Config,
    /// The ids of the envelopes that are pushed.
    pushed: Vec<String>,
    depth: Option<u64>,
}

impl Company for Ringing<'_> {
    async fn answer(&mut self, redis: &mut ConnectionManager, command: &Cmd) -> RedisResult<Value> {
        let others = |all: &mut Pipeline| {
            // Only what is still there (XX): somebody may have taken it already.
            all.cmd("ZADD").arg(self.queue.scheduled_jobs_set()).arg("XX");
            for id in &self.pushed {
                all.arg(DUE_BY_ANY_CLOCK).arg(id);
            }
            all.cmd("PUBLISH").arg(channel(self.queue)).arg("1");
            ask_depth(all, self.queue);
        };
        let (answer, mut others) = together(redis, command, others).await?;
        let answer = answer?;
        for error in others.by_ref().take(2).filter_map(|a| a.extract_error().err()) {
            // They are in; the workers look each second.
            tracing::debug!(%error, "pushed without ringing the bell");
        }
        self.depth = told_depth(others).ok();
        Ok(answer)
    }
}

/// Two numbers, whose sum is what waits.
pub(super) fn ask_depth(commands: &mut Pipeline, queue: &Config) {
    commands
        .llen(queue.active_jobs_list())
        .zcard(queue.scheduled_jobs_set());
}

/// The sum of the answers to [`ask_depth`].
pub(super) fn told_depth(answers: impl Iterator<Item = Value>) -> RedisResult<u64> {
    let counts: RedisResult<Vec<u64>> = answers.map(|count| Ok(u64::from_redis_value(count)?)).collect();
    Ok(counts?.iter().sum())
}

/// Waiting in Redis: pushed, and not yet fetched by a worker.
pub(super) async fn depth(connection: &Connection, queue: &Config) -> Result<u64, DeliveryError> {
    let mut redis = connection.handle();
    let mut commands = redis::pipe();
    ask_depth(&mut commands, queue);
    let answer: Result<(u64, u64), RedisError> = commands.query_async(&mut redis).await;
    match answer {
        Ok((active, scheduled)) => Ok(active + scheduled),
        Err(error) => Err(connection.failed(error).await),
    }
}
