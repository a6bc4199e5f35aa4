//! What all HTTP clients of this process have in common.

use std::time::Duration;

use reqwest::ClientBuilder;

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A client for this address, to be completed. Installs ring as rustls' provider of cryptography, unless the process has
/// one. It follows no redirect.
pub(crate) fn client(address: &str) -> ClientBuilder {
    // An error means that a provider is there already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none());
    if address.starts_with("http://127.0.0.1") || address.starts_with("http://localhost") {
        // What is on this machine is never behind a proxy.
        builder = builder.no_proxy();
    }
    if address.starts_with("http://") {
        // No TLS, so a machine without root certificates will do.
        builder = builder.tls_certs_only([]);
    }
    builder
}
