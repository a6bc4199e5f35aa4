//! `rolecall dead-letters check|resolve|ignore|reopen`: what is known and said of a cause.

use rolecall_core::cause::Cause;
use rolecall_core::dead_letter::Said;
use rolecall_jobs::kernel::recheck::{Checked, check as look};
use serde_json::{Value, json};

use super::{CheckArgs, MarkArgs, one};
use crate::app::App;
use crate::cli::{CliError, Exit, output, seams};

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
        let standing = group.standing.as_str();
        output::json(&json!({
            "fingerprint": cause,
            "standing": standing,
            "standing_note": group.standing.told(),
            "dry_run": args.dry_run,
        }));
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
        let places: Vec<Value> = found.iter().map(|place| told(place, cause)).collect();
        output::json(&json!({ "fingerprint": cause, "gone": gone, "places": places }));
    } else {
        found.iter().for_each(|place| say(place, cause));
    }
    Ok(if gone { Exit::Done } else { Exit::Failed })
}

fn told(place: &Checked, cause: &str) -> Value {
    let findings: Vec<Value> = place
        .findings
        .iter()
        .map(|f| json!({ "result": f.as_str(), "message": f.now(), "remedy": f.remedy() }))
        .collect();
    json!({
        "guild_id": place.guild_id,
        "total": place.jobs,
        "gone": place.is_gone(),
        "findings": findings,
        "redrive": place.is_gone().then(|| place.query(cause)),
    })
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
