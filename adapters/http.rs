//! What all HTTP clients of this process have in common.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::{ClientBuilder, Url};

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A client for this address, to be completed. Installs ring as rustls' provider of cryptography, unless the process has
/// one. It follows no redirect, and asks for nothing compressed.
pub(crate) fn client(address: &str) -> ClientBuilder {
    // An error means that a provider is there already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        // Worth it only where answers are long.
        .gzip(false)
        .redirect(reqwest::redirect::Policy::none());
    if is_here(address) {
        // What is on this machine is never behind a proxy.
        builder = builder.no_proxy();
    }
    if address.starts_with("http://") {
        // No TLS, so a machine without root certificates will do.
        builder = builder.tls_certs_only([]);
    }
    builder
}

/// Whether an address is one of this machine.
fn is_here(address: &str) -> bool {
    let Ok(url) = Url::parse(address) else {
        return false;
    };
    let host = url.host_str().unwrap_or_default();
    let ip = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_this_machine_is_known_by_each_of_its_names() {
        for here in [
            "http://127.0.0.1:4000/api/v10",
            "http://127.0.0.2",
            "http://LOCALHOST:1",
            "http://[::1]:4000/api/v10",
            "https://localhost",
        ] {
            assert!(is_here(here), "{here}");
        }
        for away in [
            "https://discord.com/api/v10",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://[2001:db8::1]",
            "?",
        ] {
            assert!(!is_here(away), "{away}");
        }
    }
}
