//! Keeps what is counted.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;
use rolecall_adapters::metered::table;
use rolecall_adapters::metered::{Kind, Metric};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often what was measured is put into its ranges: until then, each value is kept.
const TIDY_EVERY: Duration = Duration::from_secs(5);

/// What is looked up and cannot be read any more (a store that is away, a guild that was removed) is told for this long.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(300);

/// One for the whole process: metrics are counted wherever they happen.
static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Counts from now on, until the process stops.
pub fn count(stop: &CancellationToken) {
    let Some(handle) = handle() else { return };
    let stop = stop.clone();
    tokio::spawn(async move {
        let mut every = interval(TIDY_EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(every.tick()).await.is_some() {
            handle.run_upkeep();
        }
    });
}

/// What was counted; `None` if it could not be set up, which was said in the log.
pub(super) fn handle() -> Option<&'static PrometheusHandle> {
    let made = HANDLE.get_or_init(|| {
        let made = make();
        if let Err(error) = &made {
            tracing::error!(%error, "Nothing is counted: /metrics will be empty");
        }
        made.ok()
    });
    made.as_ref()
}

fn make() -> Result<PrometheusHandle, BuildError> {
    let all = table::all();
    let mut builder = PrometheusBuilder::new().idle_timeout(MetricKindMask::GAUGE, Some(FORGOTTEN_AFTER));
    for metric in all.iter().filter(|m| m.kind == Kind::Histogram) {
        builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), metric.bounds)?;
    }
    let handle = builder.install_recorder()?;
    all.iter().for_each(describe);
    Ok(handle)
}

fn describe(metric: &Metric) {
    match metric.kind {
        Kind::Counter => metrics::describe_counter!(metric.name, metric.help),
        Kind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
        Kind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
    }
}
