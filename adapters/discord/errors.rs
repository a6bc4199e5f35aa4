//! From Discord's answers to failures that a job can act on.

use std::error::Error;

use rolecall_core::ports::{CallError, CallFailure, RateScope};
use serde_json::Value;

/// Most of Discord's own words that go into a message.
const WORDS_MOST: usize = 200;

/// From so many of Discord's seconds on a 429 is told in the log.
const STANDSTILL: f64 = 60.0;

/// What failed answers of Discord have in common.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Told {
    pub(super) code: Option<u32>,
    pub(super) message: String,
}

impl Told {
    /// Reads `{"code": …, "message": …}`. `None` if the body is no such thing, so no answer of Discord's API.
    pub(super) fn read(body: Option<&Value>) -> Option<Self> {
        let body = body?.as_object()?;
        let code = match body.get("code") {
            Some(Value::Number(n)) => n.as_u64().and_then(|n| u32::try_from(n).ok()),
            Some(Value::String(s)) => s.parse().ok(),
            _ => None,
        };
        let message = body
            .get("message")
            .and_then(Value::as_str)
            .map(shorten)
            .unwrap_or_default();
        Some(Self { code, message })
    }
}

/// Discord's words, on one line and not too long.
pub(super) fn shorten(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(WORDS_MOST)
        .collect()
}

/// The failure that an answer other than 2xx and 429 stands for. Discord's code says more than the status, so it
/// decides where it is known.
pub(super) fn failure(status: u16, told: Option<&Told>) -> CallFailure {
    let Some(told) = told else {
        // Not JSON: a page of something on the way. It may pass, and must not kill a token or a member.
        return CallFailure::Transient;
    };
    if status >= 500 {
        return CallFailure::Transient;
    }
    match told.code {
        Some(10004) => CallFailure::UnknownGuild,
        Some(10007) => CallFailure::UnknownMember,
        Some(10011 | 50028) => CallFailure::UnknownRole,
        Some(10013) => CallFailure::UnknownUser,
        Some(40001 | 50014) => CallFailure::Unauthorized,
        Some(40007 | 50001 | 50013 | 50025 | 60003) => CallFailure::Forbidden,
        // Limits of the user's account or the guild, and a User-Agent that Discord's edge refuses (40333): they come
        // as 400 or as 403, and have nothing to do with the bot's permissions.
        Some(30001 | 30019 | 40333 | 50178 | 340_015) => CallFailure::Refused,
        // 10008 with 403 is a block against abuse in disguise; 40062, 110000 and 130000 are overload.
        Some(10008) if status == 403 => CallFailure::Transient,
        Some(40062 | 110_000 | 130_000) => CallFailure::Transient,
        _ => match status {
            401 => CallFailure::Unauthorized,
            403 => CallFailure::Forbidden,
            400..=499 if status != 408 => CallFailure::Refused,
            // Redirects and the like are not Discord's.
            _ => CallFailure::Transient,
        },
    }
}

/// The error for an answer other than 2xx and 429.
pub(super) fn refused(route: &'static str, status: u16, told: Option<&Told>) -> CallError {
    let what = match told {
        Some(Told {
            code: Some(code),
            message,
        }) if *code != 0 => format!(" ({code} {message})"),
        Some(Told { message, .. }) if !message.is_empty() => format!(" ({message})"),
        Some(_) => String::new(),
        None => " (not in the form of Discord's API)".to_owned(),
    };
    let advice = match told.and_then(|t| t.code) {
        Some(40333) => ". Its edge refuses rolecall's User-Agent",
        _ => "",
    };
    CallError {
        failure: failure(status, told),
        route,
        status: Some(status),
        code: told.and_then(|t| t.code).filter(|code| *code != 0),
        message: format!("Discord answered {status}{what} to {route}{advice}"),
    }
}

/// The error for a 2xx answer that says nothing that can be used.
pub(super) fn unreadable(route: &'static str, status: Option<u16>, detail: &str) -> CallError {
    let detail = if detail.is_empty() {
        String::new()
    } else {
        format!(": {detail}")
    };
    CallError {
        failure: CallFailure::Transient,
        route,
        status,
        code: None,
        message: format!("Discord answered something unreadable to {route}{detail}"),
    }
}

/// What operators are told of a 429, where work stands still for it: by the edge, or for at least a minute. The others are
/// daily life, and `rolecall top` and the metrics show them. `seconds` are Discord's.
pub(super) fn standstill(route: &str, scope: RateScope, seconds: f64) -> Option<String> {
    let what = match scope {
        RateScope::Edge => format!(
            "Discord's edge refuses this address (429 to {route} in the form of its page 1015 or of a ban): no \
             call is made for {seconds} s. See who else calls Discord from here"
        ),
        _ if seconds < STANDSTILL => return None,
        RateScope::Global => {
            format!("Discord refuses all calls of the token that asked {route} for {seconds} s")
        }
        RateScope::User | RateScope::Shared => format!("Discord refuses {route} for {seconds} s"),
    };
    Some(format!("{what}. What is due waits, and goes on by itself"))
}

/// The error for a call that got no answer, or half of one.
pub(super) fn no_answer(route: &'static str, status: Option<u16>, error: reqwest::Error) -> CallError {
    // The address may hold ids; a proxy's may hold a password.
    let error = error.without_url();
    let what = if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connect() {
        format!("no connection ({})", root(&error))
    } else if status.is_some() {
        format!("the answer broke off ({})", root(&error))
    } else {
        root(&error)
    };
    lost(route, status, &what)
}

/// The error for a call that got no answer, in words.
pub(super) fn lost(route: &'static str, status: Option<u16>, what: &str) -> CallError {
    CallError {
        failure: CallFailure::Transient,
        route,
        status,
        code: None,
        message: format!("Discord could not be asked {route}: {what}"),
    }
}

/// The innermost cause, which says what really happened.
pub(super) fn root(error: &reqwest::Error) -> String {
    let mut last: &dyn Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    shorten(&last.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judge(status: u16, code: u32) -> CallFailure {
        failure(
            status,
            Told::read(Some(&json!({"code": code, "message": "x"}))).as_ref(),
        )
    }

    #[test]
    fn the_code_decides_where_it_is_known_and_the_status_otherwise() {
        for (status, code, expected) in [
            (401, 0, CallFailure::Unauthorized),
            (403, 50013, CallFailure::Forbidden),
            (403, 50001, CallFailure::Forbidden),
            (403, 60003, CallFailure::Forbidden),
            (400, 50025, CallFailure::Forbidden),
            (403, 0, CallFailure::Forbidden),
            (403, 10008, CallFailure::Transient),
            (404, 10008, CallFailure::Refused),
            (403, 40333, CallFailure::Refused),
            (403, 50178, CallFailure::Refused),
            (400, 30001, CallFailure::Refused),
            (400, 50035, CallFailure::Refused),
            (400, 50028, CallFailure::UnknownRole),
            (404, 10004, CallFailure::UnknownGuild),
            (404, 10007, CallFailure::UnknownMember),
            (404, 10011, CallFailure::UnknownRole),
            (404, 10013, CallFailure::UnknownUser),
            (404, 0, CallFailure::Refused),
            (500, 10007, CallFailure::Transient),
            (302, 0, CallFailure::Transient),
        ] {
            assert_eq!(judge(status, code), expected, "{status} {code}");
        }
    }

    #[test]
    fn a_page_that_is_not_of_the_api_never_condemns_a_token_or_a_member() {
        for status in [401, 403, 404, 502] {
            assert_eq!(failure(status, None), CallFailure::Transient);
        }
    }

    #[test]
    fn who_runs_it_is_told_of_what_stops_work_for_long_and_of_nothing_else() {
        let told = |scope, seconds| standstill("GET /x", scope, seconds);
        let edge = told(RateScope::Edge, 600.0).unwrap();
        assert!(edge.contains("this address") && edge.contains("600 s"), "{edge}");
        for scope in [RateScope::User, RateScope::Shared, RateScope::Global] {
            assert_eq!(told(scope, 59.0), None);
            let long = told(scope, 3600.0).unwrap();
            assert!(long.contains("GET /x") && long.contains("3600 s"), "{long}");
        }
    }

    #[test]
    fn a_message_is_short_and_on_one_line() {
        let body = json!({"code": "50013", "message": "Missing\nPermissions ".to_owned() + &"x".repeat(999)});
        let error = refused("GET /x", 403, Told::read(Some(&body)).as_ref());
        assert!(
            error
                .message
                .starts_with("Discord answered 403 (50013 Missing Permissions xxx")
        );
        assert!(error.message.len() < 300 && !error.message.contains('\n'));
        assert_eq!(error.code, Some(50013));
    }
}
