//! `rolecall directory …`: who is in which group.

mod check;
mod csv;
mod explain;
mod file;
mod import;
mod json;
mod rounded;
mod show;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use rolecall_core::{GuildId, UserId};

use super::{CliError, Exit, Format, values};
use crate::app::App;

/// What to do with the directory.
#[derive(Debug, Subcommand)]
pub enum DirectoryCommand {
    Import(ImportArgs),
    /// Lists all groups
    ///
    /// Example: rolecall directory groups
    Groups(Format),
    Show(ShowArgs),
    Explain(ExplainArgs),
}

/// Imports users and their groups from a file
///
/// A CSV file begins with the line user_id,name,groups,discord_id (in any order; name and discord_id may be left out).
/// Groups of one user are separated by semicolons. A JSON file holds a list of objects with the same names, or {"users": [...]}; groups may be a list.
///
/// All rows are taken or none: wrong ones are listed with their lines (exit code 2). A row replaces the groups of its
/// user; with a discord_id the account is linked to the user. The same file again changes nothing.
///
/// Example: rolecall directory import members.csv
#[derive(Debug, Args)]
#[command(after_long_help = "A CSV file:\n  \
    user_id,name,groups,discord_id\n  \
    u-17,Ada,pilots;directors,123456789012345678\n\n\
    The same as JSON:\n  \
    [{\"user_id\": \"u-17\", \"groups\": [\"pilots\", \"directors\"], \"discord_id\": \"123456789012345678\"}]")]
pub struct ImportArgs {
    /// A .csv or .json file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Take all groups from users that the file does not name
    #[arg(long)]
    pub replace: bool,
    /// Only read and check the file
    #[arg(long)]
    pub dry_run: bool,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Shows a user's groups and Discord accounts
///
/// Example: rolecall directory show u-17
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The user's id in the application
    #[arg(value_name = "USER", value_parser = values::user_id)]
    pub user: UserId,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Explains which roles a user should have, and why
///
/// From the user's characters and groups over every mapping to the decision about each role. Nothing is changed.
///
/// Example: rolecall directory explain u-17
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The user's id in the application
    #[arg(value_name = "USER", value_parser = values::user_id)]
    pub user: UserId,
    /// Only this guild
    #[arg(long, value_name = "GUILD_ID")]
    pub guild: Option<GuildId>,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

pub(super) async fn run(app: &App, command: DirectoryCommand) -> Result<Exit, CliError> {
    match command {
        DirectoryCommand::Import(args) => import::run(app, &args).await,
        DirectoryCommand::Groups(format) => show::groups(app, format).await,
        DirectoryCommand::Show(args) => show::user(app, &args).await,
        DirectoryCommand::Explain(args) => explain::run(app, &args).await,
    }
}

/// Whether groups come from imported files, so that a missing one may be made.
pub(super) fn is_imported(app: &App) -> bool {
    // Where MongoDB may hold both, `describe` knows which it is once groups were read.
    app.services.directory.describe() == "imported"
}
