//! Delayed acknowledgements: they travel with the next fetch, as TCP's travel with the next segment (RFC 1122, section
//! 4.2.3.2).
//!
//! An acknowledgement is urgent to nobody: what became of the job stands in the ledger, and an envelope that is delivered
//! once more is refused there. So apalis is told at once that it is done. It goes out in the packet of the next fetch, or by
//! itself after [`LATEST`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use apalis_redis::Config;
use redis::aio::{ConnectionLike, ConnectionManager};
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value};

use super::together::is_script;

/// How long an acknowledgement waits for a fetch at most.
const LATEST: Duration = Duration::from_millis(50);
/// In the answer of apalis' script where the worker has no such envelope in hand: it is acknowledged, or was taken away.
const NOT_IN_HAND: &str = "not executed by worker";

/// The acknowledgements of one worker.
#[derive(Debug, Clone, Default)]
pub(super) struct Delayed(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Cmd>,
    /// Redis knows apalis' script. It is apalis that loads it, when it is told that Redis does not.
    loaded: bool,
    /// Somebody will send what waits when its time has come.
    is_timed: bool,
}

impl Delayed {
    /// Answers an acknowledgement.
    ///
    /// # Errors
    /// Those of Redis, while it is not known to know the script.
    pub(super) async fn answer(&self, redis: &mut ConnectionManager, command: &Cmd) -> RedisResult<Value> {
        if self.keep(redis, command) {
            return Ok(Value::Int(1));
        }
        let answer = redis
            .req_packed_command(command)
            .await
            .and_then(Value::extract_error);
        self.state().loaded = answer.is_ok();
        answer
    }

    fn keep(&self, redis: &ConnectionManager, command: &Cmd) -> bool {
        let mut state = self.state();
        if !state.loaded {
            return false;
        }
        state.waiting.push(command.clone());
        if !std::mem::replace(&mut state.is_timed, true) {
            let (all, mut redis) = (self.clone(), redis.clone());
            tokio::spawn(async move {
                tokio::time::sleep(LATEST).await;
                all.state().is_timed = false;
                all.send(&mut redis).await;
            });
        }
        true
    }

    /// Sends what waits. What fails waits on: the next fetch tells.
    pub(super) async fn send(&self, redis: &mut ConnectionManager) {
        let waiting = self.take();
        if waiting.is_empty() {
            return;
        }
        let mut all = redis::pipe();
        put(&mut all, &waiting);
        let told = match redis.req_packed_commands(&all, 0, all.len()).await {
            Ok(answers) => self.told(waiting, answers.into_iter()),
            Err(error) => {
                self.missed(waiting);
                Err(error)
            }
        };
        if let Err(error) = told {
            tracing::debug!(%error, "acknowledgements wait on");
        }
    }

    /// What waits. It has to be given back by [`Self::told`] or [`Self::missed`].
    pub(super) fn take(&self) -> Vec<Cmd> {
        std::mem::take(&mut self.state().waiting)
    }

    /// What was answered to those that were sent.
    ///
    /// # Errors
    /// The first answer that speaks of Redis and not of an envelope. All that were not carried out wait on. That the script
    /// is not known counts the second time only: the next acknowledgement loads it, and if none comes, another worker has to
    /// take over what this one cannot end.
    pub(super) fn told(&self, sent: Vec<Cmd>, answers: impl Iterator<Item = Value>) -> RedisResult<()> {
        let mut state = self.state();
        let (was_loaded, mut trouble) = (state.loaded, None);
        for (command, answer) in sent.into_iter().zip(answers) {
            let Err(error) = answer.extract_error() else {
                continue;
            };
            if is_not_in_hand(&error) {
                continue;
            }
            state.waiting.push(command);
            let is_unknown = error.kind() == ErrorKind::Server(ServerErrorKind::NoScript);
            state.loaded &= !is_unknown;
            if !(is_unknown && was_loaded) {
                trouble.get_or_insert(error);
            }
        }
        trouble.map_or(Ok(()), Err)
    }

    /// Nothing was answered. One that was carried out all the same finds nothing in hand the next time.
    pub(super) fn missed(&self, sent: Vec<Cmd>) {
        self.state().waiting.extend(sent);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts acknowledgements behind other commands.
pub(super) fn put(all: &mut Pipeline, waiting: &[Cmd]) {
    for command in waiting {
        all.add_command(command.clone());
    }
}

/// Whether it is apalis' acknowledgement, its only script with five keys. One that looks otherwise goes to Redis as it is.
pub(super) fn is_acknowledgement(command: &Cmd, queue: &Config) -> bool {
    let keys = [(4, queue.done_jobs_set()), (5, queue.dead_jobs_set())];
    is_script(command, b"5", &keys)
}

fn is_not_in_hand(error: &RedisError) -> bool {
    error.detail().is_some_and(|detail| detail.contains(NOT_IN_HAND))
}
