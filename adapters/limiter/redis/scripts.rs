//! The scripts, and what they are told. Their answers are theirs alone to decide; nothing is decided here.

use std::sync::LazyLock;

use redis::Script;
use rolecall_core::ports::{Answer, RateHeaders, RateScope, Route};
use rolecall_core::shares::{PerLane, STRIDES};
use serde::Serialize;

use crate::limiter::bucket::{CAREFUL_WINDOWS, LAST_PART, MARGIN, assumed};
use crate::limiter::budget::{GLOBAL_WINDOW, INVALID_MOST, INVALID_WINDOW};
use crate::limiter::state::{EDGE_PAUSE, teaches};
use crate::limiter::{FLIGHT, KEPT, LimiterSettings, PROCESS_SEEN};

pub(super) static ACQUIRE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("bucket.lua"),
        include_str!("keys.lua"),
        include_str!("shares.lua"),
        include_str!("acquire.lua")
    ))
});
pub(super) static REPORT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("bucket.lua"),
        include_str!("keys.lua"),
        include_str!("report.lua")
    ))
});
pub(super) static LEFT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("bucket.lua"),
        include_str!("keys.lua"),
        include_str!("left.lua")
    ))
});

/// The settings and constants that all scripts go by. Discord seconds unless said otherwise.
#[derive(Debug, Serialize)]
pub(super) struct Rules {
    pub(super) prefix: String,
    speed: f64,
    margin: f64,
    last_part: f64,
    careful_windows: u64,
    least_margin: f64,
    min_spacing: f64,
    gap: f64,
    hold: f64,
    memory: f64,
    cap_interactive: usize,
    cap_others: usize,
    strides: PerLane<u64>,
    global_window: f64,
    invalid_window: f64,
    invalid_most: usize,
    edge_pause: f64,
    flight: f64,
    /// Real seconds.
    ttl: u32,
    /// Real seconds.
    process_seen: f64,
    /// Instead of Redis' clock, in tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) now: Option<f64>,
}

impl Rules {
    pub(super) fn new(prefix: String, settings: &LimiterSettings) -> Self {
        let (rules, speed) = (settings.rules(), settings.speed());
        Self {
            prefix,
            speed,
            margin: MARGIN,
            last_part: LAST_PART,
            careful_windows: CAREFUL_WINDOWS,
            least_margin: rules.tuning.least_margin,
            min_spacing: rules.tuning.min_spacing,
            gap: rules.tuning.gap,
            hold: rules.patience.hold,
            memory: rules.patience.memory,
            cap_interactive: rules.caps.0,
            cap_others: rules.caps.1,
            strides: STRIDES,
            global_window: GLOBAL_WINDOW,
            invalid_window: INVALID_WINDOW,
            invalid_most: INVALID_MOST,
            edge_pause: EDGE_PAUSE,
            flight: FLIGHT * speed,
            ttl: KEPT,
            process_seen: PROCESS_SEEN,
            now: None,
        }
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Whose bucket it is.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Place {
    principal: String,
    group: &'static str,
    /// 0 for none.
    guild: String,
    /// 0 if others observed nothing, as the window.
    prior_limit: u32,
    prior_window: f64,
}

impl Place {
    pub(super) fn of(route: &Route) -> Self {
        let (prior_limit, prior_window) = assumed(route.bucket).unwrap_or((0, 0.0));
        Self {
            // In hexadecimal, because Lua knows no whole numbers of this size.
            principal: format!("{:016x}", route.principal),
            group: route.bucket,
            guild: route
                .guild
                .map_or_else(|| "0".to_owned(), |guild| guild.to_string()),
            prior_limit,
            prior_window,
        }
    }

    /// Its name in Redis before anything is known of it.
    pub(super) fn slot(&self) -> String {
        format!("{}/{}", self.group, self.guild)
    }
}

/// One look of a caller.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Ask {
    #[serde(flatten)]
    pub(super) place: Place,
    /// 0 is the most urgent one.
    pub(super) lane: u8,
    /// Who asks: `j` and a job, or `c` and a caller that is not remembered once it went away.
    pub(super) member: String,
    pub(super) ticket: String,
    /// How much longer the caller can wait, in Discord seconds.
    pub(super) patience: f64,
    pub(super) process: String,
    /// Calls may have been made without Redis' knowledge.
    pub(super) doubt: bool,
}

/// What came back.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    place: Place,
    slot: String,
    ticket: String,
    kind: &'static str,
    invalid: bool,
    teaches: bool,
    retry_after: f64,
    scope: &'static str,
    headers: Headers,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Headers {
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset_after: Option<f64>,
}

impl From<&RateHeaders> for Headers {
    fn from(headers: &RateHeaders) -> Self {
        Self {
            bucket: headers.bucket.clone(),
            limit: headers.limit,
            remaining: headers.remaining,
            reset_after: headers.reset_after,
        }
    }
}

impl Report {
    /// A permit is given back: its call was never sent.
    pub(super) fn unsent(place: Place, slot: String, ticket: String) -> Self {
        Self {
            place,
            slot,
            ticket,
            kind: "unsent",
            invalid: false,
            teaches: false,
            retry_after: 0.0,
            scope: "",
            headers: Headers::default(),
        }
    }

    pub(super) fn of(place: Place, slot: String, ticket: String, answer: &Answer) -> Self {
        let mut report = Self::unsent(place, slot, ticket);
        report.invalid = answer.is_invalid();
        match answer {
            Answer::Lost => report.kind = "lost",
            Answer::Status { status, headers } => {
                report.kind = "status";
                report.teaches = teaches(*status, answer);
                report.headers = headers.into();
            }
            Answer::Busy { retry_after, .. } => {
                // Like a budget that others use, too: it only says when to come back.
                report.kind = "limited";
                report.retry_after = *retry_after;
                report.scope = RateScope::Shared.as_str();
            }
            Answer::Limited {
                retry_after,
                scope,
                headers,
            } => {
                report.kind = "limited";
                report.retry_after = *retry_after;
                report.scope = RateScope::as_str(*scope);
                report.headers = headers.into();
            }
        }
        report
    }

    /// For how many Discord seconds it forbids something.
    pub(super) const fn forbids(&self) -> f64 {
        self.retry_after
    }

    /// The same, told so many Discord seconds later.
    pub(super) fn aged(&self, by: f64) -> Self {
        let mut report = self.clone();
        report.retry_after = (report.retry_after - by).max(0.0);
        report.headers.reset_after = report.headers.reset_after.map(|after| (after - by).max(0.0));
        report
    }
}
