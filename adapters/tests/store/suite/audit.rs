//! Who did what: the chain of records.

use std::collections::BTreeSet;
use std::time::Duration;

use rolecall_core::audit::{Act, AuditFilter, AuditRecord, Draft, Mark, Via, action};
use rolecall_core::audit_chain::{Seen, Verifier, Why};
use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::ports::Audit;
use serde_json::json;
use uuid::Uuid;

use crate::fixture::Fixture;
use crate::given::PAST;

pub(crate) fn draft(n: u64, seconds: u64, subject: &str) -> Draft {
    Draft {
        id: Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(n)),
        at: PAST + Duration::from_secs(seconds),
        cause: Cause::new("user:42", "asked for"),
        via: Via::Api,
        act: Act::new("guild.updated", subject)
            .before(&json!({"name": "Alpha", "n": n, "none": null, "list": [1.5, "x", true, 2.0]})),
        request_id: Some(format!("req-{n}")),
        salt: format!("salt-{n}"),
    }
}

async fn verified(audit: &dyn Audit) -> Result<Seen, Why> {
    let mut verifier = Verifier::new(audit.ends().await.unwrap());
    let mut after = 0;
    loop {
        let page = audit.after(after, 7).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.seq;
        for record in &page {
            verifier.take(record).map_err(|broken| broken.why)?;
        }
    }
    verifier.finish().map_err(|broken| broken.why)
}

fn seqs(records: &[AuditRecord]) -> Vec<u64> {
    records.iter().map(|r| r.seq).collect()
}

pub(crate) async fn a_record_reads_back_as_it_was_chained_and_again_changes_nothing<F: Fixture>(fixture: F) {
    let audit = &fixture.stores().audit;
    assert_eq!(audit.list(&AuditFilter::default(), None, 9).await.unwrap(), []);
    let given = draft(1, 0, "guild:1");
    let mut bare = draft(2, 1, "guild:2");
    bare.act.before = None;
    bare.request_id = None;
    bare.cause.reason = String::new();
    bare.via = Via::System;
    let first = audit.append(&given).await.unwrap();
    let second = audit.append(&bare).await.unwrap();
    assert_eq!(
        first,
        AuditRecord::chained(given.clone(), 1, &Mark::default().hash)
    );
    assert_eq!(second, AuditRecord::chained(bare, 2, &first.hash));
    let twin = Draft {
        cause: Cause::new("another", ""),
        ..given
    };
    assert_eq!(audit.append(&twin).await.unwrap(), first);
    let all = audit.list(&AuditFilter::default(), None, 9).await.unwrap();
    assert_eq!(all, [second.clone(), first.clone()]);
    assert_eq!(audit.after(0, 9).await.unwrap(), [first, second.clone()]);
    assert_eq!(audit.ends().await.unwrap().head, Mark::from(&second));
    assert_eq!(verified(&**audit).await.unwrap().records, 2);
}

pub(crate) async fn of_many_who_append_at_once_in_two_processes_each_gets_a_place_of_its_own<F: Fixture>(
    fixture: F,
) {
    let (one, other) = (fixture.stores().audit.clone(), fixture.again().await.audit);
    let writing = (1..=24_u64).map(|n| {
        let audit = if n % 2 == 0 { one.clone() } else { other.clone() };
        async move { audit.append(&draft(n, n, "guild:1")).await.map(|r| r.seq) }
    });
    let places: Result<BTreeSet<u64>, StoreError> =
        futures::future::join_all(writing).await.into_iter().collect();
    assert_eq!(places.unwrap(), (1..=24).collect());
    assert_eq!(verified(&*one).await.unwrap().records, 24);
}

pub(crate) async fn records_are_found_by_who_what_on_what_and_when_and_page_stably<F: Fixture>(fixture: F) {
    let audit = &fixture.stores().audit;
    for (n, seconds, subject) in [(1, 5, "a"), (2, 6, "b"), (3, 7, "a"), (4, 9, "b"), (5, 1, "a")] {
        let mut draft = draft(n, seconds, subject);
        if n == 4 {
            draft.cause.actor = "cli:root".to_owned();
            draft.act.action = "guild.deleted".to_owned();
        }
        audit.append(&draft).await.unwrap();
    }
    let text = |text: &str| Some(text.to_owned());
    let at = |seconds| Some(PAST + Duration::from_secs(seconds));
    let by = AuditFilter::default;
    for (filter, wanted) in [
        (by(), vec![5, 4, 3, 2, 1]),
        (
            AuditFilter {
                subject: text("a"),
                ..by()
            },
            vec![5, 3, 1],
        ),
        (
            AuditFilter {
                subject: text("c"),
                ..by()
            },
            vec![],
        ),
        (
            AuditFilter {
                actor: text("cli:root"),
                ..by()
            },
            vec![4],
        ),
        (
            AuditFilter {
                action: text("guild.updated"),
                ..by()
            },
            vec![5, 3, 2, 1],
        ),
        (AuditFilter { since: at(6), ..by() }, vec![4, 3, 2]),
        (
            AuditFilter {
                since: at(5),
                until: at(7),
                ..by()
            },
            vec![2, 1],
        ),
    ] {
        let (mut walked, mut before) = (Vec::new(), None);
        loop {
            let page = audit.list(&filter, before, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.seq);
            walked.extend(seqs(&page));
            // One that comes meanwhile is newer, and moves no page.
            audit
                .append(&draft(100 + audit.ends().await.unwrap().head.seq, 900, "later"))
                .await
                .unwrap();
        }
        walked.retain(|seq| *seq <= 5);
        assert_eq!(walked, wanted, "{filter:?}");
    }
    assert_eq!(audit.list(&by(), None, 0).await.unwrap(), []);
}

pub(crate) async fn what_is_erased_leaves_who_and_when_and_a_chain_that_is_whole<F: Fixture>(fixture: F) {
    let audit = &fixture.stores().audit;
    for (n, subject) in [(1, "account:1"), (2, "account:1"), (3, "account:11")] {
        audit.append(&draft(n, n, subject)).await.unwrap();
    }
    let mut nothing_told = draft(4, 4, "account:1");
    nothing_told.act.before = None;
    nothing_told.cause.reason = String::new();
    audit.append(&nothing_told).await.unwrap();
    assert_eq!(audit.erase("account:1").await.unwrap(), 2);
    assert_eq!(audit.erase("account:1").await.unwrap(), 0);
    assert_eq!(verified(&**audit).await, Err(Why::ErasedSilently));
    let mut told = draft(5, 5, "account:1");
    told.act = Act::new(action::ERASED, "account:1");
    told.cause.reason = String::new();
    audit.append(&told).await.unwrap();
    let seen = verified(&**audit).await.unwrap();
    assert_eq!((seen.records, seen.erased), (5, 2));
    // Nobody brings it back.
    let again = audit.append(&draft(1, 1, "account:1")).await.unwrap();
    assert!(again.is_erased() && again.before.is_none() && again.reason.is_none());
    assert_eq!((again.actor.as_str(), again.seq), ("user:42", 1));
}

pub(crate) async fn old_records_are_pruned_from_the_beginning_and_never_the_newest<F: Fixture>(fixture: F) {
    let audit = &fixture.stores().audit;
    let later = |seconds| PAST + Duration::from_secs(seconds);
    assert_eq!(audit.prunable(later(9)).await.unwrap(), None);
    // The third is younger than the fourth: clocks differ.
    let mut all = Vec::new();
    for (n, seconds) in [(1, 1), (2, 2), (3, 8), (4, 3)] {
        all.push(audit.append(&draft(n, seconds, "a")).await.unwrap());
    }
    assert_eq!(audit.prunable(later(1)).await.unwrap(), None);
    let last = audit.prunable(later(5)).await.unwrap().unwrap();
    assert_eq!(
        last,
        Mark::from(&all[1]),
        "only from the beginning, and without a gap"
    );
    assert_eq!(audit.prune(&last, 1).await.unwrap(), 1);
    // What is left to delete is seen by nobody.
    assert_eq!(seqs(&audit.after(0, 9).await.unwrap()), [3, 4]);
    assert_eq!(
        seqs(&audit.list(&AuditFilter::default(), None, 9).await.unwrap()),
        [4, 3]
    );
    assert_eq!(audit.prune(&last, 9).await.unwrap(), 1);
    assert_eq!(audit.prune(&last, 9).await.unwrap(), 0);
    assert_eq!(audit.ends().await.unwrap().pruned, last);
    assert_eq!(verified(&**audit).await, Err(Why::PrunedSilently));
    let mut told = draft(5, 9, "audit");
    told.act = Act::new(action::PRUNED, "audit").after(&json!({"seq": last.seq, "hash": last.hash}));
    audit.append(&told).await.unwrap();
    assert_eq!(verified(&**audit).await.unwrap().records, 3);
    // However old it is, there is a newest one.
    let last = audit.prunable(later(1_000)).await.unwrap().unwrap();
    assert_eq!(last.seq, 4);
}
