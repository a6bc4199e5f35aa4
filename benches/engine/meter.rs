//! What a process costs, as Linux tells it. Elsewhere nothing is known, and nothing is claimed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Half of the values, and 99 of 100, are not above these. Milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Spread {
    /// Of microseconds, in any order.
    pub(crate) fn of(mut micros: Vec<u64>) -> Self {
        micros.sort_unstable();
        let at = |share: f64| {
            let last = micros.len().saturating_sub(1);
            let index = (last as f64 * share).round() as usize;
            micros.get(index).map_or(0.0, |us| *us as f64 / 1_000.0)
        };
        Self {
            p50: at(0.50),
            p99: at(0.99),
        }
    }
}

/// CPU time that a process has used up, in milliseconds.
pub(crate) fn cpu_ms(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(file(pid, "stat")).ok()?;
    // After the name, which is in parentheses and may hold anything: the fields from the third on (proc(5)).
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |n: usize| fields.get(n - 3)?.parse::<f64>().ok();
    let (user, system) = (ticks(14)?, ticks(15)?);
    Some((user + system) * 1_000.0 / rustix::param::clock_ticks_per_second() as f64)
}

/// Memory that a process has in RAM, in MiB.
pub(crate) fn rss_mib(pid: u32) -> Option<f64> {
    status(pid, "VmRSS")
}

/// The most that it ever had.
pub(crate) fn peak_rss_mib(pid: u32) -> Option<f64> {
    status(pid, "VmHWM")
}

fn status(pid: u32, name: &str) -> Option<f64> {
    let text = std::fs::read_to_string(file(pid, "status")).ok()?;
    let fields: BTreeMap<&str, &str> = text.lines().filter_map(|l| l.split_once(':')).collect();
    let kib: f64 = fields.get(name)?.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1_024.0)
}

fn file(pid: u32, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_the_middle_and_the_hundredth_from_the_top() {
        let spread = Spread::of((1..=101).map(|n| n * 1_000).rev().collect());
        assert_eq!((spread.p50, spread.p99), (51.0, 100.0));
        assert_eq!(Spread::of(Vec::new()).p99, 0.0);
    }

    #[test]
    fn this_process_costs_something_where_linux_tells() {
        if cfg!(target_os = "linux") {
            let pid = std::process::id();
            assert!(cpu_ms(pid).is_some() && rss_mib(pid).is_some_and(|mib| mib > 0.5));
            assert!(peak_rss_mib(pid) >= rss_mib(pid));
        }
    }
}
