//! Sends all due jobs once, by order. The relay of a working process does the same by itself; this does not wait for one.

use rolecall_core::error::StoreError;
use rolecall_core::job::Lane;
use rolecall_core::pause::Held;
use rolecall_core::ports::{Delivery, DeliveryError, DueJob, Envelope};

use super::queue::Queue;
use super::services::Services;

/// Sends what is due, not noted as sent and not held back, lane by lane, as far as the windows have room; says how many.
///
/// # Errors
/// If the store fails; inside, if the delivery does. What was sent before stays sent.
pub async fn send_due(
    services: &Services,
    queue: &Queue,
    delivery: &dyn Delivery,
) -> Result<Result<usize, DeliveryError>, StoreError> {
    let now = services.clock.now();
    let pauses = services.pauses.list().await?;
    let held: Vec<Held> = pauses
        .into_iter()
        .filter(|pause| pause.is_on(now))
        .map(|pause| pause.held)
        .collect();
    let mut sent = 0;
    for lane in Lane::ALL {
        let depth = match delivery.depth(lane).await {
            Ok(depth) => usize::try_from(depth).unwrap_or(usize::MAX),
            Err(error) => return Ok(Err(error)),
        };
        let room = delivery.window().saturating_sub(depth);
        if room == 0 {
            continue;
        }
        // Whatever was never sent, or whose note is gone, was sent before any time.
        let due = services.ledger.due(lane, now, &held, room).await?;
        let envelope = |job: DueJob| Envelope {
            job_id: job.id,
            kind: job.kind,
        };
        let batch: Vec<Envelope> = due.into_iter().map(envelope).collect();
        match queue.send(lane, &batch).await {
            Ok(taken) => sent += taken,
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(sent))
}
