//! `rolecall guild …`: which Discord servers rolecall keeps.

mod add;
mod bot_token;
mod member;
mod remove;
mod set;
mod show;

use std::time::Duration;

use clap::{Args, Subcommand};
use rolecall_core::guild::GuildConfig;
use rolecall_core::{ChannelId, DiscordId, GuildId};

use super::values::OrNone;
use super::{CliError, Exit, Format, values};
use crate::app::App;

/// What to do with guilds.
#[derive(Debug, Subcommand)]
pub enum GuildCommand {
    Add(AddArgs),
    /// Lists all guilds
    List(Format),
    Show(ShowArgs),
    Member(MemberArgs),
    Set(SetArgs),
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

/// Shows a member of a guild: its roles, whose account it is, and what becomes of each mapped role
///
/// Discord is asked now; nothing is changed.
///
/// Example: rolecall guild member --id 123456789012345678 --account 80351110224678912
#[derive(Debug, Args)]
pub struct MemberArgs {
    /// Discord's id of the guild
    #[arg(long, value_name = "GUILD_ID")]
    pub id: GuildId,
    /// Discord's id of the account
    #[arg(long, value_name = "ACCOUNT_ID")]
    pub account: DiscordId,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Changes how a guild is synced
///
/// What is not named stays as it is.
///
/// Example: rolecall guild set 123456789012345678 --auto-sync false --max-role-changes 100
#[derive(Debug, Args)]
pub struct SetArgs {
    /// Discord's id of the guild
    #[arg(value_name = "GUILD_ID")]
    pub id: GuildId,
    /// Whether the schedule syncs it
    #[arg(long, value_name = "true|false")]
    pub auto_sync: Option<bool>,
    /// Least time between two scheduled syncs, such as 2h; none: at every tick
    #[arg(long, value_name = "TIME|none", value_parser = values::interval)]
    pub sync_interval: Option<OrNone<Duration>>,
    /// Whether linked people are joined to it
    #[arg(long, value_name = "true|false")]
    pub sync_on_join: Option<bool>,
    /// Whether somebody whose link ends loses the mapped roles
    #[arg(long, value_name = "true|false")]
    pub remove_roles_on_leave: Option<bool>,
    /// Channel that is told of each run that changed something
    #[arg(long, value_name = "CHANNEL_ID|none", value_parser = values::channel)]
    pub audit_channel: Option<OrNone<ChannelId>>,
    /// Channel that is told when something needs a person
    #[arg(long, value_name = "CHANNEL_ID|none", value_parser = values::channel)]
    pub notification_channel: Option<OrNone<ChannelId>>,
    /// A sync changes no more roles than this; the rest follows with the next one
    #[arg(long, value_name = "N|none", value_parser = values::number)]
    pub max_role_changes: Option<OrNone<u32>>,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Removes a guild with its mappings
///
/// Everybody keeps the roles they have, unless --remove-roles is given: then linked members lose the roles that the
/// guild's active mappings name, however many they are. If some of them could not be taken, the same command again tries
/// once more; without --remove-roles it gives up.
///
/// Example: rolecall guild remove 123456789012345678 --remove-roles --yes
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// Discord's id of the guild
    #[arg(value_name = "GUILD_ID")]
    pub id: GuildId,
    /// Take its mapped roles from all linked members, too
    #[arg(long)]
    pub remove_roles: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Follow what it leads to at Discord to its end, and print what was done
    #[arg(long)]
    pub wait: bool,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

pub(super) async fn run(app: &App, command: GuildCommand) -> Result<Exit, CliError> {
    match command {
        GuildCommand::Add(args) => add::run(app, args).await,
        GuildCommand::List(format) => show::list(app, format).await,
        GuildCommand::Show(args) => show::one(app, &args).await,
        GuildCommand::Member(args) => member::run(app, &args).await,
        GuildCommand::Set(args) => set::run(app, &args).await,
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
