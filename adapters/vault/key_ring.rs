//! The keys, and what is done with them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use rolecall_core::ports::{Vault, VaultError};
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox, SecretString};
use sha2::Sha256;

const PREFIX: &str = rolecall_core::secrets::SEALED;
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const DERIVED_ID: &str = "derived";
const HKDF_INFO: &[u8] = b"rolecall vault v1";

struct NamedKey {
    id: String,
    key: SecretBox<[u8; KEY_BYTES]>,
}

/// Keys by name. The first one seals, all of them open: to rotate, put a new key in front. Of several with one name, each
/// is tried.
pub struct KeyRing {
    keys: Vec<NamedKey>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&str> = self.keys.iter().map(|k| k.id.as_str()).collect();
        f.debug_struct("KeyRing")
            .field("ids", &ids)
            .finish_non_exhaustive()
    }
}

impl KeyRing {
    /// Reads `id:base64,id:base64,…` with 32 bytes a key, in usual or URL-safe base64.
    ///
    /// # Errors
    /// A sentence for the person who configured it. It never repeats a key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut keys: Vec<NamedKey> = Vec::new();
        for (at, entry) in text
            .split(',')
            .map(str::trim)
            .enumerate()
            .filter(|(_, e)| !e.is_empty())
        {
            let at = at + 1;
            let Some((id, encoded)) = entry.split_once(':') else {
                return Err(format!(
                    "key {at} has no name: expected name:base64 of {KEY_BYTES} bytes"
                ));
            };
            let id = id.trim();
            // Long names may be keys in the wrong place, so they are not repeated either.
            let fits = (1..=32).contains(&id.len())
                && id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
            if !fits {
                return Err(format!(
                    "the name of key {at} is not usable: 1 to 32 letters, digits, dots, dashes and underscores"
                ));
            }
            if keys.iter().any(|k| k.id == id) {
                return Err(format!("key {at} has the same name as an earlier one"));
            }
            let key = decode(encoded.trim())
                .ok_or_else(|| format!("key {at} is not base64 of {KEY_BYTES} bytes"))?;
            keys.push(NamedKey {
                id: id.to_owned(),
                key,
            });
        }
        if keys.is_empty() {
            return Err(format!(
                "there is no key: expected name:base64 of {KEY_BYTES} bytes"
            ));
        }
        Ok(Self { keys })
    }

    /// A ring with one key, named `derived`, made from another secret by HKDF-SHA256 (RFC 5869).
    pub fn derive(secret: &SecretString) -> Self {
        let hkdf = Hkdf::<Sha256>::new(None, secret.expose_secret().as_bytes());
        Self::single(DERIVED_ID, |key| {
            hkdf.expand(HKDF_INFO, key)
                .expect("32 bytes are within HKDF-SHA256's 8,160");
        })
    }

    /// A ring with one new random key, named `generated`. For tests and throw-away stores: nothing keeps the key.
    pub fn generate() -> Self {
        Self::single("generated", random)
    }

    /// The same ring that also opens what the keys of another one sealed.
    #[must_use]
    pub fn with(mut self, older: Self) -> Self {
        self.keys.extend(older.keys);
        self
    }

    fn single(id: &str, fill: impl FnOnce(&mut [u8])) -> Self {
        let mut key = SecretBox::new(Box::new([0; KEY_BYTES]));
        fill(key.expose_secret_mut());
        Self {
            keys: vec![NamedKey {
                id: id.to_owned(),
                key,
            }],
        }
    }
}

fn decode(text: &str) -> Option<SecretBox<[u8; KEY_BYTES]>> {
    let bare = text.trim_end_matches('=');
    let mut bytes = STANDARD
        .decode(text)
        .or_else(|_| STANDARD_NO_PAD.decode(bare))
        .or_else(|_| URL_SAFE_NO_PAD.decode(bare))
        .ok()?;
    let key: Option<[u8; KEY_BYTES]> = bytes.as_slice().try_into().ok();
    bytes.fill(0);
    key.map(|key| SecretBox::new(Box::new(key)))
}

/// Fills with random bytes of the operating system, by way of ring.
fn random(bytes: &mut [u8]) {
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(bytes)
        .expect("the operating system gives random numbers");
}

fn cipher(key: &NamedKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key.key.expose_secret()))
}

impl Vault for KeyRing {
    fn seal(&self, plain: &SecretString, place: &str) -> Result<String, VaultError> {
        let Some(key) = self.keys.first() else {
            return Err(VaultError::UnknownKey(String::new()));
        };
        let mut nonce = [0; NONCE_BYTES];
        random(&mut nonce);
        let payload = Payload {
            msg: plain.expose_secret().as_bytes(),
            aad: place.as_bytes(),
        };
        let sealed = cipher(key)
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| VaultError::Tampered)?;
        let (nonce, sealed) = (URL_SAFE_NO_PAD.encode(nonce), URL_SAFE_NO_PAD.encode(sealed));
        Ok(format!("{PREFIX}{}:{nonce}:{sealed}", key.id))
    }

    fn open(&self, sealed: &str, place: &str) -> Result<SecretString, VaultError> {
        let Some(rest) = sealed.strip_prefix(PREFIX) else {
            return Ok(SecretString::from(sealed));
        };
        let mut parts = rest.split(':');
        let (Some(id), Some(nonce), Some(text), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(VaultError::Tampered);
        };
        let mut keys = self.keys.iter().filter(|k| k.id == id).peekable();
        if keys.peek().is_none() {
            return Err(VaultError::UnknownKey(short(id)));
        }
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| VaultError::Tampered);
        let nonce: [u8; NONCE_BYTES] = decode(nonce)?.try_into().map_err(|_| VaultError::Tampered)?;
        let text = decode(text)?;
        let payload = || Payload {
            msg: &text,
            aad: place.as_bytes(),
        };
        let plain = keys
            .find_map(|key| cipher(key).decrypt(&XNonce::from(nonce), payload()).ok())
            .ok_or(VaultError::Tampered)?;
        String::from_utf8(plain)
            .map(SecretString::from)
            .map_err(|_| VaultError::Tampered)
    }

    fn mark(&self) -> String {
        let id = self.keys.first().map_or("", |k| k.id.as_str());
        format!("{PREFIX}{id}:")
    }

    fn key_of(&self, sealed: &str) -> Option<String> {
        let (id, _) = sealed.strip_prefix(PREFIX)?.split_once(':')?;
        Some(short(id))
    }
}

/// A name that was read; a longer one is none.
fn short(id: &str) -> String {
    id.chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "old:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const NEW: &str = "new:_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v4";

    fn secret() -> SecretString {
        SecretString::from("a bot's token")
    }

    #[test]
    fn what_is_sealed_opens_at_its_place_and_only_there() {
        let ring = KeyRing::parse(OLD).unwrap();
        let sealed = ring.seal(&secret(), "guild 1, bot_token").unwrap();
        assert!(sealed.starts_with("rc1:old:") && !sealed.contains("token"));
        assert_eq!(
            ring.open(&sealed, "guild 1, bot_token").unwrap().expose_secret(),
            "a bot's token"
        );
        assert_eq!(
            ring.open(&sealed, "guild 2, bot_token").unwrap_err(),
            VaultError::Tampered
        );
        assert_ne!(
            sealed,
            ring.seal(&secret(), "guild 1, bot_token").unwrap(),
            "nonces differ"
        );
    }

    #[test]
    fn an_altered_text_does_not_open() {
        let ring = KeyRing::generate();
        let sealed = ring.seal(&secret(), "x").unwrap();
        let last = if sealed.ends_with('A') { "B" } else { "A" };
        for bad in [
            format!("{}{last}", &sealed[..sealed.len() - 1]),
            sealed[..sealed.len() - 4].to_owned(),
            sealed.clone() + ":",
            "rc1:generated".to_owned(),
            "rc1:generated:AAAA:AAAA".to_owned(),
        ] {
            assert_eq!(ring.open(&bad, "x").unwrap_err(), VaultError::Tampered, "{bad}");
        }
    }

    #[test]
    fn plain_text_of_old_records_opens_as_it_is() {
        assert_eq!(
            KeyRing::generate().open("MTIz.abc", "x").unwrap().expose_secret(),
            "MTIz.abc"
        );
    }

    #[test]
    fn a_rotated_ring_opens_what_the_old_key_sealed_and_seals_with_the_new_one() {
        let old = KeyRing::parse(OLD).unwrap().seal(&secret(), "x").unwrap();
        let both = KeyRing::parse(&format!("{NEW}, {OLD}")).unwrap();
        assert_eq!(both.open(&old, "x").unwrap().expose_secret(), "a bot's token");
        assert!(both.seal(&secret(), "x").unwrap().starts_with("rc1:new:"));
        let gone = KeyRing::parse(NEW).unwrap().open(&old, "x").unwrap_err();
        assert_eq!(gone, VaultError::UnknownKey("old".to_owned()));
    }

    #[test]
    fn a_ring_that_was_joined_opens_what_either_sealed_also_under_one_name() {
        let (old, other) = (KeyRing::parse(OLD).unwrap(), NEW.replace("new:", "old:"));
        let sealed = old.seal(&secret(), "x").unwrap();
        let ring = KeyRing::parse(&other).unwrap().with(old);
        let again = ring.seal(&secret(), "x").unwrap();
        assert!(ring.open(&sealed, "x").is_ok() && ring.open(&again, "x").is_ok());
        assert!(KeyRing::parse(OLD).unwrap().open(&again, "x").is_err());
    }

    #[test]
    fn a_text_tells_the_key_that_sealed_it_and_a_plain_one_none() {
        let ring = KeyRing::parse(&format!("{NEW},{OLD}")).unwrap();
        let sealed = ring.seal(&secret(), "x").unwrap();
        assert!(sealed.starts_with(&ring.mark()));
        assert_eq!(ring.key_of(&sealed).as_deref(), Some("new"));
        assert_eq!(ring.key_of("MTIz.abc"), None);
    }

    #[test]
    fn a_derived_key_depends_on_its_secret_only() {
        let sealed = KeyRing::derive(&secret()).seal(&secret(), "x").unwrap();
        assert!(sealed.starts_with("rc1:derived:"));
        assert!(KeyRing::derive(&secret()).open(&sealed, "x").is_ok());
        assert!(
            KeyRing::derive(&SecretString::from("other"))
                .open(&sealed, "x")
                .is_err()
        );
    }

    #[test]
    fn neither_debug_nor_a_complaint_shows_a_key() {
        let shown = format!("{:?}", KeyRing::parse(OLD).unwrap());
        assert!(shown.contains("old") && !shown.contains("AAEC"), "{shown}");
        let key = OLD.split_once(':').unwrap().1;
        for bad in [
            key.to_owned(),
            format!("{key}:x"),
            format!("a:{key}x"),
            format!("{OLD},{OLD}"),
            String::new(),
        ] {
            let complaint = KeyRing::parse(&bad).unwrap_err();
            assert!(!complaint.contains("AAEC"), "{complaint}");
        }
    }
}
