//! Ports for servers that tests start.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

/// What the system gives to outgoing connections where it does not tell (Linux' own default begins here, IANA's range
/// of RFC 6335 later).
const EPHEMERAL_FROM: u16 = 32_768;
/// Below are the ports of well-known servers, which somebody may start any time.
const LOWEST: u16 = 15_000;
const TRIES: usize = 100;

/// A port on 127.0.0.1 that is free now, for a server that is started a little later or again and again.
///
/// It is drawn from below the range that the system gives to outgoing connections. One that the system gave (by binding
/// to port 0) is taken by any connection of any process before the server is there, now and then.
///
/// # Errors
/// If of many ports none is free.
pub fn free_port() -> io::Result<u16> {
    let told = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
    let ports = below(told.as_deref());
    let mut failed = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..TRIES {
        let port = fastrand::u16(ports.clone());
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// What lies below the range that the system tells of, as `32768  60999`. Where too little does, what lies below the
/// usual one: a draw may collide then, as any other would.
fn below(told: Option<&str>) -> Range<u16> {
    let first = told.and_then(|text| text.split_whitespace().next()?.parse().ok());
    let until = first
        .filter(|first| *first >= LOWEST + 1_000)
        .unwrap_or(EPHEMERAL_FROM);
    LOWEST..until
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_lie_below_those_of_outgoing_connections() {
        assert_eq!(below(Some("32768\t60999\n")), 15_000..32_768);
        assert_eq!(below(Some("20000 30000")), 15_000..20_000);
        for untold in [None, Some(""), Some("x y"), Some("1024 65535")] {
            assert_eq!(below(untold), 15_000..32_768);
        }
    }

    #[test]
    fn a_port_that_is_given_can_be_bound() {
        let port = free_port().unwrap();
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }
}
