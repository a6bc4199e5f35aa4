//! The client of everything here that speaks HTTP.

use std::time::Duration;

/// A client that waits at most half a minute for an answer.
pub(crate) fn client() -> Result<reqwest::Client, String> {
    // What is spoken is plain HTTP, but the client wants to know how it would encrypt. A second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(Duration::from_secs(30));
    client.build().map_err(|e| e.to_string())
}
