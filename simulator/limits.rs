//! Rate limits as data.
//!
//! Only the 50 requests a second, the 10,000 invalid requests in ten minutes and the meaning of the headers are
//! documented. The sizes below were observed by others and may change any day: Alliance Auth measured the
//! member routes in 2020, hata keeps a table of groups (2025), and discord-api-docs #7680 confirms the fixed
//! window of role writes. A route without a line here has no headers and only counts for the global limit.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::config::LimitOverride;

/// How a bucket fills again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One request comes back every window / limit.
    Sliding,
    /// All requests come back when the window ends.
    Fixed,
}

/// Who shares a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// One token, in one guild.
    Guild,
    /// One token, in one channel.
    Channel,
    /// One token, everywhere.
    Token,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    pub bucket: &'static str,
    /// Names of the routes that share it.
    pub routes: &'static [&'static str],
    /// Requests in a window.
    pub limit: u32,
    /// Simulated milliseconds.
    pub window_ms: u64,
    pub kind: Kind,
    pub key: Key,
}

const fn line(
    bucket: &'static str,
    routes: &'static [&'static str],
    (limit, window_ms): (u32, u64),
    kind: Kind,
    key: Key,
) -> Limit {
    Limit {
        bucket,
        routes,
        limit,
        window_ms,
        kind,
        key,
    }
}

/// Every limited route.
pub static LIMITS: &[Limit] = &[
    line(
        "role-write",
        &[
            "PUT /guilds/{guild}/members/{user}/roles/{role}",
            "DELETE /guilds/{guild}/members/{user}/roles/{role}",
        ],
        (10, 10_000),
        Kind::Fixed,
        Key::Guild,
    ),
    line(
        "member-edit",
        &["PATCH /guilds/{guild}/members/{user}"],
        (10, 10_000),
        Kind::Sliding,
        Key::Guild,
    ),
    line(
        "member-get",
        &["GET /guilds/{guild}/members/{user}"],
        (5, 1_000),
        Kind::Sliding,
        Key::Guild,
    ),
    line(
        "member-list",
        &["GET /guilds/{guild}/members"],
        (10, 10_000),
        Kind::Sliding,
        Key::Guild,
    ),
    line(
        "member-search",
        &["GET /guilds/{guild}/members/search"],
        (10, 10_000),
        Kind::Sliding,
        Key::Guild,
    ),
    line(
        "member-add",
        &["PUT /guilds/{guild}/members/{user}"],
        (10, 10_000),
        Kind::Sliding,
        Key::Guild,
    ),
    line(
        "member-kick",
        &["DELETE /guilds/{guild}/members/{user}"],
        (5, 1_000),
        Kind::Sliding,
        Key::Guild,
    ),
    line(
        "self-member",
        &["PATCH /guilds/{guild}/members/@me"],
        (1, 1_000),
        Kind::Sliding,
        Key::Token,
    ),
    line(
        "my-guilds",
        &["GET /users/@me/guilds"],
        (1, 1_000),
        Kind::Sliding,
        Key::Token,
    ),
    // Only "harsh" is attested for this route, so the value is a guess.
    line(
        "my-guild-member",
        &["GET /users/@me/guilds/{guild}/member"],
        (5, 300_000),
        Kind::Sliding,
        Key::Token,
    ),
    line(
        "message",
        &["POST /channels/{channel}/messages"],
        (5, 5_000),
        Kind::Sliding,
        Key::Channel,
    ),
    line(
        "gateway-bot",
        &["GET /gateway/bot"],
        (2, 5_000),
        Kind::Sliding,
        Key::Token,
    ),
];

/// The table after the overrides of the configuration.
pub(crate) fn effective(overrides: &[LimitOverride]) -> Vec<Limit> {
    let mut limits = LIMITS.to_vec();
    for change in overrides {
        for limit in limits.iter_mut().filter(|limit| limit.bucket == change.bucket) {
            limit.limit = change.limit.max(1);
            limit.window_ms = change.window_ms.max(1);
            limit.kind = change.kind;
        }
    }
    limits
}

/// The bucket's name in `X-RateLimit-Bucket`: 32 hexadecimal digits that never change and hold no id.
/// `renamed` gives the other name of a bucket whose hash changed at run time.
pub(crate) fn public_name(bucket: &str, renamed: bool) -> String {
    use std::fmt::Write as _;
    let mut hash = Sha256::new();
    hash.update(if renamed { "renamed bucket " } else { "bucket " });
    hash.update(bucket);
    hash.finalize()
        .iter()
        .take(16)
        .fold(String::with_capacity(32), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::ROUTES;

    #[test]
    fn every_limited_route_exists() {
        for route in LIMITS.iter().flat_map(|limit| limit.routes) {
            assert!(
                ROUTES.iter().any(|known| known.name == *route),
                "{route} is no route"
            );
        }
    }

    #[test]
    fn bucket_names_are_stable_and_32_hex_digits_long() {
        let name = public_name("role-write", false);
        assert_eq!(name.len(), 32);
        assert_eq!(name, public_name("role-write", false));
        assert_ne!(name, public_name("role-write", true));
    }
}
