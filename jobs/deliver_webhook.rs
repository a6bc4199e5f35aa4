//! Tells one endpoint of one event.

use std::time::Duration;

use rolecall_core::backoff::Waits;
use rolecall_core::error::JobError;
use rolecall_core::event::EventType;
use rolecall_core::job::{Lane, Subject};
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::{WebhookAnswer, WebhookError, WebhookMessage};
use rolecall_core::secrets::SecretKind;
use rolecall_core::webhook::{EndpointId, SCHEDULE, Sink, StoredEndpoint};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::kernel::context::Context;
use crate::kernel::endpoint_notes;
use crate::kernel::job::Job;
use crate::kernel::services::Services;

/// An endpoint that asks for a pause without saying how long.
const USUAL_PAUSE: Duration = Duration::from_secs(60);
/// Under which name the outcome has the status of the answer. Stored: never change it.
pub const HTTP_STATUS: &str = "http_status";
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

    fn subject(&self) -> Subject {
        Subject {
            webhook_id: Some(self.endpoint_id),
            ..Subject::default()
        }
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
            Judged::Done(status) => {
                endpoint_notes::reached(services, &stored).await?;
                let mut outcome = Outcome::applied(0, 0);
                outcome.counts.insert(HTTP_STATUS.to_owned(), status.into());
                Ok(outcome)
            }
            Judged::Later(error) => Err(error),
            Judged::Gone => {
                let why = "it answered 410 (Gone)";
                endpoint_notes::gone(services, self.endpoint_id, why).await?;
                Ok(Outcome::skipped("endpoint_gone").with_note(why))
            }
            Judged::Failed(error) => {
                endpoint_notes::failed(services, self.endpoint_id, &error.message).await?;
                Err(error)
            }
        }
    }
}

/// The message's id, as it is sent.
pub fn message_id(event: Uuid) -> String {
    format!("msg_{}", event.simple())
}

/// What an attempt means.
#[derive(Debug, PartialEq)]
enum Judged {
    /// It arrived, and was answered with this status.
    Done(u16),
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
        200..=299 => Judged::Done(status),
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
            assert_eq!(answered(status, None), Judged::Done(status));
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
