//! What the demo says at the end. The counts are the simulator's.

use std::collections::BTreeMap;
use std::fmt::Arguments;
use std::net::SocketAddr;
use std::time::Duration;

use rolecall_core::run::{Run, RunResults};
use rolecall_simulator::Counters;
use serde::Serialize;

use super::Options;
use crate::cli::output;

/// A line for people, on standard error.
pub(super) fn say(line: Arguments<'_>) {
    output::note(&line.to_string());
}

/// The simulator's final state against what should be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Comparison {
    /// Members compared.
    pub members: u64,
    /// Members whose managed roles are wrong.
    pub wrong: u64,
    /// Roles that nobody mapped, and that were touched.
    pub unmanaged_touched: u64,
}

/// Calls that the simulator counted.
#[derive(Debug, Clone, Serialize)]
pub struct Calls {
    /// All.
    pub total: u64,
    /// By method and template.
    pub by_route: BTreeMap<String, u64>,
}

/// One sync.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// What it covered.
    pub kind: &'static str,
    /// How it ended.
    pub state: &'static str,
    /// How long it took, in simulated seconds.
    pub seconds: f64,
    /// The least that Discord's limits allow, in simulated seconds.
    pub bound_seconds: f64,
    /// The one divided by the other; absent where the bound is zero.
    pub ratio: Option<f64>,
    /// Calls.
    pub calls: Calls,
    /// Answers 429.
    pub rate_limited: u64,
    /// Jobs by state.
    pub jobs: BTreeMap<String, u64>,
    /// How long it took, in real seconds.
    pub real_seconds: f64,
    /// Roles given and taken.
    pub roles_added: u64,
    /// Roles taken.
    pub roles_removed: u64,
    /// Linked members who already had what they should.
    pub unchanged: u64,
    /// What was left alone, by reason.
    pub skipped: BTreeMap<String, u64>,
    #[serde(skip)]
    lost_updates: u64,
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1_000.0).round() / 1_000.0
}

impl RunReport {
    /// From the run and the simulator's counters.
    pub fn new(
        run: &Run,
        results: RunResults,
        counters: Counters,
        seconds: f64,
        bound: f64,
        real: Duration,
        lost_before: u64,
    ) -> Self {
        Self {
            kind: run.kind.as_str(),
            state: run.state.as_str(),
            seconds: rounded(seconds),
            bound_seconds: rounded(bound),
            ratio: (bound > 0.0).then(|| rounded(seconds / bound)),
            rate_limited: counters.rate_limited.total(),
            calls: Calls {
                total: counters.total,
                by_route: counters.by_route,
            },
            jobs: results.jobs,
            real_seconds: rounded(real.as_secs_f64()),
            roles_added: results.roles_added,
            roles_removed: results.roles_removed,
            unchanged: results.unchanged,
            skipped: results.skipped,
            lost_updates: counters.lost_updates + lost_before,
        }
    }

    /// For people.
    pub fn say(&self, title: &str) {
        say(format_args!(
            "{title}: {} in {:.1} s of Discord's time ({:.1} s real)",
            self.state, self.seconds, self.real_seconds
        ));
        say(format_args!(
            "  {} granted, {} revoked, {} members unchanged",
            self.roles_added, self.roles_removed, self.unchanged
        ));
        for (reason, n) in &self.skipped {
            say(format_args!("  {n} skipped: {}", reason.replace('_', " ")));
        }
        say(format_args!(
            "  {} calls, {} answers 429; Discord's limits allow no less than {:.1} s",
            self.calls.total, self.rate_limited, self.bound_seconds
        ));
        for (route, n) in &self.calls.by_route {
            say(format_args!("    {n:>6}  {route}"));
        }
    }
}

/// The demo's summary.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Every managed role of every member is as it should be.
    pub equal: bool,
    /// Roles that nobody mapped, and that were touched.
    pub unmanaged_touched: u64,
    /// Changes that were undone unseen.
    pub lost_updates: u64,
    /// The syncs.
    pub runs: Vec<RunReport>,
    /// The most memory this process had, in MiB.
    pub peak_rss_mb: Option<u64>,
    /// How much faster the simulator's clock ran.
    pub speed: f64,
    /// The whole demo, in real seconds.
    pub real_seconds: f64,
    #[serde(skip)]
    comparison: Comparison,
}

impl Report {
    /// From the comparison and the syncs.
    pub fn new(comparison: Comparison, runs: Vec<RunReport>, speed: f64, real: Duration) -> Self {
        Self {
            equal: comparison.wrong == 0,
            unmanaged_touched: comparison.unmanaged_touched,
            lost_updates: runs.iter().map(|r| r.lost_updates).max().unwrap_or(0),
            peak_rss_mb: peak_rss_mb(),
            runs,
            speed,
            real_seconds: rounded(real.as_secs_f64()),
            comparison,
        }
    }

    /// Whether the demo succeeded.
    pub fn is_right(&self) -> bool {
        self.equal && self.unmanaged_touched == 0
    }

    /// For people on standard error; as JSON on standard output if asked.
    pub fn print(&self, options: &Options, api: SocketAddr, simulator: SocketAddr) {
        say(format_args!(""));
        if self.is_right() {
            say(format_args!(
                "All {} members have exactly the roles that their groups give, and no other role was touched.",
                self.comparison.members
            ));
        } else {
            say(format_args!(
                "WRONG: {} of {} members have other roles than their groups give; {} other roles were touched.",
                self.comparison.wrong, self.comparison.members, self.unmanaged_touched
            ));
        }
        let memory = self
            .peak_rss_mb
            .map_or_else(String::new, |mb| format!(", {mb} MiB at most"));
        say(format_args!(
            "{:.1} s real in all{memory}. Lost updates: {}.",
            self.real_seconds, self.lost_updates
        ));
        if !options.exit {
            say(format_args!(
                "\nThe API answers at http://{api} (try http://{api}/discord/status),"
            ));
            say(format_args!(
                "and the little Discord shows itself at http://{simulator}/. Ctrl-C ends both."
            ));
        }
        if options.json {
            output::json_line(self);
        }
    }
}

/// From Linux's own account; nothing elsewhere.
fn peak_rss_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kb: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kb / 1024)
}
