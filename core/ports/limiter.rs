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
    /// `X-RateLimit-Reset-After`, or `X-RateLimit-Reset` from the answer's own `Date` on.
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
    /// An error of a server, 500 or above, that named a time to wait.
    Busy {
        /// The HTTP status.
        status: u16,
        /// `Retry-After`, in Discord's seconds.
        retry_after: f64,
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
            Self::Busy { .. } | Self::Lost => false,
        }
    }
}

/// What a caller waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barrier {
    /// Its bucket.
    Bucket,
    /// The bot's global limit, of which Discord said that it is used up.
    Global,
    /// Too many invalid requests: only interactive calls go.
    Invalid,
    /// The edge, which refused this address.
    Edge,
}

impl Barrier {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Bucket, Self::Global, Self::Invalid, Self::Edge];
    /// Those that stop more than one bucket.
    pub const STOPS: [Self; 3] = [Self::Global, Self::Invalid, Self::Edge];

    /// The written name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bucket => "bucket",
            Self::Global => "global",
            Self::Invalid => "invalid",
            Self::Edge => "edge",
        }
    }

    /// The one with this name; a bucket, if none has.
    pub fn named(name: &str) -> Self {
        let is_named = |barrier: &Self| barrier.as_str() == name;
        Self::STOPS.into_iter().find(is_named).unwrap_or(Self::Bucket)
    }
}

/// Who keeps the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keeper {
    /// All processes together, in Redis.
    Redis,
    /// All processes of a data folder together, in a file of it.
    File,
    /// Each process for itself.
    #[default]
    Process,
    /// Each process its part of them, until Redis answers again.
    Part,
}

impl Keeper {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Redis, Self::File, Self::Process, Self::Part];

    /// The written name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::File => "file",
            Self::Process => "process",
            Self::Part => "process_part",
        }
    }

    /// Whether processes keep them together, so that each of them knows what all have used.
    pub const fn is_shared(self) -> bool {
        matches!(self, Self::Redis | Self::File)
    }
}

/// A bucket whose permits are waited for. Times are real.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FullBucket {
    /// The name of its first route's group, as [`Route::bucket`].
    pub bucket: String,
    /// The guild, if it is one of a guild.
    pub guild: Option<GuildId>,
    /// What is waited for.
    pub barrier: Barrier,
    /// Callers and jobs that have a place.
    pub places: u64,
    /// Until the first of them may go.
    pub next: Duration,
    /// Until the last of them may go.
    pub last: Duration,
}

/// Calls that Discord refused in the last ten minutes. It bans an address that has too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusals {
    /// So many there were.
    pub lately: u64,
    /// From so many on, only interactive calls go.
    pub limit: u64,
}

/// What Discord's limits leave at this moment, of all that the keeper knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Budget {
    /// Who keeps it.
    pub keeper: Keeper,
    /// Processes that asked lately, this one among them; 0 if nobody did.
    pub processes: u64,
    /// Invalid requests within the window.
    pub invalid: u64,
    /// At so many, all but interactive calls stop. Discord bans an address at ten times as many.
    pub invalid_most: u64,
    /// The window, in real time.
    pub invalid_window: Duration,
    /// What stops more than one bucket now, and for how long yet (real time; of several bots, the longest).
    pub stops: Vec<(Barrier, Duration)>,
    /// Buckets that are waited for, the longest wait first; the first hundred.
    pub waiting: Vec<FullBucket>,
}

impl Budget {
    /// Buckets that are told of, at most.
    pub const MOST_WAITING: usize = 100;

    /// Invalid requests that are left until calls stop.
    pub const fn invalid_left(&self) -> u64 {
        self.invalid_most.saturating_sub(self.invalid)
    }

    /// The refused calls. `None` while this process knows only its own of those that count together.
    pub fn refusals(&self) -> Option<Refusals> {
        (self.keeper != Keeper::Part).then_some(Refusals {
            lately: self.invalid,
            limit: self.invalid_most,
        })
    }
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

    /// What the limits leave now, for people and for metrics. Never fails: while who keeps them does not answer, it is what
    /// this process knows by itself.
    async fn budget(&self) -> Budget;
}
