//! The keys that stored secrets are sealed with: those of `ROLECALL_ENCRYPTION_KEYS`, of a file, or derived.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rolecall_adapters::vault::KeyRing;
use rolecall_core::ports::Vault;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::config::{Config, Store};
use crate::secret_files::read_or_make;
use crate::wiring::StartError;

/// Name of the file with the keys.
pub(crate) const KEYS_FILE: &str = "encryption-keys";

/// The keys of this installation. `is_new`: nothing is stored yet.
///
/// # Errors
/// A sentence that says what is wrong and what to do.
pub(crate) fn vault(
    config: &Config,
    jwt_secret: Option<&SecretString>,
    is_new: bool,
) -> Result<Arc<dyn Vault>, StartError> {
    let parse = |text: &SecretString, from: &str| {
        KeyRing::parse(text.expose_secret()).map_err(|e| StartError::new(format!("{from}: {e}")))
    };
    let file = config.data_dir.join(KEYS_FILE);
    let from_file = || {
        let keys = read_or_make(&config.data_dir, KEYS_FILE, random_key).map_err(StartError::new)?;
        parse(&keys, &format!("the file {}", file.display()))
    };
    // What was in use before ROLECALL_ENCRYPTION_KEYS was set still opens what it sealed.
    let ring = match (&config.encryption_keys, &config.store, jwt_secret) {
        (Some(keys), Store::Embedded, _) => {
            let ring = parse(keys, "ROLECALL_ENCRYPTION_KEYS")?;
            if file.exists() {
                ring.with(from_file()?)
            } else {
                ring
            }
        }
        (Some(keys), Store::Distributed { .. }, secret) => {
            let ring = parse(keys, "ROLECALL_ENCRYPTION_KEYS")?;
            match secret {
                Some(secret) => ring.with(KeyRing::derive(secret)),
                None => ring,
            }
        }
        (None, Store::Embedded, _) => {
            if !is_new && !file.exists() {
                tracing::warn!(
                    "The file {} is gone; a new key is made. Tokens that are already stored cannot be opened with it: \
                     put the old file back, or store the bots' tokens again",
                    file.display()
                );
            }
            from_file()?
        }
        (None, Store::Distributed { .. }, Some(secret)) => KeyRing::derive(secret),
        (None, Store::Distributed { .. }, None) => {
            return Err(StartError::new("set JWT_SECRET or ROLECALL_ENCRYPTION_KEYS"));
        }
    };
    Ok(Arc::new(ring))
}

fn random_key() -> String {
    // Three random UUIDs hold 366 random bits, more than the 256 that come out.
    let mut hash = Sha256::new();
    for _ in 0..3 {
        hash.update(Uuid::new_v4().as_bytes());
    }
    format!("k1:{}", BASE64_STANDARD.encode(hash.finalize()))
}
