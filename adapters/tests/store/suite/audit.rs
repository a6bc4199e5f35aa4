//! Who did what.

use std::time::Duration;

use rolecall_core::audit::AuditRecord;
use serde_json::json;
use uuid::Uuid;

use crate::fixture::Fixture;
use crate::given::PAST;

fn record(n: u64, seconds: u64, target: &str) -> AuditRecord {
    AuditRecord {
        id: Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(n)),
        at: PAST + Duration::from_secs(seconds),
        actor: "user:42".to_owned(),
        action: "guild.updated".to_owned(),
        target: target.to_owned(),
        before: Some(json!({"name": "Alpha", "n": n, "none": null, "list": [1.5, "x", true]})),
        after: None,
        request_id: Some(format!("req-{n}")),
    }
}

pub(crate) async fn a_record_reads_back_as_it_was_given_and_again_changes_nothing<F: Fixture>(fixture: F) {
    let audit = &fixture.stores().audit;
    assert_eq!(audit.list(None, None, 9).await.unwrap(), []);
    let given = record(1, 0, "guild:1");
    let bare = AuditRecord {
        before: None,
        request_id: None,
        ..record(2, 1, "guild:2")
    };
    audit.append(&given).await.unwrap();
    audit.append(&bare).await.unwrap();
    let twin = AuditRecord {
        action: "another".to_owned(),
        ..given.clone()
    };
    audit.append(&twin).await.unwrap();
    assert_eq!(audit.list(None, None, 9).await.unwrap(), [bare, given]);
}

pub(crate) async fn records_are_listed_newest_first_and_page_stably<F: Fixture>(fixture: F) {
    let audit = &fixture.stores().audit;
    for (n, seconds, target) in [(1, 5, "a"), (2, 5, "b"), (3, 5, "a"), (4, 9, "b"), (5, 1, "a")] {
        audit.append(&record(n, seconds, target)).await.unwrap();
    }
    for (target, wanted) in [
        (None, vec![4, 3, 2, 1, 5]),
        (Some("a"), vec![3, 1, 5]),
        (Some("b"), vec![4, 2]),
        (Some("c"), vec![]),
    ] {
        let (mut walked, mut after) = (Vec::new(), None);
        loop {
            let page = audit.list(target, after, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some((last.at, last.id));
            walked.extend(page.into_iter().map(|r| r.id));
            // One that comes meanwhile is newer, and moves no page.
            let fresh = record(100 + walked.len() as u64, 900, "later");
            audit.append(&fresh).await.unwrap();
        }
        walked.retain(|id| *id < record(100, 0, "").id);
        let wanted: Vec<_> = wanted.into_iter().map(|n| record(n, 0, "").id).collect();
        assert_eq!(walked, wanted, "{target:?}");
    }
    assert_eq!(audit.list(None, None, 0).await.unwrap(), []);
}

pub(crate) async fn blanking_a_target_leaves_who_and_when_and_no_more<F: Fixture>(fixture: F) {
    let audit = &fixture.stores().audit;
    let changed = AuditRecord {
        after: Some(json!("Ada")),
        ..record(2, 2, "account:1")
    };
    let empty = AuditRecord {
        before: None,
        ..record(3, 3, "account:1")
    };
    let given = [
        record(1, 1, "account:1"),
        changed,
        empty,
        record(4, 4, "account:11"),
    ];
    for record in &given {
        audit.append(record).await.unwrap();
    }
    assert_eq!(audit.blank("account:1").await.unwrap(), 2);
    assert_eq!(audit.blank("account:1").await.unwrap(), 0);
    // Nobody brings it back.
    audit.append(&given[0]).await.unwrap();
    let mut wanted = given;
    wanted.reverse();
    for record in wanted.iter_mut().filter(|r| r.target == "account:1") {
        record.before = None;
        record.after = None;
    }
    assert_eq!(audit.list(None, None, 9).await.unwrap(), wanted);
}
