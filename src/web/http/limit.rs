//! How often somebody may ask: each user with a valid token, each key, and each address without either.

use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use secrecy::SecretString;

use super::problem::ApiError;
use crate::config::{ApiConfig, RateLimit};
use crate::web::auth::{self, memory::Memory};

/// Every so many requests, users and addresses that may ask as much as ever are forgotten.
const SWEEP_EVERY: u32 = 1_024;

/// The end of the path, under every prefix, to which Discord sends browsers back.
const CALLBACK: &str = "/discord/auth/callback";

/// The end of the path, under every prefix, of the module's state.
const STATUS: &str = "/discord/status";

/// Marks a request of somebody who asks too often, and is answered all the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TooOften;

/// Buckets of this process.
pub(crate) struct Limits {
    users: Option<Buckets<String>>,
    addresses: Option<Buckets<IpAddr>>,
    trusted_proxies: usize,
    secret: Option<SecretString>,
    memory: Arc<Memory>,
    /// Where a browser goes that comes back from Discord and has to wait.
    login_over: String,
}

impl Limits {
    /// As configured.
    pub(crate) fn new(
        config: &ApiConfig,
        secret: Option<SecretString>,
        memory: Arc<Memory>,
        login_over: String,
    ) -> Arc<Self> {
        Arc::new(Self {
            users: Buckets::new(config.user_limit),
            addresses: Buckets::new(config.address_limit),
            trusted_proxies: config.trusted_proxies,
            secret,
            memory,
            login_over,
        })
    }

    fn ask(&self, request: &Request) -> Option<Asked> {
        if let Some(principal) = auth::principal(request.headers(), self.secret.as_ref(), &self.memory) {
            return self.users.as_ref().map(|buckets| buckets.ask(&principal));
        }
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>()?.0.ip();
        let address = address(request.headers(), peer, self.trusted_proxies);
        self.addresses.as_ref().map(|buckets| buckets.ask(&address))
    }
}

/// The layer.
pub(crate) async fn check(State(limits): State<Arc<Limits>>, mut request: Request, next: Next) -> Response {
    // Platforms that watch a process must not be turned away, and preflights are not the caller's doing.
    let exempt = matches!(request.uri().path(), "/livez" | "/readyz" | "/health");
    if exempt || request.method() == Method::OPTIONS {
        return next.run(request).await;
    }
    let Some(asked) = limits.ask(&request) else {
        return next.run(request).await;
    };
    let is_login = request.uri().path().ends_with(CALLBACK);
    if request.uri().path().ends_with(STATUS) {
        // Another answer than 200 replaces the frontend's whole page. It costs less instead.
        if asked.wait.is_some() {
            request.extensions_mut().insert(TooOften);
        }
        return next.run(request).await;
    }
    let mut response = match asked.wait {
        None => next.run(request).await,
        // A person looks at this answer, and the page to look at is the frontend's.
        Some(_) if is_login => (StatusCode::FOUND, [(LOCATION, limits.login_over.clone())]).into_response(),
        Some(seconds) => ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limited",
            format!("too many requests; try again in {seconds} s"),
        )
        .retry_after(seconds)
        .into_response(),
    };
    asked.tell(response.headers_mut());
    response
}

/// What a bucket answered.
struct Asked {
    left: u32,
    burst: u32,
    per_minute: u32,
    /// Seconds to wait, if it was too much.
    wait: Option<u64>,
}

impl Asked {
    /// `RateLimit` and `RateLimit-Policy` of the IETF's draft (draft-ietf-httpapi-ratelimit-headers-10).
    fn tell(&self, headers: &mut HeaderMap) {
        let full_in = u64::from(self.burst.saturating_sub(self.left)) * 60;
        let full_in = self
            .wait
            .unwrap_or_else(|| full_in.div_ceil(u64::from(self.per_minute)));
        let window = (u64::from(self.burst) * 60).div_ceil(u64::from(self.per_minute));
        let policy = format!("\"default\";q={};w={window}", self.burst);
        let state = format!("\"default\";r={};t={full_in}", self.left);
        for (name, value) in [("ratelimit-policy", policy), ("ratelimit", state)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}

struct Buckets<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, HashMapStateStore<K>, DefaultClock, StateInformationMiddleware>,
    clock: DefaultClock,
    rate: RateLimit,
    asked: AtomicU32,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    fn new(rate: RateLimit) -> Option<Self> {
        let quota =
            Quota::per_minute(NonZeroU32::new(rate.per_minute)?).allow_burst(NonZeroU32::new(rate.burst)?);
        let clock = DefaultClock::default();
        Some(Self {
            limiter: RateLimiter::new(quota, HashMapStateStore::default(), clock.clone()),
            clock,
            rate,
            asked: AtomicU32::new(0),
        })
    }

    fn ask(&self, key: &K) -> Asked {
        if self.asked.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.limiter.retain_recent();
        }
        let (left, wait) = match self.limiter.check_key(key) {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(not_until) => {
                let wait = not_until.wait_time_from(self.clock.now());
                (0, Some(wait.as_secs() + 1))
            }
        };
        Asked {
            left,
            burst: self.rate.burst,
            per_minute: self.rate.per_minute,
            wait,
        }
    }
}

/// Whose request it is: the peer, or with trusted proxies what the outermost of them saw. Pure.
///
/// Each proxy adds, at the end of `X-Forwarded-For`, who called it; what stands before was written by the caller and
/// is not believed.
fn address(headers: &HeaderMap, peer: IpAddr, trusted_proxies: usize) -> IpAddr {
    let Some(from_the_end) = trusted_proxies.checked_sub(1) else {
        return grouped(peer);
    };
    let all = headers.get_all("x-forwarded-for").iter();
    let entries: Vec<&str> = all
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .collect();
    let seen = entries.iter().rev().nth(from_the_end);
    grouped(seen.and_then(|text| text.trim().parse().ok()).unwrap_or(peer))
}

/// One household has a whole /64 of IPv6 addresses.
fn grouped(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_burst_passes_and_the_next_is_told_when_to_come() {
        let rate = RateLimit {
            per_minute: 6,
            burst: 3,
        };
        let buckets = Buckets::new(rate).unwrap();
        let left: Vec<u32> = (0..3).map(|_| buckets.ask(&"ada").left).collect();
        assert_eq!(left, [2, 1, 0]);
        let refused = buckets.ask(&"ada");
        assert!(refused.wait.is_some_and(|s| (9..=11).contains(&s)));
        assert!(
            buckets.ask(&"eve").wait.is_none(),
            "another one has another bucket"
        );
        let mut headers = HeaderMap::new();
        refused.tell(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"default\";q=3;w=30");
        assert!(
            headers["ratelimit"]
                .to_str()
                .unwrap()
                .starts_with("\"default\";r=0;t=")
        );
        assert!(
            Buckets::<u8>::new(RateLimit {
                per_minute: 0,
                burst: 1
            })
            .is_none()
        );
    }

    #[test]
    fn a_forwarded_address_counts_only_behind_a_trusted_proxy() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "6.6.6.6, 1.2.3.4".parse().unwrap());
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        assert_eq!(address(&headers, peer, 0), peer);
        assert_eq!(address(&headers, peer, 1).to_string(), "1.2.3.4");
        assert_eq!(address(&headers, peer, 5), peer);
        assert_eq!(
            address(&HeaderMap::new(), "2001:db8::7".parse().unwrap(), 1).to_string(),
            "2001:db8::"
        );
    }
}
