//! Tells one endpoint of one event.

use std::time::Duration;

use rolecall_core::backoff::Waits;
use rolecall_core::error::{JobError, StoreError};
use rolecall_core::event::{Event, EventType, Occasion};
use rolecall_core::job::Lane;
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::{WebhookAnswer, WebhookError, WebhookMessage};
use rolecall_core::secrets::SecretKind;
use rolecall_core::webhook::{Endpoint, EndpointId, SCHEDULE, Sink, StoredEndpoint};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::kernel::context::Context;
use crate::kernel::events;
use crate::kernel::job::Job;
use crate::kernel::services::Services;

/// An endpoint that asks for a pause without saying how long.
const USUAL_PAUSE: Duration = Duration::from_secs(60);
/// Others may change an endpoint at the same time; then its new state is read, so often at most.
const TRIES: usize = 5;
/// Its attempts: one, and one after each wait of the schedule.
const ATTEMPTS: u32 = 8;

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeliverWebhook {
    /// The endpoint.
    pub endpoint_id: EndpointId,
    /// The event, and with it the message: the same for every attempt.
    pub event_id: Uuid,
    /// Its kind.
    pub event: EventType,
    /// What is sent.
    pub body: Value,
}

impl Job for DeliverWebhook {
    const KIND: &'static str = "deliver_webhook";
    const LANE: Lane = Lane::Normal;
    const MAX_ATTEMPTS: u32 = ATTEMPTS;

    fn waits() -> Waits {
        Waits::Listed(&SCHEDULE)
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let services = &context.services;
        let Some(stored) = services.webhooks.get(self.endpoint_id).await? else {
            return Ok(Outcome::skipped("endpoint_removed"));
        };
        if !stored.endpoint.enabled {
            return Ok(Outcome::skipped("endpoint_disabled"));
        }
        let Sink::Webhook { url } = &stored.endpoint.sink else {
            return Ok(Outcome::skipped("endpoint_changed"));
        };
        let at = services.clock.now();
        let message = WebhookMessage {
            url: url.clone(),
            id: message_id(self.event_id),
            at,
            body: self.body.to_string(),
            secrets: secrets(services, &stored)?,
        };
        let sent = services.webhook_sender.send(&message).await;
        match judge(sent) {
            Judged::Done => {
                if stored.endpoint.failures > 0 {
                    note(services, self.endpoint_id, Endpoint::succeeded).await?;
                }
                Ok(Outcome::applied(0, 0))
            }
            Judged::Later(error) => Err(error),
            Judged::Gone => {
                let why = "it answered 410 (Gone)";
                let off = |endpoint: &Endpoint| endpoint.switched_off(why.to_owned());
                self.tell_if_off(context, note(services, self.endpoint_id, off).await?)
                    .await?;
                Ok(Outcome::skipped("endpoint_gone").with_note(why))
            }
            Judged::Failed(error) => {
                let failed = |endpoint: &Endpoint| endpoint.failed(at, &error.message);
                self.tell_if_off(context, note(services, self.endpoint_id, failed).await?)
                    .await?;
                Err(error)
            }
        }
    }
}

impl DeliverWebhook {
    /// Tells the other endpoints that this one was just switched off.
    async fn tell_if_off(&self, context: &Context, now: Option<Endpoint>) -> Result<(), JobError> {
        let Some((endpoint, why)) = now.and_then(|now| now.disabled_reason.clone().map(|why| (now, why)))
        else {
            return Ok(());
        };
        tracing::warn!(webhook.id = %self.endpoint_id, "An endpoint of events was switched off: {why}");
        let event = Event {
            occasion: Occasion::EndpointDisabled {
                endpoint_id: self.endpoint_id.0,
                description: endpoint.description,
                why,
            },
            // The same for every attempt that may tell of it.
            at: endpoint.failing_since.unwrap_or(context.inserted_at),
        };
        events::tell(&context.services, &context.queue, &event).await?;
        Ok(())
    }
}

/// The message's id, as it is sent.
pub fn message_id(event: Uuid) -> String {
    format!("msg_{}", event.simple())
}

/// What an attempt means.
#[derive(Debug, PartialEq)]
enum Judged {
    /// It arrived.
    Done,
    /// The endpoint asks for a pause. No failure.
    Later(JobError),
    /// Nobody wants it any more.
    Gone,
    /// It has to be tried again, or never works.
    Failed(JobError),
}

fn judge(sent: Result<WebhookAnswer, WebhookError>) -> Judged {
    let answer = match sent {
        Ok(answer) => answer,
        Err(WebhookError::Lost(why)) => {
            return Judged::Failed(JobError::transient("webhook_unreachable", why));
        }
        // Its name may stand for another address in a while, and the operator may allow this one.
        Err(WebhookError::Forbidden(why)) => {
            return Judged::Failed(JobError::transient("webhook_address_forbidden", why));
        }
        Err(WebhookError::Secret(why)) => {
            let error = JobError::permanent("webhook_secret_unusable", why);
            return Judged::Failed(error.with_remedy("Make a new one with `rolecall webhooks rotate`."));
        }
    };
    let status = answer.status;
    let failed = |error: JobError| JobError {
        http_status: Some(status),
        ..error
    };
    match status {
        200..=299 => Judged::Done,
        410 => Judged::Gone,
        429 | 503 if status == 429 || answer.retry_after.is_some() => {
            let wait = answer
                .retry_after
                .unwrap_or(USUAL_PAUSE)
                .max(Duration::from_secs(1));
            Judged::Later(failed(JobError::wait(
                "webhook_asks_to_wait",
                wait,
                format!(
                    "the endpoint answered {status} and asks to wait for {} s",
                    wait.as_secs()
                ),
            )))
        }
        300..=399 => Judged::Failed(failed(
            JobError::transient(
                "webhook_redirects",
                format!("the endpoint answered {status}: redirects are not followed"),
            )
            .with_remedy("Give the endpoint the address that it redirects to."),
        )),
        _ => Judged::Failed(failed(JobError::transient(
            "webhook_refused",
            format!("the endpoint answered {status}"),
        ))),
    }
}

/// The secrets that a message is signed with now, the newest first.
fn secrets(services: &Services, stored: &StoredEndpoint) -> Result<Vec<SecretString>, JobError> {
    let name = stored.endpoint.id.to_string();
    let open = |kind: SecretKind, sealed: &str| {
        services.vault.open(sealed, &kind.place(&name)).map_err(|error| {
            JobError::transient("webhook_secret_unreadable", error.to_string()).with_remedy(
                "See `rolecall secrets verify`, or make a new secret with `rolecall webhooks rotate`.",
            )
        })
    };
    let mut secrets = vec![open(SecretKind::WebhookSecret, &stored.secret)?];
    let both = stored
        .endpoint
        .old_secret_until
        .is_some_and(|until| services.clock.now() < until);
    if both && !stored.old_secret.is_empty() {
        secrets.push(open(SecretKind::OldWebhookSecret, &stored.old_secret)?);
    }
    Ok(secrets)
}

/// Notes on the endpoint what came of an attempt. The endpoint, if that switched it off.
async fn note(
    services: &Services,
    id: EndpointId,
    change: impl Fn(&Endpoint) -> Endpoint,
) -> Result<Option<Endpoint>, StoreError> {
    for _ in 0..TRIES {
        let Some(old) = services.webhooks.get(id).await? else {
            return Ok(None);
        };
        if !old.endpoint.enabled {
            // Said once already, but perhaps not told: the attempt that switched it off may have been cut off.
            return Ok(Some(old.endpoint));
        }
        let new = StoredEndpoint {
            endpoint: change(&old.endpoint),
            ..old.clone()
        };
        if services.webhooks.replace(&old, &new).await? {
            return Ok((!new.endpoint.enabled).then_some(new.endpoint));
        }
    }
    // Many notes at once: the others say the same.
    Ok(None)
}

#[cfg(test)]
mod tests {
    use rolecall_core::error::ErrorClass;

    use super::*;

    fn answered(status: u16, retry_after: Option<u64>) -> Judged {
        judge(Ok(WebhookAnswer {
            status,
            retry_after: retry_after.map(Duration::from_secs),
        }))
    }

    #[test]
    fn an_answer_means_what_standard_webhooks_says() {
        for status in [200, 202, 204, 299] {
            assert_eq!(answered(status, None), Judged::Done, "{status}");
        }
        assert_eq!(answered(410, None), Judged::Gone);
        let wait = |judged| match judged {
            Judged::Later(JobError {
                class: ErrorClass::RateLimited { wait },
                ..
            }) => wait.as_secs(),
            other => panic!("{other:?}"),
        };
        assert_eq!(wait(answered(429, Some(9))), 9);
        assert_eq!(wait(answered(429, None)), 60);
        assert_eq!(wait(answered(503, Some(0))), 1);
        for status in [301, 308, 400, 401, 404, 500, 502, 503] {
            let Judged::Failed(error) = answered(status, None) else {
                panic!("{status}")
            };
            assert_eq!(
                (error.class, error.http_status),
                (ErrorClass::Transient, Some(status))
            );
        }
    }

    #[test]
    fn a_delivery_has_as_many_attempts_as_the_schedule_has_waits_and_one() {
        assert_eq!(ATTEMPTS as usize, SCHEDULE.len() + 1);
    }
}
