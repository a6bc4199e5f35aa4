//! Does the store answer, is it prepared, is its clock ours? Does the directory answer? Are there dead letters?

use std::collections::BTreeMap;

use rolecall_core::error::StoreError;
use rolecall_core::job::JobState;
use rolecall_core::ports::JobFilter;
use secrecy::ExposeSecret;

use super::report::Report;
use crate::app::App;
use crate::cli::{output, view};
use crate::config::{Config, Store};
use crate::wiring::StartError;

/// A clock that is wrong by more lets JWTs seem expired, or not yet valid.
const CLOCK_MS: i64 = 5_000;
/// Dead letters looked at for their causes.
const LOOKED_AT: usize = 1_000;
/// Causes shown.
const CAUSES: usize = 5;

fn name(config: &Config) -> &'static str {
    match config.store {
        Store::Embedded => "store",
        Store::Distributed { .. } => "MongoDB",
    }
}

fn remedy(config: &Config) -> &'static str {
    match config.store {
        Store::Embedded => {
            "Check the data folder, its disk, and that no other process that is not rolecall's holds the file."
        }
        Store::Distributed { .. } => {
            "Check MONGODB_URI, that MongoDB runs and can be reached from here, and the user's rights."
        }
    }
}

/// The application could not be built.
pub(super) fn not_built(config: &Config, error: &StartError, report: &mut Report) {
    let found = format!(
        "cannot be started: {}",
        without_secrets(config, &error.to_string())
    );
    if error.is_store {
        report.fail("application", found, "a store that answers", remedy(config));
    } else {
        // The sentence names the setting that is wrong.
        report.fail("application", found, "", "");
    }
}

/// A text in which no address with a password is left.
fn without_secrets(config: &Config, text: &str) -> String {
    let mut text = text.to_owned();
    let mut hide = |secret: &str, name: &str| {
        if !secret.is_empty() {
            text = text.replace(secret, name);
        }
    };
    if let Store::Distributed { uri, redis, .. } = &config.store {
        hide(uri.expose_secret(), "MONGODB_URI");
        if let Some(redis) = redis {
            hide(redis.expose_secret(), "REDIS_URL");
        }
    }
    let secrets = [
        (&config.jwt_secret, "JWT_SECRET"),
        (&config.encryption_keys, "ROLECALL_ENCRYPTION_KEYS"),
        (&config.discord.client_secret, "DISCORD_CLIENT_SECRET"),
    ];
    for (secret, name) in secrets {
        if let Some(secret) = secret {
            hide(secret.expose_secret(), name);
        }
    }
    text
}

/// The store.
pub(super) async fn look(app: &App, report: &mut Report) {
    let asked = name(&app.config);
    let fail = |error: &StoreError, expected: &str, report: &mut Report| {
        let found = without_secrets(&app.config, &error.to_string());
        report.fail(asked, found, expected, remedy(&app.config));
    };
    if let Err(error) = app.store.ping().await {
        return fail(&error, "an answer", report);
    }
    if let Err(error) = app.store.try_writing().await {
        fail(&error, "a store that takes writes", report);
    }
    match app.store.describe().await {
        Ok(facts) => {
            let facts: Vec<String> = facts
                .iter()
                .map(|(name, value)| format!("{name} {value}"))
                .collect();
            report.ok(asked, format!("answers: {}", facts.join(", ")));
        }
        Err(error) => fail(&error, "what it is", report),
    }
    prepared(app, report).await;
    clock(app, report).await;
}

async fn prepared(app: &App, report: &mut Report) {
    let asked = "tables and indexes";
    match app.store.prepare().await {
        Ok(problems) if problems.is_empty() => report.ok(asked, "all there"),
        Ok(problems) => {
            for problem in problems {
                report.warn(
                    asked,
                    without_secrets(&app.config, &problem),
                    "all of them",
                    "Mend the records that are named, then run `rolecall release`.",
                );
            }
        }
        Err(error) => {
            let found = without_secrets(&app.config, &error.to_string());
            report.fail(asked, found, "all of them", remedy(&app.config));
        }
    }
}

async fn clock(app: &App, report: &mut Report) {
    let asked = "clock";
    match app.services.ledger.now().await {
        Ok(theirs) => {
            let apart = app.services.clock.now().millis_since(theirs).abs();
            let found = format!("{} from the store's", view::length(apart));
            if apart <= CLOCK_MS {
                report.ok(asked, found);
            } else {
                report.warn(
                    asked,
                    found,
                    "at most 5 s",
                    "Switch on time synchronisation (NTP) on both machines.",
                );
            }
        }
        Err(error) => report.fail(asked, error.to_string(), "the store's time", remedy(&app.config)),
    }
}

/// Where groups come from.
pub(super) async fn directory(app: &App, report: &mut Report) {
    let directory = &app.services.directory;
    let asked = format!("directory ({})", directory.describe());
    match directory.groups().await {
        Ok(groups) if groups.is_empty() => report.warn(
            &asked,
            "has no group",
            "groups that mappings can name",
            "Fill it with `rolecall directory import FILE`, or point MONGODB_URI at go-falcon's database.",
        ),
        Ok(groups) => report.ok(asked, output::count(groups.len() as u64, "group", "groups")),
        Err(error) => report.fail(&asked, error.to_string(), "its groups", remedy(&app.config)),
    }
}

/// Jobs that failed for good, by cause.
pub(super) async fn dead_letters(app: &App, report: &mut Report) {
    let asked = "dead letters";
    let filter = JobFilter {
        states: vec![JobState::Discarded],
        ..JobFilter::default()
    };
    let ledger = &app.services.ledger;
    let all = async {
        let total: u64 = ledger.counts(&filter).await?.iter().map(|(_, n)| n).sum();
        let newest = ledger.list(&filter, None, LOOKED_AT).await?;
        Ok::<_, StoreError>((total, newest))
    };
    match all.await {
        Ok((0, _)) => report.ok(asked, "none"),
        Ok((total, newest)) => {
            let prints = newest.iter().filter_map(|j| j.fingerprint.as_deref());
            report.warn(
                asked,
                format!("{}: {}", output::count(total, "job", "jobs"), causes(prints)),
                "none",
                "`rolecall jobs list --state discarded` shows them, `rolecall jobs show ID` what to do about one.",
            );
        }
        Err(error) => report.fail(asked, error.to_string(), "an answer", remedy(&app.config)),
    }
}

/// The most frequent first: `add_role|PUT …|403|50013 12 times`.
fn causes<'a>(fingerprints: impl Iterator<Item = &'a str>) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for fingerprint in fingerprints {
        *counts.entry(fingerprint).or_default() += 1;
    }
    let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let shown: Vec<String> = counts
        .iter()
        .take(CAUSES)
        .map(|(what, n)| format!("{what} ({n})"))
        .collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_with_a_password_is_shown() {
        let vars = [
            ("MONGODB_URI", "mongodb://user:s3cret@host"),
            ("REDIS_URL", "redis://:pass@host"),
            ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
        ];
        let vars = vars.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let config = Config::load(&vars, &|_| Ok(String::new())).unwrap();
        let text = without_secrets(
            &config,
            "mongodb://user:s3cret@host and redis://:pass@host are silent",
        );
        assert_eq!(text, "MONGODB_URI and REDIS_URL are silent");
    }

    #[test]
    fn causes_are_counted_and_the_most_frequent_is_first() {
        assert_eq!(causes(["a", "b", "b"].into_iter()), "b (2), a (1)");
    }
}
