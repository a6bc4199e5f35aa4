//! `PUT /discord/guilds/{guild_id}`.

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use rolecall_core::audit::Act;
use rolecall_core::guild::GuildConfig;
use rolecall_core::ports::NewGuild;

use super::create::seal;
use super::input::{self, GuildBody, Input};
use super::view::{self, GuildView};
use crate::web::auth::right::ManageGuilds;
use crate::web::change::{self, Change, Changing};
use crate::web::http::body::Body;
use crate::web::http::etag;
use crate::web::http::problem::ApiError;
use crate::web::http::refused::{Changed, Missing, Refused, RefusedWrite};
use crate::web::look;

/// Changes a guild. What is absent, empty or null stays as it is; a new token is checked with Discord.
#[utoipa::path(put, path = "/discord/guilds/{guild_id}", tag = "Discord Guilds", operation_id = "updateGuildConfig",
    params(
        ("guild_id" = String, Path, description = "Discord's id", example = "123456789012345678"),
        ("If-Match" = Option<String>, Header, description = "Only if the guild still has this tag"),
    ),
    request_body(content = Option<GuildBody>),
    responses(
        (status = 200, description = "Changed; a sync follows if the guild is enabled", body = GuildView,
            headers(("ETag" = String), ("Location" = String, description = "The run of the sync"))),
        Refused, RefusedWrite, Missing, Changed,
    ))]
pub(crate) async fn update_guild(
    Changing(change, _): Changing<ManageGuilds>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Body(fields): Body,
) -> Result<Response, ApiError> {
    let id = super::id(&id)?;
    let stored = super::find(&change.web, id).await?;
    etag::check_unchanged(&headers, &view::tag(&stored))?;
    let input = input::read(fields, stored.settings.clone(), |input, fields| {
        if input.guild_id.is_some_and(|sent| sent != id) {
            fields.wrong(
                "guild_id",
                "is not the guild of the path; a guild's id cannot be changed",
            );
        }
    })?;
    let act = update(change.clone(), stored, input);
    change.whole(act).await
}

async fn update(change: Change, stored: GuildConfig, input: Input) -> Result<Response, ApiError> {
    let (services, web) = (&change.web.services, &change.web);
    let id = stored.guild_id;
    let mut config = stored.clone();
    config.guild_name = input.guild_name.unwrap_or(config.guild_name);
    config.is_enabled = input.is_enabled.unwrap_or(config.is_enabled);
    config.settings = input.settings;
    let mut warnings = Vec::new();
    let mut sealed_token = None;
    if let Some(token) = &input.bot_token {
        let seen = look::look(services, id, token).await?;
        seen.check_permissions()?;
        warnings = seen.warnings(web.config.discord.client_id.as_deref());
        config.bot_user_id = Some(seen.bot.id);
        sealed_token = Some(seal(&change, id, token)?);
    }
    if sealed_token.is_none() && config == stored {
        let body = view::view(web, &stored).await?;
        return Ok(change::answer(body, Some(&view::tag(&stored)), None));
    }
    config.updated_at = services.clock.now();
    let mut after = serde_json::to_value(&config).unwrap_or_default();
    after["bot_token_changed"] = sealed_token.is_some().into();
    let act = Act::new("guild.updated", format!("guild:{id}"))
        .before(&stored)
        .after(&after);
    let guild = NewGuild {
        config: config.clone(),
        sealed_token,
    };
    let written = change.audited(act, async {
        let sync = change.follow_up(&config).await?;
        if services.guilds.put(guild).await? {
            // It was removed between the read and the write: what is stored now is what was asked for, but without a
            // token.
            services.guilds.remove(id).await?;
            return Err(super::unknown());
        }
        Ok(sync)
    });
    let sync = written.await?;
    services.cache.forget(id);
    let mut body = view::view(web, &config).await?;
    body.sync_id = sync.map(|s| s.to_string());
    body.warnings = warnings;
    Ok(change::answer(body, Some(&view::tag(&config)), sync))
}
