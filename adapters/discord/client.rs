//! The HTTP client: permits, and the way of one call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder};
use rolecall_core::ids::GuildId;
use rolecall_core::ports::{Answer, Limiter, Permission, Route};
use rolecall_core::ports::{BotToken, CallError, CallFailure, CallOptions};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tracing::Instrument;

use super::errors::{Told, lost, no_answer, refused, root, standstill, unreadable};
use super::headers::{busy, limited, rate_headers};
use super::measured;
use super::routes::RouteSpec;
use super::settings::{ClientError, DiscordSettings, normalise};

/// Most bytes of an answer. A page of 1,000 members has about one million.
const BODY_MOST: usize = 16 * 1024 * 1024;
/// Most characters of a reason in Discord's audit log.
const REASON_MOST: usize = 512;
/// What stays as it is in a reason: RFC 3986's unreserved characters.
const REASON_SET: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
const REASON: HeaderName = HeaderName::from_static("x-audit-log-reason");

/// Spans of this target are for traces alone: in a log, their lines would lose the span of the job.
pub const SPANS: &str = "rolecall_spans";

/// Calls Discord. Cheap to share: one for each process.
pub struct DiscordClient {
    http: reqwest::Client,
    base: String,
    pub(super) limiter: Arc<dyn Limiter>,
    speed: f64,
}

impl std::fmt::Debug for DiscordClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiscordClient")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl DiscordClient {
    /// A client.
    ///
    /// # Errors
    /// [`ClientError`] if the settings cannot be used, or TLS cannot be set up.
    pub fn new(settings: &DiscordSettings, limiter: Arc<dyn Limiter>) -> Result<Self, ClientError> {
        let base = normalise(&settings.base_url)?;
        let agent = format!("DiscordBot ({}, {})", settings.user_agent_url, settings.version);
        let agent = HeaderValue::from_str(&agent).map_err(|_| ClientError::UserAgent)?;
        let http = crate::http::given_up_after(CallOptions::default().timeout, crate::http::client(&base))
            .user_agent(agent)
            // A page of 1,000 members has a megabyte, and whoever asks for nothing may get it compressed all the same.
            .gzip(true)
            .build()
            .map_err(|e| ClientError::Setup(root(&e.without_url())))?;
        let speed = if settings.speed.is_finite() && settings.speed > 0.0 {
            settings.speed
        } else {
            1.0
        };
        Ok(Self {
            http,
            base,
            limiter,
            speed,
        })
    }

    /// The address that calls go to, version included, without a slash at its end.
    pub fn base_url(&self) -> &str {
        &self.base
    }

    /// A request to `path`, which begins with a slash.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Makes a call with a bot's token.
    pub(super) async fn call(
        &self,
        spec: RouteSpec,
        guild: Option<GuildId>,
        token: &BotToken,
        options: &CallOptions,
        request: RequestBuilder,
    ) -> Result<Reply, CallError> {
        self.call_with("Bot", spec, guild, token, options, request).await
    }

    /// Makes a call with a person's token.
    pub(super) async fn call_as_person(
        &self,
        spec: RouteSpec,
        access: &SecretString,
        options: &CallOptions,
        request: RequestBuilder,
    ) -> Result<Reply, CallError> {
        self.call_with("Bearer", spec, None, access, options, request)
            .await
    }

    async fn call_with(
        &self,
        scheme: &str,
        spec: RouteSpec,
        guild: Option<GuildId>,
        token: &SecretString,
        options: &CallOptions,
        request: RequestBuilder,
    ) -> Result<Reply, CallError> {
        let mut value =
            HeaderValue::from_str(&format!("{scheme} {}", token.expose_secret())).map_err(|_| CallError {
                failure: CallFailure::Unauthorized,
                route: spec.template,
                status: None,
                code: None,
                message: "the token has characters that no token has".to_owned(),
            })?;
        value.set_sensitive(true);
        let route = Route {
            template: spec.template,
            bucket: spec.bucket,
            guild,
            principal: principal(token.expose_secret()),
        };
        let reply = self
            .send(&route, options, request.header(AUTHORIZATION, value))
            .await?;
        if reply.is_success() {
            return Ok(reply);
        }
        let told = Told::read(reply.json().as_ref());
        Err(refused(spec.template, reply.status, told.as_ref()))
    }

    /// Sends a request once the limiter permits it, tells the limiter what came back, and gives any answer but a 429.
    pub(super) async fn send(
        &self,
        route: &Route,
        options: &CallOptions,
        request: RequestBuilder,
    ) -> Result<Reply, CallError> {
        let asked = Instant::now();
        let permission = self
            .limiter
            .acquire(route, options.lane, options.job, options.patience)
            .await;
        let may_go = matches!(permission, Permission::Go { .. });
        measured::permitted(route.template, may_go, asked.elapsed());
        let ticket = match permission {
            Permission::Go { ticket } => ticket,
            Permission::Wait(wait) => {
                let what = format!(
                    "{} has to wait {:.1} s for a permit",
                    route.template,
                    wait.as_secs_f64()
                );
                return Err(waiting(route.template, None, wait, what));
            }
        };
        let permit = Permit {
            limiter: &*self.limiter,
            ticket: Some(ticket),
            route: route.template,
            began: Instant::now(),
        };
        let span = tracing::trace_span!(
            target: SPANS, "discord.call", http.route = route.template,
            http.status = tracing::field::Empty
        );
        let exchange = async {
            let response = request
                .send()
                .await
                .map_err(|e| no_answer(route.template, None, e))?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Ok((status, headers, read_body(route.template, response).await))
        };
        let exchange = exchange.instrument(span.clone());
        let Ok(exchanged) = tokio::time::timeout(options.timeout, exchange).await else {
            let what = format!("no answer within {:.1} s", options.timeout.as_secs_f64());
            return Err(lost(route.template, None, &what));
        };
        let (status, headers, body) = exchanged?;
        span.record("http.status", status);
        if let Some(wait) = busy(status, &headers) {
            permit.complete(&Answer::Busy {
                status,
                retry_after: wait,
            });
            return Err(self.asked_to_wait(route.template, status, wait));
        }
        if status != 429 {
            permit.complete(&Answer::Status {
                status,
                headers: rate_headers(&headers),
            });
            return body.map(|body| Reply { status, body });
        }
        Err(self.limited(route, &headers, body.ok(), permit))
    }

    /// Handles a 429.
    fn limited(
        &self,
        route: &Route,
        headers: &HeaderMap,
        body: Option<Vec<u8>>,
        permit: Permit<'_>,
    ) -> CallError {
        let json: Option<Value> = body.and_then(|body| serde_json::from_slice(&body).ok());
        let (retry_after, scope) = limited(headers, json.as_ref());
        if let Some(what) = standstill(route.template, scope, retry_after) {
            tracing::warn!(error.code = "discord_rate_limited", "{what}");
        }
        permit.complete(&Answer::Limited {
            retry_after,
            scope,
            headers: rate_headers(headers),
        });
        let mut error = self.asked_to_wait(route.template, 429, retry_after);
        error.code = Told::read(json.as_ref())
            .and_then(|t| t.code)
            .filter(|code| *code != 0);
        error
    }

    /// The error for an answer that named a time to wait, in Discord's seconds.
    fn asked_to_wait(&self, route: &'static str, status: u16, seconds: f64) -> CallError {
        let wait = Duration::from_secs_f64(seconds / self.speed);
        let what = format!("Discord answered {status} to {route}: wait {seconds} s");
        waiting(route, Some(status), wait, what)
    }
}

fn waiting(route: &'static str, status: Option<u16>, wait: Duration, message: String) -> CallError {
    CallError {
        failure: CallFailure::Wait(wait),
        route,
        status,
        code: None,
        message,
    }
}

/// The right to make one call. Dropped without a word (the caller's future was dropped), its call counts as lost.
struct Permit<'a> {
    limiter: &'a dyn Limiter,
    ticket: Option<u64>,
    route: &'static str,
    began: Instant,
}

impl Permit<'_> {
    fn complete(mut self, answer: &Answer) {
        self.tell(answer);
    }

    fn tell(&mut self, answer: &Answer) {
        if let Some(ticket) = self.ticket.take() {
            self.limiter.complete(ticket, answer);
            measured::answered(self.route, answer, self.began.elapsed());
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.tell(&Answer::Lost);
    }
}

async fn read_body(route: &'static str, mut response: reqwest::Response) -> Result<Vec<u8>, CallError> {
    let status = Some(response.status().as_u16());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| no_answer(route, status, e))? {
        if body.len() + chunk.len() > BODY_MOST {
            return Err(unreadable(route, status, "the answer is too long"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// An answer of Discord other than a 429, whole.
pub(super) struct Reply {
    pub(super) status: u16,
    body: Vec<u8>,
}

impl Reply {
    pub(super) const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The body of a 200.
    pub(super) fn read<T: DeserializeOwned>(&self, spec: RouteSpec) -> Result<T, CallError> {
        if self.status != 200 {
            return Err(unreadable(
                spec.template,
                Some(self.status),
                "expected 200 with a body",
            ));
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            // serde's own words may quote what it read.
            let at = format!("line {} column {} of the body", error.line(), error.column());
            unreadable(spec.template, Some(self.status), &at)
        })
    }

    /// A write was done: 204, or 200 or 201 with JSON. A page of something on the way is not that.
    pub(super) fn done(&self, spec: RouteSpec) -> Result<(), CallError> {
        match self.status {
            204 => Ok(()),
            200 | 201 if serde_json::from_slice::<serde::de::IgnoredAny>(&self.body).is_ok() => Ok(()),
            status => Err(unreadable(
                spec.template,
                Some(status),
                "expected 204, or a body in JSON",
            )),
        }
    }
}

/// Names whose budget a token uses, without telling the token: the first 64 bits of its SHA-256.
pub(super) fn principal(token: &str) -> u64 {
    let digest = Sha256::digest(token.as_bytes());
    digest
        .iter()
        .take(8)
        .fold(0, |n, byte| (n << 8) | u64::from(*byte))
}

/// Adds a reason for Discord's audit log: percent-encoded UTF-8, cut to Discord's 512 characters.
pub(super) fn with_reason(request: RequestBuilder, options: &CallOptions) -> RequestBuilder {
    let reason: String = options
        .reason
        .iter()
        .flat_map(|r| r.trim().chars())
        .take(REASON_MOST)
        .collect();
    if reason.is_empty() {
        return request;
    }
    request.header(REASON, utf8_percent_encode(&reason, REASON_SET).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_always_has_the_same_principal() {
        assert_eq!(principal("abc"), 0xba78_16bf_8f01_cfea);
        assert_ne!(principal("abc"), principal("abd"));
    }

    #[test]
    fn a_client_for_discord_itself_needs_root_certificates_only() {
        let limiter = Arc::new(crate::limiter::MemoryLimiter::new(Default::default()));
        match DiscordClient::new(&DiscordSettings::default(), limiter) {
            Ok(client) => assert_eq!(client.base_url(), "https://discord.com/api/v10"),
            Err(error) => assert!(error.to_string().contains("root certificates"), "{error}"),
        }
    }
}
