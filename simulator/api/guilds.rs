//! Guilds and their roles.

use std::fmt::Write as _;

use super::{Answer, Reply, Request};
use crate::errors::UNKNOWN_ROLE;
use crate::guild::{Guild, Role};
use crate::json::write_text;
use crate::world::World;

/// The fields of a guild that are the same for all guilds here. The specification demands forty in all.
const SAME_FOR_ALL: &str = concat!(
    r#""icon":null,"description":null,"home_header":null,"splash":null,"discovery_splash":null,"features":[],"#,
    r#""banner":null,"application_id":null,"region":"deprecated","afk_channel_id":null,"afk_timeout":300,"#,
    r#""system_channel_flags":0,"widget_enabled":false,"widget_channel_id":null,"verification_level":1,"#,
    r#""default_message_notifications":1,"explicit_content_filter":0,"max_presences":null,"max_members":500000,"#,
    r#""max_stage_video_channel_users":50,"max_video_channel_users":25,"vanity_url_code":null,"premium_tier":0,"#,
    r#""premium_subscription_count":0,"preferred_locale":"en-US","rules_channel_id":null,"#,
    r#""safety_alerts_channel_id":null,"public_updates_channel_id":null,"premium_progress_bar_enabled":false,"#,
    r#""nsfw":false,"nsfw_level":0,"emojis":[],"stickers":[],"incidents_data":null"#,
);

fn write_role(out: &mut String, id: u64, role: &Role) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{{\"id\":\"{id}\",\"name\":");
    write_text(out, &role.name);
    let _ = write!(
        out,
        concat!(
            r#","permissions":"{}","position":{},"color":{},"colors":{{"primary_color":{},"secondary_color":null,"#,
            r#""tertiary_color":null}},"hoist":{},"managed":{},"mentionable":{},"icon":null,"#,
            r#""unicode_emoji":null,"flags":0"#,
        ),
        role.permissions, role.position, role.color, role.color, role.hoist, role.managed, role.mentionable,
    );
    match role.bot_id {
        Some(bot) => {
            let _ = write!(out, r#","tags":{{"bot_id":"{bot}"}}}}"#);
        }
        None => out.push('}'),
    }
}

fn write_roles(out: &mut String, guild: &Guild) {
    out.push('[');
    for (index, (id, role)) in guild.roles.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_role(out, *id, role);
    }
    out.push(']');
}

pub(super) fn get_guild(world: &mut World, request: &Request<'_>) -> Answer {
    let guild = request.enter(&mut world.guilds)?;
    let mut out = String::with_capacity(2_048 + guild.roles.len() * 320);
    let _ = write!(out, "{{\"id\":\"{}\",\"name\":", guild.id);
    write_text(&mut out, &guild.name);
    let _ = write!(
        out,
        ",\"owner_id\":\"{}\",\"mfa_level\":{},\"system_channel_id\":\"{}\",{SAME_FOR_ALL},\"roles\":",
        guild.owner_id, guild.mfa_level, guild.channel_id,
    );
    write_roles(&mut out, guild);
    if matches!(request.text("with_counts"), Some("true" | "True" | "1")) {
        let members = guild.members.len();
        let _ = write!(
            out,
            ",\"approximate_member_count\":{members},\"approximate_presence_count\":0"
        );
    }
    out.push('}');
    Ok(Reply::json(200, out))
}

pub(super) fn list_roles(world: &mut World, request: &Request<'_>) -> Answer {
    let guild = request.enter(&mut world.guilds)?;
    let mut out = String::with_capacity(guild.roles.len() * 320);
    write_roles(&mut out, guild);
    Ok(Reply::json(200, out))
}

pub(super) fn get_role(world: &mut World, request: &Request<'_>) -> Answer {
    let guild = request.enter(&mut world.guilds)?;
    let role = guild.roles.get(&request.params.role).ok_or(UNKNOWN_ROLE)?;
    let mut out = String::new();
    write_role(&mut out, request.params.role, role);
    Ok(Reply::json(200, out))
}

/// Members of each role, without @everyone.
pub(super) fn role_member_counts(world: &mut World, request: &Request<'_>) -> Answer {
    let guild = request.enter(&mut world.guilds)?;
    let ids = guild.roles.keys().filter(|id| **id != guild.id);
    let mut counts: Vec<(u64, u64)> = ids.map(|id| (*id, 0)).collect();
    for (user, member) in &guild.members {
        for role in guild.visible_roles(*user, member, request.now_ms) {
            if let Ok(at) = counts.binary_search_by_key(role, |count| count.0) {
                counts[at].1 += 1;
            }
        }
    }
    let mut out = String::from("{");
    for (index, (id, count)) in counts.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(out, "{comma}\"{id}\":{count}");
    }
    out.push('}');
    Ok(Reply::json(200, out))
}
