//! What processes tell of themselves.

use std::time::Duration;

use rolecall_core::time::Timestamp;
use rolecall_core::worker::{Beat, Drain, Process, Role, Worker};

use crate::fixture::Fixture;
use crate::given::PAST;

fn process(id: &str, roles: &[Role]) -> Process {
    Process {
        id: id.to_owned(),
        release: "0.1.0 (abc)".to_owned(),
        host: "web.1".to_owned(),
        pid: 4_294_967_295,
        roles: roles.to_vec(),
        slots: 16,
        started_at: PAST,
    }
}

fn drain(exit: bool) -> Drain {
    Drain {
        by: "user:eve".to_owned(),
        reason: "a new machine".to_owned(),
        at: PAST,
        exit,
    }
}

/// Long before any test.
const ALL: Timestamp = Timestamp(0);

pub(crate) async fn a_process_reads_back_as_it_tells_of_itself_with_the_stores_time<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    let (first, second) = (process("a-1", &Role::ALL), process("b-1", &[Role::Web]));
    let before = stores.ledger.now().await.unwrap();
    let mut told = Beat {
        running: 3,
        drains: false,
        skew_ms: Some(-1_500),
        stopped: false,
    };
    stores.workers.beat(&second, &Beat::default()).await.unwrap();
    let heard = stores.workers.beat(&first, &told).await.unwrap();
    let after = stores.ledger.now().await.unwrap();
    assert!(
        before <= heard.now && heard.now <= after,
        "{before} {heard:?} {after}"
    );
    assert_eq!(heard.drain, None);
    let wanted = Worker {
        process: first.clone(),
        beat: told,
        seen_at: heard.now,
        drain: None,
    };
    let found = fixture.again().await.workers.list(ALL).await.unwrap();
    assert_eq!((found.len(), &found[0], &found[1].process), (2, &wanted, &second));
    told = Beat {
        running: 0,
        drains: true,
        skew_ms: None,
        stopped: true,
    };
    stores.workers.beat(&first, &told).await.unwrap();
    assert_eq!(stores.workers.list(ALL).await.unwrap()[0].beat, told);
}

pub(crate) async fn an_order_to_drain_is_heard_with_the_next_beat_and_outlives_it<F: Fixture>(fixture: F) {
    let workers = &fixture.stores().workers;
    let me = process("a-1", &[Role::Worker]);
    workers.beat(&me, &Beat::default()).await.unwrap();
    for exit in [false, true] {
        assert!(workers.order_drain("a-1", Some(&drain(exit))).await.unwrap());
        for _ in 0..2 {
            let heard = workers.beat(&me, &Beat::default()).await.unwrap();
            assert_eq!(heard.drain, Some(drain(exit)));
        }
        assert_eq!(workers.list(ALL).await.unwrap()[0].drain, Some(drain(exit)));
    }
    assert!(workers.order_drain("a-1", None).await.unwrap());
    assert_eq!(workers.beat(&me, &Beat::default()).await.unwrap().drain, None);
}

pub(crate) async fn only_a_process_that_is_there_is_ordered_anything<F: Fixture>(fixture: F) {
    let workers = &fixture.stores().workers;
    assert!(!workers.order_drain("nobody", Some(&drain(false))).await.unwrap());
    assert!(!workers.order_drain("nobody", None).await.unwrap());
    assert_eq!(workers.list(ALL).await.unwrap(), []);
}

pub(crate) async fn those_that_were_not_heard_of_lately_are_left_out<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    let heard = stores
        .workers
        .beat(&process("a-1", &[Role::Worker]), &Beat::default())
        .await
        .unwrap();
    let later = heard.now + Duration::from_millis(1);
    assert_eq!(stores.workers.list(heard.now).await.unwrap().len(), 1);
    assert_eq!(stores.workers.list(later).await.unwrap(), []);
}
