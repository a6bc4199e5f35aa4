//! Sends a message once.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use rolecall_core::ports::{WebhookAnswer, WebhookError, WebhookMessage, WebhookSender};
use secrecy::SecretString;

use super::guard::{Guarded, Reach, Refused};
use super::signature;
use crate::http;

/// How long an endpoint may take. Within what the specification recommends (15 to 30 s).
const TIMEOUT: Duration = Duration::from_secs(15);
/// A longer wait than this that an endpoint asks for is not believed.
const RETRY_AFTER_MOST: u64 = 24 * 3_600;
/// Who calls.
const AGENT: &str = concat!("rolecall/", env!("CARGO_PKG_VERSION"));

/// Sends to endpoints by HTTP. No proxy is used, because behind one nobody sees which address is called.
#[derive(Debug, Clone, Copy, Default)]
pub struct HttpSender {
    /// Which addresses may be called.
    pub reach: Reach,
}

#[async_trait]
impl WebhookSender for HttpSender {
    fn check(&self, url: &str) -> Result<(), String> {
        self.reach.check(url).map(drop)
    }

    fn new_secret(&self) -> SecretString {
        signature::new_secret()
    }

    async fn send(&self, message: &WebhookMessage) -> Result<WebhookAnswer, WebhookError> {
        let url = self.reach.check(&message.url).map_err(WebhookError::Forbidden)?;
        let seconds = message.at.0.div_euclid(1_000);
        let signatures: Option<Vec<String>> = message
            .secrets
            .iter()
            .map(|secret| signature::sign(secret, &message.id, seconds, &message.body))
            .collect();
        let signatures = signatures.filter(|all| !all.is_empty()).ok_or_else(|| {
            WebhookError::Secret(
                "the endpoint's secret is no secret of Standard Webhooks (whsec_…)".to_owned(),
            )
        })?;
        // One client a message: they are few, and no connection outlives what was looked at.
        let client = http::client(url.as_str())
            .no_proxy()
            .dns_resolver(Guarded(self.reach))
            .timeout(TIMEOUT)
            .user_agent(AGENT)
            .build()
            .map_err(|e| WebhookError::Lost(format!("no connection can be prepared: {e}")))?;
        let sent = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signatures.join(" "))
            .body(message.body.clone())
            .send()
            .await;
        match sent {
            Ok(answer) => Ok(WebhookAnswer {
                status: answer.status().as_u16(),
                retry_after: retry_after(answer.headers()),
            }),
            Err(error) => Err(lost(&error)),
        }
    }
}

/// Without the address: its path may be a secret.
fn lost(error: &reqwest::Error) -> WebhookError {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    let mut last = String::new();
    while let Some(inner) = cause {
        if let Some(Refused(why)) = inner.downcast_ref() {
            return WebhookError::Forbidden(why.clone());
        }
        last = inner.to_string();
        cause = inner.source();
    }
    let what = if error.is_timeout() {
        format!("it did not answer within {} s", TIMEOUT.as_secs())
    } else if error.is_connect() {
        format!("no connection: {last}")
    } else {
        format!("the connection broke: {last}")
    };
    WebhookError::Lost(what)
}

/// Seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = text.parse().ok().or_else(|| {
        let at = chrono::DateTime::parse_from_rfc2822(text).ok()?;
        u64::try_from(at.timestamp() - chrono::Utc::now().timestamp()).ok()
    })?;
    Some(Duration::from_secs(seconds.min(RETRY_AFTER_MOST)))
}
