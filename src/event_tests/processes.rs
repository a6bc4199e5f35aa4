//! A process is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rolecall_core::Timestamp;
use rolecall_core::error::StoreError;
use rolecall_core::ports::{Heard, Workers};
use rolecall_core::worker::{Beat, Drain, Process, Role, Worker};
use rolecall_jobs::kernel::services::Services;
use serde_json::json;

use super::{at_work, kinds, open_world};

/// Where the processes of this test are said to run.
const AWAY: &str = "far-away";

/// The processes of a store, as those far away are after so many seconds without a beat.
struct Later {
    store: Arc<dyn Workers>,
    seconds: AtomicU64,
}

#[async_trait]
impl Workers for Later {
    async fn beat(&self, process: &Process, beat: &Beat) -> Result<Heard, StoreError> {
        self.store.beat(process, beat).await
    }

    async fn list(&self, since: Timestamp) -> Result<Vec<Worker>, StoreError> {
        let ago = Duration::from_secs(self.seconds.load(Ordering::SeqCst));
        let mut all = self.store.list(since).await?;
        for worker in all.iter_mut().filter(|w| w.process.host == AWAY) {
            worker.seen_at = worker.seen_at - ago;
        }
        Ok(all)
    }

    async fn order_drain(&self, id: &str, drain: Option<&Drain>) -> Result<bool, StoreError> {
        self.store.order_drain(id, drain).await
    }
}

fn process(id: &str, role: Role) -> Process {
    Process {
        id: id.to_owned(),
        release: "0.1.0".to_owned(),
        host: AWAY.to_owned(),
        pid: 7,
        roles: vec![role],
        slots: 4,
        started_at: Timestamp(1_800_000_000_000),
    }
}

#[tokio::test]
async fn a_process_that_held_no_job_is_told_once_for_each_loss_and_one_that_stopped_in_order_never() {
    let workshop = at_work(open_world(&[]).await, |_| ());
    let world = &workshop.world;
    let (receiver, _, secret) = world.receiver(&[]).await;
    let later = Arc::new(Later {
        store: Arc::clone(&world.app.services.workers),
        seconds: AtomicU64::new(0),
    });
    let services = Services {
        workers: later.clone(),
        ..Services::clone(&world.app.services)
    };
    let beat = |stopped| Beat {
        stopped,
        ..Beat::default()
    };
    let gone = process("far-away-7-00000001", Role::Worker);
    services.workers.beat(&gone, &beat(false)).await.unwrap();
    let stopped = process("far-away-7-00000002", Role::Web);
    services.workers.beat(&stopped, &beat(true)).await.unwrap();
    world.looked_at(&services).await;
    assert_eq!(world.told().await, [""; 0]);

    let lost = async || {
        // A moment after the thirty seconds: it was lost after the endpoint was made, which hears of nothing before.
        let before = world.now();
        while world.now() == before {
            tokio::task::yield_now().await;
        }
        later.seconds.store(30, Ordering::SeqCst);
        world.looked_at(&services).await;
        later.seconds.store(0, Ordering::SeqCst);
    };
    lost().await;
    lost().await;
    assert_eq!(world.told().await, ["worker.lost"]);
    receiver.until(1).await;
    // It comes back, and is lost once more.
    services.workers.beat(&gone, &beat(false)).await.unwrap();
    world.looked_at(&services).await;
    assert_eq!(world.told().await.len(), 1);
    lost().await;
    receiver.until(2).await;
    let events = receiver.events(&secret);
    assert_eq!(kinds(&events), ["worker.lost", "worker.lost"]);
    let told = &events[1]["data"];
    assert_eq!((&told["worker"], &told["host"]), (&json!(gone.id), &json!(AWAY)));
    assert_eq!(
        (&told["roles"], &told["running"]),
        (&json!(["worker"]), &json!(0))
    );
    workshop.close().await;
}
