//! What the checker is told of a scenario: where the evidence lies, and what should have come out. Nothing of the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::pulse::Late;

/// Where the jobs are.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LedgerAt {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A Mongo database.
    Mongo {
        /// The server.
        uri: String,
        /// The database.
        database: String,
    },
}

/// One scenario's evidence. Read from a file by `rolecall-faults check`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Case {
    /// Its name.
    pub(crate) name: String,
    pub(crate) ledger: LedgerAt,
    /// Redis, if there is one.
    pub(crate) redis: Option<String>,
    /// The simulator's control API, without a slash at its end.
    pub(crate) simulator: String,
    pub(crate) guild: u64,
    /// Member → all the roles that it should have.
    pub(crate) roles: BTreeMap<u64, BTreeSet<u64>>,
    /// A role that nobody may touch.
    pub(crate) unmanaged: u64,
    /// Each line: what the client asked, and what it was told.
    pub(crate) client_log: PathBuf,
    /// Simulated seconds in a real one.
    pub(crate) speed: f64,
    /// Member → the roles that it had at first.
    pub(crate) before: BTreeMap<u64, BTreeSet<u64>>,
    /// What the directory was told, in order.
    pub(crate) wishes: Vec<Wish>,
    /// What must never be seen in plain: looked for in the logs, answers, the SQLite files, Mongo and Redis.
    pub(crate) secrets: Vec<Secret>,
    /// Folders whose files are searched for them.
    pub(crate) folders: Vec<PathBuf>,
    /// Jobs that should have been put aside, by `KIND: CODE` of their error.
    pub(crate) discarded: BTreeMap<String, usize>,
    /// From the end of the fault to the first job that ended after it.
    pub(crate) recovery_ms: Option<i64>,
    /// The end of the fault, in Unix milliseconds.
    pub(crate) recovers_from: Option<i64>,
    /// When the machine, or the store that scenarios share, was late.
    pub(crate) late: Vec<Late>,
    /// When processes died, in Unix milliseconds.
    pub(crate) deaths: Vec<i64>,
    /// How long each process took to end after SIGTERM.
    pub(crate) stops_ms: Vec<i64>,
    /// When a process was told to stop while another one of its kind went on, in Unix milliseconds.
    pub(crate) handed_over: Vec<i64>,
    /// Whether a stop used up attempts is looked at: only where nothing was killed.
    pub(crate) nothing_was_killed: bool,
    /// Processes died at any time: jobs may be put aside that were among what three deaths took along.
    pub(crate) killed_at_random: bool,
    /// Processes that should have lived through the fault, and whether they did.
    pub(crate) lived: BTreeMap<String, bool>,
    /// The most memory that each process that runs now ever had, in KiB.
    pub(crate) peaks_kib: BTreeMap<String, u64>,
    /// A link held what was sent, and let it go much later: what the ledger says of when a job was stored may be older
    /// than its being there.
    pub(crate) late_writes: bool,
    /// A process's clock was wrong by an hour.
    pub(crate) wrong_clocks: bool,
    /// The most envelopes that were seen waiting in a lane of Redis, and how many may.
    pub(crate) window: Option<(u64, u64)>,
}

/// What the directory was told at a time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Wish {
    /// Unix milliseconds. Before it was told, so that nobody knew earlier.
    pub(crate) at: i64,
    /// Member → the roles of mappings in use that it should have. Members who are not here are nobody's business.
    pub(crate) roles: BTreeMap<u64, BTreeSet<u64>>,
    /// Roles of which nobody knows what was told: the command had no end. Either is right, until it is told again.
    pub(crate) unsure: BTreeSet<u64>,
}

/// A text that nobody may see.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Secret {
    /// What it is.
    pub(crate) name: String,
    pub(crate) text: String,
    /// The scenario itself put it into the database in plain, as go-falcon does.
    pub(crate) stored_plain: bool,
}

/// A line of the client's log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) path: String,
    /// 0: no answer came.
    pub(crate) status: u16,
    /// The run that was promised.
    pub(crate) run: Option<String>,
    /// Whether a refusal said when to come again.
    pub(crate) retry_after: bool,
}
