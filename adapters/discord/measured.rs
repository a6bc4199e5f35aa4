//! What is counted of calls to Discord.

use std::time::Duration;

use rolecall_core::ports::{Answer, RateHeaders};

use crate::metered::table::{
    DISCORD_CALLS, DISCORD_INVALID, DISCORD_LIMITED, DISCORD_REMAINING, DISCORD_TIME, LIMITER_DEFERRALS,
    LIMITER_WAIT,
};

/// The limiter let a call go, or sent it away, after this long.
pub(super) fn permitted(route: &'static str, may_go: bool, waited: Duration) {
    LIMITER_WAIT.observe(&[route], waited);
    if !may_go {
        LIMITER_DEFERRALS.inc(&[route]);
    }
}

/// An answer came, or did not, after this long.
pub(super) fn answered(route: &'static str, answer: &Answer, took: Duration) {
    let status = match answer {
        Answer::Status { status, headers } => {
            remaining(route, headers);
            status.to_string()
        }
        Answer::Limited { scope, headers, .. } => {
            remaining(route, headers);
            DISCORD_LIMITED.inc(&[route, scope.as_str()]);
            "429".to_owned()
        }
        Answer::Busy { status, .. } => status.to_string(),
        Answer::Lost => "none".to_owned(),
    };
    DISCORD_CALLS.inc(&[route, &status]);
    DISCORD_TIME.observe(&[route], took);
    if answer.is_invalid() {
        DISCORD_INVALID.inc(&[]);
    }
}

fn remaining(route: &'static str, headers: &RateHeaders) {
    if let Some(remaining) = headers.remaining {
        DISCORD_REMAINING.set(&[route], f64::from(remaining));
    }
}
