//! Orders about many jobs that take their time, and the end of a run by order.

use std::collections::BTreeSet;
use std::time::Duration;

use rolecall_core::cause::Cause;
use rolecall_core::error::ErrorClass;
use rolecall_core::job::{JobState, Lane};
use rolecall_core::order::{BulkAction, Order};
use rolecall_core::ports::{Claim, JobFilter};
use rolecall_core::run::RunKind;
use rolecall_core::{JobId, Timestamp};
use rolecall_jobs::bulk_order::BulkOrder;
use rolecall_jobs::cancel_run::CancelRun;
use rolecall_jobs::finish_run::FinishRun;
use rolecall_jobs::kernel::job::Job;

use super::kinds::{Plain, Waits};
use super::{Workshop, new};
use crate::testing::{context_of, running};

const DEAD: u32 = 60;

/// Stores jobs that were cancelled before they ran.
async fn cancelled(workshop: &Workshop, n: u32) -> Vec<JobId> {
    let jobs: Vec<_> = (0..n)
        .map(|number| new(&Plain { number }).in_lane(Lane::Interactive))
        .collect();
    let ids: Vec<JobId> = jobs.iter().map(|job| job.0.id).collect();
    workshop.queue.insert(jobs).await.unwrap();
    for id in &ids {
        let by = Cause::new("test", "").into();
        workshop
            .world
            .app
            .steering
            .give(*id, Order::Cancel, &by)
            .await
            .unwrap();
    }
    ids
}

async fn waiting(workshop: &Workshop) -> Vec<(Timestamp, Lane)> {
    let filter = JobFilter {
        states: vec![JobState::Scheduled, JobState::Available],
        kind: Some(Plain::KIND.to_owned()),
        ..JobFilter::default()
    };
    let jobs = workshop
        .world
        .app
        .services
        .ledger
        .list(&filter, None, 1_000)
        .await
        .unwrap();
    let mut all: Vec<_> = jobs.iter().map(|job| (job.run_at, job.lane)).collect();
    all.sort_unstable();
    all
}

#[tokio::test]
async fn what_is_spread_over_time_is_handed_out_part_by_part_in_the_bulk_lane_and_can_be_stopped() {
    let workshop = Workshop::closed().await;
    cancelled(&workshop, DEAD).await;
    let asked_at = workshop.world.now() + Duration::from_millis(1);
    let order = BulkOrder {
        action: BulkAction::Retry,
        query: "kind:plain".to_owned(),
        reason: String::new(),
        asked_at,
        request_id: None,
        spread_seconds: Some(100),
    };
    let id = workshop.begin(&order).await;
    let ledger = &workshop.world.app.services.ledger;
    let mut handed_out = 0;
    for _ in 0..2 {
        let Claim::Claimed(job) = ledger.claim(id, "worker", Duration::from_secs(60)).await.unwrap() else {
            panic!("the order can be claimed");
        };
        let (mut context, _lease) = context_of::<BulkOrder>(&workshop.world.app);
        (context.job_id, context.fence, context.progress) = (id, job.fence, job.progress);
        let now = workshop.world.now();
        let told = order.run(&context).await.unwrap_err();
        assert!(matches!(told.class, ErrorClass::RateLimited { wait } if wait <= Duration::from_secs(10)));
        let out = waiting(&workshop).await;
        assert!(
            out.len() > handed_out && out.len() <= handed_out + 7,
            "a tenth of what is left: {out:?}"
        );
        assert!(out.iter().all(|(_, lane)| *lane == Lane::Bulk));
        let last = now + Duration::from_secs(11);
        assert!(out.iter().all(|(at, _)| *at <= last), "{now:?} {out:?}");
        handed_out = out.len();
        let progress = ledger.get(id).await.unwrap().unwrap().progress.unwrap();
        assert_eq!(
            (progress.total, progress.done),
            (u64::from(DEAD), handed_out as u64)
        );
        assert!(
            progress.eta().unwrap() >= asked_at + Duration::from_secs(99),
            "it takes its time"
        );
        let snooze = rolecall_core::ports::Settlement {
            state: JobState::Scheduled,
            run_at: Some(now),
            give_back: true,
            outcome: None,
            attempt: None,
            fingerprint: None,
            wait: None,
        };
        assert!(ledger.settle(id, job.fence, snooze).await.unwrap());
    }
    // Between two parts it waits, and is ended at once like any waiting job: the rest stays as it is.
    let by = Cause::new("test", "enough").into();
    workshop
        .world
        .app
        .steering
        .give(id, Order::Cancel, &by)
        .await
        .unwrap();
    assert_eq!(workshop.job(id).await.state, JobState::Cancelled);
    assert_eq!(waiting(&workshop).await.len(), handed_out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_run_ends_with_all_that_its_jobs_still_make() {
    let workshop = Workshop::open(|kinds| {
        kinds.add::<Waits>();
        kinds.add::<CancelRun>();
        kinds.add::<FinishRun>();
    })
    .await;
    let run = running(RunKind::Full, Cause::new("test", ""), workshop.world.now());
    let services = &workshop.world.app.services;
    services.runs.insert(&run).await.unwrap();
    let far = workshop.world.now() + Duration::from_secs(3_600);
    let jobs = (0..30).map(|number| new(&Waits { number }).in_run(run.id).at(far));
    let ids: BTreeSet<JobId> = workshop
        .queue
        .insert(jobs.collect())
        .await
        .unwrap()
        .iter()
        .map(|inserted| inserted.id())
        .collect();
    let order = CancelRun {
        run_id: run.id,
        reason: "wrong mapping".to_owned(),
        request_id: None,
    };
    let id = workshop.begin(&order).await;
    let ended = workshop.ended(id).await;
    assert_eq!(
        (ended.state, ended.outcome.unwrap().counts["cancelled"]),
        (JobState::Completed, 30)
    );
    for id in ids {
        assert_eq!(workshop.job(id).await.state, JobState::Cancelled);
    }
    let closed = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            let run = services.runs.get(run.id).await.unwrap().unwrap();
            if run.state.is_final() {
                return run;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let results = closed.await.expect("the run was never closed").results.unwrap();
    assert_eq!(results.jobs["cancelled"], 30);
    workshop.close().await;
}
