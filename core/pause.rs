//! What operators hold back: jobs that match a pause are stored, and not run until it ends.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::canary::Canary;
use crate::ids::{GuildId, JobId};
use crate::job::{Job, Lane};
use crate::query;
use crate::time::Timestamp;

/// Id of a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PauseId(pub Uuid);

impl fmt::Display for PauseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for PauseId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Which jobs a pause holds back: those that are alike in all that is named. One that names nothing holds back all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Jobs of this lane (a queue).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
    /// Jobs of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Jobs about this guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// Jobs whose last attempt failed for this cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// What is known of a job when it is asked whether it is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Face<'a> {
    /// Its id.
    pub id: JobId,
    /// Its lane.
    pub lane: Lane,
    /// Its kind.
    pub kind: &'a str,
    /// Its guild.
    pub guild_id: Option<GuildId>,
    /// The cause for which its last attempt failed.
    pub fingerprint: Option<&'a str>,
}

impl<'a> From<&'a Job> for Face<'a> {
    fn from(job: &'a Job) -> Self {
        Self {
            id: job.id,
            lane: job.lane,
            kind: &job.kind,
            guild_id: job.subject.guild_id,
            fingerprint: job.fingerprint.as_deref(),
        }
    }
}

impl Held {
    /// Whether it holds this job back.
    pub fn holds(&self, job: Face<'_>) -> bool {
        self.lane.is_none_or(|lane| lane == job.lane)
            && self.kind.as_deref().is_none_or(|kind| kind == job.kind)
            && self.guild_id.is_none_or(|guild| job.guild_id == Some(guild))
            && self
                .fingerprint
                .as_deref()
                .is_none_or(|cause| job.fingerprint == Some(cause))
    }
}

impl fmt::Display for Held {
    /// In the words of the query syntax: `queue:bulk kind:add_role guild:1 fingerprint:…`; `everything` for no condition.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            self.lane.map(|lane| format!("queue:{lane}")),
            self.kind.as_ref().map(|kind| format!("kind:{kind}")),
            self.guild_id.map(|guild| format!("guild:{guild}")),
            self.fingerprint
                .as_ref()
                .map(|cause| query::word("fingerprint", cause)),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        if words.is_empty() {
            return f.write_str("everything");
        }
        f.write_str(&words.join(" "))
    }
}

/// A stored pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Its id.
    pub id: PauseId,
    /// What it holds back.
    pub held: Held,
    /// Why, in words.
    pub reason: String,
    /// Who made it, as the actor of a [`crate::cause::Cause`].
    pub author: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when; `None`: until somebody ends it.
    pub until: Option<Timestamp>,
    /// Tries from time to time whether it is still needed.
    pub canary: Option<Canary>,
}

impl Pause {
    /// Whether it holds anything back at this moment.
    pub fn is_on(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Whether it holds this job back at this moment. Its canary, which it lets through, it does not.
    pub fn holds(&self, job: Face<'_>, now: Timestamp) -> bool {
        let out = self.canary.as_ref().and_then(|canary| canary.out);
        self.is_on(now) && self.held.holds(job) && out.is_none_or(|out| out.job != job.id)
    }
}

/// The first pause that holds this job back now.
pub fn holding<'p>(pauses: &'p [Pause], job: Face<'_>, now: Timestamp) -> Option<&'p Pause> {
    pauses.iter().find(|p| p.holds(job, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face<'a>(kind: &'a str, guild: u64, fingerprint: Option<&'a str>) -> Face<'a> {
        Face {
            id: JobId(Uuid::from_u128(1)),
            lane: Lane::Bulk,
            kind,
            guild_id: GuildId::new(guild),
            fingerprint,
        }
    }

    #[test]
    fn a_pause_holds_back_what_is_alike_in_all_that_it_names() {
        let guild = GuildId::new(7);
        let held = Held {
            kind: Some("add_role".into()),
            guild_id: guild,
            ..Held::default()
        };
        assert!(held.holds(face("add_role", 7, None)));
        assert!(!held.holds(face("add_role", 8, None)) && !held.holds(face("remove_role", 7, None)));
        let cause = Held {
            fingerprint: Some("add_role|x".into()),
            ..Held::default()
        };
        assert!(cause.holds(face("add_role", 7, Some("add_role|x"))));
        assert!(!cause.holds(face("add_role", 7, None)));
        assert!(Held::default().holds(face("any", 0, None)));
    }

    #[test]
    fn a_pause_is_over_at_its_end() {
        let pause = Pause {
            id: PauseId(Uuid::nil()),
            held: Held::default(),
            reason: String::new(),
            author: String::new(),
            created_at: Timestamp(0),
            until: Some(Timestamp(10)),
            canary: None,
        };
        let all = [pause];
        assert!(holding(&all, face("x", 1, None), Timestamp(9)).is_some());
        assert!(holding(&all, face("x", 1, None), Timestamp(10)).is_none());
    }

    #[test]
    fn a_pause_lets_its_canary_through_and_nobody_else() {
        let mut canary = Canary::new(std::time::Duration::from_secs(60), Timestamp(0));
        canary.out = Some(crate::canary::Out {
            job: JobId(Uuid::from_u128(1)),
            attempt: 0,
            at: Timestamp(1),
        });
        let pause = Pause {
            id: PauseId(Uuid::nil()),
            held: Held::default(),
            reason: String::new(),
            author: String::new(),
            created_at: Timestamp(0),
            until: None,
            canary: Some(canary),
        };
        let canary = face("x", 1, None);
        let other = Face {
            id: JobId(Uuid::from_u128(2)),
            ..canary
        };
        assert!(!pause.holds(canary, Timestamp(5)) && pause.holds(other, Timestamp(5)));
    }

    #[test]
    fn a_pause_is_told_in_the_words_of_a_query() {
        let held = Held {
            lane: Some(Lane::Bulk),
            guild_id: GuildId::new(5),
            ..Held::default()
        };
        assert_eq!(held.to_string(), "queue:bulk guild:5");
        assert_eq!(Held::default().to_string(), "everything");
    }
}
