//! Parts of a guild's document: its settings, and what the last look at it found.

use mongodb::bson::{Bson, Document, doc};
use rolecall_core::error::StoreError;
use rolecall_core::guild::{GuildHealth, GuildSettings, HealthStatus};

use super::documents::{Fields, date, whole};
use super::durations;

/// The field `settings`; what is absent of it is as by default.
pub(super) fn read(guild: Fields<'_>) -> Result<GuildSettings, StoreError> {
    let default = GuildSettings::default();
    let Some(f) = guild.opt_document("settings")? else {
        return Ok(default);
    };
    Ok(GuildSettings {
        auto_sync: f.flag(&["auto_sync"])?.unwrap_or(default.auto_sync),
        sync_interval: interval(f)?,
        sync_on_join: f.flag(&["sync_on_join"])?.unwrap_or(default.sync_on_join),
        remove_roles_on_leave: f
            .flag(&["remove_roles_on_leave"])?
            .unwrap_or(default.remove_roles_on_leave),
        // Only messages depend on these two.
        audit_channel_id: f.parsed_or_none("audit_channel_id"),
        notification_channel_id: f.parsed_or_none("notification_channel_id"),
        max_role_changes_per_sync: f.opt_number("max_role_changes_per_sync")?,
    })
}

/// A text as Go writes it, or a number of nanoseconds as Go's driver does. Nothing at all is no interval.
fn interval(f: Fields<'_>) -> Result<Option<std::time::Duration>, StoreError> {
    const FIELD: &str = "sync_interval";
    let span = match f.value(FIELD) {
        None => return Ok(None),
        Some(Bson::String(text)) if text.trim().is_empty() => return Ok(None),
        Some(Bson::String(text)) => durations::parsed(text),
        Some(value) => whole(value)
            .and_then(|n| u64::try_from(n).ok())
            .map(std::time::Duration::from_nanos),
    };
    let span = span.ok_or_else(|| f.broken(FIELD, "a length of time such as 15m"))?;
    Ok(Some(span).filter(|span| !span.is_zero()))
}

/// As the field `settings`.
pub(super) fn written(settings: &GuildSettings) -> Document {
    doc! {
        "auto_sync": settings.auto_sync,
        "sync_interval": settings.sync_interval.map(durations::written),
        "sync_on_join": settings.sync_on_join,
        "remove_roles_on_leave": settings.remove_roles_on_leave,
        "audit_channel_id": settings.audit_channel_id.map(|id| id.to_string()),
        "notification_channel_id": settings.notification_channel_id.map(|id| id.to_string()),
        "max_role_changes_per_sync": settings.max_role_changes_per_sync.map(i64::from),
    }
}

/// What the last look found; nothing if there was none, or its result is a word that is not known here.
///
/// The seed's documents hold an application's user as `owner_id`: what is no Discord id is left out.
pub(super) fn health(guild: Fields<'_>) -> Result<Option<GuildHealth>, StoreError> {
    let status = guild.opt_text("health_status")?;
    let Some(status) = status.and_then(|name| HealthStatus::from_name(&name)) else {
        return Ok(None);
    };
    let checked_at = match guild.opt_at("last_health_check")? {
        None => guild.opt_at("updated_at")?,
        known => known,
    };
    Ok(Some(GuildHealth {
        status,
        last_error: guild.opt_text("last_error")?.filter(|error| !error.is_empty()),
        checked_at: checked_at.unwrap_or_default(),
        bot_permissions: guild.parsed_or_none("bot_permissions"),
        owner_id: guild.parsed_or_none("owner_id"),
    }))
}

/// As fields of the guild's document.
pub(super) fn health_written(health: &GuildHealth) -> Document {
    doc! {
        "health_status": health.status.as_str(),
        "last_error": health.last_error.as_deref(),
        "last_health_check": date(health.checked_at),
        "bot_permissions": health.bot_permissions.map(|bits| bits.to_string()),
        "owner_id": health.owner_id.map(|id| id.to_string()),
    }
}
