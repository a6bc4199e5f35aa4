//! The client of everything here that speaks HTTP.

use std::time::Duration;

/// A client that waits at most half a minute for an answer.
pub(crate) fn client() -> Result<reqwest::Client, String> {
    builder().build().map_err(|e| e.to_string())
}

/// The same, to be built in another way.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    // What is spoken is plain HTTP, but the client wants to know how it would encrypt. A second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().timeout(Duration::from_secs(30))
}
