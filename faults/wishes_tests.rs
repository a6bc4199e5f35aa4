//! A wish that is older than another one is seen.

use super::tests::{MEMBER, ROLE, adds, broken_by, write_by};
use super::*;
use crate::case::Wish;
use crate::evidence::Call;

/// The role is given, and then taken by another job.
fn taken_by(inserted_at: i64) -> impl FnOnce(&mut Case, &mut Evidence) {
    move |c, e| {
        let take = JobRow {
            kind: "remove_role".into(),
            inserted_at,
            ..adds("take")
        };
        e.ledger.jobs.push(take);
        e.ledger.runs[0].jobs = [("completed".to_owned(), 3)].into();
        e.discord.calls[0].answered_ms = 1;
        let call = Call {
            method: "DELETE".into(),
            answered_ms: 2,
            unix_ms: 100,
            ..write_by("take")
        };
        e.discord.calls.push(call);
        e.discord.roles = [(MEMBER, BTreeSet::new())].into();
        c.roles = e.discord.roles.clone();
    }
}

#[test]
fn an_older_wish_after_a_newer_one_breaks_the_fourth() {
    assert_eq!(broken_by(taken_by(5)), ["I4"]);
    assert_eq!(broken_by(taken_by(15)), Vec::<String>::new());
    let wished = |at, roles: &[u64]| Wish {
        at,
        roles: [(MEMBER, roles.iter().copied().collect())].into(),
        unsure: BTreeSet::new(),
    };
    let long_ago = broken_by(|c, e| {
        c.wishes = vec![wished(0, &[ROLE]), wished(100, &[])];
        e.discord.calls[0].unix_ms = 60_000;
    });
    assert_eq!(long_ago, ["I4"], "nobody wished it for a minute");
    let just_now = broken_by(|c, e| {
        c.wishes = vec![wished(0, &[ROLE]), wished(100, &[])];
        e.discord.calls[0].unix_ms = 5_000;
    });
    assert_eq!(just_now, Vec::<String>::new());
    let nobody_knows = broken_by(|c, e| {
        let either = Wish {
            unsure: [ROLE].into(),
            ..wished(100, &[])
        };
        c.wishes = vec![wished(0, &[ROLE]), either, wished(59_000, &[])];
        e.discord.calls[0].unix_ms = 60_000;
    });
    assert_eq!(
        nobody_knows,
        Vec::<String>::new(),
        "the command that told it had no end"
    );
}
