//! Discord's limits, kept by all who call it.

use std::time::Duration;

use async_trait::async_trait;

use crate::ids::{GuildId, JobId};
use crate::job::Lane;

/// A call, as far as limits care: its template, and the guild whose budget it uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Route {
    /// Method and template, such as `PUT /guilds/{guild}/members/{user}/roles/{role}`. For people and metrics.
    pub template: &'static str,
    /// Routes with the same name share one budget before Discord's headers say so (`role-write`: PUT and DELETE of a
    /// member's role).
    pub bucket: &'static str,
    /// The guild (Discord's "top-level resource").
    pub guild: Option<GuildId>,
    /// Whose budget: a bot's or a user's token, hashed. Never the token.
    pub principal: u64,
}

/// What the limiter says to somebody who wants to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Call now, then tell the answer with [`Limiter::complete`].
    Go {
        /// Names this call towards [`Limiter::complete`].
        ticket: u64,
    },
    /// Come back after this long (real time). The time is the caller's own: nobody else got the same one.
    Wait(Duration),
}

/// Which limit a 429 named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateScope {
    /// The caller's own budget of a route.
    User,
    /// All of the caller's calls.
    Global,
    /// A budget that others use, too. Does not count as an invalid request.
    Shared,
    /// An answer of the edge without Discord's headers: a ban of the address.
    Edge,
}

impl RateScope {
    /// The written name: Discord's (`X-RateLimit-Scope`), and `edge`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Global => "global",
            Self::Shared => "shared",
            Self::Edge => "edge",
        }
    }
}

/// The limit headers of an answer. Seconds are Discord's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RateHeaders {
    /// `X-RateLimit-Bucket`.
    pub bucket: Option<String>,
    /// `X-RateLimit-Limit`.
    pub limit: Option<u32>,
    /// `X-RateLimit-Remaining`.
    pub remaining: Option<u32>,
    /// `X-RateLimit-Reset-After`.
    pub reset_after: Option<f64>,
}

/// What came back from a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// An answer with this status, other than 429.
    Status {
        /// The HTTP status.
        status: u16,
        /// Its limit headers.
        headers: RateHeaders,
    },
    /// A 429.
    Limited {
        /// The larger of header and body, in Discord's seconds.
        retry_after: f64,
        /// Which limit.
        scope: RateScope,
        /// Its limit headers.
        headers: RateHeaders,
    },
    /// No answer came.
    Lost,
}

impl Answer {
    /// Whether Discord counts it as an invalid request: 401, 403, and 429 but for shared budgets. Too many of them ban the
    /// address.
    pub const fn is_invalid(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 401 | 403),
            Self::Limited { scope, .. } => !matches!(scope, RateScope::Shared),
            Self::Lost => false,
        }
    }
}

/// Calls that Discord refused in the last ten minutes. It bans an address that has too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusals {
    /// So many there were.
    pub lately: u64,
    /// From so many on, only interactive calls go.
    pub limit: u64,
}

/// Permits for calls to Discord.
#[async_trait]
pub trait Limiter: Send + Sync + 'static {
    /// Asks for a permit, waiting for it up to `patience` (real time). `job` is who asks: it keeps the place it was
    /// given when it comes back.
    async fn acquire(&self, route: &Route, lane: Lane, job: Option<JobId>, patience: Duration) -> Permission;

    /// Tells what came back. Every ticket is completed exactly once; a permit whose call was dropped is `Lost`.
    fn complete(&self, ticket: u64, answer: &Answer);

    /// What is being waited for now, in words, for progress bars: such as `role-write of guild 1 (4 s)`.
    fn waiting_for(&self) -> Option<String>;

    /// How many calls were invalid lately, of all that are counted together. `None`: that is not known now.
    async fn refusals(&self) -> Option<Refusals> {
        None
    }
}
