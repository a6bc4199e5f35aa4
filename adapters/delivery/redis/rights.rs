//! What a Redis lets its user do (`ACL`), for the doctor: an answer to PING or INFO says nothing of that.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, RedisResult, ServerErrorKind};
use rolecall_core::job::Lane;
use rolecall_core::ports::DeliveryError;
use tokio::time::timeout;

use super::bell::channel;
use super::connection::{ANSWER, CONNECT, client, unavailable};
use super::settings::{RedisSettings, queue};

/// A key that scripts of apalis-redis 1.0.0 write and do not declare (`register_worker.lua`, `keep_alive.lua`).
const QUEUES: &str = "core:apalis:queues:list";

/// What the user of an installation needs, as `ACL SETUSER` takes it.
pub fn needed(installation: &str) -> String {
    let prefix = RedisSettings::prefix(installation);
    format!("~{prefix}* ~{QUEUES} &{prefix}* +@all -@admin")
}

/// What is refused, and so does not work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refused {
    /// Keys of the installation, or scripts about them: nothing can be sent, and no limit shared.
    pub work: bool,
    /// Channels of the installation: workers look once a second instead of being woken.
    pub bell: bool,
}

/// Tries what the delivery and the limiter do, on connections of its own, within five seconds a step: writes a key that
/// vanishes after a second, runs a script, and rings and hears a bell. Another failure than a refusal is passed over.
///
/// # Errors
/// The address is none, or Redis does not answer.
pub async fn refused(url: &str, installation: &str) -> Result<Refused, DeliveryError> {
    let client = client(url)?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(ANSWER));
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .map_err(unavailable)?;
    let bell = channel(&queue(installation, Lane::Bulk));
    let key = format!("{}doctor", RedisSettings::prefix(installation));
    let mut write = redis::cmd("SET");
    write.arg(&key).arg(1).arg("PX").arg(1_000);
    let mut list = redis::cmd("ZREM");
    list.arg(QUEUES).arg("none of this name");
    let mut script = redis::cmd("EVAL");
    script
        .arg("return redis.call('EXISTS', KEYS[1])")
        .arg(1)
        .arg(&key);
    let mut ring = redis::cmd("PUBLISH");
    ring.arg(&bell).arg(1);
    let mut work = false;
    for command in [&write, &list, &script] {
        work |= is_refused(&mut connection, command).await?;
    }
    Ok(Refused {
        work,
        bell: is_refused(&mut connection, &ring).await? || is_deaf(&client, &bell).await,
    })
}

async fn is_refused(connection: &mut MultiplexedConnection, command: &Cmd) -> Result<bool, DeliveryError> {
    match command.query_async::<redis::Value>(connection).await {
        Err(error) if error.is_io_error() => Err(unavailable(error)),
        answer => Ok(forbidden(answer)),
    }
}

/// Whether the channel may not be listened to.
async fn is_deaf(client: &Client, bell: &str) -> bool {
    let listen = async {
        let mut ear = client.get_async_pubsub().await?;
        ear.subscribe(bell).await
    };
    timeout(ANSWER, listen).await.is_ok_and(forbidden)
}

fn forbidden<T>(answer: RedisResult<T>) -> bool {
    answer.is_err_and(|error| error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm))
}
