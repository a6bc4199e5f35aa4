//! What is stored of schedules: whether they are on, up to when their ticks were looked at, and what became of each.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::Timestamp;

/// How many ticks of a schedule are remembered, the newest.
pub const TICKS_KEPT: usize = 100;

/// What is stored of one schedule. When it ticks is no part of it: that is configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleState {
    /// Its name, such as `retention`.
    pub name: String,
    /// Whether its ticks start anything.
    pub enabled: bool,
    /// Ticks up to this moment were looked at: each was begun, skipped, or noted as missed.
    pub seen_until: Timestamp,
    /// How many ticks were missed, and not made up for, since the schedule is known.
    pub missed: u64,
    /// Who switched it on or off last, and when.
    pub changed: Option<(String, Timestamp)>,
}

/// What became of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TickOutcome {
    /// A job or a run was stored for it.
    Begun,
    /// There was nothing to do.
    Nothing,
    /// The work of an earlier tick was not over.
    Skipped,
    /// No process looked at it in time, and it was not made up for.
    Missed,
}

impl TickOutcome {
    /// All.
    pub const ALL: [Self; 4] = [Self::Begun, Self::Nothing, Self::Skipped, Self::Missed];

    /// The written name. Stored: never change one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Nothing => "nothing",
            Self::Skipped => "skipped",
            Self::Missed => "missed",
        }
    }

    /// From the written name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == name)
    }
}

/// A tick, as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TickRecord {
    /// The schedule's name.
    pub schedule: String,
    /// The nominal time of the tick; of one that somebody asked for, when that was.
    pub at: Timestamp,
    /// What became of it.
    pub outcome: TickOutcome,
    /// The job or run that was stored for it.
    pub made: Option<Uuid>,
    /// Who asked for it, if it was not the clock.
    pub by: Option<String>,
    /// When this was noted. Much later than `at`: the tick was made up for.
    pub noted_at: Timestamp,
}
