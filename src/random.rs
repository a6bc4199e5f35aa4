//! Random values that open something.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// 256 random bits in hex: 64 digits.
pub fn hex_256() -> String {
    // Three random UUIDs hold 366 random bits, more than the 256 that come out.
    let mut hash = Sha256::new();
    for _ in 0..3 {
        hash.update(Uuid::new_v4().as_bytes());
    }
    hex(&hash.finalize())
}

/// SHA-256 of a text, in hex.
pub fn sha256_hex(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_value_has_64_digits_and_is_never_the_same() {
        let (a, b) = (hex_256(), hex_256());
        assert!(a.len() == 64 && b.len() == 64 && a != b);
        // FIPS 180-4, example of one block.
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex("abc"), known);
    }
}
