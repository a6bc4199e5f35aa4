//! An endpoint that nothing reaches, and the clock.

use std::sync::Arc;
use std::time::Duration;

use rolecall_core::audit::AuditFilter;
use rolecall_core::cause::Cause;
use rolecall_core::job::Job as Record;
use rolecall_jobs::deliver_webhook::DeliverWebhook;
use rolecall_jobs::kernel::endpoints::EndpointChange;
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::services::Services;
use serde_json::json;

use super::open_world;
use crate::testing::World;

const HOUR: Duration = Duration::from_secs(3_600);
/// Nobody works here: what waits is not what this is about.
const PATIENT: [(&str, &str); 1] = [("ROLECALL_QUEUE_LATE_AFTER", "9999h")];

impl World {
    /// Does a delivery once, by these ports.
    async fn attempt(&self, job: &Record, services: &Services) {
        let (mut context, _lease) = self.context::<DeliverWebhook>();
        context.services = Arc::new(services.clone());
        let delivery: DeliverWebhook = serde_json::from_value(job.payload.clone()).unwrap();
        delivery.run(&context).await.unwrap_err();
    }

    /// Who switched endpoints off, and why, by the trail.
    async fn switched_off(&self) -> Vec<(String, String)> {
        let filter = AuditFilter {
            action: Some("webhook.disabled".to_owned()),
            ..AuditFilter::default()
        };
        let records = self.app.services.audit.list(&filter, None, 9).await.unwrap();
        let told = records
            .into_iter()
            .map(|record| (record.actor, record.reason.unwrap_or_default()));
        told.collect()
    }
}

#[tokio::test]
async fn what_only_failed_for_five_days_is_switched_off_by_the_clock_on_record_and_told_to_the_others_once() {
    let world = open_world(&PATIENT).await;
    let (clock, services) = world.on_a_moved_clock();
    let steering = &world.app.steering;
    let by = || Cause::new("user:ada", "a test").into();
    let (_, deaf, _) = world.receiver(&[500; 9]).await;
    steering.test_endpoint(deaf.id, &by()).await.unwrap();
    let job = world.stored(DeliverWebhook::KIND).await.remove(0);
    world.attempt(&job, &services).await;
    clock.pass(27 * HOUR);
    world.attempt(&job, &services).await;
    // Made later than the first failure, and yet it hears.
    world.receiver(&[]).await;
    clock.pass(92 * HOUR);
    world.looked_at(&services).await;
    let is_on = async || {
        let found = steering.endpoint(deaf.id).await.unwrap();
        found.endpoint.enabled
    };
    assert!(is_on().await, "119 hours are not five days");
    assert_eq!(world.told().await.len(), 1);

    clock.pass(HOUR);
    world.looked_at(&services).await;
    assert!(!is_on().await);
    assert_eq!(world.told().await, ["webhook.test", "webhook.disabled"]);
    let told = world.stored(DeliverWebhook::KIND).await.remove(1);
    assert_eq!(
        told.payload["body"]["data"]["endpoint_id"],
        json!(deaf.id.to_string())
    );
    let records = world.switched_off().await;
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0].0, "system:events");
    assert!(records[0].1.contains("nothing reached it since"), "{records:?}");

    // Switched on again it begins anew, and a later switch-off is told again.
    let on = EndpointChange {
        enabled: Some(true),
        ..EndpointChange::default()
    };
    steering.change_endpoint(deaf.id, on, &by()).await.unwrap();
    world.looked_at(&services).await;
    assert!(is_on().await);
    world.attempt(&job, &services).await;
    clock.pass(27 * HOUR);
    world.attempt(&job, &services).await;
    clock.pass(93 * HOUR);
    world.looked_at(&services).await;
    assert!(!is_on().await);
    let told = world.told().await;
    let off = told.iter().filter(|event| *event == "webhook.disabled");
    assert_eq!(off.count(), 2, "{told:?}");
    assert_eq!(world.switched_off().await.len(), 2);
}

#[tokio::test]
async fn one_failure_after_which_nothing_was_sent_switches_nothing_off() {
    let world = open_world(&PATIENT).await;
    let (clock, services) = world.on_a_moved_clock();
    let by = Cause::new("user:ada", "a test").into();
    let (_, endpoint, _) = world.receiver(&[500]).await;
    world.app.steering.test_endpoint(endpoint.id, &by).await.unwrap();
    let job = world.stored(DeliverWebhook::KIND).await.remove(0);
    world.attempt(&job, &services).await;
    clock.pass(999 * HOUR);
    world.looked_at(&services).await;
    let found = world.app.steering.endpoint(endpoint.id).await.unwrap();
    assert!(found.endpoint.enabled);
    assert_eq!(world.switched_off().await, []);
}
