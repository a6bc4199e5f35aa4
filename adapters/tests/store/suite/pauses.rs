//! What operators hold back.

use std::time::Duration;

use rolecall_core::canary::{Canary, Out};
use rolecall_core::ids::JobId;
use rolecall_core::job::{JobState, Lane, NewJob};
use rolecall_core::pause::{Face, Held, Pause, PauseId};
use rolecall_core::ports::Settlement;
use uuid::Uuid;

use crate::fixture::Fixture;
use crate::given::{LONG, PAST, ended, guild, job, read, settled, stored};

fn pause(n: i64, held: Held) -> Pause {
    Pause {
        id: PauseId(Uuid::now_v7()),
        held,
        reason: "the bot was moved down".to_owned(),
        author: "user:eve".to_owned(),
        created_at: PAST + Duration::from_millis(n.unsigned_abs()),
        until: None,
        canary: None,
    }
}

fn held(set: impl FnOnce(&mut Held)) -> Held {
    let mut held = Held::default();
    set(&mut held);
    held
}

pub(crate) async fn a_pause_reads_back_as_it_was_given_until_it_is_ended<F: Fixture>(fixture: F) {
    let pauses = &fixture.stores().pauses;
    let all = Held {
        lane: Some(Lane::Bulk),
        kind: Some("add_role".to_owned()),
        guild_id: Some(guild(1)),
        fingerprint: Some("add_role|x".to_owned()),
    };
    let first = Pause {
        until: Some(PAST + LONG),
        canary: Some(Canary::new(LONG, PAST)),
        ..pause(1, all)
    };
    let mut second = pause(2, Held::default());
    for pause in [&second, &first] {
        pauses.put(pause).await.unwrap();
    }
    assert_eq!(pauses.list().await.unwrap(), [first.clone(), second.clone()]);
    "another reason".clone_into(&mut second.reason);
    pauses.put(&second).await.unwrap();
    assert_eq!(fixture.again().await.pauses.list().await.unwrap()[1], second);
    assert!(pauses.remove(first.id).await.unwrap() && !pauses.remove(first.id).await.unwrap());
    assert_eq!(pauses.list().await.unwrap(), [second]);
}

/// The store's answer and [`Held::holds`] agree, whatever is named.
pub(crate) async fn what_is_paused_is_not_due<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let of = |kind: &str, guild_id| {
        let mut new = NewJob {
            kind: kind.to_owned(),
            ..job()
        };
        new.subject.guild_id = guild_id;
        new
    };
    let mut ids = Vec::new();
    for new in [
        of("add_role", Some(guild(1))),
        of("add_role", Some(guild(2))),
        of("remove_role", Some(guild(1))),
        of("add_role", None),
    ] {
        ids.push(stored(ledger.as_ref(), new).await);
    }
    let retry = Settlement {
        fingerprint: Some("add_role|x".to_owned()),
        ..settled(JobState::Retryable)
    };
    ended(ledger.as_ref(), ids[1], retry).await;
    let named = [
        Held::default(),
        held(|h| h.lane = Some(Lane::Normal)),
        held(|h| h.lane = Some(Lane::Bulk)),
        held(|h| h.kind = Some("add_role".to_owned())),
        held(|h| h.guild_id = Some(guild(1))),
        Held {
            kind: Some("add_role".to_owned()),
            ..held(|h| h.guild_id = Some(guild(2)))
        },
        held(|h| h.fingerprint = Some("add_role|x".to_owned())),
    ];
    let late = ledger.now().await.unwrap() + LONG;
    let due = |held: Vec<Held>| async move {
        let found = ledger.due(Lane::Normal, late, &held, 100).await.unwrap();
        found.into_iter().map(|d| d.id).collect::<Vec<JobId>>()
    };
    let open = due(Vec::new()).await;
    assert_eq!(open.len(), 4);
    for held in named {
        let mut free = Vec::new();
        for id in &open {
            let job = read(ledger.as_ref(), *id).await;
            if !held.holds(Face::from(&job)) {
                free.push(*id);
            }
        }
        assert_eq!(due(vec![held.clone()]).await, free, "{held}");
    }
    let two = [1, 2].map(|n| held(|h| h.guild_id = Some(guild(n)))).into();
    assert_eq!(due(two).await, [ids[3]]);
}

pub(crate) async fn a_canary_is_changed_by_whoever_read_it_last<F: Fixture>(fixture: F) {
    let pauses = &fixture.stores().pauses;
    let first = Canary::new(LONG, PAST);
    let with = Pause {
        canary: Some(first.clone()),
        ..pause(1, Held::default())
    };
    let without = pause(2, Held::default());
    for pause in [&with, &without] {
        pauses.put(pause).await.unwrap();
    }
    let next = Canary {
        turn: 1,
        out: Some(Out {
            job: JobId(Uuid::now_v7()),
            attempt: 2,
            at: PAST,
        }),
        ..first.clone()
    };
    assert!(pauses.turn(with.id, 0, &next).await.unwrap());
    assert!(
        !pauses.turn(with.id, 0, &first).await.unwrap(),
        "somebody was first"
    );
    assert!(!pauses.turn(without.id, 0, &next).await.unwrap());
    let stored = pauses.list().await.unwrap();
    assert_eq!((&stored[0].canary, &stored[1].canary), (&Some(next), &None));
}
