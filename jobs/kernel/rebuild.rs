//! Sends all due jobs once, by order. The relay of a working process does the same by itself; this does not wait for one.

use rolecall_core::error::StoreError;
use rolecall_core::job::Lane;
use rolecall_core::pause::Held;
use rolecall_core::ports::{Delivery, DueJob, Envelope};

use super::queue::Queue;
use super::services::Services;

/// Sends what is due, not noted as sent and not held back, lane by lane, as far as the windows have room; says how many.
///
/// # Errors
/// If the store fails. A delivery that does not answer takes nothing.
pub async fn send_due(
    services: &Services,
    queue: &Queue,
    delivery: &dyn Delivery,
) -> Result<usize, StoreError> {
    let now = services.clock.now();
    let pauses = services.pauses.list().await?;
    let held: Vec<Held> = pauses
        .into_iter()
        .filter(|pause| pause.is_on(now))
        .map(|pause| pause.held)
        .collect();
    let mut sent = 0;
    for lane in Lane::ALL {
        let depth = delivery.depth(lane).await.unwrap_or(u64::MAX);
        let depth = usize::try_from(depth).unwrap_or(usize::MAX);
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
        sent += queue.send(lane, &batch).await;
    }
    Ok(sent)
}
