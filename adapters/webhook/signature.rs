//! Signatures of Standard Webhooks.
//! Source: the specification, sections "Webhook Headers" and "Signature scheme" (<https://www.standardwebhooks.com>).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use uuid::Uuid;

/// What a secret for symmetric signatures begins with.
const PREFIX: &str = "whsec_";

/// A new secret.
pub(super) fn new_secret() -> SecretString {
    // Two random UUIDs hold 244 random bits; the specification asks for 192 at least.
    let key: Vec<u8> = [Uuid::new_v4(), Uuid::new_v4()]
        .iter()
        .flat_map(|id| *id.as_bytes())
        .collect();
    format!("{PREFIX}{}", BASE64_STANDARD.encode(key)).into()
}

/// One signature, as it stands in the header `webhook-signature`. `None`: the secret is none.
pub(super) fn sign(secret: &SecretString, id: &str, seconds: i64, body: &str) -> Option<String> {
    let key = secret.expose_secret().strip_prefix(PREFIX)?;
    let key = BASE64_STANDARD.decode(key).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    Some(format!("v1,{signature}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_reference_implementations() {
        // The vector of the reference libraries' tests (standard-webhooks on GitHub, `libraries/*/test`).
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned().into();
        let signature = sign(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(
            signature.as_deref(),
            Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        );
    }

    #[test]
    fn a_new_secret_signs_and_is_never_the_same_and_what_is_none_does_not() {
        let (a, b) = (new_secret(), new_secret());
        assert_ne!(a.expose_secret(), b.expose_secret());
        let of = |secret: &SecretString| sign(secret, "x", 1, "{}");
        assert!(of(&a).is_some() && of(&a) != of(&b));
        for none in ["", "whsec_", "whsec_?", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            let signed = sign(&none.to_owned().into(), "x", 1, "{}");
            // An empty key is a key to HMAC; it is no secret, and nobody is given it.
            assert!(signed.is_none() || none == "whsec_", "{none:?}");
        }
    }
}
