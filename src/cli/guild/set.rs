//! `rolecall guild set`.

use rolecall_core::audit::Act;
use rolecall_core::guild::{GuildConfig, GuildSettings};
use rolecall_core::ports::NewGuild;
use serde_json::json;

use super::{SetArgs, configured};
use crate::app::App;
use crate::cli::values::OrNone;
use crate::cli::{CliError, Exit, output, seams, view};

pub(super) async fn run(app: &App, args: &SetArgs) -> Result<Exit, CliError> {
    let services = &app.services;
    let stored = configured(app, args.id).await?;
    let settings = changed(&stored.settings, args);
    let (is_new, before) = (settings != stored.settings, stored.clone());
    let config = GuildConfig {
        settings,
        updated_at: if is_new {
            services.clock.now()
        } else {
            stored.updated_at
        },
        ..stored
    };
    if is_new {
        let act = Act::new("guild.updated", format!("guild:{}", args.id))
            .before(&before)
            .after(&config);
        let guild = NewGuild {
            config: config.clone(),
            sealed_token: None,
        };
        seams::audited(app, act, services.guilds.put(guild)).await?;
        services.cache.forget(args.id);
    }
    if args.format.json {
        output::json(&json!({ "guild": view::guild(&config), "changed": is_new }));
    } else {
        output::say(&output::facts(&lines(&config.settings)));
    }
    Ok(Exit::Done)
}

fn changed(settings: &GuildSettings, args: &SetArgs) -> GuildSettings {
    fn or<T>(asked: Option<OrNone<T>>, stored: Option<T>) -> Option<T> {
        asked.map_or(stored, OrNone::option)
    }
    GuildSettings {
        auto_sync: args.auto_sync.unwrap_or(settings.auto_sync),
        sync_interval: or(args.sync_interval, settings.sync_interval),
        sync_on_join: args.sync_on_join.unwrap_or(settings.sync_on_join),
        remove_roles_on_leave: args
            .remove_roles_on_leave
            .unwrap_or(settings.remove_roles_on_leave),
        audit_channel_id: or(args.audit_channel, settings.audit_channel_id),
        notification_channel_id: or(args.notification_channel, settings.notification_channel_id),
        max_role_changes_per_sync: or(args.max_role_changes, settings.max_role_changes_per_sync),
    }
}

/// The settings for people, by the names of their options.
pub(super) fn lines(settings: &GuildSettings) -> Vec<(&'static str, String)> {
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let minutes = |d: std::time::Duration| format!("{} min", d.as_secs() / 60);
    vec![
        ("auto-sync", settings.auto_sync.to_string()),
        ("sync-interval", or_none(settings.sync_interval.map(minutes))),
        ("sync-on-join", settings.sync_on_join.to_string()),
        (
            "remove-roles-on-leave",
            settings.remove_roles_on_leave.to_string(),
        ),
        (
            "audit-channel",
            or_none(settings.audit_channel_id.map(|c| c.to_string())),
        ),
        (
            "notification-channel",
            or_none(settings.notification_channel_id.map(|c| c.to_string())),
        ),
        (
            "max-role-changes",
            or_none(settings.max_role_changes_per_sync.map(|n| n.to_string())),
        ),
    ]
}
