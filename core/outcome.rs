//! What a finished attempt did.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::RoleId;
use crate::time::Timestamp;

/// Whether something changed. All three end a job as completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Something was changed.
    Applied,
    /// It was already so.
    Unchanged,
    /// The reason for it has gone; nothing was tried.
    Skipped,
}

impl Effect {
    /// The written name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
        }
    }

    /// The effect with this written name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Applied, Self::Unchanged, Self::Skipped]
            .into_iter()
            .find(|e| e.as_str() == name)
    }
}

/// The result of an attempt that ended well. Stored with the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether something changed.
    pub effect: Effect,
    /// Why, when nothing was done: a stable name such as `superseded` or `not_a_member`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Roles given.
    #[serde(default)]
    pub granted: u32,
    /// Roles taken.
    #[serde(default)]
    pub revoked: u32,
    /// Which roles were given. Of a dry run's plan of one member: which would be.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub given: BTreeSet<RoleId>,
    /// The same of roles taken.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub taken: BTreeSet<RoleId>,
    /// All roles that the member had before. `None`: nobody looked, because one role is given or taken without that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<BTreeSet<RoleId>>,
    /// Further numbers, by stable name (a planning job's counts, see [`crate::run::counts`]).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, u64>,
    /// When the newest member joined that a guild's members were read with, by Discord's clock: what the next reading
    /// tells newcomers by ([`crate::turnover`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_join: Option<Timestamp>,
    /// Sentences for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Outcome {
    /// Something was changed.
    pub fn applied(granted: usize, revoked: usize) -> Self {
        Self {
            granted: u32::try_from(granted).unwrap_or(u32::MAX),
            revoked: u32::try_from(revoked).unwrap_or(u32::MAX),
            ..Self::of(Effect::Applied)
        }
    }

    /// These roles were given and taken.
    pub fn moved(given: BTreeSet<RoleId>, taken: BTreeSet<RoleId>) -> Self {
        let plain = Self::applied(given.len(), taken.len());
        Self {
            given,
            taken,
            ..plain
        }
    }

    /// The same of a member that had these roles.
    #[must_use]
    pub fn of_member_with(mut self, before: BTreeSet<RoleId>) -> Self {
        self.before = Some(before);
        self
    }

    /// All roles that the member was to have, and has: Discord takes such a change as a whole or not at all.
    pub fn after(&self) -> Option<BTreeSet<RoleId>> {
        let kept = self.before.as_ref()?.difference(&self.taken);
        Some(kept.chain(&self.given).copied().collect())
    }

    /// It was already so.
    pub fn unchanged() -> Self {
        Self::of(Effect::Unchanged)
    }

    /// Nothing was tried, for this reason (a stable name).
    pub fn skipped(reason: &str) -> Self {
        Self {
            reason: Some(reason.to_owned()),
            ..Self::of(Effect::Skipped)
        }
    }

    /// Ended by order of somebody, before it did anything.
    pub fn cancelled(by: &str) -> Self {
        Self::skipped("cancelled").with_note(format!("cancelled by {by}"))
    }

    /// An outcome with nothing but its effect.
    pub fn of(effect: Effect) -> Self {
        Self {
            effect,
            reason: None,
            granted: 0,
            revoked: 0,
            given: BTreeSet::new(),
            taken: BTreeSet::new(),
            before: None,
            counts: BTreeMap::new(),
            newest_join: None,
            notes: Vec::new(),
        }
    }

    /// Adds a sentence for people.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds to a number.
    pub fn count(&mut self, name: &str, n: u64) {
        if n > 0 {
            *self.counts.entry(name.to_owned()).or_default() += n;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_stored_before_it_named_roles_is_read_and_one_that_names_none_is_written_as_before() {
        let old = r#"{"effect":"applied","granted":1,"revoked":0}"#;
        let read: Outcome = serde_json::from_str(old).unwrap();
        assert_eq!(read, Outcome::applied(1, 0));
        assert_eq!(serde_json::to_string(&read).unwrap(), old);
        let role = RoleId::new(7).unwrap();
        let moved = Outcome::moved([role].into(), BTreeSet::new());
        assert_eq!((moved.granted, moved.revoked, moved.after()), (1, 0, None));
        let text = serde_json::to_string(&moved).unwrap();
        assert_eq!(serde_json::from_str::<Outcome>(&text).unwrap(), moved);
    }

    #[test]
    fn what_a_member_has_after_follows_from_what_it_had() {
        let roles =
            |ids: &[u64]| -> BTreeSet<RoleId> { ids.iter().filter_map(|&id| RoleId::new(id)).collect() };
        let moved = Outcome::moved(roles(&[3]), roles(&[1])).of_member_with(roles(&[1, 2]));
        assert_eq!(moved.after(), Some(roles(&[2, 3])));
    }
}
