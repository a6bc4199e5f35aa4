//! Identifiers that cannot be passed for one another.

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// Marks a guild's id.
#[derive(Debug)]
pub enum GuildMarker {}
/// Marks a role's id.
#[derive(Debug)]
pub enum RoleMarker {}
/// Marks the id of a Discord account.
#[derive(Debug)]
pub enum AccountMarker {}

/// Marks a channel's id.
#[derive(Debug)]
pub enum ChannelMarker {}

/// A channel of a guild.
pub type ChannelId = Snowflake<ChannelMarker>;
/// A Discord guild ("server").
pub type GuildId = Snowflake<GuildMarker>;
/// A role of a guild. The role `@everyone` has its guild's number.
pub type RoleId = Snowflake<RoleMarker>;
/// A Discord account (not to be confused with [`UserId`], the application's own user).
pub type DiscordId = Snowflake<AccountMarker>;

/// A Discord id: a non-zero 64-bit number that travels as a string in JSON.
///
/// Read from a string or a number, written as a string.
/// Source: Discord's API reference, "Snowflakes".
pub struct Snowflake<M>(NonZeroU64, PhantomData<fn() -> M>);

impl<M> Snowflake<M> {
    /// The id with this number, unless it is zero.
    pub const fn new(n: u64) -> Option<Self> {
        match NonZeroU64::new(n) {
            Some(n) => Some(Self(n, PhantomData)),
            None => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl GuildId {
    /// The role that every member has: its number is the guild's.
    /// Source: Discord's documentation of permissions.
    pub const fn everyone(self) -> RoleId {
        Snowflake(self.0, PhantomData)
    }
}

impl<M> Clone for Snowflake<M> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<M> Copy for Snowflake<M> {}
impl<M> PartialEq for Snowflake<M> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<M> Eq for Snowflake<M> {}
impl<M> PartialOrd for Snowflake<M> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<M> Ord for Snowflake<M> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<M> std::hash::Hash for Snowflake<M> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<M> fmt::Debug for Snowflake<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
impl<M> fmt::Display for Snowflake<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Why a text is no Discord id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a Discord id: expected a number of up to 20 digits such as 123456789012345678 \
     (in Discord: Settings > Advanced > Developer Mode, then right-click > Copy ID)"
)]
pub struct NotASnowflake(pub String);

impl<M> FromStr for Snowflake<M> {
    type Err = NotASnowflake;

    fn from_str(text: &str) -> Result<Self, NotASnowflake> {
        let trimmed = text.trim();
        // `u64::from_str` would accept a leading "+".
        if trimmed.is_empty() || !trimmed.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NotASnowflake(shorten(text)));
        }
        trimmed
            .parse()
            .ok()
            .and_then(Self::new)
            .ok_or_else(|| NotASnowflake(shorten(text)))
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}

impl<M> Serialize for Snowflake<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, M> Deserialize<'de> for Snowflake<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<M>(PhantomData<fn() -> M>);
        impl<M> de::Visitor<'_> for Visitor<M> {
            type Value = Snowflake<M>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a Discord id as a string of digits")
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<Self::Value, E> {
                v.parse().map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, v: u64) -> Result<Self::Value, E> {
                Snowflake::new(v).ok_or_else(|| E::custom("0 is not a Discord id"))
            }
            fn visit_i64<E: de::Error>(self, v: i64) -> Result<Self::Value, E> {
                u64::try_from(v)
                    .ok()
                    .and_then(Snowflake::new)
                    .ok_or_else(|| E::custom("a Discord id is a positive number"))
            }
        }
        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

/// Defines an id that is an opaque text.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self { Self(text.to_owned()) }
        }
        impl From<String> for $name {
            fn from(text: String) -> Self { Self(text) }
        }
    };
}

text_id!(
    /// A person in the application (go-falcon: the UUID that all characters of one person share).
    UserId
);
text_id!(
    /// A group of the application (go-falcon: an `ObjectId` in hex).
    GroupId
);
text_id!(
    /// A role mapping: 24 hex digits, as an `ObjectId` is written.
    MappingId
);

/// Why a text is no user's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAUserId {
    /// It says nothing.
    #[error("a user's id is missing")]
    Empty,
    /// It has more than [`UserId::LONGEST`] characters.
    #[error("a user's id has at most {} characters", UserId::LONGEST)]
    TooLong,
    /// It would break lines of logs and tables.
    #[error("a user's id holds no control characters")]
    Control,
}

impl UserId {
    /// So many characters an id may have, wherever it comes from: a token, a path, a file.
    pub const LONGEST: usize = 128;

    /// Reads an id as people and programs send it; spaces around it do not count.
    ///
    /// # Errors
    /// [`NotAUserId`], a sentence.
    pub fn parse(text: &str) -> Result<Self, NotAUserId> {
        let text = text.trim();
        if text.is_empty() {
            Err(NotAUserId::Empty)
        } else if text.chars().any(char::is_control) {
            Err(NotAUserId::Control)
        } else if text.chars().count() > Self::LONGEST {
            Err(NotAUserId::TooLong)
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

/// Defines an id that is a UUID.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);
        impl $name {
            /// The id that belongs to `key` under this one: the same inputs always give the same id, so a step that
            /// is repeated after a crash inserts what is already there.
            ///
            /// UUID version 5 (RFC 9562, section 5.5) with this id as the name space.
            pub fn child(self, key: &str) -> Uuid { Uuid::new_v5(&self.0, key.as_bytes()) }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
        impl FromStr for $name {
            type Err = NotAUuid;
            fn from_str(text: &str) -> Result<Self, NotAUuid> {
                Uuid::parse_str(text.trim()).map($name).map_err(|_| NotAUuid(shorten(text)))
            }
        }
    };
}

/// Why a text is no job or run id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an id of rolecall: expected a UUID such as 019a2c8e-5b1d-7c3a-9f00-0123456789ab")]
pub struct NotAUuid(pub String);

uuid_id!(
    /// An endpoint that is told of events.
    EndpointId
);
uuid_id!(
    /// A job. Ids of jobs that a request made are UUID version 7 and so sort by time; those of follow-up jobs are
    /// derived from their parent's.
    JobId
);
uuid_id!(
    /// A run: one sync, with all its jobs.
    RunId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snowflake_is_read_from_text_and_number_and_written_as_text() {
        let from_text: GuildId = serde_json::from_str("\"175928847299117063\"").unwrap();
        let from_number: GuildId = serde_json::from_str("175928847299117063").unwrap();
        assert_eq!(from_text, from_number);
        assert_eq!(
            serde_json::to_string(&from_text).unwrap(),
            "\"175928847299117063\""
        );
    }

    #[test]
    fn a_wrong_snowflake_is_refused_with_a_sentence() {
        for bad in ["", "0", "+5", "-1", "12a", "18446744073709551616", "<@1>"] {
            let error = bad.parse::<GuildId>().unwrap_err().to_string();
            assert!(error.contains("not a Discord id"), "{bad}: {error}");
        }
    }

    #[test]
    fn a_users_id_is_one_short_line() {
        assert_eq!(UserId::parse(" 6f1c "), Ok("6f1c".into()));
        assert!(UserId::parse(&"ü".repeat(128)).is_ok());
        for (bad, why) in [
            (" ".to_owned(), NotAUserId::Empty),
            ("x".repeat(129), NotAUserId::TooLong),
            ("a\nb".to_owned(), NotAUserId::Control),
            ("a\u{7f}".to_owned(), NotAUserId::Control),
        ] {
            assert_eq!(UserId::parse(&bad), Err(why), "{bad:?}");
        }
    }

    #[test]
    fn the_same_parent_and_key_give_the_same_child() {
        let parent = JobId(Uuid::from_u128(7));
        assert_eq!(parent.child("add:1"), parent.child("add:1"));
        assert_ne!(parent.child("add:1"), parent.child("add:2"));
    }
}
