//! What is remembered of callers for some seconds, so that not every request asks the directory. Each process has its
//! own.

use std::time::Duration;

use moka::sync::Cache;
use rolecall_core::UserId;
use rolecall_core::api_key::{self, ApiKeyId, KeyHash};
use rolecall_core::error::StoreError;
use rolecall_core::ports::{Granted, Permissions};

use crate::random::sha256_hex;

/// A ban, or a permission that was taken away, counts after this time at the latest.
const GRANTED_FOR: Duration = Duration::from_secs(5);
/// So long after its last use a key still has a bucket of its own for its next request.
const KEY_FOR: Duration = Duration::from_secs(600);
/// Users, and keys, that are remembered.
const MOST: u64 = 10_000;

/// See the module.
pub(crate) struct Memory {
    granted: Cache<UserId, Granted>,
    keys: Cache<KeyHash, ApiKeyId>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            granted: Cache::builder()
                .max_capacity(MOST)
                .time_to_live(GRANTED_FOR)
                .build(),
            keys: Cache::builder().max_capacity(MOST).time_to_idle(KEY_FOR).build(),
        }
    }
}

impl Memory {
    /// What a user may do; a failed read is an error, and is not remembered.
    pub(super) async fn granted(
        &self,
        permissions: &dyn Permissions,
        user: &UserId,
    ) -> Result<Granted, StoreError> {
        if let Some(known) = self.granted.get(user) {
            return Ok(known);
        }
        let granted = permissions.of_user(user).await?;
        self.granted.insert(user.clone(), granted.clone());
        Ok(granted)
    }

    /// Remembers that this secret is that of a valid key.
    pub(super) fn remember(&self, secret: &KeyHash, id: &ApiKeyId) {
        self.keys.insert(secret.clone(), id.clone());
    }

    /// The key of this text, if it was found valid before.
    pub(super) fn key(&self, text: &str) -> Option<ApiKeyId> {
        let (id, secret) = api_key::split(text)?;
        let known = self.keys.get(&hash(secret))?;
        (known == id).then_some(known)
    }
}

/// What is stored of the secret half of a key.
///
/// One SHA-256 is enough: the secret has 256 random bits, so nobody finds it by guessing, however fast each guess is.
/// Slow hashes are for passwords, which people choose.
pub fn hash(secret: &str) -> KeyHash {
    KeyHash(sha256_hex(secret))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::random::hex_256;

    #[derive(Default)]
    struct Counting(AtomicUsize);

    #[async_trait]
    impl Permissions for Counting {
        async fn of_user(&self, user: &UserId) -> Result<Granted, StoreError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            if user.as_str() == "broken" {
                return Err(StoreError::unavailable("away"));
            }
            Ok(Granted {
                banned: user.as_str() == "eve",
                ..Granted::default()
            })
        }
    }

    #[tokio::test]
    async fn a_user_is_asked_for_once_and_a_failed_read_is_not_remembered() {
        let (memory, source) = (Memory::default(), Counting::default());
        for _ in 0..3 {
            assert!(memory.granted(&source, &"eve".into()).await.unwrap().banned);
        }
        assert!(!memory.granted(&source, &"ada".into()).await.unwrap().banned);
        assert_eq!(source.0.load(Ordering::Relaxed), 2);
        for _ in 0..2 {
            assert!(memory.granted(&source, &"broken".into()).await.is_err());
        }
        assert_eq!(source.0.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn a_key_is_known_only_with_its_own_secret() {
        let memory = Memory::default();
        let (id, other) = ("0123456789ab".parse().unwrap(), "ba9876543210".parse().unwrap());
        let secret = hex_256();
        assert_eq!(memory.key(&api_key::join(&id, &secret)), None);
        memory.remember(&hash(&secret), &id);
        assert_eq!(memory.key(&api_key::join(&id, &secret)), Some(id.clone()));
        assert_eq!(memory.key(&api_key::join(&other, &secret)), None);
        assert_eq!(memory.key(&api_key::join(&id, &hex_256())), None);
    }
}
