//! `rolecall webhooks add|update|enable|disable`: makes and changes endpoints.

use std::collections::BTreeSet;

use clap::Args;
use clap::builder::PossibleValuesParser;
use rolecall_core::event::EventType;
use rolecall_core::webhook::{Endpoint, EndpointId, Sink};
use rolecall_core::{ChannelId, GuildId};
use rolecall_jobs::kernel::endpoints::EndpointChange;
use secrecy::ExposeSecret;
use serde_json::json;

use super::super::{CliError, Exit, Format, output, seams, values};
use super::{OneArgs, facts};
use crate::app::App;
use crate::endpoint_view::EndpointView;

/// Makes an endpoint, and prints the secret of its signatures alone on standard output
///
/// The secret is shown this once. Messages are signed as Standard Webhooks says; a Discord channel gets plain messages
/// of the guild's bot, and has no secret.
///
/// Example: rolecall webhooks add https://ops.example.com/rolecall --event group.opened --event run.held
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Where messages are sent to, by https
    #[arg(
        value_name = "URL",
        required_unless_present = "channel",
        conflicts_with = "channel",
        value_parser = values::not_empty
    )]
    pub url: Option<String>,
    /// Instead of an address: this channel of a guild
    #[arg(long, value_name = "CHANNEL_ID", requires = "guild")]
    pub channel: Option<ChannelId>,
    /// The guild of the channel
    #[arg(long, value_name = "GUILD_ID", requires = "channel")]
    pub guild: Option<GuildId>,
    /// What it hears of; can be repeated; without it: everything
    #[arg(long = "event", value_name = "EVENT", value_parser = event())]
    pub events: Vec<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub description: String,
    /// Only show what would be made
    #[arg(long)]
    pub dry_run: bool,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Changes an endpoint: what is not named stays
///
/// Another address begins anew: what failed before does not count. The secret stays; see `rolecall webhooks rotate`.
///
/// Example: rolecall webhooks update 019a2c8e-5b1d-7c3a-9f00-0123456789ab --event group.opened --description "the pager"
#[derive(Debug, Args)]
#[command(override_usage = "rolecall webhooks update [OPTIONS] <WEBHOOK_ID>")]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true).args([
    "url", "channel", "events", "all_events", "description",
]))]
pub struct UpdateArgs {
    /// The endpoint's id, see `rolecall webhooks list`
    #[arg(value_name = "WEBHOOK_ID")]
    pub id: EndpointId,
    /// Another address
    #[arg(long, value_name = "URL", conflicts_with = "channel", value_parser = values::not_empty)]
    pub url: Option<String>,
    /// Another channel
    #[arg(long, value_name = "CHANNEL_ID", requires = "guild")]
    pub channel: Option<ChannelId>,
    /// The guild of the channel
    #[arg(long, value_name = "GUILD_ID", requires = "channel")]
    pub guild: Option<GuildId>,
    /// What it hears of from now on; can be repeated
    #[arg(long = "event", value_name = "EVENT", value_parser = event())]
    pub events: Vec<String>,
    /// From now on it hears of everything
    #[arg(long, conflicts_with = "events")]
    pub all_events: bool,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Only show what it would be
    #[arg(long)]
    pub dry_run: bool,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

fn event() -> PossibleValuesParser {
    PossibleValuesParser::new(EventType::all().map(EventType::as_str))
}

fn events(names: &[String]) -> BTreeSet<EventType> {
    names
        .iter()
        .filter_map(|name| EventType::from_name(name))
        .collect()
}

fn sink(url: Option<String>, guild: Option<GuildId>, channel: Option<ChannelId>) -> Option<Sink> {
    match (url, guild, channel) {
        (Some(url), ..) => Some(Sink::Webhook { url }),
        (None, Some(guild_id), Some(channel_id)) => Some(Sink::DiscordChannel { guild_id, channel_id }),
        (None, ..) => None,
    }
}

pub(super) async fn add(app: &App, args: AddArgs) -> Result<Exit, CliError> {
    let sink = sink(args.url, args.guild, args.channel)
        .ok_or_else(|| CliError::bad_input("name an address, or a guild and a channel"))?;
    let events = events(&args.events);
    if args.dry_run {
        app.steering.check_sink(&sink)?;
        return Ok(would_add(&sink, &events, args.format));
    }
    let (endpoint, secret) = app
        .steering
        .add_endpoint(sink, events, args.description, &seams::by(""))
        .await?;
    if args.format.json {
        output::json(&json!(EndpointView::with_secret(&endpoint, secret.as_ref())));
        return Ok(Exit::Done);
    }
    if let Some(secret) = secret {
        output::say(secret.expose_secret());
        output::note("This is the secret of its signatures. It is not shown again.");
    }
    output::note(&format!(
        "Made endpoint {}. `rolecall webhooks test {}` tries it.",
        endpoint.id, endpoint.id
    ));
    Ok(Exit::Done)
}

fn would_add(sink: &Sink, events: &BTreeSet<EventType>, format: Format) -> Exit {
    if format.json {
        output::json(&json!({ "dry_run": true, "to": super::place(sink), "events": events }));
    } else {
        output::say(&format!(
            "Would make an endpoint for {} that hears of {}; nothing was stored.",
            super::place(sink),
            super::names(events)
        ));
    }
    Exit::Done
}

pub(super) async fn update(app: &App, args: UpdateArgs) -> Result<Exit, CliError> {
    let named = args.all_events || !args.events.is_empty();
    let change = EndpointChange {
        sink: sink(args.url, args.guild, args.channel),
        events: named.then(|| events(&args.events)),
        description: args.description,
        enabled: None,
    };
    changed(app, args.id, change, args.dry_run, args.format).await
}

pub(super) async fn switch(app: &App, args: &OneArgs, enabled: bool) -> Result<Exit, CliError> {
    let change = EndpointChange {
        enabled: Some(enabled),
        ..EndpointChange::default()
    };
    changed(app, args.id, change, args.dry_run, args.format).await
}

async fn changed(
    app: &App,
    id: EndpointId,
    change: EndpointChange,
    dry_run: bool,
    format: Format,
) -> Result<Exit, CliError> {
    let (words, endpoint) = if dry_run {
        let (_, new) = app.steering.would_change(id, change).await?;
        ("It would be so; nothing was changed.", new.endpoint)
    } else {
        let endpoint = app.steering.change_endpoint(id, change, &seams::by("")).await?;
        ("It is so now.", endpoint)
    };
    Ok(shown(&endpoint, words, dry_run, format))
}

fn shown(endpoint: &Endpoint, words: &str, dry_run: bool, format: Format) -> Exit {
    if format.json {
        output::json_of_change(&EndpointView::of(endpoint), dry_run);
    } else {
        output::say(&facts(endpoint));
        output::note(words);
    }
    Exit::Done
}
