//! How the process logs: one JSON object a line, or for people on a terminal. Always to standard error, so that
//! standard output can be piped.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::LogFormat;
use crate::telemetry::Traces;

/// What is logged unless RUST_LOG says otherwise. The driver of apalis logs each lost connection many times a second;
/// our supervisor says it in one line.
const DEFAULT: &str = "info,apalis=off,apalis_core=off,apalis_redis=off,apalis_cron=off";

/// Starts logging, and taking spans for traces. A filter that cannot be read falls back to `info`, and says so.
pub fn start(format: LogFormat, filter: &str, traces: Option<&Traces>) {
    let parsed = EnvFilter::try_new(if filter == "info" { DEFAULT } else { filter });
    let wrong = parsed.as_ref().err().map(ToString::to_string);

    let filter = parsed.unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let pretty = match format {
        LogFormat::Pretty => true,
        LogFormat::Json => false,
        LogFormat::Auto => std::io::stderr().is_terminal(),
    };
    // A reader of the log that goes away (`| head`, a dead collector) must not end a job: what cannot be written is lost,
    // and nothing is said of it on the same broken stream.
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = if pretty {
        lines.with_ansi(colours).with_target(false).boxed()
    } else {
        lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .boxed()
    };
    // The filter is the log's alone: what is not logged may still be a part of a trace. A second start (in tests) keeps
    // the first.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(traces.map(Traces::layer))
        .try_init();
    if let Some(wrong) = wrong {
        tracing::warn!("RUST_LOG cannot be read ({wrong}); logging at info");
    }
}
