//! A pause's canary: one job is let through, and lifts the pause when it succeeds.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rolecall_core::canary::Canary;
use rolecall_core::cause::Cause;
use rolecall_core::job::JobState;
use rolecall_core::pause::{Held, Pause, PauseId};
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::steering::Steering;
use uuid::Uuid;

use super::Workshop;
use super::kinds::{HEALED, Plain, Sick};

const EVERY: Duration = Duration::from_millis(300);

fn steering(workshop: &Workshop) -> Steering {
    Steering {
        services: workshop.world.app.services.clone(),
        queue: workshop.queue.clone(),
        registry: workshop.world.app.registry.clone(),
    }
}

/// The pause as it is stored; `None` once it has ended.
async fn stored(workshop: &Workshop) -> Option<Pause> {
    workshop.world.app.services.pauses.list().await.unwrap().pop()
}

/// Waits until the stored pause is so.
async fn until(workshop: &Workshop, what: &str, is_so: impl Fn(Option<&Pause>) -> bool) -> Option<Pause> {
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            let pause = stored(workshop).await;
            if is_so(pause.as_ref()) {
                return pause;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_that_fails_keeps_the_pause_and_one_that_succeeds_lifts_it() {
    let workshop = Workshop::closed().await;
    let now = workshop.world.now();
    let pause = Pause {
        id: PauseId(Uuid::now_v7()),
        held: Held {
            kind: Some(Sick::KIND.to_owned()),
            ..Held::default()
        },
        reason: "all of them fail".to_owned(),
        author: "user:eve".to_owned(),
        created_at: now,
        until: None,
        canary: Some(Canary::new(EVERY, now + EVERY)),
    };
    let by = Cause::new("user:eve", "all of them fail").into();
    steering(&workshop).pause(&pause, &by).await.unwrap();
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(workshop.begin(&Sick { number }).await);
    }
    // Whoever begins to work knows the pause before the first job.
    let workshop = Workshop::open_in(workshop.world, |kinds| {
        kinds.add::<Plain>();
        kinds.add::<Sick>();
    });
    let failed = |n: u32| {
        move |pause: Option<&Pause>| pause.is_some_and(|p| p.canary.as_ref().is_some_and(|c| c.failed >= n))
    };
    let kept = until(&workshop, "two canaries that failed", failed(2))
        .await
        .unwrap();
    let canary = kept.canary.unwrap();
    assert_eq!(canary.last.unwrap().what, "it is still sick");
    // No more tries than canaries: all others were held back.
    let mut tries = 0;
    for id in &ids {
        tries += workshop.job(*id).await.attempts.len();
    }
    let out = stored(&workshop).await.unwrap().canary.unwrap().failed as usize + 1;
    assert!(tries <= out, "{tries} tries of {out} canaries");
    HEALED.store(true, Ordering::SeqCst);
    until(&workshop, "the end of the pause", |pause| pause.is_none()).await;
    for id in ids {
        assert_eq!(workshop.ended(id).await.state, JobState::Completed);
    }
    let audit = &workshop.world.app.services.audit;
    let records = audit
        .list(Some(&format!("pause:{}", pause.id)), None, 50)
        .await
        .unwrap();
    assert_eq!(
        (records[0].action.as_str(), records[0].actor.as_str()),
        ("pause.ended", "canary")
    );
    workshop.close().await;
}
