//! A connection on which a command of apalis goes out together with others, in the same packet: one round trip for what would
//! be several.

use std::vec::IntoIter;

use futures::FutureExt as _;
use redis::aio::{ConnectionLike, ConnectionManager};
use redis::{Arg, Cmd, Pipeline, RedisFuture, RedisResult, Value};

/// What goes with the commands of a connection.
pub(super) trait Company: Send {
    /// Answers a command.
    fn answer(
        &mut self,
        redis: &mut ConnectionManager,
        command: &Cmd,
    ) -> impl Future<Output = RedisResult<Value>> + Send;
}

/// See the [module](self). What is a pipeline already goes as it is.
#[derive(Clone)]
pub(super) struct Accompanied<C> {
    pub(super) redis: ConnectionManager,
    pub(super) by: C,
}

/// Sends a command and others behind it. Its answer, and theirs in their order.
///
/// # Errors
/// If there is no answer at all.
pub(super) async fn together(
    redis: &mut ConnectionManager,
    command: &Cmd,
    others: impl FnOnce(&mut Pipeline),
) -> RedisResult<(RedisResult<Value>, IntoIter<Value>)> {
    let mut all = redis::pipe();
    all.add_command(command.clone());
    others(&mut all);
    let mut answers = redis.req_packed_commands(&all, 0, all.len()).await?.into_iter();
    let first = answers.next().unwrap_or(Value::Nil).extract_error();
    Ok((first, answers))
}

/// Whether a command is a script with so many keys, some of which are these. apalis' scripts are known by them.
pub(super) fn is_script(command: &Cmd, how_many: &[u8], keys: &[(usize, String)]) -> bool {
    let is =
        |at: usize, word: &[u8]| matches!(command.args_iter().nth(at), Some(Arg::Simple(arg)) if arg == word);
    is(0, b"EVALSHA") && is(2, how_many) && keys.iter().all(|(at, key)| is(*at, key.as_bytes()))
}

impl<C: Company> ConnectionLike for Accompanied<C> {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        self.by.answer(&mut self.redis, command).boxed()
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
