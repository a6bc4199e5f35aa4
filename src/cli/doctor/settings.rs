//! Are the settings complete, and can the data folder be written?

use std::path::Path;

use secrecy::ExposeSecret;

use super::report::Report;
use crate::app::App;
use crate::config::{AccountsConfig, Config, MIN_JWT_SECRET, Problem, Store};
use crate::schedules;

/// Everything that is wrong with the configuration.
pub(super) fn problems(problems: &[Problem], report: &mut Report) {
    for problem in problems {
        report.fail(
            &format!("setting {}", problem.variable),
            problem.sentence.clone(),
            "",
            "",
        );
    }
    report.warn(
        "everything else",
        "not looked at, as the settings have to be good first",
        "",
        "Mend the settings and run `rolecall doctor` again.",
    );
}

/// The configuration is good: what it says, in short.
pub(super) fn good(config: &Config, report: &mut Report) {
    let (store, redis) = match &config.store {
        Store::Embedded => ("embedded store", "one process does all"),
        Store::Distributed { redis: None, .. } => ("MongoDB", "no Redis, so one process does all"),
        Store::Distributed { redis: Some(_), .. } => ("MongoDB", "Redis between the processes"),
    };
    report.ok("settings", format!("good: {store}, {redis}"));
    for oddity in &config.oddities {
        report.warn("settings", oddity.clone(), "", "");
    }
    match (&config.discord.client_id, &config.discord.client_secret) {
        (Some(_), Some(_)) => report.ok("OAuth application", "set, so people can be joined to guilds"),
        _ => report.ok(
            "OAuth application",
            "not set, so nobody is joined to a guild and no token is refreshed",
        ),
    }
    logins(&config.accounts, report);
    by_the_clock(config, report);
}

/// What happens by the clock, and when next.
fn by_the_clock(config: &Config, report: &mut Report) {
    let now = chrono::Utc::now();
    match schedules::of(config) {
        Ok(schedules) => {
            for schedule in schedules {
                let name = schedule.action.schedule_name();
                report.ok(format!("schedule {name}"), schedule.told(now));
            }
        }
        Err(error) => report.fail("schedules", format!("cannot be read: {error}"), "", ""),
    }
}

/// What Discord has to know of logins, to compare with its page of the application.
fn logins(accounts: &AccountsConfig, report: &mut Report) {
    match &accounts.redirect_uri {
        Some(address) => report.ok(
            "logins at Discord",
            format!(
                "come back to {address}, which has to be registered with the application letter by letter; they ask \
                 for {}, and end at {}",
                accounts.scopes.join(" "),
                accounts.frontend_url
            ),
        ),
        None => report.ok(
            "logins at Discord",
            "DISCORD_REDIRECT_URI is not set, so nobody can link an account",
        ),
    }
    for warning in accounts.warnings() {
        report.warn("logins at Discord", warning, "", "");
    }
}

/// The folder of the embedded store. A file without a name is made there and vanishes again.
pub(super) fn data_folder(config: &Config, report: &mut Report) {
    if !matches!(config.store, Store::Embedded) {
        return;
    }
    let asked = format!("data folder {}", config.data_dir.display());
    let expected = "a folder that can be written";
    let remedy = "Make it writable for this user, or set ROLECALL_DATA_DIR to another folder.";
    match tempfile::tempfile_in(existing(&config.data_dir)) {
        Ok(_) if config.data_dir.is_dir() => report.ok(asked, "can be written"),
        Ok(_) => report.ok(asked, "is not there yet, and can be made"),
        Err(error) => report.fail(&asked, format!("cannot be written: {error}"), expected, remedy),
    }
}

/// The folder, or the nearest one above it that exists.
fn existing(folder: &Path) -> &Path {
    folder
        .ancestors()
        .find(|f| f.exists())
        .unwrap_or_else(|| Path::new("."))
}

/// Whether JWTs can be checked.
pub(super) fn jwt_secret(app: &App, report: &mut Report) {
    let asked = "JWT secret";
    let remedy = "Set JWT_SECRET to the output of `openssl rand -hex 32`, the same for all processes and for the \
                  application that makes the tokens.";
    let expected = format!("at least {MIN_JWT_SECRET} characters");
    match &app.jwt_secret {
        Some(secret) if secret.expose_secret().len() >= MIN_JWT_SECRET => {
            report.ok(asked, format!("has {expected}"));
        }
        Some(_) => report.fail(asked, "is too short", &expected, remedy),
        None => report.warn(
            asked,
            "is not set, so HTTP requests cannot be answered",
            &expected,
            remedy,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_of_the_configuration_is_a_failure() {
        let found = [
            Problem {
                variable: "PORT".to_owned(),
                sentence: "is no number".to_owned(),
            },
            Problem {
                variable: "HOST".to_owned(),
                sentence: "is odd".to_owned(),
            },
        ];
        let mut report = Report::default();
        problems(&found, &mut report);
        assert_eq!(report.exit() as u8, 2);
        assert!(report.text(false).contains("FAIL setting PORT: is no number"));
        assert_eq!(report.document()["failures"], 2);
    }

    #[test]
    fn the_address_and_the_scopes_of_logins_are_told_and_what_is_odd_is_a_warning() {
        let vars = |scopes: &str| {
            [
                (
                    "DISCORD_REDIRECT_URI",
                    "https://go.eveonline.it/discord/auth/callback",
                ),
                ("DISCORD_SCOPES", scopes),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
        };
        for (scopes, warnings) in [("identify guilds.join", 0), ("identify", 1)] {
            let none = |_: &str| Err(std::io::Error::other("none"));
            let config = Config::load(&vars(scopes), &none).unwrap();
            let mut report = Report::default();
            logins(&config.accounts, &mut report);
            let text = report.text(false);
            assert!(
                text.contains("https://go.eveonline.it/discord/auth/callback"),
                "{text}"
            );
            assert!(text.contains(&format!("ask for {scopes}, and")), "{text}");
            assert_eq!(report.document()["warnings"], warnings, "{text}");
        }
    }

    #[test]
    fn every_schedule_is_told_with_its_next_tick_in_the_zone() {
        let vars = [("ROLECALL_TIME_ZONE".to_owned(), "Asia/Kolkata".to_owned())].into();
        let none = |_: &str| Err(std::io::Error::other("none"));
        let mut report = Report::default();
        by_the_clock(&Config::load(&vars, &none).unwrap(), &mut report);
        let text = report.text(false);
        assert_eq!(
            text.matches("IST; skipped while an earlier one is at work")
                .count(),
            5,
            "{text}"
        );
        assert!(text.contains("schedule discord_role_sync: next at 2"), "{text}");
        assert!(text.contains("missed ones are made up for once"), "{text}");
        let vars = [("ROLECALL_TIME_ZONE".to_owned(), "Mars/Olympus".to_owned())].into();
        let problems = Config::load(&vars, &none).unwrap_err();
        assert!(problems[0].sentence.contains("Europe/Berlin"), "{problems:?}");
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_judged_by_the_one_above() {
        assert_eq!(existing(Path::new("/no-such-folder/a/b")), Path::new("/"));
    }
}
