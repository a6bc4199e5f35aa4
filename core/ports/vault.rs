//! Sealed secrets.

use secrecy::SecretString;

/// Seals secrets before they are stored, and opens them again.
pub trait Vault: Send + Sync + 'static {
    /// Seals `plain`. `place` says where it is stored (record and field): a sealed text that is moved elsewhere does
    /// not open.
    fn seal(&self, plain: &SecretString, place: &str) -> Result<String, VaultError>;

    /// Opens what [`Self::seal`] made for the same place. A text that was never sealed (records of the original) is
    /// given back as it is.
    fn open(&self, sealed: &str, place: &str) -> Result<SecretString, VaultError>;

    /// What texts begin with that [`Self::seal`] makes now: one that begins otherwise was sealed with an older key, or
    /// never.
    fn mark(&self) -> String;

    /// Name of the key that a text was sealed with. `None`: it was never sealed.
    fn key_of(&self, sealed: &str) -> Option<String>;
}

/// Why a secret could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The key with this id is not in the key ring.
    #[error("the secret was sealed with key {0:?}, which is not in ROLECALL_ENCRYPTION_KEYS")]
    UnknownKey(String),
    /// It was altered, or moved to another record, or the key is a wrong one of the same id.
    #[error("the sealed secret does not open: it was altered or moved, or its key was replaced")]
    Tampered,
}
