//! A worker's connection that does not ask an empty queue again.
//!
//! apalis fetches after each acknowledgement, and asks for one envelope at a time; of an idle queue half of its questions find
//! nothing. Here the question how much is left travels with the fetch. Where the answer was "nothing", a fetch is answered
//! without Redis until the bell rings, which each push does, or until the next look of each second ([`Wake`]).

use apalis_redis::Config;
use redis::aio::{ConnectionLike, ConnectionManager};
use redis::{Arg, Cmd, RedisResult, Value};

use super::bell::Wake;
use super::push::{ask_depth, told_depth};
use super::together::{Accompanied, Company, together};

/// See the [module](self).
pub(super) type Fetching = Accompanied<Fetch>;

/// What goes with a worker's fetches.
#[derive(Clone)]
pub(super) struct Fetch {
    queue: Config,
    wake: Wake,
}

impl Fetching {
    pub(super) fn new(redis: ConnectionManager, queue: Config, wake: Wake) -> Self {
        wake.look();
        Self {
            redis,
            by: Fetch { queue, wake },
        }
    }
}

impl Company for Fetch {
    async fn answer(&mut self, redis: &mut ConnectionManager, command: &Cmd) -> RedisResult<Value> {
        if !is_fetch(command, &self.queue) {
            return redis.req_packed_command(command).await;
        }
        // Before the question, so that what is pushed meanwhile is looked for again.
        if !self.wake.may_look() {
            return Ok(nothing());
        }
        let answers = together(redis, command, |all| ask_depth(all, &self.queue)).await;
        let (fetched, left) = answers.inspect_err(|_| self.wake.look())?;
        let known_empty = fetched.is_ok() && told_depth(left).is_ok_and(|left| left == 0);
        if !known_empty {
            self.wake.look();
        }
        fetched
    }
}

/// The script's answer where there is nothing: no envelopes, no facts about them.
fn nothing() -> Value {
    Value::Array(vec![Value::Array(Vec::new()), Value::Array(Vec::new())])
}

/// apalis' fetch is its only script with seven keys. One that looks otherwise goes to Redis as it is.
fn is_fetch(command: &Cmd, queue: &Config) -> bool {
    let keys = [
        (3, queue.workers_set()),
        (4, queue.active_jobs_list()),
        (9, queue.scheduled_jobs_set()),
    ];
    let is =
        |at: usize, word: &[u8]| matches!(command.args_iter().nth(at), Some(Arg::Simple(arg)) if arg == word);
    is(0, b"EVALSHA") && is(2, b"7") && keys.iter().all(|(at, key)| is(*at, key.as_bytes()))
}
