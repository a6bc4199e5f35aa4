//! Posting a message into a notification channel.

use serde_json::{Value, json};

use super::users::user_value;
use super::{Answer, Reply, Request};
use crate::errors::{ApiError, EMPTY_MESSAGE, MISSING_ACCESS, UNKNOWN_CHANNEL};
use crate::ids::Id;
use crate::permissions::{SEND_MESSAGES, VIEW_CHANNEL};
use crate::time::timestamp;
use crate::world::{Message, World};

const FIELDS: [&str; 13] = [
    "content",
    "nonce",
    "enforce_nonce",
    "tts",
    "embeds",
    "allowed_mentions",
    "message_reference",
    "components",
    "sticker_ids",
    "payload_json",
    "attachments",
    "flags",
    "poll",
];

/// Longest content in characters (documented).
const CONTENT_MAX: usize = 2_000;

/// Longest nonce in characters (documented).
const NONCE_MAX: usize = 25;

/// How long a nonce is remembered, in simulated milliseconds: "a few minutes" (documented without a number).
const NONCE_LIFE_MS: u64 = 300_000;

pub(super) fn create(world: &mut World, request: &Request<'_>) -> Answer {
    let body = request.object(&FIELDS)?;
    let content = body.get("content").and_then(Value::as_str).unwrap_or_default();
    if content.chars().count() > CONTENT_MAX {
        let message = format!("Must be {CONTENT_MAX} or fewer in length.");
        return Err(ApiError::field("content", "BASE_TYPE_MAX_LENGTH", &message));
    }
    let nonce = match body.get("nonce") {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    if nonce
        .as_ref()
        .is_some_and(|nonce| nonce.chars().count() > NONCE_MAX)
    {
        let message = format!("Must be {NONCE_MAX} or fewer in length.");
        return Err(ApiError::field("nonce", "BASE_TYPE_MAX_LENGTH", &message));
    }
    let has_embeds = body
        .get("embeds")
        .and_then(Value::as_array)
        .is_some_and(|embeds| !embeds.is_empty());
    if content.trim().is_empty() && !has_embeds {
        return Err(EMPTY_MESSAGE);
    }
    let (id, bot) = (request.params.channel, request.bot()?);
    let channel = world.channels.get(&id).ok_or(UNKNOWN_CHANNEL)?;
    let guild = world.guilds.get(&channel.guild).ok_or(UNKNOWN_CHANNEL)?;
    if !guild.members.contains_key(&bot) {
        return Err(MISSING_ACCESS);
    }
    guild
        .require(bot, VIEW_CHANNEL, true, request.unix_ms)
        .map_err(|_| MISSING_ACCESS)?;
    guild.require(bot, SEND_MESSAGES, world.has_2fa(bot), request.unix_ms)?;
    let enforce = body
        .get("enforce_nonce")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    if let Some(sent) = channel.messages.iter().rev().find(|sent| {
        enforce
            && sent.nonce.is_some()
            && sent.nonce == nonce
            && sent.author == bot
            && sent.sent_ms + NONCE_LIFE_MS > request.now_ms
    }) {
        return Ok(Reply::value(200, &message_value(world, request, id, sent)));
    }
    let message = Message {
        id: world.ids.next(),
        author: bot,
        content: content.into(),
        nonce,
        pings: pings(content, body.get("allowed_mentions")),
        sent_ms: request.now_ms,
    };
    let value = message_value(world, request, id, &message);
    world.channels.entry(id).or_default().add(message);
    Ok(Reply::value(200, &value))
}

/// Whom a message pings: everything in it that looks like a mention, unless `allowed_mentions` says less (documented).
fn pings(content: &str, allowed: Option<&Value>) -> Vec<String> {
    let allows = |kind: &str, id: Option<&str>| {
        let Some(allowed) = allowed else { return true };
        let has = |list: &str, word: &str| {
            let list = allowed.get(list).and_then(Value::as_array);
            list.is_some_and(|list| list.iter().any(|one| one == word))
        };
        has("parse", kind) || id.is_some_and(|id| has(kind, id))
    };
    let mut found = Vec::new();
    for word in ["@everyone", "@here"] {
        if content.contains(word) && allows("everyone", None) {
            found.push(word.to_owned());
        }
    }
    for part in content.split("<@").skip(1) {
        let Some((inner, _)) = part.split_once('>') else {
            continue;
        };
        let (kind, id) = match inner.strip_prefix('&') {
            Some(role) => ("roles", role),
            None => ("users", inner.trim_start_matches('!')),
        };
        if !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) && allows(kind, Some(id)) {
            found.push(format!("<@{inner}>"));
        }
    }
    found
}

fn message_value(world: &World, request: &Request<'_>, channel: u64, message: &Message) -> Value {
    let start_unix_ms = request.unix_ms - request.now_ms;
    json!({
        "id": Id(message.id),
        "channel_id": Id(channel),
        "author": user_value(world, message.author),
        "content": message.content,
        "timestamp": timestamp(start_unix_ms + message.sent_ms),
        "edited_timestamp": null,
        "tts": false,
        "mention_everyone": message.pings.iter().any(|ping| ping.starts_with('@')),
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "components": [],
        "flags": 0,
        "pinned": false,
        "type": 0,
        "nonce": message.nonce,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_pings_whom_it_mentions_unless_it_says_that_it_does_not() {
        let text = "@everyone <@1> <@!2> <@&3> <@x> <@";
        assert_eq!(pings(text, None), ["@everyone", "<@1>", "<@!2>", "<@&3>"]);
        let none = json!({ "parse": [] });
        assert_eq!(pings(text, Some(&none)), [""; 0]);
        let some = json!({ "parse": ["roles"], "users": ["2"] });
        assert_eq!(pings(text, Some(&some)), ["<@!2>", "<@&3>"]);
    }
}
