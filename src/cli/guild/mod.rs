//! `rolecall guild …`: which Discord servers rolecall keeps.

mod add;
mod bot_token;
mod remove;
mod show;

use clap::{Args, Subcommand};
use rolecall_core::GuildId;
use rolecall_core::guild::GuildConfig;

use super::{CliError, Exit, Format, values};
use crate::app::App;

/// What to do with guilds.
#[derive(Debug, Subcommand)]
pub enum GuildCommand {
    Add(AddArgs),
    /// Lists all guilds
    List(Format),
    Show(ShowArgs),
    Remove(RemoveArgs),
}

/// Adds a guild, or changes its name or bot token
///
/// The bot token is read from standard input, or from the environment variable that --bot-token-env names; never from
/// an argument, which others on this machine could see. Discord is asked whether the token is valid and the bot a
/// member of the guild. The token is stored sealed.
///
/// Example: rolecall guild add --id 123456789012345678 --name Corp < bot-token.txt
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Discord's id of the guild
    #[arg(long, value_name = "GUILD_ID")]
    pub id: GuildId,
    /// Its name, for people [default: the name it has at Discord]
    #[arg(long, value_name = "NAME", value_parser = values::not_empty)]
    pub name: Option<String>,
    /// Take the bot token from this environment variable
    #[arg(long, value_name = "VARIABLE", value_parser = values::not_empty)]
    pub bot_token_env: Option<String>,
    /// Store it without asking Discord
    #[arg(long)]
    pub no_check: bool,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Shows a guild with its mappings, and what stands in their way
///
/// Example: rolecall guild show 123456789012345678
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Discord's id of the guild
    #[arg(value_name = "GUILD_ID")]
    pub id: GuildId,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Removes a guild with its mappings
///
/// Nothing is changed at Discord: everybody keeps the roles they have.
///
/// Example: rolecall guild remove 123456789012345678 --yes
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// Discord's id of the guild
    #[arg(value_name = "GUILD_ID")]
    pub id: GuildId,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

pub(super) async fn run(app: &App, command: GuildCommand) -> Result<Exit, CliError> {
    match command {
        GuildCommand::Add(args) => add::run(app, args).await,
        GuildCommand::List(format) => show::list(app, format).await,
        GuildCommand::Show(args) => show::one(app, &args).await,
        GuildCommand::Remove(args) => remove::run(app, &args).await,
    }
}

/// A configured guild, or a sentence.
pub(in crate::cli) async fn configured(app: &App, id: GuildId) -> Result<GuildConfig, CliError> {
    app.services.guilds.get(id).await?.ok_or_else(|| {
        CliError::failed(format!("guild {id} is not configured")).hint(format!(
            "`rolecall guild list` shows all; `rolecall guild add --id {id}` adds it."
        ))
    })
}
