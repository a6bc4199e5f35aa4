//! Finds a group by what somebody typed.

use rolecall_core::ports::Group;

/// How many near names are shown.
const NEAR: usize = 5;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// This one.
    One(Group),
    /// Several have this name.
    Several(Vec<Group>),
    /// None; these have names like it.
    None {
        /// At most [`NEAR`] names.
        near: Vec<String>,
    },
}

/// Finds a group by its id, else by its exact name, else by its name in other letters (`Pilots` for `pilots`).
pub(super) fn find(groups: &[Group], asked: &str) -> Found {
    let asked = asked.trim();
    if let Some(group) = groups.iter().find(|g| g.id.as_str() == asked) {
        return Found::One(group.clone());
    }
    let lower = asked.to_lowercase();
    let exact = |g: &&Group| g.name.trim() == asked;
    let alike = |g: &&Group| g.name.trim().to_lowercase() == lower;
    let mut found: Vec<Group> = groups.iter().filter(exact).cloned().collect();
    if found.is_empty() {
        found = groups.iter().filter(alike).cloned().collect();
    }
    match found.len() {
        0 => Found::None {
            near: near(groups, &lower),
        },
        1 => Found::One(found.remove(0)),
        _ => Found::Several(found),
    }
}

/// Names that hold what was typed, or are a few letters away from it; the nearest first.
fn near(groups: &[Group], lower: &str) -> Vec<String> {
    let mut near: Vec<(usize, &str)> = groups
        .iter()
        .filter_map(|g| {
            let name = g.name.to_lowercase();
            let holds = name.contains(lower) || (name.len() > 2 && lower.contains(&name));
            let distance = if holds { 1 } else { distance(&name, lower) };
            (distance <= 1 + lower.chars().count() / 4).then_some((distance, g.name.as_str()))
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter()
        .take(NEAR)
        .map(|(_, name)| name.to_owned())
        .collect()
}

/// Letters to insert, delete or replace to make one of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> Vec<Group> {
        [
            ("g1", "pilots"),
            ("g2", "Directors"),
            ("g3", "directors"),
            ("g4", "pilots-retired"),
        ]
        .map(|(id, name)| Group {
            id: id.into(),
            name: name.to_owned(),
            description: None,
        })
        .to_vec()
    }

    fn id(found: Found) -> String {
        match found {
            Found::One(group) => group.id.0,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_group_is_found_by_id_then_exact_name_then_name_in_other_letters() {
        assert_eq!(id(find(&groups(), "g4")), "g4");
        assert_eq!(id(find(&groups(), " directors ")), "g3");
        assert_eq!(id(find(&groups(), "PILOTS")), "g1");
    }

    #[test]
    fn a_name_that_several_have_is_ambiguous() {
        let Found::Several(found) = find(&groups(), "DIRECTORS") else {
            panic!("not ambiguous")
        };
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn near_names_are_proposed_for_an_unknown_one() {
        let Found::None { near } = find(&groups(), "pilts") else {
            panic!("found")
        };
        assert_eq!(near, ["pilots"]);
        let Found::None { near } = find(&groups(), "retired") else {
            panic!("found")
        };
        assert_eq!(near, ["pilots-retired"]);
        assert_eq!(find(&groups(), "zzz"), Found::None { near: vec![] });
    }
}
