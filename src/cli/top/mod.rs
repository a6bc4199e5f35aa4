//! `rolecall top`: a live view of queues, processes, running jobs, failures and pauses.

mod limits;
mod screen;
mod snapshot;
mod terminal;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep_until};

use self::screen::{Look, page};
use self::snapshot::Snapshot;
use self::terminal::{Key, Terminal};
use super::{CliError, Exit, Format, output, values};
use crate::app::App;

/// Shows what goes on, again and again: queues, processes, running jobs, recent failures, pauses
///
/// Keys: q ends it, p stops and starts the refreshing, any other key refreshes at once. Where there is no terminal it
/// is printed once.
///
/// Example: rolecall top --interval 5s
#[derive(Debug, Args)]
pub struct TopArgs {
    /// Time between two looks, from 500ms
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = values::refresh)]
    pub interval: Duration,
    /// Print it once
    #[arg(long)]
    pub once: bool,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

pub(super) async fn run(app: &Arc<App>, args: TopArgs) -> Result<Exit, CliError> {
    if args.format.json {
        output::json(&Snapshot::take(app).await?.told());
        return Ok(Exit::Done);
    }
    if args.once || !output::is_terminal() {
        let look = Look {
            width: output::width(),
            height: None,
            styled: output::styled(),
            note: String::new(),
        };
        output::say_styled(&page(&Snapshot::take(app).await?, &look));
        return Ok(Exit::Done);
    }
    live(app, args.interval).await
}

async fn live(app: &App, interval: Duration) -> Result<Exit, CliError> {
    let broken = |e: std::io::Error| CliError::failed(format!("the terminal cannot be used: {e}"));
    // The first look before the screen is taken: what is wrong with the store is told as by every command.
    let mut seen = Snapshot::take(app).await?;
    let mut stopped =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map_err(broken)?;
    let mut terminal = Terminal::enter().map_err(broken)?;
    let (mut paused, mut failure) = (false, None);
    loop {
        let note = match (&failure, paused) {
            (Some(why), _) => format!("the store does not answer: {why}"),
            (None, true) => "refreshing is stopped; p goes on".to_owned(),
            (None, false) => String::new(),
        };
        terminal.draw(|look| page(&seen, look), note).map_err(broken)?;
        let next = Instant::now() + interval;
        let key = tokio::select! {
            key = terminal.key() => key,
            _ = stopped.recv() => return Ok(Exit::Interrupted),
            () = sleep_until(next), if !paused => None,
        };
        match key {
            Some(Key::Quit) => return Ok(Exit::Done),
            Some(Key::Pause) => paused = !paused,
            Some(Key::Resized) => continue,
            Some(Key::Other) | None => {}
        }
        if paused && key != Some(Key::Other) {
            continue;
        }
        match Snapshot::take(app).await {
            Ok(snapshot) => (seen, failure) = (snapshot, None),
            Err(error) => failure = Some(error.message),
        }
    }
}
