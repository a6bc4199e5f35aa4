//! Does Redis answer, may we use it, and does it keep what it is given?

use rolecall_adapters::delivery::redis::{Refused, needed};

use super::report::Report;
use crate::cli::seams::{self, RedisFacts};
use crate::config::{Config, Store};

/// Redis, if one is set.
pub(super) async fn look(config: &Config, report: &mut Report) {
    let Store::Distributed { redis: Some(url), .. } = &config.store else {
        return;
    };
    let seen = match seams::inspect_redis(url).await {
        Ok(facts) => {
            judge(&facts, report);
            seams::refused_by_redis(url, &config.installation).await
        }
        Err(error) => Err(error),
    };
    match seen {
        Ok(refused) => judge_rights(refused, &config.installation, report),
        Err(error) => report.fail(
            "Redis",
            error,
            "an answer",
            "Check REDIS_URL, that Redis runs and can be reached from here, and the password.",
        ),
    }
}

fn judge_rights(refused: Refused, installation: &str, report: &mut Report) {
    const ASKED: &str = "Redis rights";
    let expected = format!("a user with the rights {}", needed(installation));
    let remedy = "Give them to the user in REDIS_URL with ACL SETUSER, or where your provider sets users.";
    if refused.work {
        report.fail(
            ASKED,
            "the user may not use our keys, or may not run scripts: no job goes through Redis, and workers take them from \
             the store, slowly",
            &expected,
            remedy,
        );
    } else if refused.bell {
        report.warn(
            ASKED,
            "the user may not use our channels: workers look for jobs once a second and are not woken",
            &expected,
            remedy,
        );
    } else {
        report.ok(ASKED, "keys, scripts and channels can be used");
    }
}

fn judge(facts: &RedisFacts, report: &mut Report) {
    match facts.version.as_str() {
        "" => report.ok("Redis", "answers, and does not tell its version"),
        version => report.ok("Redis", format!("answers: version {version}")),
    }
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
    fn a_redis_that_refuses_the_work_is_a_failure_and_one_without_a_bell_a_warning() {
        let exit = |work, bell| {
            let mut report = Report::default();
            judge_rights(Refused { work, bell }, "falcon", &mut report);
            let told = report.text(false);
            assert_eq!(
                told.contains("~rolecall.falcon.* ") && told.contains("&rolecall.falcon.* "),
                work || bell,
                "{told}"
            );
            report.exit() as u8
        };
        assert_eq!(exit(false, false), 0);
        assert_eq!(exit(false, true), 1);
        assert_eq!(exit(true, true), 2);
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
