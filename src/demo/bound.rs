//! The least time that Discord's limits allow for a sync: T*.
//!
//! The sizes of the budgets are observed, not documented; they are the ones that the simulator enforces: reading
//! pages, single-role calls and PATCHes are separate budgets of 10 calls in 10 s a guild, and a bot has 50 calls a
//! second in all. Full budgets at the start are assumed.

use rolecall_core::cost::{self, GLOBAL_CALLS};

/// Calls of one bot in a second.
const GLOBAL: f64 = GLOBAL_CALLS as f64;
const PAGE: usize = 1_000;

/// What one guild needs.
#[derive(Debug, Clone, Default)]
pub(super) struct GuildWork {
    /// Members, the bot included.
    pub(super) members: usize,
    /// Role changes of each member who has any.
    pub(super) deltas: Vec<usize>,
}

fn sliding(calls: usize) -> f64 {
    cost::sliding(calls as u64).as_secs_f64()
}

fn fixed(calls: usize) -> f64 {
    cost::fixed(calls as u64).as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "counts of a demo are far below 2^52")]
fn float(n: usize) -> f64 {
    n as f64
}

/// T* in seconds, for one bot: reading and writing run side by side, and the global limit holds for their sum.
pub(super) fn seconds(guilds: &[GuildWork]) -> f64 {
    let mut longest = 0.0f64;
    let mut calls = 0;
    for guild in guilds {
        let pages = guild.members / PAGE + 1;
        calls += pages + guild.deltas.len();
        longest = longest.max(sliding(pages)).max(write(&guild.deltas));
    }
    longest.max(float(calls) / GLOBAL)
}

/// The members with the fewest changes go by single-role calls, the others by PATCH, split where both end together.
fn write(deltas: &[usize]) -> f64 {
    let mut sorted = deltas.to_vec();
    sorted.sort_unstable();
    let mut role_calls = 0;
    let mut best = sliding(sorted.len());
    for (i, d) in sorted.iter().enumerate() {
        role_calls += d;
        let patches = sorted.len() - i - 1;
        best = best.min(sliding(patches).max(fixed(role_calls)));
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_the_known_one_for_known_cases() {
        let guild = |members, changed, d| GuildWork {
            members,
            deltas: vec![d; changed],
        };
        // 100,000 members, 1 % changed by one role each.
        assert!((seconds(&[guild(100_000, 1_000, 1)]) - 490.0).abs() < 1.0);
        // The same with three roles each.
        assert!((seconds(&[guild(100_000, 1_000, 3)]) - 740.0).abs() < 1.0);
        // A hundred guilds of a thousand, a tenth changed: the global limit counts.
        assert!((seconds(&vec![guild(1_000, 100, 1); 100]) - 204.0).abs() < 1.0);
    }
}
