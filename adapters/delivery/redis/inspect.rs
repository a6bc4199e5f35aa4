//! What a Redis says of itself, for the doctor and the readiness check.

use std::time::Duration;

use redis::aio::ConnectionManager;
use redis::{AsyncConnectionConfig, ErrorKind, RedisResult, ServerErrorKind};
use rolecall_core::ports::DeliveryError;
use tokio::time::timeout;

use super::connection::{CONNECT, client, unavailable};

/// How long [`inspect`] may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Facts that decide whether a Redis is fit. What it does not tell, or not to this user, is empty or 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisFacts {
    /// `redis_version`, such as `7.0.15`.
    pub version: String,
    /// `maxmemory_policy`. Anything but `noeviction` may throw envelopes away.
    pub maxmemory_policy: String,
    /// Whether an append-only file is written. `None`: it does not tell.
    pub aof_enabled: Option<bool>,
    /// Bytes in use.
    pub used_memory: u64,
    /// Bytes allowed; 0 means no limit.
    pub maxmemory: u64,
    /// `master` or `slave`. A slave takes no envelopes.
    pub role: String,
    /// Whether the last attempt to write to its disk failed: then it refuses to be written to (`MISCONF`).
    pub disk_failed: bool,
}

impl RedisFacts {
    /// What makes it unfit to carry envelopes, in sentences with what to do. None of these loses a job: the ledger has
    /// them all.
    pub fn troubles(&self) -> Vec<String> {
        let mut troubles = Vec::new();
        if self.role == "slave" {
            troubles.push(
                "Redis is a read-only replica, which takes nothing: let REDIS_URL name the primary"
                    .to_owned(),
            );
        }
        let policy = self.maxmemory_policy.as_str();
        if !matches!(policy, "" | "noeviction") {
            troubles.push(format!(
                "Redis' maxmemory-policy is {policy}, by which it throws envelopes away when it is full: set it to \
                 noeviction, or use a Redis that is no cache"
            ));
        }
        if self.maxmemory > 0 && self.used_memory >= self.maxmemory {
            troubles.push(format!(
                "Redis is full ({} of {} bytes) and takes nothing: give it more memory, or find what fills it",
                self.used_memory, self.maxmemory
            ));
        }
        if self.disk_failed {
            troubles.push(
                "Redis could not write to its disk, and may refuse to be written to: look at its log, its disk's free \
                 space and the rights of its folder"
                    .to_owned(),
            );
        }
        troubles
    }
}

/// What a connection at hand tells of its Redis. `None` if it may not ask.
pub(super) async fn facts(handle: &mut ConnectionManager) -> RedisResult<Option<RedisFacts>> {
    match redis::cmd("INFO").query_async::<String>(handle).await {
        Ok(info) => Ok(Some(parse(&info))),
        Err(error) if error.is_io_error() => Err(error),
        Err(_) => Ok(None),
    }
}

/// Asks a Redis for its facts, on a connection of its own, within five seconds.
///
/// # Errors
/// The address is none, or Redis does not answer.
pub async fn inspect(url: &str) -> Result<RedisFacts, DeliveryError> {
    let client = client(url)?;
    let ask = async {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(LIMIT));
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let info: RedisResult<String> = redis::cmd("INFO").query_async(&mut connection).await;
        match info {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) => Ok(String::new()),
            info => info,
        }
    };
    match timeout(LIMIT, ask).await {
        Ok(info) => Ok(parse(&info.map_err(unavailable)?)),
        Err(_) => Err(DeliveryError(format!(
            "Redis was silent for {} s",
            LIMIT.as_secs()
        ))),
    }
}

/// From the answer to `INFO`. What is missing (some hosts hide fields) stays empty or 0.
fn parse(info: &str) -> RedisFacts {
    let field = |name: &str| {
        info.lines()
            .filter_map(|line| line.trim_end().split_once(':'))
            .find_map(|(key, value)| (key == name).then_some(value))
            .unwrap_or_default()
    };
    RedisFacts {
        version: field("redis_version").to_owned(),
        maxmemory_policy: field("maxmemory_policy").to_owned(),
        aof_enabled: Some(field("aof_enabled"))
            .filter(|f| !f.is_empty())
            .map(|f| f == "1"),
        used_memory: field("used_memory").parse().unwrap_or(0),
        maxmemory: field("maxmemory").parse().unwrap_or(0),
        role: field("role").to_owned(),
        disk_failed: ["rdb_last_bgsave_status", "aof_last_write_status"]
            .iter()
            .any(|name| field(name) == "err"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_info_is_read_field_by_field() {
        let info = "# Server\r\nredis_version:7.0.15\r\n\r\n# Memory\r\nused_memory:1024\r\nused_memory_human:1K\r\n\
                    maxmemory:0\r\nmaxmemory_policy:noeviction\r\n# Persistence\r\naof_enabled:1\r\nrole:master\r\n";
        assert_eq!(
            parse(info),
            RedisFacts {
                version: "7.0.15".into(),
                maxmemory_policy: "noeviction".into(),
                aof_enabled: Some(true),
                used_memory: 1024,
                maxmemory: 0,
                role: "master".into(),
                disk_failed: false,
            }
        );
        assert_eq!(parse(info).troubles(), Vec::<String>::new());
    }

    #[test]
    fn each_thing_that_makes_a_redis_unfit_is_said_with_what_to_do() {
        let info = "role:slave\r\nmaxmemory_policy:allkeys-lru\r\nused_memory:2000\r\nmaxmemory:1000\r\n\
                    rdb_last_bgsave_status:ok\r\naof_last_write_status:err\r\n";
        let troubles = parse(info).troubles();
        let words = ["REDIS_URL", "noeviction", "2000 of 1000 bytes", "its disk"];
        assert_eq!(troubles.len(), words.len(), "{troubles:?}");
        for (trouble, word) in troubles.iter().zip(words) {
            assert!(trouble.contains(word), "{trouble}");
        }
        // A host that hides its facts is not suspected.
        assert_eq!(parse("redis_version:7.0.15\r\n").troubles(), Vec::<String>::new());
    }
}
