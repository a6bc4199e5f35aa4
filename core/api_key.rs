//! Keys of machines: what a program shows at the HTTP interface where a person shows a token.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

use crate::time::Timestamp;

/// How every key begins, so that scanners of secrets know one when they see it.
pub const PREFIX: &str = "rck_";
/// How long a key is valid unless its maker says otherwise.
pub const USUAL_LIFE: Duration = Duration::from_secs(90 * 24 * 3_600);
/// The use of a key is written down at most this often: a key that is used a thousand times a minute costs one write.
pub const USE_NOTED_EVERY: Duration = Duration::from_secs(60);

const ID_DIGITS: usize = 12;
const SECRET_DIGITS: usize = 64;

/// The public half of a key, by which it is found: 12 hex digits. It opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ApiKeyId(String);

impl ApiKeyId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no key's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a key's id has 12 hex digits: those between `rck_` and the next `_`; `rolecall keys list` shows them"
)]
pub struct NotAnApiKeyId;

impl FromStr for ApiKeyId {
    type Err = NotAnApiKeyId;

    fn from_str(text: &str) -> Result<Self, NotAnApiKeyId> {
        let text = text.trim();
        if is_hex(text, ID_DIGITS) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAnApiKeyId)
        }
    }
}

/// What is stored of a key's secret half: a SHA-256 in hex. It does not appear in debug output.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KeyHash(pub String);

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(..)")
    }
}

/// A key, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The public half.
    pub id: ApiKeyId,
    /// What it is for, in its maker's words.
    pub name: String,
    /// Names of the permissions that it has, and no others.
    pub scopes: BTreeSet<String>,
    /// Of the secret half.
    pub hash: KeyHash,
    /// Who made it, as in [`crate::cause::Cause`].
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to within [`USE_NOTED_EVERY`].
    pub last_used_at: Option<Timestamp>,
    /// When somebody took it back.
    pub revoked_at: Option<Timestamp>,
}

/// Whether a key opens anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Valid,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
}

impl Standing {
    /// The written name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl ApiKey {
    /// Whether it opens anything at this moment.
    pub fn standing(&self, now: Timestamp) -> Standing {
        if self.revoked_at.is_some() {
            Standing::Revoked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            Standing::Expired
        } else {
            Standing::Valid
        }
    }

    /// Whether a use at this moment has to be written down.
    pub fn use_is_news(&self, now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|last| last + USE_NOTED_EVERY <= now)
    }
}

/// Whether somebody meant a key with this text, right or wrong.
pub fn looks_like_one(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// The two halves of a key `rck_<id>_<secret>`. `None` if it cannot be one.
pub fn split(text: &str) -> Option<(ApiKeyId, &str)> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    is_hex(secret, SECRET_DIGITS)
        .then(|| id.parse().ok())
        .flatten()
        .map(|id| (id, secret))
}

/// The key of two halves; the opposite of [`split`].
pub fn join(id: &ApiKeyId, secret: &str) -> String {
    format!("{PREFIX}{id}_{secret}")
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn key() -> ApiKey {
        ApiKey {
            id: "0123456789ab".parse().unwrap(),
            name: "ci".to_owned(),
            scopes: BTreeSet::new(),
            hash: KeyHash("c0ffee".to_owned()),
            created_by: "cli:ada".to_owned(),
            created_at: Timestamp(0),
            expires_at: Some(Timestamp(1_000)),
            last_used_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn a_key_is_split_into_what_it_was_joined_from() {
        let text = join(&key().id, SECRET);
        assert_eq!(text, format!("rck_0123456789ab_{SECRET}"));
        assert_eq!(split(&text), Some((key().id, SECRET)));
        for bad in [
            "",
            "rck_",
            "rck_0123456789ab",
            "rck_0123456789ab_",
            "rck_0123456789ab_00",
            &text.to_uppercase(),
            &text[1..],
            &text[..text.len() - 1],
            &format!("{text}0"),
            &format!(" {text}"),
            &text.replace("_0123456789ab", "_0123456789a"),
        ] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_key_ends_at_its_time_and_when_it_is_taken_back() {
        assert_eq!(key().standing(Timestamp(999)), Standing::Valid);
        assert_eq!(key().standing(Timestamp(1_000)), Standing::Expired);
        let endless = ApiKey {
            expires_at: None,
            ..key()
        };
        assert_eq!(endless.standing(Timestamp(i64::MAX)), Standing::Valid);
        let revoked = ApiKey {
            revoked_at: Some(Timestamp(5)),
            ..key()
        };
        assert_eq!(revoked.standing(Timestamp(4)), Standing::Revoked);
        assert_eq!(revoked.standing(Timestamp(2_000)), Standing::Revoked);
    }

    #[test]
    fn a_use_is_news_once_a_minute() {
        assert!(key().use_is_news(Timestamp(0)));
        let used = ApiKey {
            last_used_at: Some(Timestamp(10)),
            ..key()
        };
        assert!(!used.use_is_news(Timestamp(60_009)) && used.use_is_news(Timestamp(60_010)));
        assert!(!used.use_is_news(Timestamp(0)), "a clock that went back");
    }

    #[test]
    fn debug_output_tells_nothing_of_the_secret() {
        assert!(!format!("{:?}", key()).contains("c0ffee"));
    }

    proptest! {
        #[test]
        fn whatever_splits_joins_to_the_same(text in "(rck_)?[0-9a-f_]{0,90}|\\PC{0,90}") {
            if let Some((id, secret)) = split(&text) {
                prop_assert_eq!(join(&id, secret), text);
            }
        }
    }
}
