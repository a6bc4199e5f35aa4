//! `rolecall dead-letters check|resolve|ignore|reopen`: what is known and said of a cause.

use rolecall_core::cause::Cause;
use rolecall_core::dead_letter::Said;
use rolecall_jobs::kernel::recheck::{Checked, check as look};

use super::{CheckArgs, MarkArgs, one};
use crate::app::App;
use crate::check_view::CheckView;
use crate::cli::{CliError, Exit, output, seams};
use crate::dead_letter_view::DeadLetterGroup;

/// Says something of a cause; `None` takes back what was said.
pub(super) async fn mark(app: &App, args: &MarkArgs, said: Option<Said>) -> Result<Exit, CliError> {
    let cause = &args.fingerprint;
    one(app, cause).await?;
    let by = Cause::new(seams::actor(), args.reason.clone().unwrap_or_default()).into();
    match said {
        _ if args.dry_run => {}
        Some(said) => drop(app.steering.mark_cause(cause, said, &by).await?),
        None => drop(app.steering.unmark_cause(cause, &by).await?),
    }
    let group = one(app, cause).await?;
    if args.format.json {
        output::json_of_change(&DeadLetterGroup::from(&group), args.dry_run);
    } else {
        output::say(&group.standing.told());
    }
    Ok(Exit::Done)
}

pub(super) async fn check(app: &App, args: &CheckArgs) -> Result<Exit, CliError> {
    let cause = &args.fingerprint;
    one(app, cause).await?;
    let found = look(&app.services, &app.registry, cause).await?;
    let gone = found.iter().all(Checked::is_gone);
    if args.format.json {
        output::json(&CheckView::of(&found, cause.clone()));
    } else {
        found.iter().for_each(|place| say(place, cause));
    }
    Ok(if gone { Exit::Done } else { Exit::Failed })
}

fn say(place: &Checked, cause: &str) {
    let jobs = output::count(place.jobs, "job", "jobs");
    let guild = place
        .guild_id
        .map_or_else(|| "no guild".to_owned(), |id| format!("guild {id}"));
    output::say(&format!("{guild}, {jobs}:"));
    for finding in &place.findings {
        output::say(&format!(
            "  {}: {}",
            finding.as_str().replace('_', " "),
            finding.now()
        ));
        if let Some(remedy) = finding.remedy() {
            output::say(&format!("    {remedy}"));
        }
    }
    if place.is_gone() {
        output::say(&format!(
            "  They can run again: rolecall jobs bulk --action retry '{}' --dry-run",
            place.query(cause)
        ));
    }
}
