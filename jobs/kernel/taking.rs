//! Takes roles from one member: look, judge, write. What the jobs that take what no sync decides about have in common.

use std::collections::BTreeSet;

use rolecall_core::RoleId;
use rolecall_core::error::JobError;
use rolecall_core::guild::GuildInfo;
use rolecall_core::hierarchy::obstacle;
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::CallOptions;

use super::context::Context;
use super::guilds::ReadyGuild;
use super::members::{Target, refused};

/// What is to be taken from a member.
pub struct Taking {
    held: BTreeSet<RoleId>,
    take: BTreeSet<RoleId>,
    /// Why the others stay, for people.
    left: Vec<String>,
    options: CallOptions,
}

/// Reads the member; of the roles that it has, `choose` says which are to go. `Err(outcome)` inside: nothing can be
/// taken. `why` is what Discord's audit log tells.
///
/// # Errors
/// What Discord refused, or a store that does not answer.
pub async fn look(
    context: &Context,
    guild: &ReadyGuild,
    target: &Target,
    why: &str,
    choose: impl FnOnce(&BTreeSet<RoleId>) -> BTreeSet<RoleId> + Send,
) -> Result<Result<Taking, Outcome>, JobError> {
    let services = &context.services;
    let options = context.call(Some(context.audit_reason(why)))?;
    let read = services
        .discord
        .member(&guild.token, target.guild_id, target.discord_id, &options);
    let held: BTreeSet<RoleId> = match read.await {
        Ok(member) => member.roles.into_iter().collect(),
        Err(error) => return refused(context, target, &[], error).await.map(Err),
    };
    let chosen = choose(&held);
    if chosen.is_empty() {
        return Ok(Err(Outcome::unchanged()));
    }
    let mut info = services.recent_info(guild, &options).await?;
    if !chosen.iter().all(|c| info.roles.iter().any(|r| r.id == *c)) {
        // A member has a role that the guild had not when it was read.
        info = services.read_info(guild, &options).await?;
    }
    let standing = services.standing(guild, &options).await?;
    let mut taking = Taking {
        held,
        take: BTreeSet::new(),
        left: Vec::new(),
        options,
    };
    for role in chosen {
        match obstacle(&info, standing.as_ref(), role) {
            None => drop(taking.take.insert(role)),
            Some(why) => taking.left.push(format!(
                "{} cannot be taken: {}. {}",
                name(&info, role),
                why.as_str(),
                why.remedy()
            )),
        }
    }
    if taking.take.is_empty() {
        let mut outcome = Outcome::skipped("roles_out_of_reach");
        outcome.notes = taking.left;
        return Ok(Err(outcome));
    }
    Ok(Ok(taking))
}

/// A role's name, or its id.
pub fn name(info: &GuildInfo, role: RoleId) -> String {
    let found = info.roles.iter().find(|r| r.id == role);
    found.map_or_else(|| role.to_string(), |r| r.name.clone())
}

/// Takes them: one role by one call, several by one call with what is left.
///
/// # Errors
/// What Discord refused.
pub async fn take(
    context: &Context,
    guild: &ReadyGuild,
    target: &Target,
    taking: Taking,
) -> Result<Outcome, JobError> {
    let (discord, token) = (&context.services.discord, &guild.token);
    let (id, account, options) = (target.guild_id, target.discord_id, &taking.options);
    let written = match taking.take.first() {
        Some(only) if taking.take.len() == 1 => discord.remove_role(token, id, account, *only, options).await,
        _ => {
            let rest = taking.held.difference(&taking.take).copied().collect();
            discord.set_roles(token, id, account, &rest, options).await
        }
    };
    if let Err(error) = written {
        let roles: Vec<RoleId> = taking.take.iter().copied().collect();
        return refused(context, target, &roles, error).await;
    }
    let mut outcome = Outcome::moved(BTreeSet::new(), taking.take).of_member_with(taking.held);
    outcome.notes = taking.left;
    Ok(outcome)
}
