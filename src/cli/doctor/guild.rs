//! One guild: the token, the bot's rights, and the place of each mapped role.

use std::collections::BTreeSet;

use rolecall_core::GroupId;
use rolecall_core::guild::GuildConfig;
use rolecall_core::hierarchy::{Obstacle, permission, permissions, rights_in_words};
use rolecall_core::mapping::Mapping;

use super::report::Report;
use crate::app::App;
use crate::cli::output;
use crate::cli::reach::{Blind, Seen};

/// What a guild's lines begin with.
pub(super) fn asked(config: &GuildConfig) -> String {
    format!("guild {} ({})", config.guild_name, config.guild_id)
}

/// Guilds that were removed, and of which not all roles could be taken. A store that does not answer is told elsewhere.
pub(super) async fn left_over(app: &App, report: &mut Report) {
    let services = &app.services;
    for guild in services.retired_guilds.list().await.unwrap_or_default() {
        // Added anew: its configuration counts.
        if services
            .guilds
            .get(guild.guild_id)
            .await
            .is_ok_and(|g| g.is_some())
        {
            continue;
        }
        let run = services.runs.get(guild.run_id).await.ok().flatten();
        let asked = format!("removed guild {} ({})", guild.guild_name, guild.guild_id);
        if run.is_some_and(|r| !r.state.is_final()) {
            report.ok(
                &asked,
                format!("its roles are being taken by run {}", guild.run_id),
            );
            continue;
        }
        report.warn(
            &asked,
            format!("not all of its roles could be taken; run {} says why", guild.run_id),
            "nothing left of it",
            &format!(
                "`rolecall guild remove {} --remove-roles` tries once more, without --remove-roles it is forgotten.",
                guild.guild_id
            ),
        );
    }
}

/// Whether the directory knows the mapped groups.
pub(super) fn groups(asked: &str, mappings: &[&Mapping], known: &BTreeSet<GroupId>, report: &mut Report) {
    if mappings.is_empty() {
        report.warn(
            asked,
            "has no mapping, so there is nothing to keep",
            "at least one mapping",
            "Add one with `rolecall mapping add`.",
        );
        return;
    }
    for mapping in mappings.iter().filter(|m| !known.contains(&m.group_id)) {
        report.warn(
            &format!("{asked}, mapping {}", mapping.id),
            format!(
                "the directory does not know the group {} ({}), so the role is neither given nor taken",
                mapping.group_name, mapping.group_id
            ),
            "a known group",
            &format!(
                "Bring the group back, or `rolecall mapping remove {}`.",
                mapping.id
            ),
        );
    }
}

/// What Discord said.
pub(super) fn judge(
    app: &App,
    asked: &str,
    mappings: &[&Mapping],
    seen: &Result<Seen, Blind>,
    report: &mut Report,
) {
    let seen = match seen {
        Ok(seen) => seen,
        // Told in Discord's own line.
        Err(Blind::Unreachable(_)) => return,
        Err(Blind::Refused { sentence, remedy }) => {
            report.fail(
                asked,
                sentence.clone(),
                "a valid token of a bot that is in the guild",
                remedy,
            );
            return;
        }
    };
    report.ok(
        asked,
        format!(
            "the token is valid, and the bot {} is a member",
            seen.bot.username
        ),
    );
    rights(app.services.oauth.is_some(), asked, seen, report);
    roles(asked, mappings, seen, report);
}

fn rights(joins: bool, asked: &str, seen: &Seen, report: &mut Report) {
    let asked = format!("{asked}, bot's rights");
    let Some(standing) = &seen.standing else {
        report.warn(
            &asked,
            "Discord does not tell what the bot is there",
            "its roles",
            "Nothing, if syncs go well: Discord has the last word on each write.",
        );
        return;
    };
    let rights = permissions(&seen.info, standing);
    let all = rights_in_words(rights);
    if rights & permission::MANAGE_ROLES == 0 {
        let remedy = Obstacle::BotLacksManageRoles.remedy();
        report.fail(&asked, all, "Manage Roles", remedy);
    } else if joins && rights & permission::CREATE_INSTANT_INVITE == 0 {
        report.warn(
            &asked,
            format!("{all}; without Create Invite, nobody can be joined"),
            "Manage Roles and Create Invite",
            "In Discord, Server Settings > Roles: give the bot's role Create Invite.",
        );
    } else {
        report.ok(asked, all);
    }
}

fn roles(asked: &str, mappings: &[&Mapping], seen: &Seen, report: &mut Report) {
    let active = mappings.iter().filter(|m| m.is_active);
    let roles: BTreeSet<_> = active.map(|m| m.role_id).collect();
    let mut good = 0;
    for role in roles {
        match seen.obstacle(role) {
            None => good += 1,
            // Told once, in the line of the bot's rights.
            Some(Obstacle::BotLacksManageRoles) => {}
            Some(obstacle) => report.fail(
                &format!("{asked}, role {role}"),
                format!("{}: {}", obstacle.as_str(), seen.positions(role)),
                "a role below the bot's highest role",
                obstacle.remedy(),
            ),
        }
    }
    if good > 0 {
        let which = output::count(good, "mapped role is", "mapped roles are");
        report.ok(
            format!("{asked}, roles"),
            format!("{which} below the bot's highest role"),
        );
    }
}

#[cfg(test)]
mod tests {
    use rolecall_core::conditions::Conditions;
    use rolecall_core::{GuildId, MappingId, RoleId, Timestamp};

    use super::*;
    use crate::cli::reach::tests::seen;

    fn mapping(group: &str, role: u64) -> Mapping {
        Mapping {
            id: MappingId(format!("{role:024x}")),
            guild_id: GuildId::new(1).unwrap(),
            group_id: group.into(),
            group_name: group.to_owned(),
            role_id: RoleId::new(role).unwrap(),
            role_name: String::new(),
            priority: 0,
            conditions: Conditions::default(),
            is_active: true,
            created_by: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            last_sync: None,
            sync_count: 0,
        }
    }

    #[test]
    fn a_role_above_the_bot_is_told_with_both_positions_and_what_to_do() {
        let mut report = Report::default();
        let (low, high) = (mapping("pilots", 2), mapping("directors", 4));
        roles("guild Corp (1)", &[&low, &high], &seen(), &mut report);
        let text = report.text(false);
        assert!(
            text.contains("role 4: role_above_bot: Director at position 9"),
            "{text}"
        );
        assert!(
            text.contains("the bot's highest role Rolecall at position 5"),
            "{text}"
        );
        assert!(text.contains("1 mapped role is below"), "{text}");
        assert_eq!(report.exit() as u8, 2);
    }

    #[test]
    fn a_right_that_only_joining_needs_is_only_asked_for_where_people_are_joined() {
        for (joins, exit) in [(false, 0), (true, 1)] {
            let mut report = Report::default();
            rights(joins, "guild", &seen(), &mut report);
            assert_eq!(report.exit() as u8, exit);
            let text = report.text(false);
            assert!(
                text.contains("Manage Roles ok, Create Invite missing, View Channels missing"),
                "{text}"
            );
        }
    }

    #[test]
    fn an_unknown_group_is_a_warning() {
        let mut report = Report::default();
        let (known, gone) = (mapping("pilots", 2), mapping("gone", 3));
        groups(
            "guild",
            &[&known, &gone],
            &[GroupId::from("pilots")].into(),
            &mut report,
        );
        assert_eq!(report.document()["warnings"], 1);
    }
}
