//! What limiters tell people.

use std::time::Duration;

use rolecall_core::ids::GuildId;
use rolecall_core::ports::Barrier;

/// What a caller waits for.
pub(super) fn in_words(barrier: Barrier, group: &str, guild: Option<GuildId>) -> String {
    match (barrier, guild) {
        (Barrier::Edge, _) => "Discord's edge, which refused this address".to_owned(),
        (Barrier::Global, _) => "Discord's global limit".to_owned(),
        (Barrier::Invalid, _) => "fewer invalid requests".to_owned(),
        (Barrier::Bucket, Some(guild)) => format!("{group} of guild {guild}"),
        (Barrier::Bucket, None) => group.to_owned(),
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

/// Real time of so many Discord seconds.
pub(super) fn real(seconds: f64, speed: f64) -> Duration {
    Duration::try_from_secs_f64((seconds / speed).max(0.0)).unwrap_or(Duration::MAX)
}
