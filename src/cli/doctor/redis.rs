//! Does Redis answer, and does it keep what it is given? Who keeps Discord's limits?

use rolecall_core::ports::{Barrier, Budget, Keeper};

use super::report::Report;
use crate::app::App;
use crate::cli::seams::{self, RedisFacts};
use crate::config::{Config, Store};

/// Redis, if one is set.
pub(super) async fn look(config: &Config, report: &mut Report) {
    let Store::Distributed { redis: Some(url), .. } = &config.store else {
        return;
    };
    match seams::inspect_redis(url).await {
        Ok(facts) => judge(&facts, report),
        Err(error) => report.fail(
            "Redis",
            error,
            "an answer",
            "Check REDIS_URL, that Redis runs and can be reached from here, and the password.",
        ),
    }
}

/// Who keeps Discord's limits, and what they leave.
pub(super) async fn limits(app: &App, report: &mut Report) {
    let is_embedded = matches!(app.config.store, Store::Embedded);
    judge_limits(&app.limiter.budget().await, is_embedded, report);
}

fn judge_limits(budget: &Budget, is_embedded: bool, report: &mut Report) {
    const ASKED: &str = "Discord's limits";
    let stopped = |barrier| budget.stops.iter().any(|(b, _)| *b == barrier);
    match budget.keeper {
        Keeper::Process if is_embedded => report.warn(
            ASKED,
            "the file by which the processes keep them together cannot be used: each keeps them for itself",
            "discord-limits.db in the data folder, which can be read and written",
            "Make room on its disk, and let its owner write to the folder. If the file is removed, it is made again.",
        ),
        Keeper::Process => report.ok(ASKED, "without REDIS_URL, each process keeps them for itself"),
        Keeper::Part => report.warn(
            ASKED,
            "Redis does not tell what is left: each process keeps its part of them by itself",
            "all processes keep them together, in Redis",
            "Look at what is said of Redis above. The work goes on, with a few more answers 429.",
        ),
        Keeper::Redis | Keeper::File if stopped(Barrier::Edge) || stopped(Barrier::Invalid) => report.fail(
            ASKED,
            format!(
                "{} calls were refused lately, and Discord may ban or has banned this address",
                budget.invalid
            ),
            "few refused calls",
            "See RolecallBanRisk in docs/runbook.md: mend what is refused, and wait.",
        ),
        Keeper::Redis | Keeper::File => report.ok(
            ASKED,
            format!(
                "kept in {} by all processes; {} of {} refused calls are left",
                if is_embedded { "a file" } else { "Redis" },
                budget.invalid_left(),
                budget.invalid_most
            ),
        ),
    }
}

fn judge(facts: &RedisFacts, report: &mut Report) {
    report.ok("Redis", format!("answers: version {}", facts.version));
    match facts.maxmemory_policy.as_deref() {
        Some("noeviction") => report.ok("Redis memory", "noeviction"),
        Some(policy) => report.fail(
            "Redis memory",
            format!("maxmemory-policy is {policy}, so that Redis drops jobs and limits when it is full"),
            "noeviction",
            "Set `maxmemory-policy noeviction`, or use a Redis that is no cache.",
        ),
        None => report.warn(
            "Redis memory",
            "the server does not tell its maxmemory-policy",
            "noeviction",
            "Look it up at your provider.",
        ),
    }
    match facts.aof_enabled {
        Some(true) => report.ok("Redis durability", "append-only file on"),
        Some(false) => report.warn(
            "Redis durability",
            "append-only file off: after a restart of Redis, jobs in transit are sent again from the store, later",
            "appendonly yes",
            "Set `appendonly yes`.",
        ),
        None => report.warn(
            "Redis durability",
            "the server does not tell whether it writes an append-only file",
            "appendonly yes",
            "Look it up at your provider.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_nobody_shares_are_a_warning_and_a_ban_is_a_failure() {
        let exit_of = |is_embedded, keeper, stops: &[Barrier]| {
            let mut report = Report::default();
            let stops = stops.iter().map(|b| (*b, std::time::Duration::from_secs(9)));
            let budget = Budget {
                keeper,
                stops: stops.collect(),
                ..Budget::default()
            };
            judge_limits(&budget, is_embedded, &mut report);
            report.exit() as u8
        };
        let exit = |keeper, stops: &[Barrier]| exit_of(false, keeper, stops);
        assert_eq!(exit(Keeper::Redis, &[]), 0);
        assert_eq!(
            exit(Keeper::Redis, &[Barrier::Global]),
            0,
            "that is over in a moment"
        );
        assert_eq!(exit(Keeper::Process, &[]), 0);
        assert_eq!(exit(Keeper::Part, &[]), 1);
        assert_eq!(exit(Keeper::Redis, &[Barrier::Edge]), 2);
        assert_eq!(exit_of(true, Keeper::File, &[]), 0);
        assert_eq!(exit_of(true, Keeper::File, &[Barrier::Invalid]), 2);
        assert_eq!(exit_of(true, Keeper::Process, &[]), 1);
    }

    #[test]
    fn a_redis_that_drops_what_it_is_given_is_a_failure() {
        let exit = |policy: &str, aof: bool| {
            let mut report = Report::default();
            let facts = RedisFacts {
                version: "7.4.1".to_owned(),
                maxmemory_policy: Some(policy.to_owned()),
                aof_enabled: Some(aof),
            };
            judge(&facts, &mut report);
            report.exit() as u8
        };
        assert_eq!(exit("noeviction", true), 0);
        assert_eq!(exit("noeviction", false), 1);
        assert_eq!(exit("allkeys-lru", true), 2);
    }
}
