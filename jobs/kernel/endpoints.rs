//! What operators do to endpoints of events: make, change, try and remove them, and replace their secrets.

use std::collections::BTreeSet;

use rolecall_core::JobId;
use rolecall_core::audit::Act;
use rolecall_core::error::StoreError;
use rolecall_core::event::{Event, EventType, Occasion};
use rolecall_core::secrets::SecretKind;
use rolecall_core::webhook::{Endpoint, EndpointId, OVERLAP, Sink, StoredEndpoint};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::audit::audited;
use super::events;
use super::steering::{By, Steering};

/// Why an endpoint is not as was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is none.
    #[error("there is no endpoint {0}")]
    Unknown(EndpointId),
    /// Its address cannot be used: why, and what to do.
    #[error("{0}")]
    Address(String),
    /// Its sink has none.
    #[error("messages to a Discord channel are not signed, so there is no secret to replace")]
    NoSecret,
    /// It is switched off.
    #[error("the endpoint is switched off, and nothing is sent to it; switch it on first")]
    Disabled,
    /// Somebody else changed it at the same time.
    #[error("the endpoint was changed by somebody else at the same time; try again")]
    Changed,
}

/// What is to be changed; `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointChange {
    /// Another address.
    pub sink: Option<Sink>,
    /// Other events; empty: all.
    pub events: Option<BTreeSet<EventType>>,
    /// Another description.
    pub description: Option<String>,
    /// On or off.
    pub enabled: Option<bool>,
}

impl Steering {
    /// Makes an endpoint. Its secret, which is told this once, unless its messages are not signed.
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub async fn add_endpoint(
        &self,
        sink: Sink,
        events: BTreeSet<EventType>,
        description: String,
        by: &By,
    ) -> Result<(Endpoint, Option<SecretString>), EndpointError> {
        self.check_sink(&sink)?;
        let (id, now) = (EndpointId(by.new_id()), self.services.clock.now());
        let endpoint = Endpoint {
            events,
            description,
            ..Endpoint::new(id, sink, now, by.cause.actor.clone())
        };
        let (secret, sealed) = match endpoint.sink {
            Sink::Webhook { .. } => {
                let secret = self.services.webhook_sender.new_secret();
                let sealed = self.seal(SecretKind::WebhookSecret, endpoint.id, &secret)?;
                (Some(secret), sealed)
            }
            Sink::DiscordChannel { .. } => (None, String::new()),
        };
        let stored = StoredEndpoint {
            endpoint: endpoint.clone(),
            revision: 1,
            secret: sealed,
            old_secret: String::new(),
        };
        let act = Act::new("webhook.added", target(endpoint.id)).after(&told(&endpoint));
        let work = async {
            if self.services.webhooks.insert(&stored).await? {
                return Ok(endpoint.clone());
            }
            // The same request made it before its process died, and nobody was told its secret.
            let old = self.endpoint(endpoint.id).await?;
            let new = StoredEndpoint {
                secret: stored.secret.clone(),
                ..old.clone()
            };
            self.put(&old, &new).await?;
            Ok(new.endpoint)
        };
        let endpoint = audited::<_, EndpointError>(&self.services, by, act, work).await?;
        Ok((endpoint, secret))
    }

    /// Changes an endpoint. One that is switched on, or gets another address, begins anew: what failed before does not
    /// count.
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub async fn change_endpoint(
        &self,
        id: EndpointId,
        change: EndpointChange,
        by: &By,
    ) -> Result<Endpoint, EndpointError> {
        let (old, new) = self.would_change(id, change).await?;
        let act = Act::new("webhook.changed", target(id))
            .before(&told(&old.endpoint))
            .after(&told(&new.endpoint));
        audited(&self.services, by, act, self.put(&old, &new)).await?;
        Ok(new.endpoint)
    }

    /// What a change would make of an endpoint: as it is, and as it would be.
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub async fn would_change(
        &self,
        id: EndpointId,
        change: EndpointChange,
    ) -> Result<(StoredEndpoint, StoredEndpoint), EndpointError> {
        let old = self.endpoint(id).await?;
        if let Some(sink) = &change.sink {
            self.check_sink(sink)?;
            if sink.as_str() != old.endpoint.sink.as_str() {
                return Err(EndpointError::Address(
                    "an endpoint stays of its kind: make another one, and remove this one".to_owned(),
                ));
            }
        }
        let mut next = match change.enabled {
            Some(true) => old.endpoint.switched_on(),
            Some(false) => Endpoint {
                enabled: false,
                ..old.endpoint.clone()
            },
            None => old.endpoint.clone(),
        };
        if let Some(sink) = change.sink.filter(|sink| *sink != next.sink) {
            // What was not heard at another address does not count.
            next = Endpoint {
                sink,
                ..next.succeeded()
            };
        }
        next.events = change.events.unwrap_or(next.events);
        next.description = change.description.unwrap_or(next.description);
        let new = StoredEndpoint {
            endpoint: next,
            ..old.clone()
        };
        Ok((old, new))
    }

    /// Removes an endpoint; deliveries that are under way end without a call.
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub async fn remove_endpoint(&self, id: EndpointId, by: &By) -> Result<(), EndpointError> {
        let old = self.endpoint(id).await?;
        let act = Act::new("webhook.removed", target(id)).before(&told(&old.endpoint));
        audited(&self.services, by, act, async {
            match self.services.webhooks.remove(id).await? {
                true => Ok(()),
                false => Err(EndpointError::Unknown(id)),
            }
        })
        .await
    }

    /// Replaces an endpoint's secret; for [`OVERLAP`] messages are signed with both. The new one, which is told this once.
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub async fn rotate_endpoint(
        &self,
        id: EndpointId,
        by: &By,
    ) -> Result<(Endpoint, SecretString), EndpointError> {
        let old = self.endpoint(id).await?;
        if matches!(old.endpoint.sink, Sink::DiscordChannel { .. }) {
            return Err(EndpointError::NoSecret);
        }
        let vault = &self.services.vault;
        let secret = self.services.webhook_sender.new_secret();
        let before = vault.open(&old.secret, &SecretKind::WebhookSecret.place(&id.to_string()));
        let (old_secret, until) = match before {
            // The same request replaced it before its process died. Nobody was told that secret: receivers know the one
            // before it.
            _ if by.repeatable.is_some() && by.repeatable == old.endpoint.rotated_by => {
                (old.old_secret.clone(), old.endpoint.old_secret_until)
            }
            Ok(before) => (
                self.seal(SecretKind::OldWebhookSecret, id, &before)?,
                Some(self.services.clock.now() + OVERLAP),
            ),
            // A secret that does not open any more cannot sign beside the new one; the new one mends that.
            Err(_) => (String::new(), None),
        };
        let new = StoredEndpoint {
            endpoint: Endpoint {
                old_secret_until: until,
                rotated_by: by.repeatable,
                ..old.endpoint.clone()
            },
            secret: self.seal(SecretKind::WebhookSecret, id, &secret)?,
            old_secret,
            ..old.clone()
        };
        let act = Act::new("webhook.rotated", target(id));
        audited(&self.services, by, act, self.put(&old, &new)).await?;
        Ok((new.endpoint, secret))
    }

    /// Sends a test event to one endpoint, whatever it asked for. The job that does.
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub async fn test_endpoint(&self, id: EndpointId, by: &By) -> Result<JobId, EndpointError> {
        let endpoint = self.endpoint(id).await?.endpoint;
        if !endpoint.enabled {
            return Err(EndpointError::Disabled);
        }
        let event = Event {
            occasion: Occasion::Test {
                endpoint_id: id.0,
                by: by.cause.actor.clone(),
            },
            at: self.services.clock.now(),
        };
        let act = Act::new("webhook.tested", target(id));
        let mut delivery = events::delivery(&endpoint, &event);
        if let Some(id) = by.repeatable {
            delivery = delivery.with_id(JobId(id));
        }
        let job = delivery.0.id;
        audited(&self.services, by, act, self.queue.insert(vec![delivery])).await?;
        Ok(job)
    }

    /// One endpoint.
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub async fn endpoint(&self, id: EndpointId) -> Result<StoredEndpoint, EndpointError> {
        let found = self.services.webhooks.get(id).await?;
        found.ok_or(EndpointError::Unknown(id))
    }

    async fn put(&self, old: &StoredEndpoint, new: &StoredEndpoint) -> Result<(), EndpointError> {
        match self.services.webhooks.replace(old, new).await? {
            true => Ok(()),
            false => Err(EndpointError::Changed),
        }
    }

    /// Whether messages may be sent there, as far as it can be told without sending one.
    ///
    /// # Errors
    /// [`EndpointError::Address`].
    pub fn check_sink(&self, sink: &Sink) -> Result<(), EndpointError> {
        match sink {
            Sink::Webhook { url } => self
                .services
                .webhook_sender
                .check(url)
                .map_err(EndpointError::Address),
            Sink::DiscordChannel { .. } => Ok(()),
        }
    }

    fn seal(&self, kind: SecretKind, id: EndpointId, secret: &SecretString) -> Result<String, StoreError> {
        let place = kind.place(&id.to_string());
        let sealed = self.services.vault.seal(secret, &place);
        sealed.map_err(|e| StoreError::unavailable(format!("a secret could not be sealed: {e}")))
    }
}

pub(super) fn target(id: EndpointId) -> String {
    format!("webhook:{id}")
}

/// An endpoint for the audit trail. The path of its address may be a secret: only the host is told.
pub(super) fn told(endpoint: &Endpoint) -> Value {
    let place = match &endpoint.sink {
        Sink::Webhook { url } => {
            let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
            rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned()
        }
        Sink::DiscordChannel { channel_id, .. } => channel_id.to_string(),
    };
    json!({
        "sink": endpoint.sink.as_str(),
        "to": place,
        "events": endpoint.events,
        "enabled": endpoint.enabled,
        "description": endpoint.description,
    })
}
