//! What limiters tell people.

use rolecall_core::ids::GuildId;

/// What a caller waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// Its bucket.
    Bucket,
    /// The bot's global limit, of which Discord said that it is used up.
    Global,
    /// Too many invalid requests.
    Invalid,
    /// The edge, which refused this address.
    Edge,
}

impl Reason {
    /// By the name that the scripts in Redis use.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "global" => Self::Global,
            "invalid" => Self::Invalid,
            "edge" => Self::Edge,
            _ => Self::Bucket,
        }
    }

    pub(super) fn in_words(self, group: &str, guild: Option<GuildId>) -> String {
        match (self, guild) {
            (Self::Edge, _) => "Discord's edge, which refused this address".to_owned(),
            (Self::Global, _) => "Discord's global limit".to_owned(),
            (Self::Invalid, _) => "fewer invalid requests".to_owned(),
            (Self::Bucket, Some(guild)) => format!("{group} of guild {guild}"),
            (Self::Bucket, None) => group.to_owned(),
        }
    }
}

/// With the time that it takes, in real seconds.
pub(super) fn with_time(what: &str, seconds: f64) -> String {
    let seconds = seconds.max(0.0).ceil();
    if seconds < 120.0 {
        format!("{what} ({seconds} s)")
    } else {
        format!("{what} ({} min)", (seconds / 60.0).ceil())
    }
}

/// Says that too many calls were invalid.
pub(super) fn tell_breaker() {
    tracing::error!(
        error.code = "discord_too_many_invalid_requests",
        "Discord refused 1,000 calls within 10 minutes (401, 403 or 429). Only interactive calls go on until the number \
         falls: Discord bans an address at 10,000"
    );
}
