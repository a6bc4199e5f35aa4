//! Random values of a login, and what is kept of them.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::random;

/// 256 bits in hex.
pub(super) fn random() -> String {
    random::hex_256()
}

/// Whether it may have come from [`random`].
pub(super) fn is_random(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// What is stored of a state or a browser's cookie.
pub(super) fn fingerprint(text: &str) -> String {
    random::sha256_hex(text)
}

/// PKCE's challenge for a verifier (RFC 7636, section 4.2).
pub(super) fn challenge(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_random_value_has_256_bits_and_is_never_the_same() {
        let (a, b) = (random(), random());
        assert!(is_random(&a) && is_random(&b) && a != b);
        assert!(!is_random("") && !is_random(&"g".repeat(64)) && !is_random(&"A".repeat(64)));
        assert!(is_random(&fingerprint(&a)) && fingerprint(&a) != a);
    }
}
