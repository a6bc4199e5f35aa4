//! `rolecall audit …`: who did what, whether that is as it was written, and all of it as lines of JSON.

use clap::{Args, Subcommand};
use rolecall_core::audit::{AuditFilter, Mark};
use rolecall_core::{Timestamp, query};
use serde_json::{Value, json};

use super::table::{Table, number, text, whole};
use super::{CliError, Exit, Format, PageSize, output, values, view};
use crate::app::App;
use crate::trail;

/// What to do with the audit trail.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    List(ListArgs),
    Verify(VerifyArgs),
    Export(ExportArgs),
}

/// Which records.
#[derive(Debug, Clone, Args)]
pub struct Found {
    /// Only what this actor did, such as user:42, key:0123456789ab or cli:root
    #[arg(long, value_name = "ACTOR", value_parser = values::not_empty)]
    pub actor: Option<String>,
    /// Only acts of this name, such as guild.updated
    #[arg(long, value_name = "ACTION", value_parser = values::not_empty)]
    pub action: Option<String>,
    /// Only what was done to this, such as guild:123 or job:019a…
    #[arg(long, value_name = "SUBJECT", value_parser = values::not_empty)]
    pub subject: Option<String>,
    /// Not before then: a date, or so long ago, such as 2h or 7d
    #[arg(long, value_name = "TIME", value_parser = values::not_empty)]
    pub since: Option<String>,
    /// Before then
    #[arg(long, value_name = "TIME", value_parser = values::not_empty)]
    pub until: Option<String>,
}

/// Lists who did what, newest first
///
/// Example: rolecall audit list --subject guild:123456789012345678 --since 7d
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Which.
    #[command(flatten)]
    pub found: Found,
    /// How much is shown.
    #[command(flatten)]
    pub size: PageSize,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Checks that no record was changed, removed or put in
///
/// Each record holds the hash of the one before it. Names the first that is not right, and then ends with exit code 1.
/// Whoever can write to the store can write a whole new trail: to find that, too, compare with a place that was kept
/// elsewhere, such as one that the log told (audit.seq and audit.hash).
///
/// Example: rolecall audit verify --expect 1204:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A record that has to be in the trail, as seq:hash
    #[arg(long, value_name = "SEQ:HASH", value_parser = mark)]
    pub expect: Option<Mark>,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Prints records as lines of JSON, oldest first
///
/// Without a filter, these lines are the whole trail: others can check it without rolecall.
///
/// Example: rolecall audit export > audit.jsonl
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Which.
    #[command(flatten)]
    pub found: Found,
}

fn mark(text: &str) -> Result<Mark, String> {
    let expected = "expected seq:hash, such as 12:9f86d0… with 64 hex digits";
    let (seq, hash) = text.trim().split_once(':').ok_or(expected)?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
    match seq.parse() {
        Ok(seq) if is_hash && seq > 0 => Ok(Mark {
            seq,
            hash: hash.to_ascii_lowercase(),
        }),
        _ => Err(expected.to_owned()),
    }
}

impl Found {
    fn filter(&self, now: Timestamp) -> Result<AuditFilter, CliError> {
        let at = |text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => query::time(text, now).map(Some).ok_or_else(|| {
                CliError::bad_input(format!("{text:?} is no time")).hint(
                    "Write a date such as 2026-11-25 or 2026-11-25T10:00:00Z, or so long ago, such as 2h.",
                )
            }),
        };
        Ok(AuditFilter {
            actor: self.actor.clone(),
            action: self.action.clone(),
            subject: self.subject.clone(),
            since: at(&self.since)?,
            until: at(&self.until)?,
        })
    }
}

pub(super) async fn run(app: &App, command: AuditCommand) -> Result<Exit, CliError> {
    match command {
        AuditCommand::List(args) => list(app, &args).await,
        AuditCommand::Verify(args) => verify(app, args).await,
        AuditCommand::Export(args) => export(app, &args).await,
    }
}

async fn list(app: &App, args: &ListArgs) -> Result<Exit, CliError> {
    let filter = args.found.filter(app.services.clock.now())?;
    let records = app.services.audit.list(&filter, None, args.size.get()).await?;
    if args.format.json {
        let all: Vec<Value> = records.iter().map(|record| record.document()).collect();
        output::json(&json!({ "records": all }));
        return Ok(Exit::Done);
    }
    if records.is_empty() {
        output::note("There is no record like that.");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        number("SEQ"),
        whole("AT (UTC)"),
        whole("BY"),
        whole("VIA"),
        whole("ACTION"),
        text("SUBJECT"),
        text("WHY"),
    ]);
    for record in records {
        table.row([
            record.seq.to_string(),
            view::moment(record.at),
            record.actor,
            record.via.as_str().to_owned(),
            record.action,
            record.subject,
            record.reason.unwrap_or_default(),
        ]);
    }
    table.print();
    Ok(Exit::Done)
}

async fn verify(app: &App, args: VerifyArgs) -> Result<Exit, CliError> {
    let seen = match trail::verify(&*app.services.audit, args.expect).await? {
        Ok(seen) => seen,
        Err(broken) => {
            if args.format.json {
                output::json(&json!({ "whole": false, "seq": broken.seq, "problem": broken.to_string() }));
            }
            return Err(
                CliError::failed(format!("the audit trail is not as it was written: {broken}")).hint(
                    "Compare with a backup or an export; `docs/audit.md` says what each sentence means.",
                ),
            );
        }
    };
    if args.format.json {
        output::json(&json!({
            "whole": true, "records": seen.records, "adopted": seen.adopted, "erased": seen.erased,
            "pruned": seen.pruned.seq, "head": { "seq": seen.head.seq, "hash": seen.head.hash },
        }));
        return Ok(Exit::Done);
    }
    output::say("The audit trail is whole.");
    output::say(&output::facts(&[
        ("records", seen.records.to_string()),
        ("  older than the chain", seen.adopted.to_string()),
        ("  with erased details", seen.erased.to_string()),
        ("pruned up to", seen.pruned.seq.to_string()),
        ("head", format!("{}:{}", seen.head.seq, seen.head.hash)),
    ]));
    Ok(Exit::Done)
}

async fn export(app: &App, args: &ExportArgs) -> Result<Exit, CliError> {
    let filter = args.found.filter(app.services.clock.now())?;
    let mut after = 0;
    while let Some((records, last)) = trail::page(&*app.services.audit, &filter, after).await? {
        after = last;
        for record in records {
            output::json_line(&record.document());
        }
        if output::failure().is_some() {
            break;
        }
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_number_and_a_hash() {
        let hash = "AB".repeat(32);
        let wanted = Mark {
            seq: 12,
            hash: hash.to_lowercase(),
        };
        assert_eq!(mark(&format!(" 12:{hash}")), Ok(wanted));
        for bad in [
            "",
            "12",
            "0:x",
            "12:abc",
            &format!("0:{hash}"),
            &format!("x:{hash}"),
        ] {
            assert!(mark(bad).is_err(), "{bad}");
        }
    }
}
