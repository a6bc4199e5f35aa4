//! What a Redis says of itself, for the doctor and the readiness check.

use std::time::Duration;

use redis::{AsyncConnectionConfig, RedisResult};
use rolecall_core::ports::DeliveryError;
use tokio::time::timeout;

use super::connection::{CONNECT, client, unavailable};

/// How long [`inspect`] may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Facts that decide whether a Redis is fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisFacts {
    /// `redis_version`, such as `7.0.15`.
    pub version: String,
    /// `maxmemory_policy`. Anything but `noeviction` may throw envelopes away.
    pub maxmemory_policy: String,
    /// Whether an append-only file is written.
    pub aof_enabled: bool,
    /// Bytes in use.
    pub used_memory: u64,
    /// Bytes allowed; 0 means no limit.
    pub maxmemory: u64,
    /// `master` or `slave`. A slave takes no envelopes.
    pub role: String,
}

/// Asks a Redis for its facts, on a connection of its own, within five seconds.
///
/// # Errors
/// The address is none, Redis does not answer, or it does not allow `INFO`.
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
        info
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
        aof_enabled: field("aof_enabled") == "1",
        used_memory: field("used_memory").parse().unwrap_or(0),
        maxmemory: field("maxmemory").parse().unwrap_or(0),
        role: field("role").to_owned(),
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
                aof_enabled: true,
                used_memory: 1024,
                maxmemory: 0,
                role: "master".into(),
            }
        );
    }
}
