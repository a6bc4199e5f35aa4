//! `rolecall mapping …`: which group gives which role.

mod add;
mod group;
mod list;
mod remove;
mod role;
mod set;

use clap::{Args, Subcommand};
use rolecall_core::mapping::Mapping;
use rolecall_core::{GuildId, MappingId, RoleId};
use rolecall_workflows::change_mapping::Fate;

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

/// Changes when a mapping applies, and which role it gives
///
/// What is not named stays as it is. A list replaces what was there; --no-conditions unsets all conditions first. A role
/// that no active mapping names any more is taken from linked members at once; conditions take effect with the next sync.
///
/// Example: rolecall mapping set 6745a3c40123456789abcdef --exclude-group spies --characters-min 2
#[derive(Debug, Args)]
pub struct SetArgs {
    /// The mapping's id, see `rolecall mapping list`
    #[arg(value_name = "MAPPING_ID", value_parser = values::mapping_id)]
    pub id: MappingId,
    /// Give this role instead (Discord's id)
    #[arg(long, value_name = "ROLE_ID")]
    pub role: Option<RoleId>,
    /// Store the role without asking Discord
    #[arg(long, requires = "role")]
    pub no_check: bool,
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
    /// Follow what it leads to at Discord to its end, and print what was done
    #[arg(long)]
    pub wait: bool,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Removes a mapping
///
/// Linked members lose its role, unless another active mapping names it: then a sync decides. In a disabled guild
/// everybody keeps it.
///
/// Example: rolecall mapping remove 6745a3c40123456789abcdef
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The mapping's id, see `rolecall mapping list`
    #[arg(value_name = "MAPPING_ID", value_parser = values::mapping_id)]
    pub id: MappingId,
    /// Follow what it leads to at Discord to its end, and print what was done
    #[arg(long)]
    pub wait: bool,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

pub(super) async fn run(app: &App, command: MappingCommand) -> Result<Exit, CliError> {
    match command {
        MappingCommand::Add(args) => add::run(app, &args).await,
        MappingCommand::List(args) => list::run(app, &args).await,
        MappingCommand::Set(args) => set::run(app, &args).await,
        MappingCommand::Remove(args) => remove::run(app, &args).await,
    }
}

/// What becomes of those who have the role that a mapping named, as a sentence with a space before it; empty if nothing.
fn fate(fate: Fate, before: &Mapping) -> String {
    let Some(told) = fate.told(&before.role_name) else {
        return String::new();
    };
    let mut letters = told.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    format!(" {}.", first.chain(letters).collect::<String>())
}
