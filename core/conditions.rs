//! When a mapping applies: the conditions of the seed's documents, decided by a pure function.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::GroupId;

/// The conditions of a mapping (`conditions`). All that are set have to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conditions {
    /// Every character of the user has to be in the group, instead of any.
    pub require_all: bool,
    /// At least so many characters.
    pub character_count_min: Option<u32>,
    /// At most so many characters.
    pub character_count_max: Option<u32>,
    /// Permissions that the user has to have, all of them.
    pub required_permissions: Vec<String>,
    /// Groups that the user may not be in.
    pub excluded_groups: Vec<GroupId>,
}

impl Conditions {
    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What the directory knows of one user, for conditions. `None` where it does not know: then a condition that asks for
/// it is undecided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Groups of any of the user's characters.
    pub groups: BTreeSet<GroupId>,
    /// Groups of every one of the user's characters.
    pub common_groups: Option<BTreeSet<GroupId>>,
    /// How many characters the user has.
    pub characters: Option<u32>,
    /// Permissions that the user's groups give.
    pub permissions: Option<BTreeSet<String>>,
    /// A banned user gets no role, and loses those it has.
    pub banned: bool,
}

/// What a mapping says of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The user gets the role.
    Grants,
    /// The mapping does not give it.
    Denies,
    /// Nobody can say: the role is neither given nor taken.
    Undecided,
}

impl Decision {
    /// The written name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grants => "grants",
            Self::Denies => "denies",
            Self::Undecided => "undecided",
        }
    }
}

/// One thing that a mapping asks of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check<'a> {
    /// Some character is in the group.
    InGroup(&'a GroupId),
    /// Every character is in the group.
    AllInGroup(&'a GroupId),
    /// At least so many characters.
    AtLeast(u32),
    /// At most so many characters.
    AtMost(u32),
    /// The permission is there.
    Permission(&'a str),
    /// No character is in the group.
    NotInGroup(&'a GroupId),
}

impl Check<'_> {
    /// Whether it holds; `None` where the directory does not know.
    pub fn holds(self, facts: &Facts) -> Option<bool> {
        match self {
            Self::InGroup(group) => Some(facts.groups.contains(group)),
            // Not in the group with any character is not in it with all, whatever else is known.
            Self::AllInGroup(group) if !facts.groups.contains(group) => Some(false),
            Self::AllInGroup(group) => facts.common_groups.as_ref().map(|common| common.contains(group)),
            Self::AtLeast(n) => facts.characters.map(|has| has >= n),
            Self::AtMost(n) => facts.characters.map(|has| has <= n),
            Self::Permission(name) => facts.permissions.as_ref().map(|has| has.contains(name)),
            Self::NotInGroup(group) => Some(!facts.groups.contains(group)),
        }
    }
}

/// All that a mapping of `group` with these conditions asks.
pub fn checks<'a>(conditions: &'a Conditions, group: &'a GroupId) -> impl Iterator<Item = Check<'a>> {
    let membership = if conditions.require_all {
        Check::AllInGroup(group)
    } else {
        Check::InGroup(group)
    };
    let permissions = conditions.required_permissions.iter();
    std::iter::once(membership)
        .chain(conditions.character_count_min.map(Check::AtLeast))
        .chain(conditions.character_count_max.map(Check::AtMost))
        .chain(permissions.map(|p| Check::Permission(p)))
        .chain(conditions.excluded_groups.iter().map(Check::NotInGroup))
}

/// Groups that a mapping names and the directory does not have. While there is one, nobody can say who belongs to it,
/// and the mapping is undecided for everybody. `known` is `None` where the directory cannot list its groups; then every
/// group counts as known.
pub fn unknown_groups<'a>(
    conditions: &'a Conditions,
    group: &'a GroupId,
    known: Option<&'a BTreeSet<GroupId>>,
) -> impl Iterator<Item = &'a GroupId> {
    std::iter::once(group)
        .chain(&conditions.excluded_groups)
        .filter(move |g| known.is_some_and(|known| !known.contains(*g)))
}

/// What a mapping of `group` with these conditions says of a user.
///
/// A ban denies. A group that the directory does not have leaves it undecided. Else: a condition that surely fails
/// denies, whatever the others are; all that surely hold grant; the rest is undecided.
pub fn decide(
    conditions: &Conditions,
    group: &GroupId,
    facts: &Facts,
    known: Option<&BTreeSet<GroupId>>,
) -> Decision {
    if facts.banned {
        return Decision::Denies;
    }
    if unknown_groups(conditions, group, known).next().is_some() {
        return Decision::Undecided;
    }
    let mut decision = Decision::Grants;
    for check in checks(conditions, group) {
        match check.holds(facts) {
            Some(true) => {}
            Some(false) => return Decision::Denies,
            None => decision = Decision::Undecided,
        }
    }
    decision
}
