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
