//! `rolecall sync`: asks for a sync, and follows it if somebody wants to wait.

mod changes;
pub(crate) mod follow;
mod summary;

use std::sync::Arc;

use clap::Args;
use rolecall_core::run::{Run, RunState, Scope};
use rolecall_core::{GuildId, MappingId, UserId};
use rolecall_workflows::request::{Refusal, SyncRequest, order_sync};
use serde_json::json;

use super::{CliError, Exit, Format, output, seams, values};
use crate::app::App;
use crate::run_view::RunView;

pub(super) use summary::told as results_told;

/// Makes roles equal to groups now
///
/// Without --guild, --user or --mapping all enabled guilds are synced. The sync is stored and its id printed; running
/// processes do it. With --wait this command follows it to its end and prints what was done.
///
/// A sync that would take roles from many members at once is held: it gives, and takes nothing. Look at it with
/// --dry-run --wait, and let it pass with --allow-removals.
///
/// Exit codes with --wait: 0 all went well, 1 failed, 3 held or partly failed.
///
/// Example: rolecall sync --guild 123456789012345678 --dry-run --wait
#[derive(Debug, Args)]
pub struct SyncArgs {
    /// Only this guild (may be repeated)
    #[arg(long = "guild", value_name = "GUILD_ID")]
    pub guilds: Vec<GuildId>,
    /// Only this user of the application (may be repeated)
    #[arg(long = "user", value_name = "USER", value_parser = values::user_id)]
    pub users: Vec<UserId>,
    /// Only the role of this mapping, in its guild
    #[arg(long, value_name = "MAPPING_ID", value_parser = values::mapping_id, conflicts_with_all = ["guilds", "users"])]
    pub mapping: Option<MappingId>,
    /// Only find out what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Let removals pass, however many there are
    #[arg(long)]
    pub allow_removals: bool,
    /// Follow it to its end, and print what was done
    #[arg(long)]
    pub wait: bool,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Asks for a sync; with `wait` follows it. Whatever runs the jobs is started outside.
pub async fn run(app: Arc<App>, mut args: SyncArgs) -> Result<Exit, CliError> {
    args.guilds.sort_unstable();
    args.guilds.dedup();
    args.users.sort_unstable();
    args.users.dedup();
    let request = SyncRequest {
        scope: Scope {
            guilds: args.guilds,
            users: args.users,
            mapping: args.mapping,
            allow_removals: args.allow_removals,
        },
        dry_run: args.dry_run,
        ..SyncRequest::default()
    };
    let by = seams::by("asked for on the command line");
    let asked = order_sync(&app.services, &app.queue, request, by).await?;
    if !args.wait {
        accepted(&asked, args.format);
        return Ok(Exit::Done);
    }
    let Some(ended) = follow::to_the_end(&app, asked.id, follow::LOOK).await? else {
        output::note(&format!(
            "Stopped waiting. Run {0} is stored and goes on wherever rolecall runs; `rolecall runs show {0}` tells \
             how far it is.",
            asked.id
        ));
        return Ok(Exit::Interrupted);
    };
    let changes = if ended.dry_run {
        changes::planned(&app.services, ended.id).await?
    } else {
        Vec::new()
    };
    if args.format.json {
        output::json(&json!({ "run": RunView::of(&ended), "changes": changes }));
    } else {
        output::say(&summary::told(&ended));
        if ended.dry_run {
            output::say(&changes::told(&changes));
        }
    }
    Ok(exit_of(ended.state))
}

fn accepted(run: &Run, format: Format) {
    if format.json {
        output::json(&json!({ "run": RunView::of(run) }));
        return;
    }
    output::say(&run.id.to_string());
    output::note(&format!(
        "The sync is stored. Follow it with `rolecall runs show {}`.",
        run.id
    ));
}

/// The exit code of a state.
pub(super) const fn exit_of(state: RunState) -> Exit {
    match state {
        RunState::Running | RunState::Completed => Exit::Done,
        RunState::Failed => Exit::Failed,
        RunState::Partial | RunState::Held => Exit::Held,
    }
}

impl From<Refusal> for CliError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Store(error) => error.into(),
            other => {
                // The part after the semicolon is what to do.
                let text = other.to_string();
                match text.split_once("; ") {
                    Some((what, hint)) => Self::failed(what).hint(hint),
                    None => Self::failed(text),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_tells_how_a_run_ended() {
        let codes = RunState::ALL.map(|s| exit_of(s) as u8);
        assert_eq!(codes, [0, 0, 3, 1, 3]);
    }

    #[test]
    fn a_refusal_is_a_sentence_and_a_hint() {
        let error = CliError::from(Refusal::NoGuild);
        assert_eq!(error.message, "no enabled guild is configured");
        assert!(error.hint.unwrap().contains("guild add"));
    }
}
