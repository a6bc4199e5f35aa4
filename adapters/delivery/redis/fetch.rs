//! A worker's connection that does not ask an empty queue again.
//!
//! apalis fetches after each acknowledgement, and asks for one envelope at a time; of an idle queue half of its questions find
//! nothing. Here the question how much is left travels with the fetch. Where the answer was "nothing", a fetch is answered
//! without Redis until the bell rings, which each push does, or until the next look of each second ([`Wake`]).

use apalis_redis::Config;
use futures::FutureExt as _;
use redis::aio::{ConnectionLike, ConnectionManager};
use redis::{Arg, Cmd, FromRedisValue, Pipeline, RedisFuture, RedisResult, Value};

use super::bell::Wake;
use super::push::ask_depth;

/// See the [module](self).
#[derive(Clone)]
pub(super) struct Fetching {
    redis: ConnectionManager,
    queue: Config,
    wake: Wake,
}

impl Fetching {
    pub(super) fn new(redis: ConnectionManager, queue: Config, wake: Wake) -> Self {
        wake.look();
        Self { redis, queue, wake }
    }

    async fn fetch(&mut self, fetch: &Cmd) -> RedisResult<Value> {
        // Before the question, so that what is pushed meanwhile is looked for again.
        if !self.wake.may_look() {
            return Ok(nothing());
        }
        let mut all = redis::pipe();
        all.add_command(fetch.clone());
        ask_depth(&mut all, &self.queue);
        let answers = self.redis.req_packed_commands(&all, 0, all.len()).await;
        let mut answers = answers.inspect_err(|_| self.wake.look())?.into_iter();
        let fetched = answers.next().unwrap_or(Value::Nil).extract_error();
        let left: RedisResult<Vec<u64>> = answers.map(|count| Ok(u64::from_redis_value(count)?)).collect();
        let known_empty = fetched.is_ok() && left.is_ok_and(|counts| counts.iter().all(|count| *count == 0));
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

impl ConnectionLike for Fetching {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        if is_fetch(command, &self.queue) {
            self.fetch(command).boxed()
        } else {
            self.redis.req_packed_command(command)
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        self.redis.req_packed_commands(commands, offset, count)
    }

    fn get_db(&self) -> i64 {
        self.redis.get_db()
    }
}
