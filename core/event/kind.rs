//! The kinds of events: their names, and what each of them means.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum EventType {
    /// Jobs fail for good for a cause of which there was no dead letter.
    GroupOpened,
    /// A cause that somebody called mended, or put off, is back.
    GroupReopened,
    /// A lane's first job waits for too long.
    QueueLate,
    /// A process went away without saying so.
    WorkerLost,
    /// Ticks of a schedule had no process to make them at their time.
    TickMissed,
    /// A run would have taken too much away, and took nothing.
    RunHeld,
    /// Discord refused so many calls that it may ban the address.
    BanRisk,
    /// An endpoint failed for so long that it was switched off.
    EndpointDisabled,
    /// Somebody tried whether an endpoint hears.
    Test,
}

/// Name and meaning of each kind. Names are sent and stored: never change one.
const NAMES: [(EventType, &str, &str); 9] = [
    (
        EventType::GroupOpened,
        "group.opened",
        "Jobs fail for good for a cause of which there was no dead letter before.",
    ),
    (
        EventType::GroupReopened,
        "group.reopened",
        "A cause that somebody called resolved, or ignored until a time, is back.",
    ),
    (
        EventType::QueueLate,
        "queue.late",
        "The first job of a lane waits for longer than ROLECALL_QUEUE_LATE_AFTER; told once until the lane has recovered.",
    ),
    (
        EventType::WorkerLost,
        "worker.lost",
        "A process was not heard of for 30 s and did not say that it stops; what it held is taken back.",
    ),
    (
        EventType::TickMissed,
        "tick.missed",
        "No process made a schedule's ticks at their time; they were made up for, or left out, as the schedule says.",
    ),
    (
        EventType::RunHeld,
        "run.held",
        "A sync would have taken too many roles away in a guild, and took none.",
    ),
    (
        EventType::BanRisk,
        "discord.ban_risk",
        "Discord refused so many calls that it may ban the address; only interactive calls go on.",
    ),
    (
        EventType::EndpointDisabled,
        "webhook.disabled",
        "An endpoint was switched off, because nothing reached it for days or because it said that it is gone.",
    ),
    (
        EventType::Test,
        "webhook.test",
        "Somebody tried whether an endpoint hears. Sent to that endpoint, whatever it asked for.",
    ),
];

impl EventType {
    /// All kinds.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(kind, ..)| *kind)
    }

    /// The written name.
    pub fn as_str(self) -> &'static str {
        self.entry().1
    }

    /// What it tells, in a sentence.
    pub fn meaning(self) -> &'static str {
        self.entry().2
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES
            .iter()
            .find(|(_, own, _)| *own == name)
            .map(|(kind, ..)| *kind)
    }

    fn entry(self) -> &'static (Self, &'static str, &'static str) {
        // The order of the table is that of the type; a test compares them.
        &NAMES[self as usize]
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<EventType> for &'static str {
    fn from(kind: EventType) -> Self {
        kind.as_str()
    }
}

impl TryFrom<String> for EventType {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::from_name(&name).ok_or_else(|| format!("{name:?} is no event"))
    }
}
