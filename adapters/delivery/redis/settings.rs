//! What the delivery needs to know, and the queue of a lane made of it.

use std::fmt;
use std::time::Duration;

use apalis_redis::Config;
use rolecall_core::job::Lane;
use rolecall_core::ports::DeliveryError;

use crate::delivery::Slots;

/// The largest window of a lane. apalis-redis moves all due envelopes in one Lua call, which fails from 8,000 on and
/// then stops every worker; the other half is room for several processes that overshoot together.
pub const LARGEST_WINDOW: usize = 4_000;

/// See [`RedisDelivery::connect`](super::RedisDelivery::connect).
#[derive(Clone)]
pub struct RedisSettings {
    /// `redis://` or `rediss://` (TLS; with `#insecure` at its end the certificate is not checked).
    pub url: String,
    /// Prefix of all queue names and keys, so that two installations can share one Redis.
    pub installation: String,
    /// Name of this process, for people who look into Redis. Need not be unique.
    pub instance: String,
    /// How many envelopes may wait in a lane.
    pub window: usize,
    /// How many jobs this process works at.
    pub slots: Slots,
    /// How long a stop waits for jobs in hand.
    pub grace: Duration,
}

/// The address may carry a password, so it is not shown.
impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings")
            .field("installation", &self.installation)
            .field("instance", &self.instance)
            .field("window", &self.window)
            .field("slots", &self.slots)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

impl RedisSettings {
    /// # Errors
    /// The first setting that can never work, in words.
    pub(super) fn check(&self) -> Result<(), DeliveryError> {
        check_name("installation", &self.installation)?;
        check_name("instance", &self.instance)?;
        if self.window == 0 || self.window > LARGEST_WINDOW {
            return Err(DeliveryError(format!(
                "the window of a lane is {}; it must be between 1 and {LARGEST_WINDOW}",
                self.window
            )));
        }
        Ok(())
    }

    /// The queue of a lane.
    pub(super) fn queue(&self, lane: Lane) -> Config {
        queue(&self.installation, lane)
    }

    /// What every key and channel of an installation begins with.
    pub(super) fn prefix(installation: &str) -> String {
        format!("rolecall.{installation}.")
    }
}

/// The queue of a lane of an installation.
pub(super) fn queue(installation: &str, lane: Lane) -> Config {
    Config::default()
        .queue(format!(
            "{}{}",
            RedisSettings::prefix(installation),
            lane.as_str()
        ))
        // While a fetched batch is not empty, apalis sends no heartbeat and no acknowledgement.
        .batch_size(1)
        // A minute: a stopping worker sends no heartbeats while its jobs end, and the ledger's rescuer brings work
        // back long before.
        .heartbeat_interval(Duration::from_secs(15))
        .missed_heartbeats(4)
        .lock_tasks(false)
        .emit_events(false)
        // `false` would mean that nothing is ever acknowledged.
        .persist_results(true)
}

/// Names become parts of keys and of a SCAN pattern, so the characters that mean something there stay out.
///
/// # Errors
/// The name, and what is allowed.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), DeliveryError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(plain) {
        return Err(DeliveryError(format!(
            "the name of the {what} is {name:?}; letters, digits, '-', '_' and '.' are allowed"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> RedisSettings {
        RedisSettings {
            url: "redis://:hush@localhost".into(),
            installation: "falcon".into(),
            instance: "worker.1".into(),
            window: 1_000,
            slots: Slots::default(),
            grace: Duration::from_secs(5),
        }
    }

    #[test]
    fn queues_carry_the_name_of_the_installation() {
        let names = Lane::ALL.map(|lane| settings().queue(lane).queue.to_string());
        assert_eq!(
            names,
            [
                "rolecall.falcon.interactive",
                "rolecall.falcon.normal",
                "rolecall.falcon.bulk"
            ]
        );
    }

    #[test]
    fn the_password_in_the_address_is_not_shown() {
        assert!(!format!("{:?}", settings()).contains("hush"));
    }

    #[test]
    fn settings_that_can_never_work_are_refused() {
        assert_eq!(settings().check(), Ok(()));
        assert!(
            RedisSettings {
                installation: "a*b".into(),
                ..settings()
            }
            .check()
            .is_err()
        );
        assert!(
            RedisSettings {
                instance: String::new(),
                ..settings()
            }
            .check()
            .is_err()
        );
        assert!(
            RedisSettings {
                window: 0,
                ..settings()
            }
            .check()
            .is_err()
        );
        assert!(
            RedisSettings {
                window: LARGEST_WINDOW + 1,
                ..settings()
            }
            .check()
            .is_err()
        );
    }
}
