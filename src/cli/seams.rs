//! What other parts of rolecall do for the command line, each behind one function.

use rolecall_adapters::delivery::redis;
use rolecall_core::audit::Act;
use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_jobs::kernel::audit;
use rolecall_jobs::kernel::steering::By;
use secrecy::{ExposeSecret, SecretString};

use crate::app::App;

/// What `doctor` wants to know of Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RedisFacts {
    /// Such as `7.4.1`.
    pub(super) version: String,
    /// Has to be `noeviction`; `None` if the server does not tell.
    pub(super) maxmemory_policy: Option<String>,
    /// Whether it writes an append-only file; `None` if the server does not tell.
    pub(super) aof_enabled: Option<bool>,
}

/// Looks at Redis. An error is a sentence without the address, which may hold a password.
pub(super) async fn inspect_redis(url: &SecretString) -> Result<RedisFacts, String> {
    let facts = redis::inspect(url.expose_secret())
        .await
        .map_err(|e| e.to_string())?;
    Ok(RedisFacts {
        version: facts.version,
        maxmemory_policy: Some(facts.maxmemory_policy).filter(|p| !p.is_empty()),
        aof_enabled: facts.aof_enabled,
    })
}

/// What Redis does not let its user do. An error is a sentence without the address.
pub(super) async fn refused_by_redis(
    url: &SecretString,
    installation: &str,
) -> Result<redis::Refused, String> {
    redis::refused(url.expose_secret(), installation)
        .await
        .map_err(|e| e.to_string())
}

/// Who orders something, for this reason.
pub(super) fn by(reason: &str) -> By {
    Cause::new(actor(), reason).into()
}

/// Records an act of whoever types, then does it.
pub(super) async fn audited<T, E: From<StoreError>>(
    app: &App,
    act: Act,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    audit::audited(&app.services, &by(""), act, work).await
}

/// Who types: part of the cause of what is stored. A shell inside a container often has no name for that; the number is
/// known everywhere.
pub(super) fn actor() -> String {
    let name = ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.trim().is_empty()));
    let number = || format!("uid-{}", rustix::process::getuid().as_raw());
    format!("cli:{}", name.map_or_else(number, |name| name.trim().to_owned()))
}
