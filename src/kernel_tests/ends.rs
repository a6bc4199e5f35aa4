//! A job that ends its workers is set aside.

use std::sync::Arc;
use std::time::Duration;

use rolecall_core::cause::Cause;
use rolecall_core::company::QUARANTINE_AFTER;
use rolecall_core::job::JobState;
use rolecall_core::ports::{Claim, JobFilter};
use rolecall_core::run::RunKind;
use rolecall_jobs::finish_run::FinishRun;
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::meter::Meter;
use rolecall_jobs::kernel::rescuer;
use tokio_util::sync::CancellationToken;

use super::kinds::Plain;
use super::{Workshop, new};
use crate::testing::running;

#[tokio::test]
async fn three_crashes_set_a_job_aside_with_what_is_known_and_close_its_run() {
    let workshop = Workshop::closed().await;
    let services = Arc::clone(&workshop.world.app.services);
    let run = running(RunKind::Full, Cause::new("demo", "a test"), services.clock.now());
    services.runs.insert(&run).await.unwrap();
    let id = workshop.store(new(&Plain { number: 1 }).in_run(run.id)).await;
    let stop = CancellationToken::new();
    let rescuing = rescuer::run(
        Arc::clone(&services),
        workshop.queue.clone(),
        Meter::default(),
        stop.clone(),
    );
    let rescuing = tokio::spawn(rescuing);
    for crash in 1..=QUARANTINE_AFTER {
        // A worker takes it, and is not heard of again.
        let worker = format!("worker-{crash}");
        let claim = services.ledger.claim(id, &worker, Duration::from_millis(1)).await;
        assert!(matches!(claim, Ok(Claim::Claimed(_))), "{claim:?}");
        let back = workshop
            .until(id, "its rescue", |job| job.state != JobState::Running)
            .await;
        assert_eq!((back.crashes, back.attempt), (crash, crash));
        assert_eq!(back.state.is_final(), crash == QUARANTINE_AFTER);
    }
    let job = workshop.ended(id).await;
    assert_eq!(job.state, JobState::Discarded);
    assert_eq!(job.fingerprint.as_deref(), Some("plain|quarantined"));
    let workers: Vec<&str> = job.attempts.iter().map(|a| a.worker.as_str()).collect();
    assert_eq!(workers, ["worker-1", "worker-2", "worker-3"]);
    let last = job.attempts.last().unwrap();
    let message = last.message.as_deref().unwrap();
    assert!(
        message.contains("worker-3") && message.contains("3. time"),
        "{message}"
    );
    assert!(last.remedy.as_deref().unwrap().contains("log of that worker"));
    let ends = JobFilter {
        run_id: Some(run.id),
        kind: Some(FinishRun::KIND.to_owned()),
        ..JobFilter::default()
    };
    while services.ledger.list(&ends, None, 1).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.cancel();
    rescuing.await.unwrap();
}
