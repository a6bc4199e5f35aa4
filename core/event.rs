//! What operators are told of without asking: the events, their names, and what each of them says.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::ids::{GuildId, JobId, RunId};
use crate::job::Lane;
use crate::time::Timestamp;

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
    /// A worker went away in the middle of a job.
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
        "A worker went away in the middle of a job; what it held was taken back.",
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

/// Something that operators are told of.
#[derive(Debug, Clone, PartialEq)]
pub enum Occasion {
    /// See [`EventType::GroupOpened`].
    GroupOpened {
        /// The cause.
        fingerprint: String,
        /// Its dead letters by now.
        jobs: u64,
        /// One of them.
        example: Option<Example>,
    },
    /// See [`EventType::GroupReopened`].
    GroupReopened {
        /// The cause.
        fingerprint: String,
        /// Its dead letters by now.
        jobs: u64,
        /// What was said of it: `resolved` or `ignored`.
        was: &'static str,
        /// Who said so.
        by: String,
        /// When.
        said_at: Timestamp,
        /// One of them.
        example: Option<Example>,
    },
    /// See [`EventType::QueueLate`].
    QueueLate {
        /// The lane.
        lane: Lane,
        /// How long its first job waits.
        waited: Duration,
        /// How long it may wait.
        limit: Duration,
    },
    /// See [`EventType::WorkerLost`].
    WorkerLost {
        /// Its name.
        worker: String,
        /// A job that it held.
        job_id: JobId,
        /// The job's kind.
        kind: String,
    },
    /// See [`EventType::TickMissed`].
    TickMissed {
        /// The schedule.
        schedule: String,
        /// Ticks after this moment were not looked at.
        after: Timestamp,
        /// Ticks that are left out.
        missed: u64,
        /// Ticks that were made up for.
        made_up_for: u64,
    },
    /// See [`EventType::RunHeld`].
    RunHeld {
        /// The run.
        run_id: Option<RunId>,
        /// The job that planned.
        job_id: JobId,
        /// The guild.
        guild_id: GuildId,
        /// Removals that were not made.
        removals: u64,
        /// Why, in words.
        why: String,
    },
    /// See [`EventType::BanRisk`].
    BanRisk {
        /// The process whose calls were refused.
        instance: String,
    },
    /// See [`EventType::EndpointDisabled`].
    EndpointDisabled {
        /// The endpoint.
        endpoint_id: Uuid,
        /// Its description.
        description: String,
        /// Why, in words.
        why: String,
    },
    /// See [`EventType::Test`].
    Test {
        /// The endpoint.
        endpoint_id: Uuid,
        /// Who tries it.
        by: String,
    },
}

/// A dead letter, for whoever wants to look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The job.
    pub job_id: JobId,
    /// Its kind.
    pub kind: String,
    /// Its guild.
    pub guild_id: Option<GuildId>,
    /// What happened, in words.
    pub message: Option<String>,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Occasion {
    /// Its kind.
    pub const fn kind(&self) -> EventType {
        match self {
            Self::GroupOpened { .. } => EventType::GroupOpened,
            Self::GroupReopened { .. } => EventType::GroupReopened,
            Self::QueueLate { .. } => EventType::QueueLate,
            Self::WorkerLost { .. } => EventType::WorkerLost,
            Self::TickMissed { .. } => EventType::TickMissed,
            Self::RunHeld { .. } => EventType::RunHeld,
            Self::BanRisk { .. } => EventType::BanRisk,
            Self::EndpointDisabled { .. } => EventType::EndpointDisabled,
            Self::Test { .. } => EventType::Test,
        }
    }

    /// Whether the same subject may have it again: such events are told apart by when they began. The others are one event,
    /// whenever it is noticed.
    const fn recurs(&self) -> bool {
        match self {
            Self::GroupOpened { .. }
            | Self::QueueLate { .. }
            | Self::BanRisk { .. }
            | Self::EndpointDisabled { .. }
            | Self::Test { .. } => true,
            Self::GroupReopened { .. }
            | Self::WorkerLost { .. }
            | Self::TickMissed { .. }
            | Self::RunHeld { .. } => false,
        }
    }

    /// What makes it the same event, whoever notices it, and however often.
    pub fn subject(&self) -> String {
        match self {
            Self::GroupOpened { fingerprint, .. } => fingerprint.clone(),
            Self::GroupReopened {
                fingerprint, said_at, ..
            } => format!("{fingerprint}:{}", said_at.0),
            Self::QueueLate { lane, .. } => lane.to_string(),
            Self::WorkerLost { worker, .. } => worker.clone(),
            Self::TickMissed { schedule, after, .. } => format!("{schedule}:{}", after.0),
            Self::RunHeld {
                run_id,
                job_id,
                guild_id,
                ..
            } => format!("{}:{guild_id}", run_id.map_or(job_id.0, |run| run.0)),
            Self::BanRisk { instance } => instance.clone(),
            Self::EndpointDisabled { endpoint_id, .. } | Self::Test { endpoint_id, .. } => {
                endpoint_id.to_string()
            }
        }
    }

    /// What is told of it, for programs.
    pub fn data(&self) -> Value {
        match self {
            Self::GroupOpened {
                fingerprint,
                jobs,
                example,
            } => json!({ "fingerprint": fingerprint, "jobs": jobs, "example": example }),
            Self::GroupReopened {
                fingerprint,
                jobs,
                was,
                by,
                said_at,
                example,
            } => json!({
                "fingerprint": fingerprint, "jobs": jobs, "was": was, "by": by,
                "said_at": said_at.to_rfc3339(), "example": example,
            }),
            Self::QueueLate { lane, waited, limit } => json!({
                "queue": lane, "waited_seconds": waited.as_secs(), "limit_seconds": limit.as_secs(),
            }),
            Self::WorkerLost { worker, job_id, kind } => {
                json!({ "worker": worker, "job_id": job_id, "kind": kind })
            }
            Self::TickMissed {
                schedule,
                after,
                missed,
                made_up_for,
            } => json!({
                "schedule": schedule, "after": after.to_rfc3339(), "missed": missed, "made_up_for": made_up_for,
            }),
            Self::RunHeld {
                run_id,
                job_id,
                guild_id,
                removals,
                why,
            } => json!({
                "run_id": run_id, "job_id": job_id, "guild_id": guild_id, "removals": removals, "why": why,
            }),
            Self::BanRisk { instance } => json!({ "instance": instance }),
            Self::EndpointDisabled {
                endpoint_id,
                description,
                why,
            } => json!({ "endpoint_id": endpoint_id, "description": description, "why": why }),
            Self::Test { endpoint_id, by } => json!({ "endpoint_id": endpoint_id, "by": by }),
        }
    }

    /// What is told of it, for people. Names no person but operators.
    pub fn sentence(&self) -> String {
        let such_as = |example: &Option<Example>| {
            example.as_ref().map_or_else(String::new, |example| {
                let words = [example.message.as_deref(), example.remedy.as_deref()];
                let words: Vec<&str> = words.into_iter().flatten().collect();
                format!(" Job {}: {}", example.job_id, words.join(" "))
            })
        };
        match self {
            Self::GroupOpened {
                fingerprint, example, ..
            } => format!(
                "Jobs fail for good for a new cause, {fingerprint}.{}",
                such_as(example)
            ),
            Self::GroupReopened {
                fingerprint,
                was,
                by,
                example,
                ..
            } => format!(
                "The cause {fingerprint} is back; {by} had called it {was}.{}",
                such_as(example)
            ),
            Self::QueueLate { lane, waited, limit } => format!(
                "The queue {lane} is late: its first job waits for {} s, and should for at most {} s.",
                waited.as_secs(),
                limit.as_secs()
            ),
            Self::WorkerLost { worker, job_id, kind } => {
                format!("The worker {worker} went away in the middle of job {job_id} ({kind}).")
            }
            Self::TickMissed {
                schedule,
                after,
                missed,
                made_up_for,
            } => format!(
                "No process looked at ticks of {schedule} after {}: {made_up_for} were made up for, {missed} left out.",
                after.to_rfc3339()
            ),
            Self::RunHeld {
                guild_id,
                removals,
                why,
                ..
            } => format!("A sync of guild {guild_id} was held, and {removals} roles were not taken: {why}."),
            Self::BanRisk { instance } => format!(
                "Discord refused so many calls of {instance} that it may ban its address. Only interactive calls go on."
            ),
            Self::EndpointDisabled {
                endpoint_id,
                description,
                why,
            } => format!("The endpoint {endpoint_id} ({description}) was switched off: {why}."),
            Self::Test { by, .. } => format!("{by} tried whether this endpoint hears. It does."),
        }
    }
}

/// An event: an occasion, and when it began.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What.
    pub occasion: Occasion,
    /// Since when.
    pub at: Timestamp,
}

impl Event {
    /// Its id: the same whoever notices it, and however often.
    pub fn id(&self) -> Uuid {
        let mut name = format!("rolecall:{}:{}", self.occasion.kind(), self.occasion.subject());
        if self.occasion.recurs() {
            name.push_str(&format!(":{}", self.at.0));
        }
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
    }

    /// The id of its delivery to one endpoint.
    pub fn delivery(&self, endpoint: Uuid) -> JobId {
        JobId(JobId(self.id()).child(&format!("endpoint:{endpoint}")))
    }

    /// What is sent: `{"type", "timestamp", "data"}`, as Standard Webhooks recommends.
    pub fn body(&self) -> Value {
        json!({
            "type": self.occasion.kind(),
            "timestamp": self.at.to_rfc3339(),
            "data": self.occasion.data(),
        })
    }
}

/// Whether a lane is late. One that was stays so until its first job waits for less than half of the limit: a lane that
/// swings around the limit is one event.
pub fn is_late(was_late: bool, waited: Duration, limit: Duration) -> bool {
    if was_late {
        waited >= limit / 2
    } else {
        waited > limit
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
