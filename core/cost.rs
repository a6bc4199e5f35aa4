//! What jobs cost at Discord: how many calls, and how long they take at least within its limits.
//!
//! Pure, and rough on purpose: it answers "seconds, minutes or hours?" before many jobs are run again. Each kind says what
//! one job of it calls when its wish still stands; one that finds nothing to do calls less.
//!
//! The sizes of the budgets are observed, not documented: single-role calls, edits of a member, joins and pages of members
//! are budgets of their own of [`BUDGET_CALLS`] in [`BUDGET_WINDOW`] a guild; a bot has [`GLOBAL_CALLS`] in a second.

use std::collections::BTreeMap;
use std::time::Duration;

/// Calls of one budget of a guild in one window.
pub const BUDGET_CALLS: u32 = 10;
/// The length of that window.
pub const BUDGET_WINDOW: Duration = Duration::from_secs(10);
/// Calls of one bot in a second.
pub const GLOBAL_CALLS: u32 = 50;

/// The calls that one job makes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// `PUT` and `DELETE` of a member's role.
    pub role_writes: u64,
    /// `PATCH` of a member.
    pub member_edits: u64,
    /// `PUT` of a member.
    pub joins: u64,
    /// Whatever has no narrow budget of the guild: reads of a member, messages, tokens.
    pub others: u64,
    /// It looks at the guild and at the bot in it, which are kept for ten minutes: two calls a guild, not a job.
    pub looks_at_guild: bool,
    /// It makes further jobs, or reads as many pages as there are: nobody knows before how many calls that takes.
    pub open_ended: bool,
}

impl Calls {
    /// It calls nobody.
    pub const NONE: Self = Self {
        role_writes: 0,
        member_edits: 0,
        joins: 0,
        others: 0,
        looks_at_guild: false,
        open_ended: false,
    };
    /// One single-role call.
    pub const ROLE_WRITE: Self = Self {
        role_writes: 1,
        ..Self::NONE
    };
    /// One call without a narrow budget.
    pub const OTHER: Self = Self {
        others: 1,
        ..Self::NONE
    };
}

/// So many jobs of one kind in one guild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// What one of them calls.
    pub calls: Calls,
    /// Their guild's id.
    pub guild: Option<String>,
    /// How many.
    pub jobs: u64,
}

/// What it all costs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prediction {
    /// Calls in all.
    pub calls: u64,
    /// Of these, writes with a narrow budget, in the guild that has most of them.
    pub most_in_a_guild: u64,
    /// The least time that Discord's limits allow.
    pub takes: Duration,
    /// It is at least this: some of the jobs make work that nobody can know before.
    pub open_ended: bool,
}

/// Adds up.
pub fn predict(loads: &[Load]) -> Prediction {
    let mut guilds: BTreeMap<Option<&str>, Calls> = BTreeMap::new();
    let mut open_ended = false;
    for load in loads.iter().filter(|load| load.jobs > 0) {
        let (sum, one) = (guilds.entry(load.guild.as_deref()).or_default(), &load.calls);
        sum.role_writes += one.role_writes * load.jobs;
        sum.member_edits += one.member_edits * load.jobs;
        sum.joins += one.joins * load.jobs;
        sum.others += one.others * load.jobs;
        sum.looks_at_guild |= one.looks_at_guild;
        open_ended |= one.open_ended;
    }
    let mut out = Prediction {
        open_ended,
        ..Prediction::default()
    };
    for sum in guilds.values() {
        let writes = sum.role_writes + sum.member_edits + sum.joins;
        out.calls += writes + sum.others + if sum.looks_at_guild { 2 } else { 0 };
        out.most_in_a_guild = out.most_in_a_guild.max(writes);
        // The budgets are used side by side.
        let alone = [
            fixed(sum.role_writes),
            sliding(sum.member_edits),
            sliding(sum.joins),
        ];
        out.takes = alone.into_iter().fold(out.takes, Duration::max);
    }
    let together = Duration::from_millis(out.calls.saturating_mul(1_000) / u64::from(GLOBAL_CALLS));
    out.takes = out.takes.max(together);
    out
}

/// Time for so many calls of a budget that fills one by one (edits of members, joins, pages), full at the start.
pub fn sliding(calls: u64) -> Duration {
    let each = BUDGET_WINDOW / BUDGET_CALLS;
    times(each, calls.saturating_sub(u64::from(BUDGET_CALLS)))
}

/// Time for so many calls of a budget that fills all at once (single roles), full at the start.
pub fn fixed(calls: u64) -> Duration {
    let windows = calls.div_ceil(u64::from(BUDGET_CALLS));
    times(BUDGET_WINDOW, windows.saturating_sub(1))
}

fn times(span: Duration, n: u64) -> Duration {
    let millis = span.as_millis().saturating_mul(u128::from(n));
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn load(calls: Calls, guild: &str, jobs: u64) -> Load {
        Load {
            calls,
            guild: Some(guild.to_owned()),
            jobs,
        }
    }

    #[test]
    fn a_guild_takes_one_write_a_second_and_guilds_go_side_by_side() {
        let one = predict(&[load(Calls::ROLE_WRITE, "1", 70)]);
        assert_eq!((one.calls, one.takes), (70, Duration::from_secs(60)));
        let two = predict(&[load(Calls::ROLE_WRITE, "1", 70), load(Calls::ROLE_WRITE, "2", 30)]);
        assert_eq!(
            (two.calls, two.takes, two.most_in_a_guild),
            (100, Duration::from_secs(60), 70)
        );
        let many: Vec<Load> = (0..100)
            .map(|guild| load(Calls::ROLE_WRITE, &guild.to_string(), 60))
            .collect();
        assert_eq!(
            predict(&many).takes,
            Duration::from_secs(120),
            "the bot's own limit"
        );
    }

    #[test]
    fn edits_and_single_roles_of_a_guild_go_side_by_side_and_the_guild_is_looked_at_once() {
        let edit = Calls {
            member_edits: 1,
            others: 1,
            looks_at_guild: true,
            ..Calls::NONE
        };
        let both = predict(&[load(Calls::ROLE_WRITE, "1", 20), load(edit, "1", 30)]);
        assert_eq!((both.calls, both.takes), (20 + 60 + 2, Duration::from_secs(20)));
        assert!(!both.open_ended);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn more_jobs_never_cost_less(
            jobs in prop::collection::vec((0u64..4, 0u64..200, 0u64..3), 1..12), more in 1u64..100
        ) {
            let loads: Vec<Load> = jobs
                .iter()
                .map(|(guild, jobs, edits)| {
                    load(Calls { member_edits: *edits, ..Calls::ROLE_WRITE }, &guild.to_string(), *jobs)
                })
                .collect();
            let mut longer = loads.clone();
            longer[0].jobs += more;
            let (less, much) = (predict(&loads), predict(&longer));
            prop_assert!(much.calls > less.calls && much.takes >= less.takes);
            prop_assert_eq!(predict(&[]), Prediction::default());
        }
    }
}
