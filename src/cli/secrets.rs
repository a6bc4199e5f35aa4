//! `rolecall secrets …`: stored tokens and the keys that they are sealed with.

use clap::{Args, Subcommand};
use rolecall_core::audit::Act;
use rolecall_jobs::seal_secrets::{Seen, Which, walk};
use serde_json::json;

use super::{CliError, Exit, Format, output, seams};
use crate::app::App;

/// What to do with stored secrets.
#[derive(Debug, Subcommand)]
pub enum SecretsCommand {
    Verify(VerifyArgs),
    Rotate(RotateArgs),
}

/// Opens every stored secret and says with which keys they are sealed
///
/// Bot tokens, tokens of linked accounts and logins that have begun are opened one by one. None is shown: of those that
/// do not open, only the record and the field.
///
/// Exit codes: 0 all open and are sealed with the newest key, 1 some do not open, 3 all open, and some are sealed with
/// an older key or not at all (`rolecall secrets rotate` seals them).
///
/// Example: rolecall secrets verify --json
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Seals every stored secret with the newest key
///
/// What an older key sealed, and what the original stored as plain text, is sealed with the first key of
/// ROLECALL_ENCRYPTION_KEYS. A token that is refreshed meanwhile is left as it is. It can be interrupted and run again at
/// any time. Give the new key to all processes before: behind the old one first, then in front of it.
///
/// Exit codes: 0 done, 1 some do not open and stay as they are, 3 some were changed meanwhile: run it again.
///
/// Example: rolecall secrets rotate --dry-run
#[derive(Debug, Args)]
pub struct RotateArgs {
    /// Only count what would be sealed
    #[arg(long)]
    pub dry_run: bool,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

pub(super) async fn run(app: &App, command: SecretsCommand) -> Result<Exit, CliError> {
    match command {
        SecretsCommand::Verify(args) => verify(app, &args).await,
        SecretsCommand::Rotate(args) => rotate(app, &args).await,
    }
}

async fn verify(app: &App, args: &VerifyArgs) -> Result<Exit, CliError> {
    let newest = newest_key(app);
    let seen = walk(&app.services, Which::All, false).await?;
    if args.format.json {
        output::json(&json!({
            "newest_key": newest, "by_key": seen.by_key, "plain": seen.plain,
            "unreadable": seen.unreadable, "unreadable_named": seen.unreadable_named,
        }));
    } else {
        output::say(&output::facts(&counts(&seen, &newest)));
        name_unreadable(&seen);
        if seen.is_behind(&newest) {
            output::note("`rolecall secrets rotate` seals all that open with the newest key.");
        }
    }
    Ok(judged(&seen, seen.is_behind(&newest)))
}

async fn rotate(app: &App, args: &RotateArgs) -> Result<Exit, CliError> {
    let newest = newest_key(app);
    let rotated = walk(&app.services, Which::NotNewest, !args.dry_run);
    let seen = if args.dry_run {
        rotated.await?
    } else {
        let act = Act::new("secrets.rotated", "secrets").after(&json!({ "newest_key": newest }));
        seams::audited(app, act, rotated).await?
    };
    if args.format.json {
        output::json(&json!({
            "newest_key": newest, "dry_run": args.dry_run, "by_key": seen.by_key, "plain": seen.plain,
            "sealed": seen.sealed, "changed_meanwhile": seen.changed_meanwhile,
            "unreadable": seen.unreadable, "unreadable_named": seen.unreadable_named,
        }));
        return Ok(judged(&seen, seen.changed_meanwhile > 0));
    }
    let found = seen.plain + seen.by_key.values().sum::<u64>();
    if found + seen.unreadable == 0 {
        output::say(&format!("All secrets are sealed with the newest key, {newest}."));
        return Ok(Exit::Done);
    }
    output::say(&output::facts(&counts(&seen, &newest)));
    output::say(&if args.dry_run {
        format!("Would seal {} with the key {newest}.", secrets(found))
    } else {
        format!("Sealed {} with the key {newest}.", secrets(seen.sealed))
    });
    if seen.changed_meanwhile > 0 {
        output::note(&format!(
            "{} changed meanwhile and stayed as they are; run this again.",
            secrets(seen.changed_meanwhile)
        ));
    }
    name_unreadable(&seen);
    Ok(judged(&seen, seen.changed_meanwhile > 0))
}

fn newest_key(app: &App) -> String {
    let vault = &app.services.vault;
    vault.key_of(&vault.mark()).unwrap_or_default()
}

fn secrets(n: u64) -> String {
    output::count(n, "secret", "secrets")
}

/// How many there are of each key, the plain ones, and those that do not open.
fn counts(seen: &Seen, newest: &str) -> Vec<(&'static str, String)> {
    let mut lines: Vec<(&'static str, String)> = seen
        .by_key
        .iter()
        .map(|(key, n)| {
            let age = if key == newest { "newest" } else { "older" };
            ("sealed", format!("{} with the {age} key {key}", secrets(*n)))
        })
        .collect();
    lines.push(("plain", secrets(seen.plain)));
    lines.push(("unreadable", secrets(seen.unreadable)));
    lines
}

fn name_unreadable(seen: &Seen) {
    for one in &seen.unreadable_named {
        output::note(&format!(
            "{} {}: {} does not open: {}",
            one.collection, one.record, one.field, one.why
        ));
    }
    if seen.unreadable > 0 {
        output::note(
            "Put the missing key back into ROLECALL_ENCRYPTION_KEYS. If it is lost: store the bots' tokens again with \
             `rolecall guild add`, and let the users link their accounts again.",
        );
    }
}

/// Something that does not open is worse than something that is left to do.
fn judged(seen: &Seen, is_left: bool) -> Exit {
    match (seen.unreadable > 0, is_left) {
        (true, _) => Exit::Failed,
        (false, true) => Exit::Held,
        (false, false) => Exit::Done,
    }
}
