//! What one member of a guild has, and why: the same for the API and the command line.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::error::StoreError;
use rolecall_core::explain::{Explanation, Fate, Names, Said, explain};
use rolecall_core::guild::{GuildConfig, GuildInfo, Member};
use rolecall_core::hierarchy::compare;
use rolecall_core::link::Link;
use rolecall_core::mapping::Mapping;
use rolecall_core::ports::{CallError, CallFailure};
use rolecall_core::{DiscordId, GuildId, RoleId};
use rolecall_jobs::kernel::services::Services;
use serde::Serialize;
use utoipa::ToSchema;

/// A member of a guild.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = DiscordGuildMemberResponse)]
pub(crate) struct MemberView {
    /// The guild at Discord.
    pub(crate) guild_id: String,
    /// The account at Discord.
    pub(crate) discord_id: String,
    /// Bots are never touched.
    pub(crate) bot: bool,
    /// The user whose account it is; null: nobody linked it.
    pub(crate) user_id: Option<String>,
    /// The account's name, as it was linked; null: not known.
    pub(crate) username: Option<String>,
    /// Why nothing is said of mapped roles; null: they are listed.
    pub(crate) note: Option<String>,
    /// What the member has, the highest role first, without `@everyone`.
    pub(crate) roles: Vec<HeldRole>,
    /// What becomes of each role that a mapping of this guild names, the highest priority first.
    pub(crate) mapped_roles: Vec<MappedRole>,
}

/// A role that a member has.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct HeldRole {
    /// The role at Discord.
    pub(crate) id: String,
    /// Its name; empty: Discord does not list it.
    pub(crate) name: String,
    /// Owned by a bot or an integration: nobody can give or take it.
    pub(crate) managed: bool,
    /// An active mapping names it: rolecall decides about it, and about no other.
    pub(crate) mapped: bool,
}

/// What becomes of a mapped role.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct MappedRole {
    /// The role at Discord.
    pub(crate) role_id: String,
    /// Its name.
    pub(crate) role_name: String,
    /// Whether the member has it now.
    pub(crate) held: bool,
    /// What the member should have: `wanted`, `denied`, `undecided` (neither given nor taken) or `not_ours`.
    #[schema(value_type = String)]
    pub(crate) fate: Fate,
    /// What its mappings say, the highest priority first.
    pub(crate) mappings: Vec<SaidView>,
}

/// What one mapping says of one user.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SaidView {
    /// The mapping.
    pub(crate) mapping_id: String,
    /// Its group, by name.
    pub(crate) group: String,
    /// Its priority.
    pub(crate) priority: i32,
    /// `grants`, `denies`, `undecided` or `inactive`.
    pub(crate) decision: &'static str,
    /// Why, a sentence each.
    pub(crate) reasons: Vec<String>,
}

/// The sentence for an account that is not in the guild; `None`: Discord refused for another reason.
pub(crate) fn absent(error: &CallError, guild: GuildId, account: DiscordId) -> Option<String> {
    match error.failure {
        CallFailure::UnknownMember => Some(format!("account {account} is not a member of guild {guild}")),
        CallFailure::UnknownUser => Some(format!("Discord knows no account {account}")),
        _ => None,
    }
}

/// What is known of a member that was read. `info` names its roles.
///
/// # Errors
/// A store that does not answer.
pub(crate) async fn view(
    services: &Services,
    guild: &GuildConfig,
    info: &GuildInfo,
    member: &Member,
) -> Result<MemberView, StoreError> {
    let link = services.links.of_account(member.id).await?;
    let mappings = services.mappings.list(Some(guild.guild_id)).await?;
    let told = match link.as_ref().filter(|link| link.is_active && !member.bot) {
        None => Err(untouched(link.as_ref(), member)),
        Some(link) => explained(services, link, &mappings).await?,
    };
    let (told, note) = match told {
        Ok(told) => (told, None),
        Err(note) => (Vec::new(), Some(note)),
    };
    let has: BTreeSet<RoleId> = member.roles.iter().copied().collect();
    Ok(MemberView {
        guild_id: guild.guild_id.to_string(),
        discord_id: member.id.to_string(),
        bot: member.bot,
        user_id: link.as_ref().map(|l| l.user_id.to_string()),
        username: link.map(|l| l.username).filter(|name| !name.is_empty()),
        note,
        roles: held(info, &mappings, &has),
        mapped_roles: told.into_iter().map(|e| mapped(e, &has)).collect(),
    })
}

/// Why a sync passes this member by.
fn untouched(link: Option<&Link>, member: &Member) -> String {
    if member.bot {
        return "it is a bot, and bots are never touched".to_owned();
    }
    match link {
        Some(link) => format!(
            "the link of user {} is not active, so no sync gives it a role or takes one",
            link.user_id
        ),
        None => "nobody linked this account, so no sync gives it a role or takes one".to_owned(),
    }
}

/// What becomes of each mapped role, or why nobody knows.
async fn explained(
    services: &Services,
    link: &Link,
    mappings: &[Mapping],
) -> Result<Result<Vec<Explanation>, String>, StoreError> {
    let user = &link.user_id;
    let mut facts = services.directory.facts_of(std::slice::from_ref(user)).await?;
    let Some(facts) = facts.remove(user) else {
        return Ok(Err(format!(
            "the directory does not know the user {user}: nothing is given to them, and nothing taken"
        )));
    };
    let groups = services.directory.groups().await?;
    let names: Names = groups.into_iter().map(|g| (g.id, g.name)).collect();
    Ok(Ok(explain(mappings, &names, &facts)))
}

fn held(info: &GuildInfo, mappings: &[Mapping], has: &BTreeSet<RoleId>) -> Vec<HeldRole> {
    let ours: BTreeSet<RoleId> = mappings
        .iter()
        .filter(|m| m.is_active)
        .map(|m| m.role_id)
        .collect();
    let known: BTreeMap<RoleId, _> = info.roles.iter().map(|r| (r.id, r)).collect();
    let mut all: Vec<RoleId> = has.iter().copied().collect();
    all.sort_by(|a, b| match (known.get(a), known.get(b)) {
        (Some(a), Some(b)) => compare(b, a),
        (a, b) => Reverse(a.is_some()).cmp(&Reverse(b.is_some())),
    });
    all.into_iter()
        .map(|id| HeldRole {
            id: id.to_string(),
            name: known.get(&id).map(|r| r.name.clone()).unwrap_or_default(),
            managed: known.get(&id).is_some_and(|r| r.managed),
            mapped: ours.contains(&id),
        })
        .collect()
}

fn mapped(explanation: Explanation, has: &BTreeSet<RoleId>) -> MappedRole {
    MappedRole {
        role_id: explanation.role_id.to_string(),
        role_name: explanation.role,
        held: has.contains(&explanation.role_id),
        fate: explanation.fate,
        mappings: explanation.mappings.into_iter().map(SaidView::from).collect(),
    }
}

impl From<Said> for SaidView {
    fn from(said: Said) -> Self {
        Self {
            mapping_id: said.mapping.to_string(),
            group: said.group,
            priority: said.priority,
            decision: said.decision,
            reasons: said.reasons,
        }
    }
}
