//! `rolecall webhooks …`: who is told of events.

mod deliveries;
mod edit;

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use rolecall_core::event::EventType;
use rolecall_core::webhook::{Endpoint, EndpointId, OVERLAP, Sink};
use rolecall_jobs::kernel::endpoints::EndpointError;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::table::{Table, text, whole};
use super::{CliError, Exit, Format, output, seams, view};
use crate::app::App;
use crate::endpoint_view::EndpointView;

/// What to do with endpoints.
#[derive(Debug, Subcommand)]
pub enum WebhooksCommand {
    /// Lists endpoints, the oldest first
    ///
    /// Example: rolecall webhooks list
    List(Format),
    /// Shows an endpoint, and whether it hears
    ///
    /// Example: rolecall webhooks show 019a2c8e-5b1d-7c3a-9f00-0123456789ab
    Show(ShowArgs),
    Add(edit::AddArgs),
    Update(edit::UpdateArgs),
    /// Switches an endpoint on: what failed before does not count
    ///
    /// Example: rolecall webhooks enable 019a2c8e-5b1d-7c3a-9f00-0123456789ab
    Enable(OneArgs),
    /// Switches an endpoint off: nothing is sent to it, and what is under way is dropped
    ///
    /// Example: rolecall webhooks disable 019a2c8e-5b1d-7c3a-9f00-0123456789ab
    Disable(OneArgs),
    Deliveries(deliveries::DeliveriesArgs),
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

/// One endpoint.
#[derive(Debug, Args)]
pub struct OneArgs {
    /// The endpoint's id, see `rolecall webhooks list`
    #[arg(value_name = "WEBHOOK_ID")]
    pub id: EndpointId,
    /// Only show what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// One endpoint, to look at.
#[derive(Debug, Args)]
pub struct ShowArgs {
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

pub(super) async fn run(app: &App, command: WebhooksCommand) -> Result<Exit, CliError> {
    match command {
        WebhooksCommand::List(format) => list(app, format).await,
        WebhooksCommand::Show(args) => show(app, &args).await,
        WebhooksCommand::Add(args) => edit::add(app, args).await,
        WebhooksCommand::Update(args) => edit::update(app, args).await,
        WebhooksCommand::Enable(args) => edit::switch(app, &args, true).await,
        WebhooksCommand::Disable(args) => edit::switch(app, &args, false).await,
        WebhooksCommand::Deliveries(args) => deliveries::run(app, args).await,
        WebhooksCommand::Remove(args) => remove(app, &args).await,
        WebhooksCommand::Test(args) => test(app, &args).await,
        WebhooksCommand::Rotate(args) => rotate(app, &args).await,
    }
}

async fn remove(app: &App, args: &OneArgs) -> Result<Exit, CliError> {
    if args.dry_run {
        return would(app, args, "would be removed; nothing was changed").await;
    }
    app.steering.remove_endpoint(args.id, &seams::by("")).await?;
    done(
        args.format,
        json!({ "id": args.id, "removed": true }),
        "The endpoint is gone.",
    )
}

async fn test(app: &App, args: &OneArgs) -> Result<Exit, CliError> {
    if args.dry_run {
        return would(app, args, "would be sent a test; nothing was stored").await;
    }
    let job = app.steering.test_endpoint(args.id, &seams::by("")).await?;
    let sentence = format!("A test is under way. `rolecall jobs show {job}` tells what became of it.");
    done(args.format, json!({ "job_id": job }), &sentence)
}

/// Says what would be done with an endpoint that is there.
async fn would(app: &App, args: &OneArgs, words: &str) -> Result<Exit, CliError> {
    let endpoint = app.steering.endpoint(args.id).await?.endpoint;
    let document = json!({ "dry_run": true, "id": endpoint.id, "to": place(&endpoint.sink) });
    let sentence = format!("The endpoint for {} {words}.", place(&endpoint.sink));
    done(args.format, document, &sentence)
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
        let (to, events) = (place(&endpoint.sink), names(&endpoint.events));
        let state = state(&endpoint);
        table.row([endpoint.id.to_string(), to, events, state, endpoint.description]);
    }
    table.print();
    Ok(Exit::Done)
}

/// Where events go, for people.
fn place(sink: &Sink) -> String {
    match sink {
        Sink::Webhook { url } => url.clone(),
        Sink::DiscordChannel { channel_id, guild_id } => {
            format!("channel {channel_id} of guild {guild_id}")
        }
    }
}

/// What is heard of, for people.
fn names(events: &BTreeSet<EventType>) -> String {
    if events.is_empty() {
        return "all".to_owned();
    }
    let names: Vec<&str> = events.iter().map(|kind| kind.as_str()).collect();
    names.join(" ")
}

fn state(endpoint: &Endpoint) -> String {
    match (endpoint.enabled, &endpoint.disabled_reason, endpoint.failures) {
        (true, _, 0) => "on".to_owned(),
        (true, _, n) => format!("on, failed {n} times"),
        (false, None, _) => "off".to_owned(),
        (false, Some(why), _) => format!("off: {why}"),
    }
}

/// An endpoint, for people.
fn facts(endpoint: &Endpoint) -> String {
    let moment = |at: Option<rolecall_core::Timestamp>| at.map(view::moment);
    let mut facts = vec![
        ("endpoint", endpoint.id.to_string()),
        ("to", place(&endpoint.sink)),
        ("events", names(&endpoint.events)),
        ("state", state(endpoint)),
    ];
    let more = [
        (
            "for",
            Some(endpoint.description.clone()).filter(|d| !d.is_empty()),
        ),
        ("switched off (UTC)", moment(endpoint.disabled_at)),
        ("fails since (UTC)", moment(endpoint.failing_since)),
        ("failed last (UTC)", moment(endpoint.failed_at)),
        ("old secret until (UTC)", moment(endpoint.old_secret_until)),
    ];
    facts.extend(more.into_iter().filter_map(|(name, value)| Some((name, value?))));
    facts.push(("made (UTC)", view::moment(endpoint.created_at)));
    facts.push(("by", endpoint.created_by.clone()));
    output::facts(&facts)
}

async fn show(app: &App, args: &ShowArgs) -> Result<Exit, CliError> {
    let endpoint = app.steering.endpoint(args.id).await?.endpoint;
    if args.format.json {
        output::json(&json!(EndpointView::of(&endpoint)));
    } else {
        output::say(&facts(&endpoint));
    }
    Ok(Exit::Done)
}

async fn rotate(app: &App, args: &OneArgs) -> Result<Exit, CliError> {
    if args.dry_run {
        let endpoint = app.steering.endpoint(args.id).await?.endpoint;
        if matches!(endpoint.sink, Sink::DiscordChannel { .. }) {
            return Err(EndpointError::NoSecret.into());
        }
        return would(app, args, "would get a new secret; nothing was changed").await;
    }
    let (endpoint, secret) = app.steering.rotate_endpoint(args.id, &seams::by("")).await?;
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
