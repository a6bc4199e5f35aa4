//! What was measured, as it is written as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::meter::Spread;

/// All of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Results {
    /// Seconds since 1970.
    pub(crate) at: u64,
    /// The commit, if git tells.
    pub(crate) commit: Option<String>,
    pub(crate) cores: usize,
    pub(crate) memory_gib: Option<u64>,
    /// What fsync costs in the folder of the embedded store: the time of one write of a page and its way to the disk.
    pub(crate) fsync_ms: Spread,
    /// Whether the Mongo server is the one of the tests.
    pub(crate) mongo_is_test_server: bool,
    pub(crate) loads: Vec<Row>,
    pub(crate) counting: Counting,
    pub(crate) idle: Vec<Idle>,
    /// What could not be measured, and why.
    pub(crate) missing: Vec<String>,
}

/// What counting for `/metrics` costs: jobs a second of runs under the same load, with it and without.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Counting {
    pub(crate) with: Vec<f64>,
    pub(crate) without: Vec<f64>,
}

/// One engine under one load.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Row {
    pub(crate) engine: String,
    pub(crate) load: String,
    pub(crate) jobs: usize,
    /// `None`: the load was paced.
    pub(crate) jobs_per_second: Option<f64>,
    /// From the call to its answer.
    pub(crate) answer_ms: Option<Spread>,
    /// From the call that accepts a job to its first line.
    pub(crate) start_ms: Option<Spread>,
    /// Of the embedded store's writer: transactions a job.
    pub(crate) commits_per_job: Option<f64>,
    /// The same: writes a job. Several share a transaction.
    pub(crate) writes_per_job: Option<f64>,
    /// Commands to the Mongo server a job, and which.
    pub(crate) store_ops_per_job: Option<f64>,
    pub(crate) store_ops: BTreeMap<String, f64>,
    /// Round trips to Redis a job, and which commands.
    pub(crate) redis_calls_per_job: Option<f64>,
    pub(crate) redis_commands: BTreeMap<String, f64>,
    /// CPU time a job of each process.
    pub(crate) cpu_ms_per_job: BTreeMap<String, f64>,
    /// The most memory that each process had.
    pub(crate) peak_rss_mib: BTreeMap<String, f64>,
}

/// A process that has nothing to do.
#[derive(Debug, Serialize)]
pub(crate) struct Idle {
    pub(crate) process: String,
    /// Of one core, percent.
    pub(crate) cpu_percent: Option<f64>,
    pub(crate) rss_mib: Option<f64>,
}
