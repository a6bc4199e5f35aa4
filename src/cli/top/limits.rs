//! What Discord's limits leave, in the words of the page.

use rolecall_core::ports::{Barrier, Budget, FullBucket, Keeper};

use crate::cli::table::{Table, number, text, whole};
use crate::cli::view;

/// Budgets that are shown.
const BUDGETS: usize = 5;

/// What is left, in a line.
pub(super) fn title(budget: &Budget) -> String {
    match budget.keeper {
        Keeper::Process => {
            "Discord's limits: each process keeps them for itself, and tells of them in /metrics".to_owned()
        }
        Keeper::Part => {
            "Discord's limits: Redis does not answer, so each process keeps its part of them by itself"
                .to_owned()
        }
        Keeper::Redis | Keeper::File => format!(
            "Discord's limits, kept together: {} of {} refused calls left in {}; processes that called lately: {}",
            budget.invalid_left(),
            budget.invalid_most,
            length(budget.invalid_window),
            budget.processes,
        ),
    }
}

/// What stops more than one budget, a line each.
pub(super) fn alarms(budget: &Budget) -> Vec<String> {
    let line = |(barrier, left): &(Barrier, std::time::Duration)| {
        format!("Discord, {} more: {}", length(*left), words(*barrier))
    };
    budget.stops.iter().map(line).collect()
}

/// The budgets that are waited for, if any is.
pub(super) fn table(budget: &Budget) -> Option<Table> {
    let mut table = Table::new(&[
        text("BUDGET"),
        whole("GUILD"),
        number("PLACES"),
        number("FIRST IN"),
        number("LAST IN"),
        text("WAITS FOR"),
    ]);
    for full in budget.waiting.iter().take(BUDGETS) {
        table.row(row(full));
    }
    (!budget.waiting.is_empty()).then_some(table)
}

fn row(full: &FullBucket) -> [String; 6] {
    [
        full.bucket.clone(),
        full.guild
            .map_or_else(|| "-".to_owned(), |guild| guild.to_string()),
        full.places.to_string(),
        length(full.next),
        length(full.last),
        words(full.barrier).to_owned(),
    ]
}

fn length(time: std::time::Duration) -> String {
    view::length(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

const fn words(barrier: Barrier) -> &'static str {
    match barrier {
        Barrier::Bucket => "its turn",
        Barrier::Global => "a bot's global limit is used up",
        Barrier::Invalid => "too many refused calls, only interactive ones go",
        Barrier::Edge => "this address is refused",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rolecall_core::GuildId;

    use super::*;

    #[test]
    fn a_shared_budget_is_told_with_its_stops_and_with_who_waits() {
        let budget = Budget {
            keeper: Keeper::File,
            processes: 2,
            invalid: 13,
            invalid_most: 1_000,
            invalid_window: Duration::from_secs(600),
            stops: vec![(Barrier::Global, Duration::from_secs(4))],
            waiting: vec![FullBucket {
                bucket: "role-write".to_owned(),
                guild: GuildId::new(7),
                barrier: Barrier::Global,
                places: 40,
                next: Duration::from_secs(4),
                last: Duration::from_secs(44),
            }],
        };
        let told = title(&budget);
        assert!(told.contains("987 of 1000") && told.ends_with(": 2"), "{told}");
        assert!(
            alarms(&budget)[0].contains("global limit"),
            "{:?}",
            alarms(&budget)
        );
        let shown = table(&budget).unwrap().render(None);
        for part in ["role-write", "40", "global limit"] {
            assert!(shown.contains(part), "{shown}");
        }
    }

    #[test]
    fn where_nothing_is_shared_it_says_who_knows() {
        let budget = Budget::default();
        assert!(title(&budget).contains("/metrics"));
        assert!(table(&budget).is_none() && alarms(&budget).is_empty());
    }
}
