//! Does Redis answer, and does it keep what it is given?

use super::report::Report;
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
