//! Why a job waits now, from what is stored.

use rolecall_core::error::StoreError;
use rolecall_core::job::Job;
use rolecall_core::waiting::{Wait, why};

use super::services::Services;

/// Everything that stands in its way, what has to go first first. Nothing for a job that does not wait.
///
/// # Errors
/// If the store fails.
pub async fn why_it_waits(services: &Services, job: &Job) -> Result<Vec<Wait>, StoreError> {
    if !job.state.is_waiting() {
        return Ok(Vec::new());
    }
    let (pauses, now) = (services.pauses.list().await?, services.clock.now());
    let on = pauses.iter().filter(|p| p.is_on(now));
    let held: Vec<_> = on.map(|p| p.held.clone()).collect();
    let obstacles = services.ledger.obstacles(job, &held).await?;
    Ok(why(job, &pauses, &obstacles, now))
}
