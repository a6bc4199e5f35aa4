//! The body of a new or changed guild: what the original, its documentation and its frontend send.

use rolecall_core::GuildId;
use rolecall_core::guild::GuildSettings;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::config::parse_duration;
use crate::web::http::fields::Fields;
use crate::web::http::problem::ApiError;

/// Longest name.
const LONGEST_NAME: usize = 200;
/// Longest token.
const LONGEST_TOKEN: usize = 4_096;

/// A guild. What is absent, empty or null stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "only the document needs it; the body is read field by field"
)]
#[schema(example = json!({"guild_id": "123456789012345678", "guild_name": "My Corporation", "bot_token": "MTIz.example.bot-token"}))]
pub(crate) struct GuildBody {
    /// Discord's id. Needed for a new guild; of an existing one it has to be the path's.
    guild_id: Option<String>,
    /// Its name, for people; default: the name that Discord tells.
    guild_name: Option<String>,
    /// The bot's token. Needed for a new guild, unless `DISCORD_DEFAULT_BOT_TOKEN` is set. Never sent back.
    bot_token: Option<String>,
    /// Whether it is synced at all; default true.
    is_enabled: Option<bool>,
    /// The same.
    enabled: Option<bool>,
    /// How it is synced.
    settings: Option<SettingsBody>,
}

/// How a guild is synced.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code, reason = "only the document needs it")]
pub(crate) struct SettingsBody {
    /// Whether the schedule syncs it.
    auto_sync: Option<bool>,
    /// Least time between two scheduled syncs, such as `15m`; null: every tick.
    sync_interval: Option<String>,
    /// Whether linked people are joined to it.
    sync_on_join: Option<bool>,
    /// Whether somebody whose link ends loses the mapped roles.
    remove_roles_on_leave: Option<bool>,
    /// Channel that is told of each run that changed something; null: none.
    audit_channel_id: Option<String>,
    /// Channel that is told when something needs a person; null: none.
    notification_channel_id: Option<String>,
    /// Most role changes of one sync; null: no cap.
    max_role_changes_per_sync: Option<u32>,
}

/// What was sent.
pub(crate) struct Input {
    pub(crate) guild_id: Option<GuildId>,
    pub(crate) guild_name: Option<String>,
    pub(crate) bot_token: Option<SecretString>,
    pub(crate) is_enabled: Option<bool>,
    /// The settings with what was sent of them.
    pub(crate) settings: GuildSettings,
    /// Whether any was sent.
    pub(crate) has_settings: bool,
}

/// Reads the body on top of these settings. `check` may add what else is wrong.
pub(crate) fn read(
    mut fields: Fields,
    stored: GuildSettings,
    check: impl FnOnce(&Input, &mut Fields),
) -> Result<Input, ApiError> {
    let mut input = Input {
        guild_id: fields.snowflake("guild_id"),
        guild_name: fields.line("guild_name", LONGEST_NAME),
        bot_token: token(&mut fields),
        is_enabled: fields.either_flag("is_enabled", "enabled"),
        settings: stored,
        has_settings: false,
    };
    if let Some(mut inner) = fields.open("settings") {
        input.has_settings = true;
        settings(&mut inner, &mut input.settings);
        fields.close(inner);
    }
    check(&input, &mut fields);
    fields.finish()?;
    Ok(input)
}

/// A token, unless it is none: an empty one is the same as none, and a mask must not be taken for a token.
fn token(fields: &mut Fields) -> Option<SecretString> {
    let text = fields.text("bot_token")?;
    let text = match text.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("bot ") => text[4..].trim().to_owned(),
        _ => text,
    };
    if text.contains("**") || text.contains(['•', '●', '…']) || text.contains("...") {
        fields.wrong(
            "bot_token",
            "this is a masked token, not the token itself; leave it out to keep the stored one",
        );
        return None;
    }
    if text.is_empty() || text.len() > LONGEST_TOKEN || !text.chars().all(|c| c.is_ascii_graphic()) {
        fields.wrong(
            "bot_token",
            "this is no bot token: it holds characters that no token has",
        );
        return None;
    }
    Some(SecretString::from(text))
}

fn settings(fields: &mut Fields, to: &mut GuildSettings) {
    let flags = [
        ("auto_sync", &mut to.auto_sync),
        ("sync_on_join", &mut to.sync_on_join),
        ("remove_roles_on_leave", &mut to.remove_roles_on_leave),
    ];
    for (name, flag) in flags {
        if let Some(value) = fields.flag(name) {
            *flag = value;
        }
    }
    for (name, channel) in [
        ("audit_channel_id", &mut to.audit_channel_id),
        ("notification_channel_id", &mut to.notification_channel_id),
    ] {
        let is_null = fields.is_null(name);
        let value = fields.snowflake(name);
        if is_null || value.is_some() {
            *channel = value;
        }
    }
    let is_null = fields.is_null("max_role_changes_per_sync");
    let most: Option<u32> = fields.one("max_role_changes_per_sync", "a whole number");
    if is_null || most.is_some() {
        to.max_role_changes_per_sync = most;
    }
    let is_null = fields.is_null("sync_interval");
    let interval = fields.text("sync_interval");
    if is_null {
        to.sync_interval = None;
    } else if let Some(text) = interval {
        match parse_duration(&text).filter(|d| d.as_secs() <= 366 * 86_400) {
            Some(interval) => to.sync_interval = Some(interval),
            None => fields.wrong("sync_interval", "expected a duration such as 15m"),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use serde_json::{Value, json};

    use super::*;

    fn parse(body: Value) -> Result<Input, ApiError> {
        let fields = Fields::new(body.as_object().cloned().unwrap());
        read(fields, GuildSettings::default(), |_, _| {})
    }

    #[test]
    fn all_shapes_that_callers_send_are_understood() {
        let frontend =
            parse(json!({"guild_id": "5", "guild_name": " Corp ", "bot_token": "abc.def"})).unwrap();
        assert_eq!(frontend.guild_name.as_deref(), Some("Corp"));
        assert_eq!(frontend.bot_token.unwrap().expose_secret(), "abc.def");
        let original = parse(json!({"guild_name": null, "bot_token": null, "is_enabled": false})).unwrap();
        assert!(original.bot_token.is_none() && original.is_enabled == Some(false));
        let empty = parse(json!({"bot_token": "", "enabled": true})).unwrap();
        assert!(empty.bot_token.is_none() && empty.is_enabled == Some(true));
    }

    #[test]
    fn settings_change_one_by_one_and_null_clears_one() {
        let sent = json!({"settings": {"auto_sync": false, "sync_interval": "1h", "audit_channel_id": "7"}});
        let changed = parse(sent).unwrap().settings;
        assert!(!changed.auto_sync && changed.sync_on_join && changed.audit_channel_id.is_some());
        let cleared = json!({"settings": {"sync_interval": null, "audit_channel_id": null}});
        let fields = Fields::new(cleared.as_object().cloned().unwrap());
        let cleared = read(fields, changed, |_, _| {}).unwrap().settings;
        assert_eq!(
            (cleared.sync_interval, cleared.audit_channel_id, cleared.auto_sync),
            (None, None, false)
        );
    }

    #[test]
    fn what_is_wrong_is_pointed_at_and_no_token_repeated() {
        for (body, pointer) in [
            (json!({"bot_token": "s3cr3t••••"}), "/bot_token"),
            (json!({"bot_token": "********"}), "/bot_token"),
            (json!({"bot_token": "s3cr3t s3cr3t"}), "/bot_token"),
            (json!({"enabled": true, "is_enabled": false}), "/enabled"),
            (json!({"settings": {"auto_sync": 1}}), "/settings/auto_sync"),
            (json!({"settings": {"more": 1}}), "/settings/more"),
            (json!({"settings": []}), "/settings"),
            (json!({"guild_name": "a\nb"}), "/guild_name"),
        ] {
            let Err(error) = parse(body.clone()) else {
                assert_eq!(pointer, "/settings", "an empty list is the same as none: {body}");
                continue;
            };
            let problem = error.problem();
            assert_eq!(problem.errors[0].location.as_deref(), Some(pointer), "{body}");
            assert!(!serde_json::to_string(&problem).unwrap().contains("s3cr3t"));
        }
    }
}
