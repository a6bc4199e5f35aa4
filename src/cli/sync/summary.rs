//! What a run did, for people.

use rolecall_core::run::{Run, RunError, RunResults, counts};

use crate::cli::{output, view};

/// So many errors are shown.
const ERRORS_SHOWN: usize = 10;

/// All of it: how it ended, the numbers, the first errors, and why removals were held.
pub(in crate::cli) fn told(run: &Run) -> String {
    let took = run.finished_at.map_or_else(String::new, |end| {
        format!(" after {}", view::length(end.millis_since(run.started_at)))
    });
    let dry = if run.dry_run { ", dry run" } else { "" };
    let mut lines = vec![format!(
        "Run {} ({}{dry}) is {}{took}.",
        run.id,
        run.kind.as_str(),
        run.state
    )];
    if let Some(results) = &run.results {
        lines.push(numbers(results, run.dry_run));
        lines.extend(errors(&results.errors));
        lines.extend(results.held.iter().chain(&results.notes).cloned());
    }
    lines.join("\n")
}

fn numbers(results: &RunResults, dry_run: bool) -> String {
    let planned = |name: &str| results.planned.get(name).copied().unwrap_or(0).to_string();
    let mut facts = vec![("members decided about", results.users_processed.to_string())];
    if dry_run {
        facts.push(("roles to give", planned(counts::PLANNED_ADDS)));
        facts.push(("roles to take", planned(counts::PLANNED_REMOVES)));
        facts.push(("people to join", planned(counts::PLANNED_JOINS)));
    } else {
        facts.push(("roles given", results.roles_added.to_string()));
        facts.push(("roles taken", results.roles_removed.to_string()));
        facts.push(("people joined", results.joined.to_string()));
    }
    facts.push(("members already right", results.unchanged.to_string()));
    if let Some(held) = results.planned.get(counts::HELD) {
        facts.push(("roles not taken (held)", held.to_string()));
    }
    let skipped: u64 = results.skipped.values().sum();
    if skipped > 0 {
        let reasons: Vec<String> = results
            .skipped
            .iter()
            .map(|(why, n)| format!("{why} {n}"))
            .collect();
        facts.push(("left alone", format!("{skipped} ({})", reasons.join(", "))));
    }
    let failed: u64 = ["discarded", "cancelled"]
        .iter()
        .filter_map(|state| results.jobs.get(*state))
        .sum();
    if failed > 0 {
        let users = output::count(results.users_failed, "user", "users");
        facts.push((
            "failed",
            format!("{} ({users})", output::count(failed, "job", "jobs")),
        ));
    }
    output::facts(&facts)
}

fn errors(errors: &[RunError]) -> Vec<String> {
    let mut lines: Vec<String> = errors.iter().take(ERRORS_SHOWN).map(error).collect();
    if errors.len() > ERRORS_SHOWN {
        lines.push(format!("and {} more errors", errors.len() - ERRORS_SHOWN));
    }
    lines
}

/// `add_role: Discord answered 403 … (user u-1, guild 123)`, without the guild if it is in no error.
fn error(error: &RunError) -> String {
    let about: Vec<String> = [
        error.user_id.as_ref().map(|id| format!("user {id}")),
        error.guild_id.map(|id| format!("guild {id}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if about.is_empty() {
        format!("error: {}", error.error)
    } else {
        format!("error: {} ({})", error.error, about.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use rolecall_core::cause::Cause;
    use rolecall_core::run::{RunKind, RunState, Scope};
    use rolecall_core::{RunId, Timestamp};

    use super::*;

    fn run(dry_run: bool, results: RunResults) -> Run {
        Run {
            id: RunId("019a2c8e-5b1d-7c3a-9f00-0123456789ab".parse().unwrap()),
            kind: RunKind::Full,
            scope: Scope::default(),
            dry_run,
            state: RunState::Partial,
            cause: Cause::new("cli:ada", "asked for"),
            started_at: Timestamp(0),
            finished_at: Some(Timestamp(12_345)),
            results: Some(results),
        }
    }

    #[test]
    fn the_summary_tells_numbers_reasons_and_the_first_errors() {
        let mut results = RunResults {
            users_processed: 40,
            users_failed: 1,
            roles_added: 12,
            skipped: [("not_a_member".to_owned(), 2), ("superseded".to_owned(), 1)].into(),
            jobs: [("discarded".to_owned(), 11)].into(),
            ..RunResults::default()
        };
        results.errors = vec![
            RunError {
                user_id: Some("u1".into()),
                discord_id: None,
                guild_id: None,
                error: "add_role: no".to_owned(),
                occurred_at: Timestamp(0),
            };
            11
        ];
        let text = told(&run(false, results));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "Run 019a2c8e-5b1d-7c3a-9f00-0123456789ab (full) is partial after 12.3 s."
        );
        assert!(text.contains("roles given            12"), "{text}");
        assert!(
            text.contains("left alone             3 (not_a_member 2, superseded 1)"),
            "{text}"
        );
        assert!(text.contains("failed                 11 jobs (1 user)"), "{text}");
        assert!(text.contains("error: add_role: no (user u1)"), "{text}");
        assert!(text.ends_with("and 1 more errors"), "{text}");
    }

    #[test]
    fn a_dry_run_tells_what_it_would_do() {
        let results = RunResults {
            planned: [(counts::PLANNED_ADDS.to_owned(), 7)].into(),
            ..RunResults::default()
        };
        let text = told(&run(true, results));
        assert!(
            text.contains("roles to give          7") && !text.contains("roles given"),
            "{text}"
        );
    }
}
