//! Faults to switch on: what can go wrong between a client and Discord.

use std::time::Duration;

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use crate::Simulator;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// An answer such as 500, 502, 503 or 504; nothing was done.
    Status { status: u16 },
    /// The same, but the work was done.
    StatusAfter { status: u16 },
    /// The connection ends without an answer; nothing was done.
    ResetBefore,
    /// The connection ends without an answer; the work was done.
    ResetAfter,
    /// The answer comes this many real milliseconds late.
    Slow { ms: u64 },
    /// There is never an answer.
    Hang,
    /// The connection ends in the middle of the body.
    HalfBody,
    /// 429 with scope `user` although `Remaining` is above zero (a limit below the limit). Simulated seconds.
    LimitUser { retry_after: f64 },
    /// 429 with scope `shared`, by default with code 20029. Simulated seconds.
    LimitShared {
        retry_after: f64,
        #[serde(default = "shared_code")]
        code: u32,
    },
    /// 429 with scope `global`. Simulated seconds.
    LimitGlobal { retry_after: f64 },
    /// 429 with a `Retry-After` of any text: negative, no number, another one than the body's (if `in_body` names one).
    LimitOdd {
        retry_after: String,
        #[serde(default)]
        in_body: Option<f64>,
    },
    /// Cloudflare's 429: HTML, no JSON, no `Via`.
    CloudflarePage,
    /// Cloudflare's 429 with a fixed JSON body and no `Retry-After`.
    CloudflareJson,
    /// No `X-RateLimit` headers.
    MissingHeaders,
    /// Another `X-RateLimit-Bucket` for the same bucket.
    RenamedBucket,
    /// The bucket holds only this many requests a window.
    LowerLimit { limit: u32 },
    /// 404, code 10004, for a guild that is there (discord-api-docs #8445).
    UnknownGuild,
    /// The member list is refused as if the intent were off: 403, code 50001.
    IntentRevoked,
    /// 401 as if the token were dead.
    Unauthorized,
    /// Success is answered and nothing was done (discord-api-docs #6074).
    Ignored,
}

const fn shared_code() -> u32 {
    20_029
}

fn every_route() -> String {
    "*".into()
}

const fn always() -> f64 {
    1.0
}

/// A fault and the calls that it strikes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Given by the simulator.
    #[serde(default)]
    pub id: u64,
    #[serde(flatten)]
    pub kind: FaultKind,
    /// Pattern over method and template, with `*` for any text: `PUT /guilds/{guild}/members/{user}/roles/*`.
    #[serde(default = "every_route")]
    pub route: String,
    /// Only in this guild.
    #[serde(default, with = "crate::ids::option")]
    pub guild: Option<u64>,
    /// Only with this bot or access token.
    #[serde(default)]
    pub token: Option<String>,
    /// Share of the calls, from 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
    /// Ends after this many strikes.
    #[serde(default)]
    pub times: Option<u32>,
    /// Strikes so far.
    #[serde(default)]
    pub hits: u64,
}

impl Fault {
    /// A fault that strikes every call.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        let (route, probability) = (every_route(), always());
        Self {
            id: 0,
            kind,
            route,
            guild: None,
            token: None,
            probability,
            times: None,
            hits: 0,
        }
    }

    /// Only routes that match the pattern.
    #[must_use]
    pub fn on(self, route: &str) -> Self {
        Self {
            route: route.into(),
            ..self
        }
    }

    #[must_use]
    pub fn in_guild(self, guild: u64) -> Self {
        Self {
            guild: Some(guild),
            ..self
        }
    }

    #[must_use]
    pub fn for_token(self, token: &str) -> Self {
        Self {
            token: Some(token.into()),
            ..self
        }
    }

    /// Strikes this share of the calls, from 0 to 1.
    #[must_use]
    pub fn with_probability(self, probability: f64) -> Self {
        Self { probability, ..self }
    }

    /// Ends after this many strikes.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }
}

/// Adds, removes and lists the faults of a simulator.
#[derive(Clone)]
pub struct FaultsHandle {
    pub(crate) simulator: Simulator,
}

impl FaultsHandle {
    /// Switches a fault on. Returns its id.
    pub fn add(&self, fault: Fault) -> u64 {
        self.simulator.with(|state| state.faults.add(fault))
    }

    /// Switches a fault off. Says whether it was there.
    pub fn remove(&self, id: u64) -> bool {
        self.simulator.with(|state| state.faults.remove(id))
    }

    /// Switches all faults off.
    pub fn clear(&self) {
        self.simulator.with(|state| state.faults.active.clear());
    }

    /// Faults that are on; one with `times` leaves the list when it has struck that often.
    #[must_use]
    pub fn list(&self) -> Vec<Fault> {
        self.simulator.with(|state| state.faults.active.clone())
    }
}

#[derive(Debug)]
pub(crate) struct Faults {
    active: Vec<Fault>,
    last_id: u64,
    rng: Rng,
}

/// What strikes one call.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Strikes(Vec<FaultKind>);

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            active: Vec::new(),
            last_id: 0,
            rng: Rng::with_seed(seed),
        }
    }

    fn add(&mut self, fault: Fault) -> u64 {
        self.last_id += 1;
        self.active.push(Fault {
            id: self.last_id,
            hits: 0,
            ..fault
        });
        self.last_id
    }

    fn remove(&mut self, id: u64) -> bool {
        let before = self.active.len();
        self.active.retain(|fault| fault.id != id);
        self.active.len() < before
    }

    /// Draws what strikes a call to `route` (method and template) in `guild` (0 for none) with `token`.
    pub(crate) fn draw(&mut self, route: &str, guild: u64, token: &str) -> Strikes {
        let mut strikes = Vec::new();
        for fault in &mut self.active {
            let meant = glob(&fault.route, route)
                && fault.guild.is_none_or(|only| only == guild)
                && fault.token.as_ref().is_none_or(|only| only == token);
            if !meant || (fault.probability < 1.0 && self.rng.f64() >= fault.probability) {
                continue;
            }
            fault.hits += 1;
            fault.times = fault.times.map(|left| left.saturating_sub(1));
            strikes.push(fault.kind.clone());
        }
        self.active.retain(|fault| fault.times != Some(0));
        Strikes(strikes)
    }
}

impl Strikes {
    pub(crate) fn has(&self, kind: &FaultKind) -> bool {
        self.0.contains(kind)
    }

    /// The first value that `pick` finds.
    pub(crate) fn find<T>(&self, pick: impl Fn(&FaultKind) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(pick)
    }

    /// Real time by which the answer is late.
    pub(crate) fn delay(&self) -> Duration {
        let ms = |kind: &FaultKind| if let FaultKind::Slow { ms } = kind { *ms } else { 0 };
        Duration::from_millis(self.0.iter().map(ms).sum())
    }
}

/// Whether `text` matches `pattern`, in which `*` stands for any text.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(tail) = text.strip_prefix(head) else {
        return false;
    };
    (0..=tail.len())
        .filter(|at| tail.is_char_boundary(*at))
        .any(|at| glob(rest, &tail[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTE: &str = "PUT /guilds/{guild}/members/{user}/roles/{role}";

    #[test]
    fn patterns_match_method_and_template() {
        assert!(glob("*", ROUTE));
        assert!(glob("PUT *", ROUTE));
        assert!(glob("* /guilds/*/roles/{role}", ROUTE));
        assert!(!glob("GET *", ROUTE));
        assert!(!glob("PUT /guilds", ROUTE));
    }

    #[test]
    fn a_fault_with_a_count_ends() {
        let mut faults = Faults::new(1);
        faults.add(Fault::new(FaultKind::Hang).times(2));
        let struck = (0..5)
            .filter(|_| faults.draw(ROUTE, 0, "").has(&FaultKind::Hang))
            .count();
        assert_eq!(struck, 2);
        assert!(faults.active.is_empty());
    }

    #[test]
    fn the_same_seed_strikes_the_same_calls() {
        let run = || {
            let mut faults = Faults::new(7);
            faults.add(Fault::new(FaultKind::Hang).with_probability(0.3));
            (0..50)
                .map(|_| faults.draw(ROUTE, 0, "").has(&FaultKind::Hang))
                .collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
        assert!(run().contains(&true) && run().contains(&false));
    }

    #[test]
    fn a_fault_is_read_from_json_with_little_said() {
        let fault: Fault = serde_json::from_str(r#"{"kind":"status","status":502,"guild":"5"}"#).unwrap();
        assert_eq!(fault, Fault::new(FaultKind::Status { status: 502 }).in_guild(5));
    }
}
