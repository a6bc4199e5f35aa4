//! Why a user has or lacks a role: the decision of every mapping, in words. Pure; it asks [`crate::conditions`] and
//! [`crate::desired`], so that what it tells is what is done.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::conditions::{Check, Facts, checks, decide, unknown_groups};
use crate::desired::Rules;
use crate::ids::{GroupId, MappingId, RoleId};
use crate::mapping::Mapping;

/// What becomes of one role for one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// The user should have it.
    Wanted,
    /// The user should not have it.
    Denied,
    /// Nobody can say: it is neither given nor taken.
    Undecided,
    /// Only inactive mappings name it: it is not ours.
    NotOurs,
}

impl Fate {
    /// The written name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Denied => "denied",
            Self::Undecided => "undecided",
            Self::NotOurs => "not_ours",
        }
    }

    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Wanted => "should be there",
            Self::Denied => "should not be there",
            Self::Undecided => "undecided: neither given nor taken",
            Self::NotOurs => "not touched",
        }
    }
}

/// What one mapping says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// The mapping.
    pub mapping: MappingId,
    /// Its group, by name.
    pub group: String,
    /// Its priority.
    pub priority: i32,
    /// `grants`, `denies`, `undecided` or `inactive`.
    pub decision: &'static str,
    /// Why, a sentence each.
    pub reasons: Vec<String>,
}

/// Why a user has or lacks one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The role.
    pub role_id: RoleId,
    /// Its name.
    pub role: String,
    /// What becomes of it.
    pub fate: Fate,
    /// What its mappings say, the highest priority first.
    pub mappings: Vec<Said>,
}

/// What the directory calls its groups.
pub type Names = BTreeMap<GroupId, String>;

/// Explains all mapped roles of one guild for one user, the highest priority first.
pub fn explain(mappings: &[Mapping], names: &Names, facts: &Facts) -> Vec<Explanation> {
    let known: BTreeSet<GroupId> = names.keys().cloned().collect();
    let rules = Rules::new(mappings, Some(&known));
    let mut of_role: BTreeMap<RoleId, Vec<&Mapping>> = BTreeMap::new();
    for mapping in mappings {
        of_role.entry(mapping.role_id).or_default().push(mapping);
    }
    let mut all: Vec<Explanation> = of_role
        .into_iter()
        .map(|(role_id, mut mappings)| {
            mappings.sort_by_key(|m| (Reverse(m.priority), m.id.clone()));
            let fate = if rules.wants(facts, role_id) {
                Fate::Wanted
            } else if rules.denies(facts, role_id) {
                Fate::Denied
            } else if mappings.iter().any(|m| m.is_active) {
                Fate::Undecided
            } else {
                Fate::NotOurs
            };
            Explanation {
                role_id,
                role: mappings.first().map(|m| m.role_name.clone()).unwrap_or_default(),
                fate,
                mappings: mappings
                    .into_iter()
                    .map(|m| said(m, names, &known, facts))
                    .collect(),
            }
        })
        .collect();
    all.sort_by_key(|e| (Reverse(rules.priority(e.role_id)), e.role_id));
    all
}

fn said(mapping: &Mapping, names: &Names, known: &BTreeSet<GroupId>, facts: &Facts) -> Said {
    let (conditions, group) = (&mapping.conditions, &mapping.group_id);
    let decision = if mapping.is_active {
        decide(conditions, group, facts, Some(known)).as_str()
    } else {
        "inactive"
    };
    let group_name = match names.get(group) {
        Some(name) => name.clone(),
        None if mapping.group_name.is_empty() => group.to_string(),
        None => mapping.group_name.clone(),
    };
    Said {
        mapping: mapping.id.clone(),
        group: group_name,
        priority: mapping.priority,
        decision,
        reasons: reasons(mapping, names, known, facts),
    }
}

/// For a decision: what stands against it, or else all that speaks for it.
fn reasons(mapping: &Mapping, names: &Names, known: &BTreeSet<GroupId>, facts: &Facts) -> Vec<String> {
    if !mapping.is_active {
        return vec!["the mapping is not active".to_owned()];
    }
    if facts.banned {
        return vec!["the user is banned".to_owned()];
    }
    let (conditions, group) = (&mapping.conditions, &mapping.group_id);
    let unknown: Vec<String> = unknown_groups(conditions, group, Some(known))
        .map(|g| format!("the directory has no group {g} (any more)"))
        .collect();
    if !unknown.is_empty() {
        return unknown;
    }
    let words = |wanted: Option<bool>| -> Vec<String> {
        checks(conditions, group)
            .filter(|check| check.holds(facts) == wanted)
            .map(|check| in_words(check, wanted, names, facts))
            .collect()
    };
    let failing = words(Some(false));
    if !failing.is_empty() {
        return failing;
    }
    let unsure = words(None);
    if unsure.is_empty() {
        words(Some(true))
    } else {
        unsure
    }
}

fn in_words(check: Check<'_>, holds: Option<bool>, names: &Names, facts: &Facts) -> String {
    let name = |group: &GroupId| names.get(group).cloned().unwrap_or_else(|| group.to_string());
    let not = if holds == Some(false) { "not " } else { "" };
    let has = facts.characters.unwrap_or(0);
    match (check, holds) {
        (Check::InGroup(group), _) => format!("{not}in {}", name(group)),
        (Check::AllInGroup(group), Some(_)) => format!("{not}in {} with every character", name(group)),
        (Check::AllInGroup(group), None) => {
            format!(
                "the directory does not tell whether every character is in {}",
                name(group)
            )
        }
        (Check::AtLeast(n), Some(_)) => format!("has {has} characters, at least {n} are asked for"),
        (Check::AtMost(n), Some(_)) => format!("has {has} characters, at most {n} are allowed"),
        (Check::AtLeast(_) | Check::AtMost(_), None) => {
            "the directory does not tell how many characters the user has".to_owned()
        }
        (Check::Permission(permission), Some(true)) => format!("has the permission {permission}"),
        (Check::Permission(permission), Some(false)) => format!("lacks the permission {permission}"),
        (Check::Permission(permission), None) => {
            format!("the directory does not tell whether the user has the permission {permission}")
        }
        (Check::NotInGroup(group), Some(false)) => format!("in {}, which is excluded", name(group)),
        (Check::NotInGroup(group), _) => format!("not in {}", name(group)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditions::Conditions;
    use crate::ids::GuildId;
    use crate::time::Timestamp;

    fn mapping(group: &str, role: u64, priority: i32, conditions: Conditions) -> Mapping {
        Mapping {
            id: MappingId(format!("{group}-{role}")),
            guild_id: GuildId::new(1).unwrap(),
            group_id: group.into(),
            group_name: group.into(),
            role_id: RoleId::new(role).unwrap(),
            role_name: format!("role {role}"),
            priority,
            conditions,
            is_active: true,
            created_by: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            last_sync: None,
            sync_count: 0,
        }
    }

    fn names() -> Names {
        [("a", "Pilots"), ("b", "Spies")]
            .map(|(id, name)| (GroupId::from(id), name.to_owned()))
            .into()
    }

    fn facts(groups: &[&str]) -> Facts {
        Facts {
            groups: groups.iter().map(|g| GroupId::from(*g)).collect(),
            ..Facts::default()
        }
    }

    #[test]
    fn each_role_is_told_with_its_fate_and_the_reasons_in_words() {
        let excluding = Conditions {
            excluded_groups: vec!["b".into()],
            ..Conditions::default()
        };
        let counting = Conditions {
            character_count_min: Some(2),
            ..Conditions::default()
        };
        let mappings = [
            mapping("a", 1, 0, excluding),
            mapping("a", 2, 5, counting),
            mapping("gone", 3, 0, Conditions::default()),
            mapping("b", 4, 0, Conditions::default()),
        ];
        let told = explain(&mappings, &names(), &facts(&["a", "b"]));
        let lines: Vec<(u64, Fate, &str)> = told
            .iter()
            .map(|e| (e.role_id.get(), e.fate, e.mappings[0].reasons[0].as_str()))
            .collect();
        assert_eq!(
            lines,
            [
                (
                    2,
                    Fate::Undecided,
                    "the directory does not tell how many characters the user has"
                ),
                (1, Fate::Denied, "in Spies, which is excluded"),
                (3, Fate::Undecided, "the directory has no group gone (any more)"),
                (4, Fate::Wanted, "in Spies"),
            ]
        );
    }

    #[test]
    fn a_banned_user_is_told_so() {
        let banned = Facts {
            banned: true,
            ..facts(&["a"])
        };
        let told = explain(&[mapping("a", 1, 0, Conditions::default())], &names(), &banned);
        assert_eq!(told[0].fate, Fate::Denied);
        assert_eq!(told[0].mappings[0].reasons, ["the user is banned"]);
    }
}
