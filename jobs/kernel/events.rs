//! Tells endpoints of events: a delivery each, as a job. An event that is told again changes nothing, because its id and
//! those of its deliveries follow from what it is.

use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::event::{Event, Occasion};
use rolecall_core::time::Timestamp;
use rolecall_core::webhook::{Endpoint, Sink};

use super::queue::{Enqueue, Queue};
use super::services::Services;
use crate::deliver_webhook::DeliverWebhook;
use crate::notify_channel::NotifyChannel;

/// Who asks for deliveries.
pub(super) const ACTOR: &str = "system:events";

/// Stores a delivery for every endpoint that hears of an event; gives how many there are.
///
/// # Errors
/// If the store fails.
pub async fn tell(services: &Services, queue: &Queue, event: &Event) -> Result<usize, StoreError> {
    let endpoints = services.webhooks.list().await?;
    let deliveries: Vec<Enqueue> = endpoints
        .iter()
        .filter(|stored| stored.endpoint.hears(event))
        .map(|stored| delivery(&stored.endpoint, event))
        .collect();
    let told = deliveries.len();
    if told > 0 {
        queue.insert(deliveries).await?;
    }
    Ok(told)
}

/// Tells of something that lasts, once until [`over`]: whoever notices it, and also if the process that noticed it first
/// ended before all deliveries were stored. `since`: when it began, if nobody has noticed it yet.
///
/// # Errors
/// If the store fails; to be called again.
pub async fn raise(
    services: &Services,
    queue: &Queue,
    occasion: Occasion,
    since: Timestamp,
) -> Result<(), StoreError> {
    let key = key(&occasion);
    let alarm = services.alarms.raise(&key, since).await?;
    if alarm.told {
        return Ok(());
    }
    tracing::warn!(event = occasion.kind().as_str(), "{}", occasion.sentence());
    let event = Event {
        occasion,
        at: alarm.since,
    };
    tell(services, queue, &event).await?;
    services.alarms.told(&key).await
}

/// Under which name an alarm is stored: `queue.late:bulk`.
pub fn key(occasion: &Occasion) -> String {
    format!("{}:{}", occasion.kind(), occasion.subject())
}

/// The delivery of an event to an endpoint, whether it hears of it or not.
pub fn delivery(endpoint: &Endpoint, event: &Event) -> Enqueue {
    let kind = event.occasion.kind();
    let cause = Cause::new(ACTOR, kind.as_str());
    let job = match endpoint.sink {
        Sink::Webhook { .. } => Enqueue::new(
            &DeliverWebhook {
                endpoint_id: endpoint.id,
                event_id: event.id(),
                event: kind,
                body: event.body(),
            },
            cause,
        ),
        Sink::DiscordChannel { guild_id, channel_id } => Enqueue::new(
            &NotifyChannel {
                guild_id,
                channel_id,
                content: format!("**{kind}** {}", event.occasion.sentence()),
                endpoint_id: Some(endpoint.id),
            },
            cause,
        ),
    };
    job.with_id(event.delivery(endpoint.id.0))
}
