//! Members as JSON, written straight into a string: a page of a thousand is half a megabyte, and building a tree
//! of values for it would cost more than everything else together.

use std::fmt::Write as _;

use crate::guild::{Guild, Member};
use crate::time::write_timestamp;
use crate::world::User;

/// Appends `text` as a JSON string.
pub(crate) fn write_text(out: &mut String, text: &str) {
    out.push('"');
    // Nearly every name; copying it whole is many times quicker.
    if !text.bytes().any(|byte| matches!(byte, b'"' | b'\\' | 0..b' ')) {
        out.push_str(text);
        out.push('"');
        return;
    }
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            // Writing to a String cannot fail.
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Appends a user as it stands inside a member.
pub(crate) fn write_user(out: &mut String, id: u64, user: &User) {
    let _ = write!(out, "{{\"id\":\"{id}\",\"username\":");
    write_text(out, &user.username());
    out.push_str(",\"avatar\":null,\"discriminator\":\"0\",\"public_flags\":0,\"flags\":0,\"global_name\":");
    if user.bot {
        out.push_str("null,\"primary_guild\":null,\"bot\":true}");
    } else {
        write_text(out, &user.name);
        out.push_str(",\"primary_guild\":null}");
    }
}

/// Appends a member with the twelve fields that Discord's specification demands.
pub(crate) fn write_member(
    out: &mut String,
    guild: &Guild,
    id: u64,
    member: &Member,
    user: &User,
    now_ms: u64,
) {
    out.push_str("{\"avatar\":null,\"banner\":null,\"communication_disabled_until\":");
    match guild.timeouts.get(&id) {
        Some(until) => {
            out.push('"');
            write_timestamp(out, *until);
            out.push('"');
        }
        None => out.push_str("null"),
    }
    let _ = write!(out, ",\"flags\":{},\"joined_at\":\"", member.flags);
    write_timestamp(out, member.joined_unix_ms);
    out.push_str("\",\"nick\":");
    match &member.nick {
        Some(nick) => write_text(out, nick),
        None => out.push_str("null"),
    }
    let _ = write!(
        out,
        ",\"pending\":{},\"premium_since\":null,\"roles\":[",
        member.pending
    );
    for (index, role) in guild.visible_roles(id, member, now_ms).iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(out, "{comma}\"{role}\"");
    }
    out.push_str("],\"user\":");
    write_user(out, id, user);
    out.push_str(",\"mute\":false,\"deaf\":false}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn awkward_names_survive() {
        let mut out = String::new();
        let name = "a\"b\\c\nd\u{1}é日";
        write_text(&mut out, name);
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), name);
    }
}
