//! `rolecall mapping …`: which group gives which role.

mod add;
mod group;
mod list;
mod role;
mod set;

use clap::{Args, Subcommand};
use rolecall_core::{GuildId, MappingId, RoleId};

use super::values::OrNone;
use super::{CliError, Exit, Format, values};
use crate::app::App;

/// What to do with mappings.
#[derive(Debug, Subcommand)]
pub enum MappingCommand {
    Add(AddArgs),
    List(ListArgs),
    Set(SetArgs),
    Remove(RemoveArgs),
}

/// Lets a group give a role
///
/// From the next sync on, linked members of the group get the role, and linked people who are in no group that gives
/// it lose it. Discord is asked whether the bot can move the role.
///
/// Example: rolecall mapping add --guild 123456789012345678 --group pilots --role 234567890123456789
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Discord's id of the guild
    #[arg(long, value_name = "GUILD_ID")]
    pub guild: GuildId,
    /// The group, by name or id
    #[arg(long, value_name = "NAME_OR_ID", value_parser = values::not_empty)]
    pub group: String,
    /// Discord's id of the role
    #[arg(long, value_name = "ROLE_ID")]
    pub role: RoleId,
    /// Higher counts more where mappings disagree [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub priority: Option<i32>,
    /// Store it without asking Discord
    #[arg(long)]
    pub no_check: bool,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Lists mappings
///
/// Example: rolecall mapping list --guild 123456789012345678
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those of this guild
    #[arg(long, value_name = "GUILD_ID")]
    pub guild: Option<GuildId>,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Changes when a mapping applies
///
/// What is not named stays as it is. A list replaces what was there; --no-conditions unsets all conditions first.
///
/// Example: rolecall mapping set 6745a3c40123456789abcdef --exclude-group spies --characters-min 2
#[derive(Debug, Args)]
pub struct SetArgs {
    /// The mapping's id, see `rolecall mapping list`
    #[arg(value_name = "MAPPING_ID", value_parser = values::mapping_id)]
    pub id: MappingId,
    /// Unset all conditions that are not named here
    #[arg(long)]
    pub no_conditions: bool,
    /// Nobody of this group, by name or id; may be repeated
    #[arg(long = "exclude-group", value_name = "NAME_OR_ID", value_parser = values::not_empty)]
    pub exclude_groups: Vec<String>,
    /// Only who has this permission; may be repeated
    #[arg(long = "require-permission", value_name = "PERMISSION", value_parser = values::not_empty)]
    pub require_permissions: Vec<String>,
    /// Whether every character has to be in the group, instead of any
    #[arg(long, value_name = "true|false")]
    pub require_all: Option<bool>,
    /// At least so many characters
    #[arg(long, value_name = "N|none", value_parser = values::number)]
    pub characters_min: Option<OrNone<u32>>,
    /// At most so many characters
    #[arg(long, value_name = "N|none", value_parser = values::number)]
    pub characters_max: Option<OrNone<u32>>,
    /// Which changes go first where not all may: the higher, the earlier
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub priority: Option<i32>,
    /// An inactive mapping neither gives nor takes
    #[arg(long, value_name = "true|false")]
    pub active: Option<bool>,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Removes a mapping
///
/// Nothing is changed at Discord: a role that no mapping names any more is not touched, so everybody keeps it.
///
/// Example: rolecall mapping remove 6745a3c40123456789abcdef
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The mapping's id, see `rolecall mapping list`
    #[arg(value_name = "MAPPING_ID", value_parser = values::mapping_id)]
    pub id: MappingId,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

pub(super) async fn run(app: &App, command: MappingCommand) -> Result<Exit, CliError> {
    match command {
        MappingCommand::Add(args) => add::run(app, &args).await,
        MappingCommand::List(args) => list::run(app, &args).await,
        MappingCommand::Set(args) => set::run(app, &args).await,
        MappingCommand::Remove(args) => list::remove(app, &args).await,
    }
}
