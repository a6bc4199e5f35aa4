//! What the kernel does, and what is in the ledger, as `/metrics` tells it.

use std::time::Duration;

use rolecall_core::GuildId;
use rolecall_core::error::JobError;
use rolecall_core::job::{Lane, Subject};
use rolecall_core::outcome::Outcome;
use rolecall_core::pause::{Held, Pause, PauseId};
use rolecall_jobs::kernel::context::Context;
use rolecall_jobs::kernel::job::Job;
use serde::{Deserialize, Serialize};

use super::scrape;
use crate::kernel_tests::{Workshop, new};

/// Has to wait once.
#[derive(Debug, Serialize, Deserialize)]
struct WaitsOnce {}

impl Job for WaitsOnce {
    const KIND: &'static str = "waits_once";

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let job = context.services.ledger.get(context.job_id).await?;
        if job.is_some_and(|job| job.snoozes == 0) {
            return Err(JobError::wait(
                "told_to_wait",
                Duration::from_millis(5),
                "a limit",
            ));
        }
        Ok(Outcome::applied(2, 1))
    }
}

/// Is refused by Discord.
#[derive(Debug, Serialize, Deserialize)]
struct Refused {}

impl Job for Refused {
    const KIND: &'static str = "refused";

    fn subject(&self) -> Subject {
        Subject {
            guild_id: GuildId::new(77),
            ..Subject::default()
        }
    }

    async fn run(&self, _: &Context) -> Result<Outcome, JobError> {
        let mut error = JobError::permanent("discord_missing_permissions", "no");
        error.discord_code = Some(50_013);
        Err(error)
    }
}

#[track_caller]
fn has(text: &str, line: &str) {
    assert!(text.lines().any(|l| l == line), "{line}\n{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_a_refusal_and_moved_roles_are_counted_once_each() {
    let workshop = Workshop::open(|registry| {
        registry.add::<WaitsOnce>();
        registry.add::<Refused>();
    })
    .await;
    super::recorder::handle().unwrap();
    let (waits, refused) = (
        workshop.begin(&WaitsOnce {}).await,
        workshop.begin(&Refused {}).await,
    );
    workshop.ended(waits).await;
    workshop.ended(refused).await;
    let app = workshop.world.app.clone();
    workshop.close().await;

    let text = scrape(&app).await;
    for line in [
        "rolecall_jobs_stored_total{kind=\"waits_once\",result=\"created\"} 1",
        "rolecall_snoozes_total{kind=\"waits_once\",cause=\"told_to_wait\"} 1",
        "rolecall_attempts_total{kind=\"waits_once\",result=\"snooze\"} 1",
        "rolecall_attempts_total{kind=\"waits_once\",result=\"applied\"} 1",
        "rolecall_jobs_ended_total{kind=\"waits_once\",state=\"completed\",outcome=\"applied\"} 1",
        "rolecall_jobs_ended_total{kind=\"refused\",state=\"discarded\",outcome=\"discord_missing_permissions\"} 1",
        "rolecall_bot_permission_errors_total{guild=\"77\",code=\"50013\"} 1",
        "rolecall_role_changes_total{change=\"granted\"} 2",
        "rolecall_role_changes_total{change=\"revoked\"} 1",
        "rolecall_job_run_seconds_count{kind=\"waits_once\"} 2",
        "rolecall_jobs{state=\"discarded\"} 1",
        "rolecall_jobs{state=\"available\"} 0",
        "rolecall_store_up 1",
    ] {
        has(&text, line);
    }
}

/// The age of the oldest due job of the lane.
fn age(text: &str, lane: Lane) -> f64 {
    let name = format!("rolecall_oldest_due_seconds{{lane=\"{lane}\"}} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&name));
    value.unwrap_or_else(|| panic!("{name}\n{text}")).parse().unwrap()
}

#[tokio::test]
async fn the_oldest_due_job_is_seen_in_its_lane() {
    let workshop = Workshop::closed().await;
    let services = &workshop.world.app.services;
    workshop.store(new(&Refused {}).in_lane(Lane::Bulk)).await;
    let in_an_hour = services.clock.now() + Duration::from_secs(3_600);
    workshop
        .store(new(&Refused {}).in_lane(Lane::Normal).at(in_an_hour))
        .await;
    let growing = async {
        loop {
            let text = scrape(&workshop.world.app).await;
            if age(&text, Lane::Bulk) > 0.0 {
                return text;
            }
            tokio::task::yield_now().await;
        }
    };
    let text = tokio::time::timeout(Duration::from_secs(60), growing).await;
    let text = text.expect("it grows older");
    assert!(age(&text, Lane::Bulk) < 1_000.0, "{text}");
    assert_eq!(age(&text, Lane::Normal), 0.0, "that one is not due");
    has(&text, "rolecall_jobs{state=\"scheduled\"} 1");
    has(&text, "rolecall_pauses 0");
}

#[tokio::test]
async fn what_a_pause_holds_back_is_not_late() {
    let workshop = Workshop::closed().await;
    let services = &workshop.world.app.services;
    let now = services.clock.now();
    workshop
        .store(
            new(&Refused {})
                .in_lane(Lane::Bulk)
                .at(now - Duration::from_secs(90)),
        )
        .await;
    let pause = Pause {
        canary: None,
        id: PauseId(uuid::Uuid::now_v7()),
        held: Held {
            kind: Some(Refused::KIND.to_owned()),
            ..Held::default()
        },
        reason: "a test".to_owned(),
        author: "user:me".to_owned(),
        created_at: now,
        until: None,
    };
    services.pauses.put(&pause).await.unwrap();
    let text = scrape(&workshop.world.app).await;
    assert_eq!(age(&text, Lane::Bulk), 0.0);
    has(&text, "rolecall_pauses 1");
}
