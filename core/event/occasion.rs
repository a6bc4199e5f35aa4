//! What each event says, for programs and for people.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::kind::EventType;
use crate::ids::{GuildId, JobId, RunId};
use crate::job::Lane;
use crate::time::Timestamp;
use crate::worker::Role;

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
        /// Its name, new with every start.
        worker: String,
        /// Where it ran.
        host: String,
        /// What it did.
        roles: Vec<Role>,
        /// Jobs that it ran when it was last heard of.
        running: u32,
        /// When that was, by the store's clock.
        seen_at: Timestamp,
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
        /// The process that noticed it.
        instance: String,
        /// Calls that were refused in the last ten minutes.
        refused: u64,
        /// So many are too many.
        limit: u64,
    },
    /// See [`EventType::EndpointDisabled`].
    EndpointDisabled {
        /// The endpoint.
        endpoint_id: Uuid,
        /// Its description.
        description: String,
        /// Why, in words.
        why: String,
        /// When.
        disabled_at: Timestamp,
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
    pub(super) const fn recurs(&self) -> bool {
        match self {
            Self::GroupOpened { .. } | Self::QueueLate { .. } | Self::BanRisk { .. } | Self::Test { .. } => {
                true
            }
            Self::GroupReopened { .. }
            | Self::WorkerLost { .. }
            | Self::EndpointDisabled { .. }
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
            // One that comes back and is lost again is lost twice.
            Self::WorkerLost { worker, seen_at, .. } => format!("{worker}:{}", seen_at.0),
            Self::TickMissed { schedule, after, .. } => format!("{schedule}:{}", after.0),
            Self::RunHeld {
                run_id,
                job_id,
                guild_id,
                ..
            } => format!("{}:{guild_id}", run_id.map_or(job_id.0, |run| run.0)),
            // Discord bans addresses, and the refused calls of all processes are counted together.
            Self::BanRisk { .. } => "address".to_owned(),
            Self::EndpointDisabled {
                endpoint_id,
                disabled_at,
                ..
            } => format!("{endpoint_id}:{}", disabled_at.0),
            Self::Test { endpoint_id, .. } => endpoint_id.to_string(),
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
            Self::WorkerLost {
                worker,
                host,
                roles,
                running,
                seen_at,
            } => json!({
                "worker": worker, "host": host, "roles": roles, "running": running, "seen_at": seen_at.to_rfc3339(),
            }),
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
            Self::BanRisk {
                instance,
                refused,
                limit,
            } => json!({ "instance": instance, "refused": refused, "limit": limit }),
            Self::EndpointDisabled {
                endpoint_id,
                description,
                why,
                ..
            } => json!({ "endpoint_id": endpoint_id, "description": description, "why": why }),
            Self::Test { endpoint_id, by } => json!({ "endpoint_id": endpoint_id, "by": by }),
        }
    }

    /// What is told of it, for people. Names no person but operators.
    pub fn sentence(&self) -> String {
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
            Self::WorkerLost {
                worker,
                host,
                running,
                seen_at,
                ..
            } => format!(
                "The process {worker} on {host} was not heard of since {}, and did not say that it stops. It ran {running} \
                 jobs, which others take up.",
                seen_at.to_rfc3339()
            ),
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
            Self::BanRisk {
                instance,
                refused,
                limit,
            } => format!(
                "Discord refused {refused} calls within ten minutes, and may ban the address (noticed by {instance}). From \
                 {limit} on only interactive calls go on."
            ),
            Self::EndpointDisabled {
                endpoint_id,
                description,
                why,
                ..
            } => format!("The endpoint {endpoint_id} ({description}) was switched off: {why}."),
            Self::Test { by, .. } => format!("{by} tried whether this endpoint hears. It does."),
        }
    }
}

/// One of the dead letters, for people.
fn such_as(example: &Option<Example>) -> String {
    example.as_ref().map_or_else(String::new, |example| {
        let words = [example.message.as_deref(), example.remedy.as_deref()];
        let words: Vec<&str> = words.into_iter().flatten().collect();
        format!(" Job {}: {}", example.job_id, words.join(" "))
    })
}
