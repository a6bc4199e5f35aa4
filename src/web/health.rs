//! Whether this process lives and can take requests. Never needs a token.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::state::Web;

/// How long a check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

/// What a process says of itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, `unhealthy` (a check failed) or `draining` (the process is about to stop).
    pub(crate) status: String,
    /// Version of this binary.
    pub(crate) version: String,
    /// Name of this process.
    pub(crate) instance: String,
    /// What was looked at.
    pub(crate) checks: BTreeMap<String, Check>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Check {
    /// `ok` or `failed`.
    pub(crate) status: String,
    /// How long it took.
    pub(crate) duration_ms: u64,
    /// What is wrong. The log has the details.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
}

impl Check {
    pub(crate) fn is_ok(&self) -> bool {
        self.status == "ok"
    }
}

/// Runs a check, for at most [`CHECK_TIMEOUT`].
async fn check<E: Display>(name: &str, ping: impl Future<Output = Result<(), E>>) -> Check {
    let began = Instant::now();
    let message = match tokio::time::timeout(CHECK_TIMEOUT, ping).await {
        Ok(Ok(())) => None,
        // The words may name hosts, and anybody may ask: they go to the log.
        Ok(Err(error)) => {
            tracing::warn!("discord_api: the check of the {name} failed: {error}");
            Some(format!("the {name} answered with an error"))
        }
        Err(_) => Some(format!("the {name} did not answer within {CHECK_TIMEOUT:?}")),
    };
    Check {
        status: if message.is_none() { "ok" } else { "failed" }.to_owned(),
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        message,
    }
}

/// Looks at the store.
pub(crate) async fn check_store(web: &Web) -> Check {
    check("store", web.store.ping()).await
}

/// Looks at the delivery, if this process has one: whether it answers, and whether it is fit.
pub(crate) async fn check_delivery(web: &Web) -> Option<Check> {
    let delivery = web.delivery.as_ref()?;
    let mut troubles = Vec::new();
    let mut found = check("delivery", async {
        troubles = delivery.unfit().await?;
        delivery.ping().await
    })
    .await;
    // A server without a disk answers even a ping with an error: what is known of it says more.
    if !troubles.is_empty() {
        "failed".clone_into(&mut found.status);
        found.message = Some(troubles.join(". "));
    }
    Some(found)
}

fn answer(web: &Web, checks: BTreeMap<String, Check>) -> (StatusCode, Json<Health>) {
    let failed = checks.values().any(|c| !c.is_ok());
    let (code, status) = match (web.stop.is_cancelled(), failed) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (false, true) => (StatusCode::SERVICE_UNAVAILABLE, "unhealthy"),
        (false, false) => (StatusCode::OK, "ok"),
    };
    let body = Health {
        status: status.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instance: web.instance.clone(),
        checks,
    };
    (code, Json(body))
}

/// Whether this process lives: it does if it answers, even while it drains.
#[utoipa::path(get, path = "/livez", tag = "Health", operation_id = "livez", security(()),
    responses((status = 200, description = "It lives", body = Health)))]
pub(crate) async fn livez(State(web): State<Web>) -> (StatusCode, Json<Health>) {
    let (_, body) = answer(&web, BTreeMap::new());
    (StatusCode::OK, body)
}

/// Whether this process can take requests.
#[utoipa::path(get, path = "/readyz", tag = "Health", operation_id = "readyz", security(()),
    responses(
        (status = 200, description = "It can", body = Health),
        (status = 503, description = "A check failed, or the process is about to stop", body = Health)
    ))]
pub(crate) async fn readyz(State(web): State<Web>) -> (StatusCode, Json<Health>) {
    let (store, delivery) = tokio::join!(check_store(&web), check_delivery(&web));
    let mut checks = BTreeMap::from([("store".to_owned(), store)]);
    checks.extend(delivery.map(|check| ("delivery".to_owned(), check)));
    answer(&web, checks)
}

/// The same as `/readyz`, under go-falcon's name.
#[utoipa::path(get, path = "/health", tag = "Health", operation_id = "health", security(()),
    responses(
        (status = 200, description = "All is well", body = Health),
        (status = 503, description = "A check failed, or the process is about to stop", body = Health)
    ))]
pub(crate) async fn health(State(web): State<Web>) -> (StatusCode, Json<Health>) {
    readyz(State(web)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failing_check_says_so_without_the_words_of_the_error() {
        let failed = check("store", async { Err("mongodb://root:s3cr3t@host") }).await;
        assert!(!failed.is_ok());
        assert_eq!(
            failed.message.as_deref(),
            Some("the store answered with an error")
        );
        assert!(check("store", async { Ok::<(), String>(()) }).await.is_ok());
    }
}
