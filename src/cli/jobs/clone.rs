//! `rolecall jobs clone`.

use rolecall_core::JobId;
use rolecall_core::cause::Cause;
use rolecall_jobs::kernel::steering::{Changes, Cloned};
use serde_json::json;

use super::{CloneArgs, one, unknown};
use crate::app::App;
use crate::cli::{CliError, Exit, output, seams};

pub(super) async fn run(app: &App, args: CloneArgs) -> Result<Exit, CliError> {
    let changes = Changes {
        payload: args.fields.into_iter().collect(),
        run_at: args.after.map(|after| app.services.clock.now() + after),
        lane: args.queue,
    };
    if args.dry_run {
        return look(app, args.id, &changes, args.format.json).await;
    }
    let by = Cause::new(seams::actor(), args.reason.unwrap_or_default()).into();
    let id = args.id;
    match app.steering.clone_of(id, &changes, &by).await? {
        Cloned::Created(new) if args.format.json => output::json(&one(app, new).await?),
        Cloned::Created(new) => output::say(&format!(
            "Job {new} does the same as job {id}. `rolecall jobs show {new}` shows it."
        )),
        Cloned::Twin(twin) => {
            let why = format!("nothing was stored: job {twin} does the same, and is at work");
            return Err(CliError::failed(why).hint(format!("`rolecall jobs show {twin}` shows it.")));
        }
        Cloned::Unreadable(why) => return Err(unreadable(&why)),
        Cloned::Unknown => return Err(unknown(id)),
    }
    Ok(Exit::Done)
}

async fn look(app: &App, id: JobId, changes: &Changes, as_json: bool) -> Result<Exit, CliError> {
    let job = app.services.ledger.get(id).await?.ok_or_else(|| unknown(id))?;
    let by = Cause::new(seams::actor(), "");
    let new = app
        .steering
        .copy(job, changes, &by)
        .map_err(|why| unreadable(&why))?;
    if as_json {
        output::json(
            &json!({ "kind": new.kind, "lane": new.lane, "payload": new.payload, "subject": new.subject }),
        );
    } else {
        output::say(&format!(
            "Would store a job {} in the queue {}: {}",
            new.kind, new.lane, new.payload
        ));
    }
    Ok(Exit::Done)
}

fn unreadable(why: &str) -> CliError {
    CliError::bad_input(format!("nothing was stored: {why}"))
        .hint("`rolecall jobs show` shows the fields of a job's payload.")
}
