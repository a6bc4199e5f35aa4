//! `rolecall healthcheck`: asks a process on this machine, for images without curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cli::CliError;
use crate::cli::processes::{HealthcheckArgs, Probed};
use crate::config::Config;

/// An answer later than this is none.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks. Fine if the answer is 200.
///
/// # Errors
/// A sentence, if it is not.
pub async fn run(config: &Config, args: &HealthcheckArgs) -> Result<(), CliError> {
    let (authorities, path) = match &args.url {
        Some(url) => {
            let (authority, path) = split(url)?;
            (vec![authority], path)
        }
        None => (
            authorities(&config.host, port(config, args.process)?),
            "/readyz".to_owned(),
        ),
    };
    let mut ended = Ok(());
    for authority in &authorities {
        ended = judge(authority, &path).await;
        if ended.is_ok() {
            break;
        }
    }
    ended
}

async fn judge(authority: &str, path: &str) -> Result<(), CliError> {
    let answer = tokio::time::timeout(PATIENCE, ask(authority, path)).await;
    let line = match answer {
        Ok(Ok(line)) => line,
        Ok(Err(error)) => return Err(CliError::failed(format!("http://{authority}{path}: {error}"))),
        Err(_) => {
            return Err(CliError::failed(format!(
                "http://{authority}{path} did not answer within 5 s"
            )));
        }
    };
    if line.split_whitespace().nth(1) == Some("200") {
        return Ok(());
    }
    Err(CliError::failed(format!(
        "http://{authority}{path} answered {line:?}; its body says which part is not ready"
    )))
}

/// Where a process answers that listens on this address: there, and where it listens on all, on this machine's own.
fn authorities(host: &str, port: u16) -> Vec<String> {
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(all)) if all.is_unspecified() => vec![v4.to_string()],
        // Most systems give such a port to both.
        Ok(IpAddr::V6(all)) if all.is_unspecified() => vec![v6.to_string(), v4.to_string()],
        Ok(address) => vec![SocketAddr::new(address, port).to_string()],
        Err(_) => vec![format!("{host}:{port}")],
    }
}

fn port(config: &Config, process: Probed) -> Result<u16, CliError> {
    match (process, config.health_port) {
        // A container that only works has HEALTH_PORT and no other port.
        (Probed::Worker | Probed::Web, Some(port)) => Ok(port),
        (Probed::Web, None) => Ok(config.port),
        (Probed::Worker, None) => Err(CliError::bad_input(
            "HEALTH_PORT is not set, so the worker answers nowhere",
        )),
    }
}

fn split(url: &str) -> Result<(String, String), CliError> {
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| CliError::bad_input(format!("{url:?} has to begin with http://")))?;
    let (authority, path) = match rest.find('/') {
        Some(at) => (&rest[..at], &rest[at..]),
        None => (rest, "/readyz"),
    };
    let authority = if authority.contains(':') {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    Ok((authority, path.to_owned()))
}

/// The status line.
async fn ask(authority: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(authority).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = vec![0; 256];
    let mut read = 0;
    while read < answer.len() && !answer[..read].contains(&b'\n') {
        match stream.read(&mut answer[read..]).await? {
            0 => break,
            n => read += n,
        }
    }
    let text = String::from_utf8_lossy(&answer[..read]);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::authorities;

    #[test]
    fn a_process_is_asked_where_it_listens() {
        for (host, asked) in [
            ("0.0.0.0", &["127.0.0.1:80"][..]),
            ("127.0.0.2", &["127.0.0.2:80"]),
            ("10.1.2.3", &["10.1.2.3:80"]),
            ("::", &["[::1]:80", "127.0.0.1:80"]),
            ("::1", &["[::1]:80"]),
            ("web.internal", &["web.internal:80"]),
        ] {
            assert_eq!(authorities(host, 80), asked, "{host}");
        }
    }
}
