//! A process that is ordered to take no more jobs, and what is counted of those that it did.

use std::time::Duration;

use rolecall_core::audit::AuditFilter;
use rolecall_core::cause::Cause;
use rolecall_core::job::{JobState, Lane};
use rolecall_core::worker::{Drain, Status};
use rolecall_jobs::kernel::fleet::{Member, fleet};
use rolecall_jobs::kernel::lanes::lanes;
use rolecall_jobs::kernel::steering::DrainOrdered;

use super::kinds::{GATE, Panics, Plain, Waits};
use super::{WORKER, Workshop, new};

impl Workshop {
    async fn order(&self, exit: Option<bool>) {
        let steering = &self.world.app.steering;
        let drain = exit.map(|exit| Drain {
            by: "user:eve".to_owned(),
            reason: "a new machine".to_owned(),
            at: self.world.now(),
            exit,
        });
        let by = Cause::new("user:eve", "a new machine").into();
        let ordered = steering.drain(WORKER, drain.as_ref(), &by).await.unwrap();
        assert_eq!(ordered, DrainOrdered::Done);
    }

    /// Waits until the process is like that.
    async fn process_is(&self, what: &str, is_so: impl Fn(&Member) -> bool) {
        let waited = tokio::time::timeout(Duration::from_secs(60), async {
            loop {
                let fleet = fleet(&self.world.app.services).await.unwrap();
                if fleet.member(WORKER).is_some_and(&is_so) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        assert!(waited.await.is_ok(), "waited in vain for {what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_process_finishes_what_it_runs_takes_nothing_new_and_goes_on_when_it_may() {
    let workshop = Workshop::open(|kinds| {
        kinds.add::<Plain>();
        kinds.add::<Waits>();
    })
    .await;
    let first = workshop.begin(&Waits { number: 1 }).await;
    workshop
        .until(first, "its begin", |job| job.state == JobState::Running)
        .await;
    workshop
        .process_is("what it runs", |m| {
            m.status == Status::Alive && m.jobs.len() == 1 && m.worker.beat.skew_ms.is_some()
        })
        .await;

    workshop.order(Some(false)).await;
    // It holds a job, so the delivery has not ended; that it was heard shows in that nothing new is begun.
    let stopped = |m: &Member| m.status == Status::Draining && m.worker.drain.is_some();
    workshop.process_is("the order", stopped).await;
    GATE.add_permits(1);
    assert_eq!(workshop.ended(first).await.state, JobState::Completed);
    let drained = |m: &Member| m.status == Status::Drained && m.jobs.is_empty();
    workshop.process_is("its rest", drained).await;
    let second = workshop.begin(&Plain { number: 2 }).await;
    // Some beats later it is as it was.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(workshop.job(second).await.attempt, 0);
    assert!(!workshop.asked_to_end.is_cancelled());

    workshop.order(None).await;
    assert_eq!(workshop.ended(second).await.state, JobState::Completed);
    workshop
        .process_is("its life", |m| m.status == Status::Alive)
        .await;
    workshop.order(Some(true)).await;
    let asked = workshop.asked_to_end.cancelled();
    tokio::time::timeout(Duration::from_secs(60), asked)
        .await
        .expect("it ends by itself");
    let filter = AuditFilter::about(format!("worker:{WORKER}"));
    let audit = &workshop.world.app.services.audit;
    let records = audit.list(&filter, None, 10).await.unwrap();
    let actions: Vec<&str> = records.iter().map(|r| r.action.as_str()).collect();
    assert_eq!(actions, ["worker.drained", "worker.undrained", "worker.drained"]);
    workshop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ended_is_counted_by_lane_with_its_errors_and_its_waits() {
    let workshop = Workshop::open(|kinds| {
        kinds.add::<Plain>();
        kinds.add::<Panics>();
    })
    .await;
    for number in 0..3 {
        let id = workshop.store(new(&Plain { number }).in_lane(Lane::Bulk)).await;
        workshop.ended(id).await;
    }
    let failed = workshop.store(new(&Panics {}).in_lane(Lane::Bulk)).await;
    assert_eq!(workshop.ended(failed).await.state, JobState::Discarded);
    let counted = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            let lanes = lanes(&workshop.world.app.services).await.unwrap();
            let bulk = lanes.lanes.into_iter().find(|l| l.lane == Lane::Bulk).unwrap();
            if bulk.hour.finished() == 4 {
                return bulk;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let bulk = counted.await.expect("four ended jobs are counted");
    assert_eq!((bulk.hour.completed, bulk.hour.discarded), (3, 1));
    assert_eq!(bulk.hour.error_rate(), Some(0.25));
    // A job that is to run at once has waited since it was stored.
    assert!(bulk.hour.wait(0.95).is_some_and(|millis| millis < 300_000));
    assert_eq!(bulk.hour, bulk.day);
    assert_eq!(bulk.oldest_due, None);
    let by_minute: u64 = bulk.minutes.iter().map(|b| b.counts.finished()).sum();
    assert_eq!(by_minute, 4);
    workshop.close().await;
}
