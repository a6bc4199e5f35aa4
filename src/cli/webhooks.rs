//! `rolecall webhooks …`: who is told of events.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use rolecall_core::cause::Cause;
use rolecall_core::event::EventType;
use rolecall_core::webhook::{EndpointId, OVERLAP, Sink};
use rolecall_core::{ChannelId, GuildId};
use rolecall_jobs::kernel::endpoints::EndpointError;
use rolecall_jobs::kernel::steering::By;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::table::{Table, text, whole};
use super::{CliError, Exit, Format, output, seams, values};
use crate::app::App;
use crate::endpoint_view::EndpointView;

/// What to do with endpoints.
#[derive(Debug, Subcommand)]
pub enum WebhooksCommand {
    /// Lists endpoints, the oldest first
    ///
    /// Example: rolecall webhooks list
    List(Format),
    Add(AddArgs),
    /// Removes an endpoint; what is under way to it is dropped
    ///
    /// Example: rolecall webhooks remove 019a2c8e-5b1d-7c3a-9f00-0123456789ab
    Remove(OneArgs),
    /// Sends a test event to an endpoint, whatever it asked for
    ///
    /// Example: rolecall webhooks test 019a2c8e-5b1d-7c3a-9f00-0123456789ab
    Test(OneArgs),
    /// Replaces an endpoint's secret, and prints the new one alone on standard output
    ///
    /// For a day messages are signed with both, so that the receiver can be changed at leisure.
    ///
    /// Example: rolecall webhooks rotate 019a2c8e-5b1d-7c3a-9f00-0123456789ab
    Rotate(OneArgs),
}

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
        conflicts_with = "channel"
    )]
    pub url: Option<String>,
    /// Instead of an address: this channel of a guild
    #[arg(long, value_name = "CHANNEL_ID", requires = "guild")]
    pub channel: Option<ChannelId>,
    /// The guild of the channel
    #[arg(long, value_name = "GUILD_ID", requires = "channel")]
    pub guild: Option<GuildId>,
    /// What it hears of; can be repeated; without it: everything
    #[arg(long = "event", value_name = "EVENT", value_parser = PossibleValuesParser::new(EventType::all().map(EventType::as_str)))]
    pub events: Vec<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub description: String,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// One endpoint.
#[derive(Debug, Args)]
pub struct OneArgs {
    /// The endpoint's id, see `rolecall webhooks list`
    #[arg(value_name = "WEBHOOK_ID")]
    pub id: EndpointId,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

impl From<EndpointError> for CliError {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::Store(error) => error.into(),
            EndpointError::Unknown(_) => {
                Self::failed(error.to_string()).hint("`rolecall webhooks list` shows all.")
            }
            EndpointError::Address(why) => Self::bad_input(why),
            other => Self::failed(other.to_string()),
        }
    }
}

fn by() -> By {
    Cause::new(seams::actor(), "").into()
}

pub(super) async fn run(app: &App, command: WebhooksCommand) -> Result<Exit, CliError> {
    match command {
        WebhooksCommand::List(format) => list(app, format).await,
        WebhooksCommand::Add(args) => add(app, args).await,
        WebhooksCommand::Remove(args) => {
            app.steering.remove_endpoint(args.id, &by()).await?;
            done(
                args.format,
                json!({ "id": args.id, "removed": true }),
                "The endpoint is gone.",
            )
        }
        WebhooksCommand::Test(args) => {
            let job = app.steering.test_endpoint(args.id, &by()).await?;
            let sentence =
                format!("A test is under way. `rolecall jobs show {job}` tells what became of it.");
            done(args.format, json!({ "job_id": job }), &sentence)
        }
        WebhooksCommand::Rotate(args) => rotate(app, &args).await,
    }
}

fn done(format: Format, document: Value, sentence: &str) -> Result<Exit, CliError> {
    if format.json {
        output::json(&document);
    } else {
        output::say(sentence);
    }
    Ok(Exit::Done)
}

async fn list(app: &App, format: Format) -> Result<Exit, CliError> {
    let all = app.services.webhooks.list().await?;
    if format.json {
        let views: Vec<_> = all
            .iter()
            .map(|stored| EndpointView::of(&stored.endpoint))
            .collect();
        output::json(&json!({ "webhooks": views }));
        return Ok(Exit::Done);
    }
    if all.is_empty() {
        output::note("Nobody is told of events; `rolecall webhooks add` makes an endpoint.");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        whole("ID"),
        text("TO"),
        text("EVENTS"),
        text("STATE"),
        text("DESCRIPTION"),
    ]);
    for stored in all {
        let endpoint = stored.endpoint;
        let to = match &endpoint.sink {
            Sink::Webhook { url } => url.clone(),
            Sink::DiscordChannel { channel_id, guild_id } => {
                format!("channel {channel_id} of guild {guild_id}")
            }
        };
        let events: Vec<&str> = endpoint.events.iter().map(|kind| kind.as_str()).collect();
        let state = match (endpoint.enabled, endpoint.disabled_reason, endpoint.failures) {
            (true, _, 0) => "on".to_owned(),
            (true, _, n) => format!("on, failed {n} times"),
            (false, None, _) => "off".to_owned(),
            (false, Some(why), _) => format!("off: {why}"),
        };
        let events = if events.is_empty() {
            "all".to_owned()
        } else {
            events.join(" ")
        };
        table.row([endpoint.id.to_string(), to, events, state, endpoint.description]);
    }
    table.print();
    Ok(Exit::Done)
}

async fn add(app: &App, args: AddArgs) -> Result<Exit, CliError> {
    let sink = match (args.url, args.guild, args.channel) {
        (Some(url), ..) => Sink::Webhook {
            url: values::not_empty(&url).map_err(CliError::bad_input)?,
        },
        (None, Some(guild_id), Some(channel_id)) => Sink::DiscordChannel { guild_id, channel_id },
        (None, ..) => return Err(CliError::bad_input("name an address, or a guild and a channel")),
    };
    let events = args
        .events
        .iter()
        .filter_map(|name| EventType::from_name(name))
        .collect();
    let (endpoint, secret) = app
        .steering
        .add_endpoint(sink, events, args.description, &by())
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

async fn rotate(app: &App, args: &OneArgs) -> Result<Exit, CliError> {
    let (endpoint, secret) = app.steering.rotate_endpoint(args.id, &by()).await?;
    if args.format.json {
        output::json(&json!(EndpointView::with_secret(&endpoint, Some(&secret))));
        return Ok(Exit::Done);
    }
    output::say(secret.expose_secret());
    output::note(&format!(
        "It is not shown again. For {} hours messages are signed with the old secret, too.",
        OVERLAP.as_secs() / 3_600
    ));
    Ok(Exit::Done)
}
