//! `POST /discord/guilds`.

use axum::http::StatusCode;
use axum::response::Response;
use rolecall_core::audit::Act;
use rolecall_core::guild::{GuildConfig, GuildSettings};
use rolecall_core::ports::NewGuild;
use rolecall_jobs::kernel::guilds::token_place;
use rolecall_workflows::remove_guild::added_anew;
use secrecy::{ExposeSecret, SecretString};

use super::input::{self, GuildBody, Input};
use super::view::{self, GuildView};
use crate::web::auth::right::ManageGuilds;
use crate::web::change::{self, Change, Changing};
use crate::web::http::body::Body;
use crate::web::http::problem::ApiError;
use crate::web::http::refused::{Refused, RefusedWrite};
use crate::web::look;

/// The frontend repeats a write that it takes for failed after a second; so long, the same again is the same.
const REPEAT_MS: i64 = 60_000;

/// Adds a guild. Discord is asked whether the token is a bot's, whether the bot is in the guild, and whether it may
/// manage roles. The same again within a minute is the same answer, later a 409.
#[utoipa::path(post, path = "/discord/guilds", tag = "Discord Guilds", operation_id = "createGuildConfig",
    request_body(content = GuildBody),
    responses(
        (status = 200, description = "Added; a sync follows", body = GuildView,
            headers(("ETag" = String), ("Location" = String, description = "The run of the sync"))),
        Refused, RefusedWrite,
    ))]
pub(crate) async fn create_guild(
    Changing(change, _): Changing<ManageGuilds>,
    Body(fields): Body,
) -> Result<Response, ApiError> {
    let default = change.web.config.discord.default_bot_token.clone();
    let has_default = default.is_some();
    let input = input::read(fields, GuildSettings::default(), |input, fields| {
        if input.guild_id.is_none() {
            fields.require("guild_id");
        }
        if input.bot_token.is_none() && !has_default {
            let sentence = "bot_token is required, because DISCORD_DEFAULT_BOT_TOKEN is not set";
            fields.wrong("bot_token", sentence);
        }
    })?;
    let act = create(change.clone(), input, default);
    change.whole(act).await
}

async fn create(change: Change, input: Input, default: Option<SecretString>) -> Result<Response, ApiError> {
    let (services, web) = (&change.web.services, &change.web);
    let (Some(id), Some(token)) = (input.guild_id, input.bot_token.clone().or(default)) else {
        return Err(ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR));
    };
    let now = services.clock.now();
    if let Some(stored) = services.guilds.get(id).await? {
        let fresh = now.millis_since(stored.created_at) < REPEAT_MS;
        if fresh && is_same(&change, &stored, &input, &token).await? {
            let body = view::view(web, &stored).await?;
            return Ok(change::answer(body, Some(&view::tag(&stored)), None));
        }
        let sentence = format!("guild {id} ({}) is already configured", stored.guild_name);
        return Err(ApiError::new(StatusCode::CONFLICT, "guild_exists", sentence)
            .with_hint("Change it with PUT /discord/guilds/{guild_id}."));
    }
    let seen = look::look(services, id, &token).await?;
    seen.check_permissions()?;
    let sealed = seal(&change, id, &token)?;
    let config = GuildConfig {
        guild_id: id,
        guild_name: input.guild_name.unwrap_or_else(|| seen.info.name.clone()),
        is_enabled: input.is_enabled.unwrap_or(true),
        bot_user_id: Some(seen.bot.id),
        settings: input.settings,
        health: None,
        created_by: change.caller.character_id,
        created_at: now,
        updated_at: now,
    };
    let guild = NewGuild {
        config: config.clone(),
        sealed_token: Some(sealed),
    };
    let act = Act::new("guild.created", format!("guild:{id}")).after(&config);
    let stored = change.audited(act, async {
        let sync = change.follow_up(&config).await?;
        services.guilds.put(guild).await?;
        Ok::<_, ApiError>(sync)
    });
    let sync = stored.await?;
    services.cache.forget(id);
    added_anew(services, id).await;
    let mut body = view::view(web, &config).await?;
    body.sync_id = sync.map(|s| s.to_string());
    body.warnings = seen.warnings(web.config.discord.client_id.as_deref());
    Ok(change::answer(body, Some(&view::tag(&config)), sync))
}

/// Whether what is asked for is what is stored.
async fn is_same(
    change: &Change,
    stored: &GuildConfig,
    input: &Input,
    token: &SecretString,
) -> Result<bool, ApiError> {
    let known = look::stored_token(&change.web.services, stored.guild_id).await?;
    Ok(known.expose_secret() == token.expose_secret()
        && input
            .guild_name
            .as_ref()
            .is_none_or(|name| *name == stored.guild_name)
        && input.is_enabled.unwrap_or(true) == stored.is_enabled
        && input.settings == stored.settings)
}

/// Seals the token for its record.
pub(crate) fn seal(
    change: &Change,
    id: rolecall_core::GuildId,
    token: &SecretString,
) -> Result<String, ApiError> {
    let vault = &change.web.services.vault;
    vault.seal(token, &token_place(id)).map_err(|error| {
        ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR)
            .with_cause(format!("the bot token cannot be sealed: {error}"))
    })
}
