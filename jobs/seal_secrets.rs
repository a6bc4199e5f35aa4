//! Stored secrets under the keys: a look at all of them, and sealing those that are not as they should be.
//!
//! Plain texts, as the original stores them, are sealed by a job every hour. What an older key sealed is sealed anew only
//! when the operator says so (`rolecall secrets rotate`): a process that does not have the new key yet could not open it.

use std::collections::BTreeMap;

use rolecall_core::error::{JobError, StoreError};
use rolecall_core::job::Lane;
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::secrets::{SEALED, SecretKind, StoredSecret};
use serde::{Deserialize, Serialize};

use crate::kernel::context::Context;
use crate::kernel::fault::{self, Point};
use crate::kernel::job::Job;
use crate::kernel::services::Services;

/// Secrets that are read at once.
const PAGE: usize = 200;
/// Secrets that are named because they do not open.
const NAMED: usize = 100;

/// Seals plain texts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SealSecrets {}

impl Job for SealSecrets {
    const KIND: &'static str = "seal_secrets";
    const LANE: Lane = Lane::Bulk;
    /// The next tick goes on.
    const MAX_ATTEMPTS: u32 = 4;

    fn concurrency_key(&self) -> Option<String> {
        Some(Self::KIND.to_owned())
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let seen = walk(&context.services, Which::Plain, true).await?;
        if seen.sealed == 0 {
            return Ok(Outcome::unchanged());
        }
        let mut outcome = Outcome::of(Effect::Applied);
        outcome.count("sealed", seen.sealed);
        Ok(outcome)
    }
}

/// Which secrets to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// Those that are not sealed with the newest key.
    NotNewest,
    /// Those that were never sealed.
    Plain,
}

/// A secret that does not open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// The collection.
    pub collection: &'static str,
    /// The field.
    pub field: &'static str,
    /// The record: a guild's or an account's id, or a hashed state.
    pub record: String,
    /// Why.
    pub why: String,
}

/// What was seen, and done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Secrets that open, by the name of their key.
    pub by_key: BTreeMap<String, u64>,
    /// Plain texts.
    pub plain: u64,
    /// Secrets that do not open.
    pub unreadable: u64,
    /// Some of them.
    pub unreadable_named: Vec<Unreadable>,
    /// Secrets that were sealed with the newest key (or would be).
    pub sealed: u64,
    /// Secrets that somebody changed while they were sealed: they are as that somebody wrote them.
    pub changed_meanwhile: u64,
}

impl Seen {
    /// Whether a rotation would change something: what opens is not all sealed with this key.
    pub fn is_behind(&self, newest: &str) -> bool {
        self.plain > 0 || self.by_key.keys().any(|key| key != newest)
    }
}

/// Looks at stored secrets; with `seal`, those that are not sealed with the newest key are. Each is replaced only if it
/// is as it was read, so that a token that is refreshed meanwhile is never overwritten, and a walk that was cut off is
/// simply begun again.
///
/// # Errors
/// If the store fails; what was sealed before stays so.
pub async fn walk(services: &Services, which: Which, seal: bool) -> Result<Seen, StoreError> {
    let mark = services.vault.mark();
    let other_than = match which {
        Which::All => None,
        Which::NotNewest => Some(mark.as_str()),
        Which::Plain => Some(SEALED),
    };
    let mut seen = Seen::default();
    for kind in SecretKind::ALL {
        let mut after: Option<String> = None;
        loop {
            let fields = &services.sealed_fields;
            let page = fields.page(kind, after.as_deref(), other_than, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.record.clone());
            for secret in &page {
                look(services, secret, seal.then_some(mark.as_str()), &mut seen).await?;
            }
        }
    }
    Ok(seen)
}

/// Looks at one; what does not begin with `unless` is sealed.
async fn look(
    services: &Services,
    secret: &StoredSecret,
    unless: Option<&str>,
    seen: &mut Seen,
) -> Result<(), StoreError> {
    let place = secret.place();
    let plain = match services.vault.open(&secret.text, &place) {
        Ok(plain) => plain,
        Err(error) => {
            seen.unreadable += 1;
            if seen.unreadable_named.len() < NAMED {
                seen.unreadable_named.push(Unreadable {
                    collection: secret.kind.collection(),
                    field: secret.kind.field(),
                    record: secret.name.clone(),
                    why: error.to_string(),
                });
            }
            return Ok(());
        }
    };
    match services.vault.key_of(&secret.text) {
        Some(key) => *seen.by_key.entry(key).or_default() += 1,
        None => seen.plain += 1,
    }
    let Some(mark) = unless else { return Ok(()) };
    if secret.text.starts_with(mark) {
        return Ok(());
    }
    let sealed = services
        .vault
        .seal(&plain, &place)
        .map_err(|e| StoreError::unavailable(format!("a secret could not be sealed: {e}")))?;
    if services.sealed_fields.replace(secret, &sealed).await? {
        seen.sealed += 1;
        fault::pass(Point::K16, "");
    } else {
        seen.changed_meanwhile += 1;
    }
    Ok(())
}
