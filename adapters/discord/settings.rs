//! Where Discord is, and how rolecall names itself to it.

use reqwest::Url;

/// Where Discord is, and how rolecall names itself to it.
#[derive(Debug, Clone, PartialEq)]
pub struct DiscordSettings {
    /// Base address. Without a version (`/v10`) at its end, `/v10` is added: Discord serves a path without one as v6.
    pub base_url: String,
    /// Address of the project, for the User-Agent.
    pub user_agent_url: String,
    /// Version of rolecall, for the User-Agent.
    pub version: String,
    /// Discord seconds in a real second, as in the limiter's settings. 1 for Discord.
    pub speed: f64,
}

impl Default for DiscordSettings {
    /// The real Discord, version 10.
    fn default() -> Self {
        Self {
            base_url: "https://discord.com/api/v10".to_owned(),
            user_agent_url: "https://github.com/rolecall/rolecall".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            speed: 1.0,
        }
    }
}

/// Why a client could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The base address is none.
    #[error(
        "Discord's address is not usable ({0}): expected something like https://discord.com/api/v10, without user \
         name and password"
    )]
    Address(String),
    /// The name of this program does not fit into a header.
    #[error("the User-Agent for Discord has characters that no header may have")]
    UserAgent,
    /// TLS or the HTTP client could not be set up.
    #[error(
        "the HTTP client could not be set up ({0}). Are root certificates installed (package ca-certificates)?"
    )]
    Setup(String),
}

/// The base address with a version at its end and no slash.
pub(super) fn normalise(text: &str) -> Result<String, ClientError> {
    let mut url = Url::parse(text.trim()).map_err(|e| ClientError::Address(e.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(ClientError::Address(
            "it begins with neither http:// nor https://".to_owned(),
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ClientError::Address(
            "it holds a user name or password".to_owned(),
        ));
    }
    url.set_query(None);
    url.set_fragment(None);
    let base = url.as_str().trim_end_matches('/').to_owned();
    let last = url
        .path()
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default();
    let versioned = last
        .strip_prefix('v')
        .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    Ok(match (versioned, last.is_empty()) {
        (true, _) => base,
        (false, true) => base + "/api/v10",
        (false, false) => base + "/v10",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_always_ends_with_a_version() {
        for (given, expected) in [
            ("https://discord.com/api/v10", "https://discord.com/api/v10"),
            ("https://discord.com/api/v10/", "https://discord.com/api/v10"),
            ("https://discord.com/api", "https://discord.com/api/v10"),
            (" http://127.0.0.1:4000/api/ ", "http://127.0.0.1:4000/api/v10"),
            ("http://127.0.0.1:4000", "http://127.0.0.1:4000/api/v10"),
            ("http://x/version", "http://x/version/v10"),
            ("http://x/api/v9?a=b#c", "http://x/api/v9"),
        ] {
            assert_eq!(normalise(given).unwrap(), expected);
        }
    }

    #[test]
    fn an_address_with_a_password_is_refused_without_telling_it() {
        let error = normalise("https://me:hunter2@discord.com/api")
            .unwrap_err()
            .to_string();
        assert!(!error.contains("hunter2"));
        assert!(normalise("discord.com").is_err());
        assert!(normalise("ftp://discord.com").is_err());
    }
}
