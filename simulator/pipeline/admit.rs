//! Everything that is judged before the work: block, User-Agent, route, faults, authentication, limits.

use serde_json::json;

use super::{Admission, Head, Ticket};
use crate::Simulator;
use crate::api::{Caller, Form, Reply};
use crate::buckets::{Ruling, Size};
use crate::errors::{BAD_USER_AGENT, NO_SUCH_ROUTE, UNAUTHORIZED, USERS_ONLY, WRONG_METHOD};
use crate::faults::{FaultKind, Strikes};
use crate::limits::{Key, Limit, public_name};
use crate::routes::{Access, Found, Params, Route};
use crate::simulator::State;
use crate::traffic::Refusal;
use crate::world::World;

/// Cloudflare's page for a blocked address: no JSON, no `Via`, no `X-RateLimit` headers.
const BLOCK_PAGE: &str = "<!DOCTYPE html><html><head><title>Access denied | discord.com used Cloudflare to restrict \
    access</title></head><body><h1>Error 1015</h1><p>You are being rate limited</p></body></html>";

/// What stands before Discord answers to a PUT, POST or PATCH that does not say how long its body is.
const LENGTH_REQUIRED: &str = "<html><head><title>411 Length Required</title></head><body><h1>411 Length Required\
    </h1></body></html>";

/// Cloudflare's other form: fixed JSON without a time to wait (discord-api-docs #5810).
const BLOCK_JSON: &str = r#"{"message":"You are being blocked from accessing our API temporarily due to exceeding our rate limits frequently.","code":0}"#;

type Refused = (Reply, Strikes);

/// Judges a call up to its bucket, or answers it at once.
pub(super) fn admit(
    simulator: &Simulator,
    state: &mut State,
    head: &Head,
    ticket: &mut Ticket,
) -> Result<Admission, Refused> {
    let quiet = |reply: Reply| (reply, Strikes::default());
    let now_us = simulator.clock().now_us();
    if state.traffic.is_blocked(now_us / 1_000) {
        return Err(quiet(block_page()));
    }
    if head.hides_length() {
        return Err(quiet(html(411, LENGTH_REQUIRED)));
    }
    if simulator.config().strict_user_agent && !is_bot_agent(head.header("user-agent")) {
        return Err(quiet(Reply::error(&BAD_USER_AGENT)));
    }
    let (route, params) = match head.found() {
        Found::Route(route, params) => (route, params),
        Found::WrongMethod => return Err(quiet(Reply::error(&WRONG_METHOD))),
        Found::Nothing => return Err(quiet(Reply::error(&NO_SUCH_ROUTE))),
    };
    let limit = limit_of(simulator, route);
    ticket.update(|entry| {
        entry.call.route = route.name.to_owned();
        entry.call.bucket = limit.map(|limit| limit.bucket);
    });
    let strikes = state.faults.draw(route.name, params.guild, head.token());
    let gate = Gate {
        simulator,
        route,
        params,
        strikes: &strikes,
        now_us,
    };
    match gate.pass(state, head, ticket) {
        Ok((caller, headers)) => {
            let member = (params.guild, params.user);
            let overlaps = route.writes_member() && state.traffic.begin_write(member);
            ticket.write = route.writes_member().then_some(member);
            Ok(Admission {
                route,
                params,
                caller,
                strikes,
                headers,
                overlaps,
            })
        }
        Err(reply) => Err((reply, strikes)),
    }
}

/// One call at the gate.
struct Gate<'a> {
    simulator: &'a Simulator,
    route: &'static Route,
    params: Params,
    strikes: &'a Strikes,
    now_us: u64,
}

fn limit_of<'a>(simulator: &'a Simulator, route: &Route) -> Option<&'a Limit> {
    let mut limits = simulator.limits().iter();
    limits.find(|limit| limit.routes.contains(&route.name))
}

type Headers = Vec<(&'static str, String)>;

impl Gate<'_> {
    fn pass(&self, state: &mut State, head: &Head, ticket: &mut Ticket) -> Result<(Caller, Headers), Reply> {
        if self.strikes.has(&FaultKind::CloudflarePage) {
            return Err(block_page());
        }
        if self.strikes.has(&FaultKind::CloudflareJson) {
            let reply = Reply::json(429, BLOCK_JSON);
            return Err(Reply {
                refusal: Some(Refusal::Cloudflare),
                ..reply
            });
        }
        let caller = self.authenticate(&state.world, head)?;
        ticket.update(|entry| entry.call.bot = caller.bot());
        // The token endpoints are limited by address, in ways that nobody knows; see the faults.
        if self.route.access != Access::Client {
            let config = self.simulator.config();
            let global = state.traffic.globals.entry(caller.subject()).or_default();
            if let Err(wait_us) = global.take(config.global_window, config.global_limit, self.now_us) {
                return Err(limited(wait_us, Refusal::Global, None));
            }
        }
        let headers = self.take_from_bucket(state, &caller)?;
        self.strike(&headers)?;
        Ok((caller, headers))
    }

    fn authenticate(&self, world: &World, head: &Head) -> Result<Caller, Reply> {
        let refused = || Err(Reply::error(&UNAUTHORIZED));
        if self.strikes.has(&FaultKind::Unauthorized) {
            return refused();
        }
        let header = head.header("authorization");
        let caller = if let Some(token) = header.strip_prefix("Bot ") {
            world.bots_by_token.get(token.trim()).map(|bot| Caller::Bot(*bot))
        } else if let Some(token) = header.strip_prefix("Bearer ") {
            world
                .tokens
                .access(token.trim(), self.now_us / 1_000)
                .map(|token| Caller::User {
                    user: token.user,
                    app: token.app,
                    scopes: token.scopes.clone(),
                    expires_ms: token.expires_ms,
                })
        } else {
            None
        };
        match (self.route.access, caller) {
            (Access::Client, _) => Ok(Caller::Nobody),
            (Access::Bot | Access::BotOrUser, Some(bot @ Caller::Bot(_))) => Ok(bot),
            (Access::User | Access::BotOrUser, Some(user @ Caller::User { .. })) => Ok(user),
            (Access::User, Some(Caller::Bot(_))) => Err(Reply::error(&USERS_ONLY)),
            _ => refused(),
        }
    }

    /// Takes one request from the route's bucket, if it has one. Returns the headers.
    fn take_from_bucket(&self, state: &mut State, caller: &Caller) -> Result<Headers, Reply> {
        let Some(limit) = limit_of(self.simulator, self.route) else {
            return Ok(Vec::new());
        };
        let owner = match limit.key {
            Key::Guild => self.params.guild,
            Key::Channel => self.params.channel,
            Key::Token => 0,
        };
        let size = self.size(limit);
        let bucket = state
            .traffic
            .buckets
            .entry((limit.bucket, caller.subject(), owner))
            .or_default();
        let ruling = bucket.take(size, self.now_us);
        let headers = self.headers(limit, size, ruling);
        if ruling.allowed {
            return Ok(headers);
        }
        let mut reply = limited(ruling.retry_after_us, Refusal::User, None);
        if !self.strikes.has(&FaultKind::MissingHeaders) {
            reply.headers.extend(headers);
        }
        Err(reply)
    }

    fn size(&self, limit: &Limit) -> Size {
        let lowered = self.strikes.find(|kind| match kind {
            FaultKind::LowerLimit { limit } => Some((*limit).max(1)),
            _ => None,
        });
        Size {
            limit: lowered.unwrap_or(limit.limit),
            window_us: limit.window_ms * 1_000,
            kind: limit.kind,
        }
    }

    fn headers(&self, limit: &Limit, size: Size, ruling: Ruling) -> Headers {
        let start_us = self.simulator.clock().start_unix_ms() * 1_000;
        let reset_us = start_us + self.now_us + ruling.reset_after_us;
        vec![
            ("x-ratelimit-limit", size.limit.to_string()),
            ("x-ratelimit-remaining", ruling.remaining.to_string()),
            ("x-ratelimit-reset", seconds(reset_us)),
            ("x-ratelimit-reset-after", seconds(ruling.reset_after_us)),
            (
                "x-ratelimit-bucket",
                public_name(limit.bucket, self.strikes.has(&FaultKind::RenamedBucket)),
            ),
        ]
    }

    /// Faults that answer in place of the work.
    fn strike(&self, headers: &Headers) -> Result<(), Reply> {
        let with_headers = |mut reply: Reply| {
            if !self.strikes.has(&FaultKind::MissingHeaders) {
                reply.headers.extend(headers.iter().cloned());
            }
            reply
        };
        let reply = self.strikes.find(|kind| match kind {
            FaultKind::LimitUser { retry_after } => {
                Some(with_headers(limited(micros(*retry_after), Refusal::User, None)))
            }
            FaultKind::LimitShared { retry_after, code } => Some(with_headers(limited(
                micros(*retry_after),
                Refusal::Shared,
                Some(*code),
            ))),
            FaultKind::LimitGlobal { retry_after } => {
                Some(limited(micros(*retry_after), Refusal::Global, None))
            }
            FaultKind::LimitOdd { retry_after, in_body } => {
                let mut body = json!({ "message": "You are being rate limited.", "global": false });
                if let Some(seconds) = in_body {
                    body["retry_after"] = (*seconds).into();
                }
                let mut reply = with_headers(Reply {
                    refusal: Some(Refusal::User),
                    ..Reply::value(429, &body)
                });
                reply.headers.push(("x-ratelimit-scope", "user".to_owned()));
                reply.headers.push(("retry-after", retry_after.clone()));
                Some(reply)
            }
            FaultKind::Status { status } => Some(with_headers(server_error(*status))),
            _ => None,
        });
        reply.map_or(Ok(()), Err)
    }
}

/// Whether the User-Agent looks like `DiscordBot (url, version)`, with anything after it.
fn is_bot_agent(agent: &str) -> bool {
    let inner = agent
        .strip_prefix("DiscordBot (")
        .and_then(|rest| rest.split_once(')'));
    inner
        .and_then(|(inner, _)| inner.split_once(','))
        .is_some_and(|(url, version)| !url.trim().is_empty() && !version.trim().is_empty())
}

fn block_page() -> Reply {
    Reply {
        refusal: Some(Refusal::Cloudflare),
        ..html(429, BLOCK_PAGE)
    }
}

fn html(status: u16, page: &'static str) -> Reply {
    Reply {
        form: Form::Html,
        ..Reply::json(status, page)
    }
}

/// What a broken upstream sends: not Discord's JSON.
pub(super) fn server_error(status: u16) -> Reply {
    if status == 500 {
        return Reply::json(500, r#"{"message":"500: Internal Server Error","code":0}"#);
    }
    let body = format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>");
    Reply {
        form: Form::Html,
        ..Reply::json(status, body)
    }
}

fn limited(wait_us: u64, refusal: Refusal, code: Option<u32>) -> Reply {
    let global = refusal == Refusal::Global;
    let wait_s = wait_us.div_ceil(1_000) as f64 / 1_000.0;
    let mut body =
        json!({ "message": "You are being rate limited.", "retry_after": wait_s, "global": global });
    if let Some(code) = code {
        body["code"] = code.into();
    }
    let mut reply = Reply {
        refusal: Some(refusal),
        ..Reply::value(429, &body)
    };
    let scope = match refusal {
        Refusal::Global => "global",
        Refusal::Shared => "shared",
        Refusal::User | Refusal::Cloudflare => "user",
    };
    reply
        .headers
        .push(("retry-after", wait_us.div_ceil(1_000_000).to_string()));
    reply.headers.push(("x-ratelimit-scope", scope.to_owned()));
    if global {
        reply.headers.push(("x-ratelimit-global", "true".to_owned()));
    }
    reply
}

/// Seconds with three decimals, rounded up so that who waits as long is never early.
fn seconds(us: u64) -> String {
    let ms = us.div_ceil(1_000);
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

fn micros(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1e6).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_agent_names_an_address_and_a_version() {
        assert!(is_bot_agent("DiscordBot (https://example.org, 1.0)"));
        assert!(is_bot_agent("DiscordBot (https://example.org, 1.0) extra/2"));
        assert!(!is_bot_agent("go-falcon/1.0"));
        assert!(!is_bot_agent("DiscordBot (https://example.org)"));
    }

    #[test]
    fn waits_are_rounded_up() {
        assert_eq!(seconds(1_000_001), "1.001");
        let reply = limited(1_000_001, Refusal::User, None);
        assert!(reply.headers.contains(&("retry-after", "2".to_owned())));
        assert!(String::from_utf8(reply.body).unwrap().contains("1.001"));
    }
}
