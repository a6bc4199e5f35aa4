//! Counts the transactions of the embedded store's writer, by the event that it traces for each.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Where the writer traces, and the field that says how many calls share the commit.
const TARGET: &str = "rolecall_adapters::store::sqlite::writer";
const CALLS: &str = "calls";

/// What was counted until a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SoFar {
    pub(crate) commits: u64,
    pub(crate) writes: u64,
}

/// The counters. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Commits(Arc<(AtomicU64, AtomicU64)>);

impl Commits {
    pub(crate) fn so_far(&self) -> SoFar {
        SoFar {
            commits: self.0.0.load(Ordering::Relaxed),
            writes: self.0.1.load(Ordering::Relaxed),
        }
    }
}

/// Starts counting, and logs warnings of this process to standard error.
pub(crate) fn count() -> Commits {
    let commits = Commits::default();
    let traced = commits
        .clone()
        .with_filter(Targets::new().with_target(TARGET, LevelFilter::TRACE));
    let log = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_filter(
            Targets::new()
                .with_default(LevelFilter::WARN)
                .with_target(TARGET, LevelFilter::OFF),
        );
    // A second start (in tests) keeps the first.
    let _ = tracing_subscriber::registry().with(traced).with(log).try_init();
    commits
}

impl<S: Subscriber> Layer<S> for Commits {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut calls = Calls(0);
        event.record(&mut calls);
        self.0.0.fetch_add(1, Ordering::Relaxed);
        self.0.1.fetch_add(calls.0, Ordering::Relaxed);
    }
}

struct Calls(u64);

impl Visit for Calls {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == CALLS {
            self.0 += value;
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}
