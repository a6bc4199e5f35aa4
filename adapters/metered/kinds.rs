//! Counters, gauges and histograms with a fixed name and fixed labels.

use std::time::Duration;

use metrics::Label;

/// What a metric does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, from the start of the process.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often a value fell into which range.
    Histogram,
}

impl Kind {
    /// The name that Prometheus has for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric, as it is described to people and to Prometheus.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name. Dashboards and alerts know it: never change one.
    pub name: &'static str,
    /// What it does.
    pub kind: Kind,
    /// What it tells.
    pub help: &'static str,
    /// The names of its labels, in the order in which their values are given.
    pub labels: &'static [&'static str],
    /// The upper bounds of its ranges, ascending, in its unit. Empty unless it is a histogram.
    pub bounds: &'static [f64],
}

impl Metric {
    fn with(&self, values: &[&str]) -> Vec<Label> {
        debug_assert_eq!(self.labels.len(), values.len(), "the labels of {}", self.name);
        self.labels
            .iter()
            .zip(values)
            .map(|(name, value)| Label::new(*name, (*value).to_owned()))
            .collect()
    }
}

/// See [`Kind::Counter`].
#[derive(Debug)]
pub struct Counter(pub(super) Metric);

impl Counter {
    /// Begins at 0. Prometheus sees a first one only if it saw none before.
    pub fn begin(&self, values: &[&str]) {
        metrics::counter!(self.0.name, self.0.with(values)).increment(0);
    }

    /// Adds one. `values`: of the labels, in their order.
    pub fn inc(&self, values: &[&str]) {
        self.add(values, 1);
    }

    /// Adds `n`.
    pub fn add(&self, values: &[&str], n: u64) {
        if n > 0 {
            metrics::counter!(self.0.name, self.0.with(values)).increment(n);
        }
    }
}

/// See [`Kind::Gauge`].
#[derive(Debug)]
pub struct Gauge(pub(super) Metric);

impl Gauge {
    /// It is this now. `values`: of the labels, in their order.
    pub fn set(&self, values: &[&str], now: f64) {
        metrics::gauge!(self.0.name, self.0.with(values)).set(now);
    }
}

/// See [`Kind::Histogram`].
#[derive(Debug)]
pub struct Histogram(pub(super) Metric);

impl Histogram {
    /// It took this long. `values`: of the labels, in their order.
    pub fn observe(&self, values: &[&str], took: Duration) {
        metrics::histogram!(self.0.name, self.0.with(values)).record(took.as_secs_f64());
    }
}
