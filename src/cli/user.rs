//! `rolecall user …`: what is stored about a person.

use clap::{Args, Subcommand};
use rolecall_core::UserId;

use super::{CliError, Exit, output};
use crate::app::App;
use crate::export;

/// What to do with a user.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    Export(ExportArgs),
}

/// Prints everything that is stored about a user, as one JSON document
///
/// Linked accounts (without tokens), groups, roles and why, audit records, jobs and runs: the same document that the user
/// gets from GET /v1/me/export.
///
/// Example: rolecall user export --user ada > ada.json
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The application's user
    #[arg(long, value_name = "USER_ID")]
    pub user: UserId,
}

pub(super) async fn run(app: &App, command: UserCommand) -> Result<Exit, CliError> {
    let UserCommand::Export(args) = command;
    output::json(&export::of_user(&app.services, &args.user).await?);
    Ok(Exit::Done)
}
