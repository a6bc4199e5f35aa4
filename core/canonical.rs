//! Values in the one form of RFC 8785 (JSON Canonicalization Scheme), and their digests: equal for equal values, however
//! they were written.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The text of RFC 8785.
pub fn text(value: &Value) -> String {
    // Only a number that is no double, or a key that is no text, has no such form: a `Value` holds neither.
    serde_json_canonicalizer::to_string(value).unwrap_or_else(|_| value.to_string())
}

/// SHA-256 of the value, in 64 hex digits.
pub fn digest(value: &Value) -> String {
    digest_of_bytes(text(value).as_bytes())
}

/// SHA-256 of bytes, in 64 hex digits.
pub fn digest_of_bytes(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_values_have_one_text_and_one_digest() {
        let read = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
        let (one, other) = (
            read(r#"{"b": 1.0, "a": ["é", null]}"#),
            read(r#"{"a":["\u00e9",null],"b":1}"#),
        );
        assert_eq!(text(&one), r#"{"a":["é",null],"b":1}"#);
        assert_eq!(digest(&one), digest(&other));
        assert_ne!(digest(&one), digest(&json!({"b": 2, "a": ["é", null]})));
        assert_ne!(digest(&json!({"n": u64::MAX})), digest(&json!({"n": 0})));
    }
}
