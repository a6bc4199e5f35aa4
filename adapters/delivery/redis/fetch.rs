//! A worker's connection that does not ask an empty queue again, and lets acknowledgements travel with its fetches.
//!
//! apalis fetches after each acknowledgement, and asks for one envelope at a time; of an idle queue half of its questions find
//! nothing. Here the question how much is left travels with the fetch. Where the answer was "nothing", a fetch is answered
//! without Redis until the bell rings, which each push does, or until the next look of each second ([`Wake`]).

use apalis_redis::Config;
use redis::aio::{ConnectionLike, ConnectionManager};
use redis::{Cmd, Pipeline, RedisResult, Value};

use super::bell::Wake;
use super::delayed::{Delayed, is_acknowledgement, put};
use super::push::{ask_depth, told_depth};
use super::together::{Accompanied, Company, is_script, together};

/// See the [module](self).
pub(super) type Fetching = Accompanied<Fetch>;

/// What goes with a worker's fetches.
#[derive(Clone)]
pub(super) struct Fetch {
    queue: Config,
    wake: Wake,
    delayed: Delayed,
}

impl Fetching {
    pub(super) fn new(redis: ConnectionManager, queue: Config, wake: Wake, delayed: Delayed) -> Self {
        wake.look();
        Self {
            redis,
            by: Fetch { queue, wake, delayed },
        }
    }
}

impl Company for Fetch {
    async fn answer(&mut self, redis: &mut ConnectionManager, command: &Cmd) -> RedisResult<Value> {
        if is_acknowledgement(command, &self.queue) {
            return self.delayed.answer(redis, command).await;
        }
        if !is_fetch(command, &self.queue) {
            return redis.req_packed_command(command).await;
        }
        // Before the question, so that what is pushed meanwhile is looked for again.
        if !self.wake.may_look() {
            return Ok(nothing());
        }
        let done = self.delayed.take();
        let others = |all: &mut Pipeline| {
            ask_depth(all, &self.queue);
            put(all, &done);
        };
        let answers = together(redis, command, others).await;
        let (fetched, mut others) = match answers {
            Ok(answers) => answers,
            Err(error) => {
                self.wake.look();
                self.delayed.missed(done);
                return Err(error);
            }
        };
        let left: Vec<Value> = others.by_ref().take(2).collect();
        let left = told_depth(left.into_iter());
        let acknowledged = self.delayed.told(done, others);
        let answer = acknowledged.and(fetched);
        if !(answer.is_ok() && left.is_ok_and(|left| left == 0)) {
            self.wake.look();
        }
        answer
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
    is_script(command, b"7", &keys)
}
