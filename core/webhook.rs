//! Endpoints: who is told of events, and where.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::{Event, EventType};
pub use crate::ids::EndpointId;
use crate::ids::{ChannelId, GuildId};
use crate::time::Timestamp;

/// An endpoint that only failed for this long is switched off.
pub const FAILS_AT_MOST: Duration = Duration::from_secs(5 * 24 * 3_600);
/// One that is switched off by the clock was tried for at least this long: a single failure, after which nothing was to be
/// sent, says little. All attempts of a delivery take 27 hours.
pub const TRIED_AT_LEAST: Duration = Duration::from_secs(12 * 3_600);
/// How long deliveries are signed with the old secret, too, after it was replaced.
pub const OVERLAP: Duration = Duration::from_secs(24 * 3_600);
/// When a delivery is tried again after each failure: the schedule that Standard Webhooks gives as an example.
pub const SCHEDULE: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(300),
    Duration::from_secs(1_800),
    Duration::from_secs(7_200),
    Duration::from_secs(18_000),
    Duration::from_secs(36_000),
    Duration::from_secs(36_000),
];

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "sink", rename_all = "snake_case")]
pub enum Sink {
    /// To a program, by a signed POST.
    Webhook {
        /// Its address.
        url: String,
    },
    /// To a channel of a guild, as a message of the guild's bot.
    DiscordChannel {
        /// The guild.
        guild_id: GuildId,
        /// The channel.
        channel_id: ChannelId,
    },
}

impl Sink {
    /// The written name of its kind.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::DiscordChannel { .. } => "discord_channel",
        }
    }
}

/// A stored endpoint, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Where its events go.
    pub sink: Sink,
    /// Which it hears of; empty: of all.
    #[serde(default)]
    pub events: BTreeSet<EventType>,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Whether anything is sent to it.
    pub enabled: bool,
    /// Why it was switched off, if it was not by order.
    #[serde(default)]
    pub disabled_reason: Option<String>,
    /// When that was.
    #[serde(default)]
    pub disabled_at: Option<Timestamp>,
    /// Attempts that failed since the last one that did not.
    #[serde(default)]
    pub failures: u64,
    /// When the first of them did.
    #[serde(default)]
    pub failing_since: Option<Timestamp>,
    /// When the last of them did.
    #[serde(default)]
    pub failed_at: Option<Timestamp>,
    /// Until when deliveries are signed with the secret before this one, too.
    #[serde(default)]
    pub old_secret_until: Option<Timestamp>,
    /// The request that replaced its secret last, if it was one that may be repeated: its id of what it makes.
    #[serde(default)]
    pub rotated_by: Option<Uuid>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it, as the actor of a [`crate::cause::Cause`].
    pub created_by: String,
}

/// An endpoint as it is stored: with its sealed secrets, and the number of its changes.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredEndpoint {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Grows with each change; a change is refused if somebody else made one since it was read.
    pub revision: i64,
    /// The sealed secret; empty for a sink without one.
    pub secret: String,
    /// The sealed secret before it; empty: none.
    pub old_secret: String,
}

impl fmt::Debug for StoredEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredEndpoint")
            .field("endpoint", &self.endpoint)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    /// A new one, which hears of everything.
    pub const fn new(id: EndpointId, sink: Sink, created_at: Timestamp, created_by: String) -> Self {
        Self {
            id,
            sink,
            events: BTreeSet::new(),
            description: String::new(),
            enabled: true,
            disabled_reason: None,
            disabled_at: None,
            failures: 0,
            failing_since: None,
            failed_at: None,
            old_secret_until: None,
            rotated_by: None,
            created_at,
            created_by,
        }
    }

    /// Whether it is told of an event. It hears of nothing that began before it was there.
    pub fn hears(&self, event: &Event) -> bool {
        let kind = event.occasion.kind();
        self.enabled && event.at >= self.created_at && (self.events.is_empty() || self.events.contains(&kind))
    }

    /// An attempt reached it.
    #[must_use]
    pub fn succeeded(&self) -> Self {
        Self {
            failures: 0,
            failing_since: None,
            failed_at: None,
            ..self.clone()
        }
    }

    /// An attempt failed. One that only failed for [`FAILS_AT_MOST`] is switched off.
    #[must_use]
    pub fn failed(&self, now: Timestamp, why: &str) -> Self {
        let since = self.failing_since.unwrap_or(now);
        let next = Self {
            failures: self.failures.saturating_add(1),
            failing_since: Some(since),
            failed_at: Some(now),
            ..self.clone()
        };
        if since + FAILS_AT_MOST > now {
            return next;
        }
        let why = format!("nothing reached it since {} ({why})", since.to_rfc3339());
        next.switched_off(now, why)
    }

    /// Switched off, if it only failed for [`FAILS_AT_MOST`], whether anything is to be sent to it now or not.
    pub fn given_up(&self, now: Timestamp) -> Option<Self> {
        let (since, last) = (self.failing_since?, self.failed_at?);
        let is_over = since + FAILS_AT_MOST <= now && since + TRIED_AT_LEAST <= last;
        (self.enabled && is_over).then(|| {
            let why = format!(
                "nothing reached it since {}, and it was last tried at {}",
                since.to_rfc3339(),
                last.to_rfc3339()
            );
            self.switched_off(now, why)
        })
    }

    /// It is switched off for this reason.
    #[must_use]
    pub fn switched_off(&self, now: Timestamp, why: String) -> Self {
        Self {
            enabled: false,
            disabled_reason: Some(why),
            disabled_at: Some(now),
            ..self.clone()
        }
    }

    /// It is switched on by order: what failed before does not count.
    #[must_use]
    pub fn switched_on(&self) -> Self {
        Self {
            enabled: true,
            disabled_reason: None,
            disabled_at: None,
            ..self.succeeded()
        }
    }
}

/// Something that is wrong now, and since when: for telling of it once. Stored under `key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// What: a kind of event and its subject.
    pub key: String,
    /// When it began.
    pub since: Timestamp,
    /// Whether the deliveries of its event are stored.
    pub told: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::event::Occasion;

    fn endpoint() -> Endpoint {
        let url = "https://ops.example/hook".to_owned();
        let id = EndpointId(Uuid::from_u128(1));
        Endpoint::new(id, Sink::Webhook { url }, Timestamp(1_000), "user:eve".to_owned())
    }

    fn event(at: i64) -> Event {
        Event {
            occasion: Occasion::BanRisk {
                instance: "worker-1".to_owned(),
                refused: 1_000,
                limit: 1_000,
            },
            at: Timestamp(at),
        }
    }

    #[test]
    fn an_endpoint_hears_what_it_asked_for_while_it_is_on_and_nothing_from_before_it_was_there() {
        let all = endpoint();
        assert!(all.hears(&event(1_000)) && !all.hears(&event(999)));
        assert!(
            !all.switched_off(Timestamp(1_000), String::new())
                .hears(&event(1_000))
        );
        let some = Endpoint {
            events: [EventType::QueueLate].into(),
            ..all
        };
        assert!(!some.hears(&event(1_000)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_endpoint_is_switched_off_after_five_days_of_only_failures_and_never_before(
            steps in prop::collection::vec((0u64..3 * 86_400_000, prop::bool::weighted(0.8)), 1..30)
        ) {
            let (mut now, mut endpoint) = (Timestamp(0), endpoint());
            let mut first: Option<Timestamp> = None;
            for (pause, fails) in steps {
                now = now + Duration::from_millis(pause);
                if fails {
                    let since = *first.get_or_insert(now);
                    endpoint = endpoint.failed(now, "it answered 500");
                    prop_assert_eq!(endpoint.enabled, now < since + FAILS_AT_MOST);
                } else {
                    first = None;
                    endpoint = endpoint.succeeded();
                    prop_assert_eq!(endpoint.failures, 0);
                }
                if !endpoint.enabled {
                    prop_assert!(endpoint.disabled_reason.is_some());
                    endpoint = endpoint.switched_on();
                    first = None;
                }
            }
        }
    }

    #[test]
    fn the_clock_switches_off_what_only_failed_for_five_days_and_was_tried_for_long_enough() {
        let hours = |n: u64| Timestamp(0) + Duration::from_secs(n * 3_600);
        let tried = endpoint().failed(hours(0), "").failed(hours(27), "");
        assert_eq!(tried.given_up(hours(119)), None);
        let off = tried.given_up(hours(120)).unwrap();
        assert_eq!((off.enabled, off.disabled_at), (false, Some(hours(120))));
        assert!(
            off.disabled_reason
                .as_ref()
                .unwrap()
                .contains("1970-01-01T00:00:00")
        );
        assert_eq!(off.given_up(hours(121)), None, "once");
        // One failure and then nothing to send: it may be well.
        assert_eq!(endpoint().failed(hours(0), "").given_up(hours(999)), None);
        assert_eq!(tried.succeeded().given_up(hours(999)), None);
        assert_eq!(off.switched_on().given_up(hours(999)), None);
    }

    #[test]
    fn a_stored_endpoint_does_not_print_its_secrets() {
        let stored = StoredEndpoint {
            endpoint: endpoint(),
            revision: 1,
            secret: "sealed".to_owned(),
            old_secret: String::new(),
        };
        assert!(!format!("{stored:?}").contains("sealed"));
    }
}
