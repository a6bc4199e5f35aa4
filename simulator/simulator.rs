//! The handle to a little Discord.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::SimClock;
use crate::config::SimulatorConfig;
use crate::faults::{Faults, FaultsHandle};
use crate::guild::Guild;
use crate::limits::{self, Limit};
use crate::tokens::{Issue, TokenPair};
use crate::traffic::{Call, Counters, Traffic};
use crate::world::World;

/// A little Discord. Copies are handles to the same world.
#[derive(Clone)]
pub struct Simulator {
    inner: Arc<Inner>,
}

struct Inner {
    config: SimulatorConfig,
    clock: SimClock,
    limits: Vec<Limit>,
    state: Mutex<State>,
}

/// Everything that changes.
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) traffic: Traffic,
    pub(crate) faults: Faults,
}

impl Simulator {
    /// An empty world whose clock runs at the speed of the configuration.
    #[must_use]
    pub fn new(config: SimulatorConfig) -> Self {
        let clock = SimClock::running(config.speed);
        Self::with_clock(config, clock)
    }

    /// An empty world on a clock of the caller, which a test can move by hand.
    #[must_use]
    pub fn with_clock(config: SimulatorConfig, clock: SimClock) -> Self {
        let state = State {
            world: World::new(&config),
            traffic: Traffic::default(),
            faults: Faults::new(config.seed),
        };
        let limits = limits::effective(&config.limits);
        Self {
            inner: Arc::new(Inner {
                config,
                clock,
                limits,
                state: Mutex::new(state),
            }),
        }
    }

    /// Runs `work` on the state. A panic of another holder leaves nothing half done that would matter more
    /// than going on.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.inner.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs `work` on a guild, if it exists.
    pub(crate) fn with_guild<T>(&self, guild: u64, work: impl FnOnce(&mut Guild) -> T) -> Option<T> {
        self.with(|state| state.world.guilds.get_mut(&guild).map(work))
    }

    #[must_use]
    pub fn config(&self) -> &SimulatorConfig {
        &self.inner.config
    }

    #[must_use]
    pub fn clock(&self) -> &SimClock {
        &self.inner.clock
    }

    pub(crate) fn limits(&self) -> &[Limit] {
        &self.inner.limits
    }

    /// Simulated milliseconds since the start.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.inner.clock.now_ms()
    }

    /// Numbers since the start or the last reset.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.with(|state| state.traffic.counters.clone())
    }

    /// Sets the counters and the log of calls to nothing. Limits go on.
    pub fn reset_counters(&self) {
        self.with(|state| state.traffic.reset_counters());
    }

    /// The last calls, oldest first.
    #[must_use]
    pub fn calls(&self, last: usize) -> Vec<Call> {
        self.with(|state| state.traffic.last_calls(last))
    }

    /// Every role that a call to the API ever gave or took in this guild.
    #[must_use]
    pub fn touched_roles(&self, guild: u64) -> BTreeSet<u64> {
        self.with_guild(guild, |guild| guild.touched.clone())
            .unwrap_or_default()
    }

    /// The faults that can be switched on.
    #[must_use]
    pub fn faults(&self) -> FaultsHandle {
        FaultsHandle {
            simulator: self.clone(),
        }
    }

    /// Logs a user in to the main application without the consent page.
    pub fn grant_token(&self, user: u64, scopes: &[&str]) -> TokenPair {
        let app = self.with(|state| state.world.main_app);
        self.grant_token_for(app, user, scopes)
    }

    /// The same for another application (the id of its bot).
    pub fn grant_token_for(&self, app: u64, user: u64, scopes: &[&str]) -> TokenPair {
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let issue = self.issue();
        self.with(|state| {
            let World { tokens, rng, .. } = &mut state.world;
            tokens.issue((user, app), &scopes, issue, rng)
        })
    }

    /// The user removes the main application: all its tokens for this user end.
    pub fn deauthorize(&self, user: u64) {
        self.with(|state| state.world.tokens.deauthorize(user, state.world.main_app));
    }

    /// How a token of this moment lives.
    pub(crate) fn issue(&self) -> Issue {
        let config = self.config();
        Issue {
            now_ms: self.now_ms(),
            life_s: config.access_token_life_s,
            reuse: config.same_token_on_relogin,
        }
    }
}
