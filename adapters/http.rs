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

/// Lets the kernel, too, give up what nobody waits for any more. Bytes that the network has not taken when a call ends are
/// sent again and again after its connection was closed, and a change that comes half a minute late might undo a later one.
/// Data that nobody acknowledged for so long end the connection instead (tcp(7), `TCP_USER_TIMEOUT`). What some machine on
/// the way took already may still come late.
#[cfg(target_os = "linux")]
pub(crate) fn given_up_after(patience: Duration, builder: ClientBuilder) -> ClientBuilder {
    builder.tcp_user_timeout(patience)
}

/// Other systems cannot be asked for it.
#[cfg(not(target_os = "linux"))]
pub(crate) fn given_up_after(_: Duration, builder: ClientBuilder) -> ClientBuilder {
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

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_the_other_side_does_not_take_is_given_up() {
        let (least, by_default) = (Duration::from_millis(300), Duration::from_secs(30));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        // More than the buffers of both sides hold, for somebody who reads nothing.
        let put = given_up_after(least, client(&url))
            .build()
            .unwrap()
            .put(url)
            .body(vec![0; 64 << 20]);
        let silent = async {
            let taken = listener.accept().await;
            std::future::pending::<()>().await;
            drop(taken);
        };
        tokio::select! {
            answer = put.send() => assert!(answer.is_err()),
            () = silent => {}
            () = tokio::time::sleep(by_default - least) => panic!("it is still being sent"),
        }
    }

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
