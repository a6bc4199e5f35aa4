//! What is noted on an endpoint of what came of attempts to reach it, and what switches it off. Its being off is told by
//! [`super::event_watch`], once, whoever switched it off.

use rolecall_core::audit::Act;
use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::webhook::{Endpoint, EndpointId, StoredEndpoint};

use super::audit::record_of_system;
use super::endpoints::{target, told};
use super::events::ACTOR;
use super::services::Services;

/// Others may change an endpoint at the same time; then its new state is read, so often at most.
const TRIES: usize = 5;

/// An attempt reached it.
///
/// # Errors
/// If the store fails.
pub async fn reached(services: &Services, stored: &StoredEndpoint) -> Result<(), StoreError> {
    if stored.endpoint.failures == 0 {
        return Ok(());
    }
    note(services, stored.endpoint.id, |old| Some(old.succeeded())).await
}

/// An attempt failed for this reason.
///
/// # Errors
/// If the store fails.
pub async fn failed(services: &Services, id: EndpointId, why: &str) -> Result<(), StoreError> {
    let now = services.clock.now();
    note(services, id, |old| Some(old.failed(now, why))).await
}

/// It said that nobody wants it any more.
///
/// # Errors
/// If the store fails.
pub async fn gone(services: &Services, id: EndpointId, why: &str) -> Result<(), StoreError> {
    let now = services.clock.now();
    note(services, id, |old| Some(old.switched_off(now, why.to_owned()))).await
}

/// Switches it off, if it only failed for too long: also one to which nothing is sent now.
///
/// # Errors
/// If the store fails.
pub async fn look_at(services: &Services, stored: &StoredEndpoint) -> Result<(), StoreError> {
    let now = services.clock.now();
    if stored.endpoint.given_up(now).is_none() {
        return Ok(());
    }
    note(services, stored.endpoint.id, |old| old.given_up(now)).await
}

/// Changes an endpoint that is on, as it is when its turn comes. Switching it off is on record.
async fn note(
    services: &Services,
    id: EndpointId,
    change: impl Fn(&Endpoint) -> Option<Endpoint>,
) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        let found = services.webhooks.get(id).await?;
        let Some(old) = found.filter(|found| found.endpoint.enabled) else {
            return Ok(());
        };
        let Some(endpoint) = change(&old.endpoint) else {
            return Ok(());
        };
        let new = StoredEndpoint {
            endpoint,
            ..old.clone()
        };
        if put(services, &old, &new).await? {
            return Ok(());
        }
    }
    // Many notes at once: the others say the same.
    Ok(())
}

async fn put(services: &Services, old: &StoredEndpoint, new: &StoredEndpoint) -> Result<bool, StoreError> {
    let Some(why) = &new.endpoint.disabled_reason else {
        return services.webhooks.replace(old, new).await;
    };
    let act = Act::new("webhook.disabled", target(old.endpoint.id))
        .before(&told(&old.endpoint))
        .after(&told(&new.endpoint));
    let recorded = record_of_system(services, &Cause::new(ACTOR, why.clone()), act).await?;
    let replaced = services.webhooks.replace(old, new).await;
    match &replaced {
        Ok(true) => {
            recorded.done();
            tracing::warn!(webhook.id = %old.endpoint.id, "An endpoint of events was switched off: {why}");
        }
        _ => recorded.not_done(services).await,
    }
    replaced
}
