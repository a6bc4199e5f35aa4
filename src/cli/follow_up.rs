//! The run that follows a change: told, or waited for.

use rolecall_core::RunId;
use rolecall_core::cause::Cause;
use rolecall_workflows::follow_up::Asked;
use serde_json::{Value, json};

use super::sync::{exit_of, follow, results_told};
use super::{CliError, Exit, output, seams};
use crate::app::App;
use crate::run_view::RunView;

/// Who types.
pub(super) fn asked() -> Asked {
    Asked {
        cause: Cause::new(seams::actor(), "changed on the command line"),
        trace: None,
    }
}

/// How the end of a command is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tell {
    /// Follow the run to its end.
    pub(super) wait: bool,
    /// One JSON document instead of sentences.
    pub(super) json: bool,
}

/// Tells what was done (as `sentence`, or as `document`), and of the run that follows, if one does.
pub(super) async fn tell(
    app: &App,
    run: Option<RunId>,
    tell: Tell,
    sentence: &str,
    mut document: Value,
) -> Result<Exit, CliError> {
    if !tell.json {
        output::say(sentence);
    }
    document["run_id"] = json!(run);
    let mut exit = Exit::Done;
    match run {
        None => {}
        Some(_) if !tell.wait && tell.json => {}
        Some(id) if !tell.wait => output::note(&format!(
            "Run {id} does it wherever rolecall runs. Follow it with `rolecall runs show {id}`."
        )),
        Some(id) => match follow::to_the_end(app, id, follow::LOOK).await? {
            Some(ended) => {
                exit = exit_of(ended.state);
                document["run"] = json!(RunView::of(&ended));
                if !tell.json {
                    output::say(&results_told(&ended));
                }
            }
            None => {
                exit = Exit::Interrupted;
                output::note(&format!(
                    "Stopped waiting. Run {id} is stored and goes on wherever rolecall runs; `rolecall runs show {id}` \
                     tells how far it is."
                ));
            }
        },
    }
    if tell.json {
        output::json(&document);
    }
    Ok(exit)
}
