//! Secrets at rest: sealed with XChaCha20-Poly1305, one key ring for a process.
//!
//! A sealed text is `rc1:<key id>:<base64url nonce>:<base64url ciphertext>`. Where it is stored (record and field) is
//! authenticated with it, so that a sealed text moved to another record does not open.

mod key_ring;

pub use key_ring::KeyRing;
