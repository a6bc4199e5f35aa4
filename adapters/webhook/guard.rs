//! Which addresses may be called: an endpoint is chosen by whoever may configure some, and must not make this process a
//! door into the network that it stands in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Most characters of an address.
const URL_MOST: usize = 2_000;

/// What operators allow besides public addresses by https.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reach {
    /// Addresses without TLS.
    pub http: bool,
    /// Addresses of this machine and of private networks.
    pub private: bool,
}

impl Reach {
    /// Whether this address may be called, as far as its text tells. What its name stands for is looked at when it is
    /// called: see [`Guarded`].
    ///
    /// # Errors
    /// A sentence that says why not, and what to do.
    pub fn check(self, url: &str) -> Result<Url, String> {
        if url.chars().count() > URL_MOST {
            return Err(format!("the address is longer than {URL_MOST} characters"));
        }
        let url: Url = url
            .parse()
            .map_err(|_| "this is no address; write it like https://ops.example.com/hook".to_owned())?;
        match url.scheme() {
            "https" => {}
            "http" if self.http => {}
            "http" => {
                return Err(
                    "the address has to begin with https://; where nobody can listen, \
                     ROLECALL_WEBHOOKS_ALLOW_HTTP=true allows http://"
                        .to_owned(),
                );
            }
            _ => return Err("the address has to begin with https://".to_owned()),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "the address holds a user or a password; leave them out: messages are signed instead"
                    .to_owned(),
            );
        }
        let host = url.host_str().ok_or("the address names no host")?;
        // The parser has made every way of writing an IPv4 address the usual one; brackets are around IPv6 ones.
        if let Ok(ip) = host.trim_matches(['[', ']']).parse() {
            self.allow(host, ip)?;
        }
        Ok(url)
    }

    fn allow(self, host: &str, ip: IpAddr) -> Result<(), String> {
        if self.private || is_public(ip) {
            return Ok(());
        }
        Err(format!(
            "{host} is the address of this machine or of a private network ({ip}); where that is meant, set \
             ROLECALL_WEBHOOKS_ALLOW_PRIVATE=true"
        ))
    }
}

/// Looks names up, and lets none through that stands for an address that may not be called. The connection is made to
/// the very addresses that were looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guarded(pub(super) Reach);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let host = name.as_str();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            // One that may not be called is reason enough: which of several is taken is up to chance.
            for address in &found {
                reach.allow(host, address.ip()).map_err(Refused)?;
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Why a name's address may not be called.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refused(pub(super) String);

/// Whether an address is one of the public internet.
/// Source: IANA's special-purpose address registries.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        // Reserved, with broadcast.
        || a >= 240
        // Shared by a provider's customers (RFC 6598).
        || (a == 100 && (64..128).contains(&b))
        // Protocol assignments, and benchmarks.
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b));
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        // An IPv4 address in another dress: mapped, translated (RFC 6052) or 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        // Teredo, and examples.
        [0x2001, 0 | 0xdb8, ..] => false,
        // All that is given out to the internet.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public_however_they_are_dressed() {
        for public in [
            "8.8.8.8",
            "192.0.1.1",
            "100.128.0.1",
            "2606:4700::1111",
            "64:ff9b::808:808",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for other in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "fe80::1",
            "fc00::1",
            "ff02::1",
        ] {
            assert!(!is_public(other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn an_address_is_refused_with_what_to_do_about_it() {
        let strict = Reach::default();
        assert!(strict.check("https://ops.example.com/hook?x=1").is_ok());
        for (url, word) in [
            ("ops.example.com", "https://ops.example.com/hook"),
            ("http://ops.example.com", "ROLECALL_WEBHOOKS_ALLOW_HTTP"),
            ("ftp://ops.example.com", "https://"),
            ("https://me:secret@ops.example.com", "password"),
            ("https://127.0.0.1/x", "ROLECALL_WEBHOOKS_ALLOW_PRIVATE"),
            ("https://2130706433/x", "ROLECALL_WEBHOOKS_ALLOW_PRIVATE"),
            ("https://0x7f.1/x", "ROLECALL_WEBHOOKS_ALLOW_PRIVATE"),
            ("https://[::1]/x", "ROLECALL_WEBHOOKS_ALLOW_PRIVATE"),
            ("https://[::ffff:10.0.0.1]/x", "ROLECALL_WEBHOOKS_ALLOW_PRIVATE"),
        ] {
            let why = strict.check(url).unwrap_err();
            assert!(why.contains(word) && !why.contains("secret"), "{url}: {why}");
        }
        let open = Reach {
            http: true,
            private: true,
        };
        assert!(open.check("http://127.0.0.1:9/hook").is_ok());
    }
}
