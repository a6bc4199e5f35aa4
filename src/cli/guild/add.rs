//! `rolecall guild add`.

use rolecall_core::audit::Act;
use rolecall_core::guild::GuildConfig;
use rolecall_core::hierarchy::{permission, permissions};
use rolecall_core::ports::NewGuild;
use rolecall_jobs::kernel::guilds::token_place;
use rolecall_workflows::remove_guild::added_anew;
use serde_json::json;

use super::{AddArgs, bot_token};
use crate::app::App;
use crate::cli::reach::{self, Blind, Seen};
use crate::cli::{CliError, Exit, output, seams, view};

pub(super) async fn run(app: &App, args: AddArgs) -> Result<Exit, CliError> {
    let services = &app.services;
    let stored = services.guilds.get(args.id).await?;
    if args.no_check && args.name.is_none() && stored.is_none() {
        return Err(CliError::bad_input(
            "--no-check needs --name, as Discord is not asked for it",
        ));
    }
    let token = bot_token::read(args.bot_token_env.as_deref())?;
    let seen = if args.no_check {
        None
    } else {
        Some(reach::look(services, args.id, &token).await.map_err(refusal)?)
    };
    let sealed = services
        .vault
        .seal(&token, &token_place(args.id))
        .map_err(|e| CliError::failed(format!("the bot token cannot be sealed: {e}")))?;
    let (now, before) = (services.clock.now(), stored.clone());
    let discord_name = seen.as_ref().map(|s| s.info.name.clone());
    let stored_name = stored.as_ref().map(|g| g.guild_name.clone());
    let config = GuildConfig {
        guild_id: args.id,
        guild_name: args.name.or(stored_name).or(discord_name).unwrap_or_default(),
        is_enabled: stored.as_ref().is_none_or(|g| g.is_enabled),
        // Unchecked, it may be another bot's token: then the next job learns whose it is.
        bot_user_id: seen.as_ref().map(|s| s.bot.id),
        settings: stored.as_ref().map(|g| g.settings.clone()).unwrap_or_default(),
        health: stored.as_ref().and_then(|g| g.health.clone()),
        created_by: stored.as_ref().and_then(|g| g.created_by),
        created_at: stored.map_or(now, |g| g.created_at),
        updated_at: now,
    };
    let action = match &before {
        None => "guild.created",
        Some(_) => "guild.updated",
    };
    let mut after = serde_json::to_value(&config).unwrap_or_default();
    after["bot_token_changed"] = true.into();
    let act = Act::new(action, format!("guild:{}", args.id))
        .before(&before)
        .after(&after);
    let guild = NewGuild {
        config: config.clone(),
        sealed_token: Some(sealed),
    };
    let new = seams::audited(app, act, services.guilds.put(guild)).await?;
    services.cache.forget(args.id);
    if new {
        added_anew(services, args.id).await;
    }
    if args.format.json {
        output::json(&json!({ "guild": view::guild(&config), "new": new, "checked": seen.is_some() }));
    } else {
        output::say(&told(&config, new, seen.as_ref()));
    }
    warn(&config, seen.as_ref());
    Ok(Exit::Done)
}

fn refusal(blind: Blind) -> CliError {
    match blind {
        Blind::Unreachable(sentence) => CliError::failed(format!("{sentence}; nothing was stored"))
            .hint("Try again later, or add --no-check to store it without asking Discord."),
        Blind::Refused { sentence, remedy } => {
            CliError::failed(format!("{sentence}; nothing was stored")).hint(remedy)
        }
    }
}

fn told(config: &GuildConfig, new: bool, seen: Option<&Seen>) -> String {
    let what = if new { "Added" } else { "Changed" };
    let bot = seen.map_or_else(
        || " (not checked with Discord)".to_owned(),
        |s| format!(", with the bot {}", s.bot.username),
    );
    format!("{what} guild {} ({}){bot}.", config.guild_name, config.guild_id)
}

fn warn(config: &GuildConfig, seen: Option<&Seen>) {
    if !config.is_enabled {
        output::warn("the guild is disabled: it is neither read nor written");
    }
    let Some(seen) = seen else { return };
    let Some(standing) = &seen.standing else { return };
    if permissions(&seen.info, standing) & permission::MANAGE_ROLES == 0 {
        output::warn(
            "the bot may not manage roles yet. In Discord, Server Settings > Roles: give the bot's role Manage Roles",
        );
    }
}
