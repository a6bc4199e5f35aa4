//! `rolecall directory import`.

use std::collections::BTreeSet;
use std::path::Path;

use rolecall_core::audit::Act;
use rolecall_core::error::StoreError;
use rolecall_core::ports::ImportReport;
use serde_json::{Value, json};

use super::ImportArgs;
use super::file::{self, Kind, Parsed, Problem};
use crate::app::App;
use crate::cli::{CliError, Exit, output, seams};
use crate::config::DirectoryChoice;

/// So many problems are shown.
const SHOWN: usize = 50;

pub(super) async fn run(app: &App, args: &ImportArgs) -> Result<Exit, CliError> {
    let shown = args.file.display().to_string();
    let kind = kind(&args.file)?;
    let bytes = std::fs::read(&args.file)
        .map_err(|e| CliError::bad_input(format!("the file {shown} cannot be read: {e}")))?;
    let parsed = file::parse(&bytes, kind);
    for warning in &parsed.warnings {
        output::warn(warning);
    }
    if !parsed.problems.is_empty() {
        return Err(refused(args, &parsed.problems));
    }
    if parsed.rows.is_empty() {
        return Err(CliError::bad_input(format!(
            "the file {shown} names no user; nothing was imported"
        )));
    }
    if args.dry_run {
        dry_run(args, &parsed);
        return Ok(Exit::Done);
    }
    // Numbers only: names of persons stay where they can be deleted.
    let act = Act::new("directory.imported", "directory").after(&json!({
        "users": parsed.rows.len(),
        "accounts": parsed.rows.iter().filter(|row| row.discord_id.is_some()).count(),
        "replace": args.replace,
    }));
    let imported = seams::audited(app, act, async {
        let imported = app.import.import(&parsed.rows, args.replace).await?;
        imported.map_err(NotImported::Rows)
    });
    match imported.await {
        Ok(report) => told(app, args, &report),
        Err(NotImported::Store(error)) => return Err(error.into()),
        Err(NotImported::Rows(rows)) => {
            let problems: Vec<Problem> = rows
                .into_iter()
                .map(|(row, sentence)| Problem {
                    line: parsed.lines.get(row).copied().unwrap_or(0),
                    sentence,
                })
                .collect();
            return Err(refused(args, &problems));
        }
    }
    Ok(Exit::Done)
}

/// Why nothing was imported.
enum NotImported {
    /// What is wrong with which row.
    Rows(Vec<(usize, String)>),
    Store(StoreError),
}

impl From<StoreError> for NotImported {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn kind(path: &Path) -> Result<Kind, CliError> {
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("csv") => Ok(Kind::Csv),
        Some("json") => Ok(Kind::Json),
        _ => Err(CliError::bad_input(format!(
            "the name of {} ends neither with .csv nor with .json",
            path.display()
        ))
        .hint("`rolecall directory import --help` shows what such files hold.")),
    }
}

fn refused(args: &ImportArgs, problems: &[Problem]) -> CliError {
    if args.format.json {
        let all: Vec<Value> = problems
            .iter()
            .map(|p| json!({ "line": p.line, "problem": p.sentence }))
            .collect();
        output::json(&json!({ "imported": false, "problems": all }));
    } else {
        for line in listed(problems) {
            output::note(&line);
        }
    }
    CliError::bad_input(format!(
        "{} in {}; nothing was imported",
        output::count(problems.len() as u64, "problem", "problems"),
        args.file.display()
    ))
}

fn listed(problems: &[Problem]) -> Vec<String> {
    let mut lines: Vec<String> = problems
        .iter()
        .take(SHOWN)
        .map(|p| format!("line {}: {}", p.line, p.sentence))
        .collect();
    if problems.len() > SHOWN {
        lines.push(format!("and {} more", problems.len() - SHOWN));
    }
    lines
}

fn dry_run(args: &ImportArgs, parsed: &Parsed) {
    let groups: BTreeSet<&String> = parsed.rows.iter().flat_map(|r| &r.groups).collect();
    let accounts = parsed.rows.iter().filter(|r| r.discord_id.is_some()).count();
    let without = parsed.rows.iter().filter(|r| r.groups.is_empty()).count();
    if args.format.json {
        output::json(&json!({
            "imported": false, "dry_run": true, "users": parsed.rows.len(), "users_without_groups": without,
            "groups": groups, "accounts": accounts,
        }));
        return;
    }
    output::say(&output::facts(&[
        ("users", parsed.rows.len().to_string()),
        ("  of these without groups", without.to_string()),
        ("  of these with an account", accounts.to_string()),
        ("groups", groups.len().to_string()),
    ]));
    output::note("The file is good. Nothing was imported (--dry-run).");
}

fn told(app: &App, args: &ImportArgs, report: &ImportReport) {
    if args.format.json {
        output::json(&json!({ "imported": true, "report": report }));
    } else {
        output::say(&output::facts(&[
            ("users added", report.users_added.to_string()),
            ("users changed", report.users_changed.to_string()),
            ("users unchanged", report.users_unchanged.to_string()),
            ("users not in the file, kept", report.users_kept.to_string()),
            ("users not in the file, emptied", report.users_emptied.to_string()),
            ("groups added", report.groups_added.to_string()),
            ("accounts linked", report.links_added.to_string()),
        ]));
        output::note(
            "Roles follow with the next sync; `rolecall sync --dry-run --wait` shows what would change.",
        );
    }
    if app.config.directory == DirectoryChoice::GoFalcon {
        output::warn(
            "ROLECALL_DIRECTORY is go-falcon: groups come from there, and what was imported is not used. Set it to \
             imported to use it",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_problems_are_shown_and_the_rest_counted() {
        let problems: Vec<Problem> = (1..=53)
            .map(|line| Problem {
                line,
                sentence: "bad".to_owned(),
            })
            .collect();
        let listed = listed(&problems);
        assert_eq!(listed.len(), 51);
        assert_eq!(
            (listed[0].as_str(), listed[50].as_str()),
            ("line 1: bad", "and 3 more")
        );
    }

    #[test]
    fn the_kind_of_a_file_is_in_its_name() {
        assert_eq!(kind(Path::new("a/B.CSV")).unwrap(), Kind::Csv);
        assert_eq!(kind(Path::new("b.json")).unwrap(), Kind::Json);
        assert_eq!(kind(Path::new("b.xlsx")).unwrap_err().exit, Exit::BadInput);
    }
}
