//! What concerns people who link their accounts: the login at Discord, its redirects, and the session's cookie.

use std::net::IpAddr;
use std::time::Duration;

use axum::http::Uri;

use super::reader::Reader;

/// The scope that joining people to guilds needs.
const JOIN_SCOPE: &str = "guilds.join";

/// See the module.
#[derive(Debug, Clone)]
pub struct AccountsConfig {
    /// Where Discord sends people back to; `None`: nobody can log in.
    pub redirect_uri: Option<String>,
    /// What people are asked for.
    pub scopes: Vec<String>,
    /// The page where people consent.
    pub authorize_url: String,
    /// How long a login may take.
    pub state_expiry: Duration,
    /// The frontend, without a slash at its end.
    pub frontend_url: String,
    /// Path of the frontend that people land on after a login.
    pub landing_path: String,
    /// The same after a login that failed.
    pub error_path: String,
    /// How long a session lasts.
    pub cookie_duration: Duration,
    /// Domain of the session's cookie.
    pub cookie_domain: String,
    /// Whether an account that is linked to another user may be taken over by who proves to own it.
    pub allow_account_move: bool,
    /// Addresses besides the frontend that a login may end at: origins, or origins with the beginning of a path.
    pub redirect_allow: Vec<String>,
}

impl AccountsConfig {
    /// Reads the variables.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let redirect_uri = address(reader, "DISCORD_REDIRECT_URI");
        let scopes = words(
            &reader
                .text("DISCORD_SCOPES")
                .unwrap_or_else(|| format!("identify guilds {JOIN_SCOPE}")),
        );
        if !scopes.iter().any(|s| s == "identify") {
            reader.problem(
                "DISCORD_SCOPES",
                "lacks identify, without which nobody can be recognised; use \"identify guilds guilds.join\"",
            );
        }
        let authorize_url = address(reader, "DISCORD_AUTHORIZE_URL")
            .unwrap_or_else(|| "https://discord.com/oauth2/authorize".to_owned());
        let state_expiry = reader.duration("DISCORD_STATE_EXPIRY", Duration::from_secs(15 * 60));
        if state_expiry < Duration::from_secs(1) || state_expiry > Duration::from_secs(24 * 3600) {
            reader.problem("DISCORD_STATE_EXPIRY", "has to be from 1s to 24h; 15m is usual");
        }
        let frontend_url =
            address(reader, "FRONTEND_URL").unwrap_or_else(|| "https://go.eveonline.it".to_owned());
        let landing_path =
            path(reader, "ROLECALL_LANDING_PATH").unwrap_or_else(|| "/user/characters".to_owned());
        let error_path = path(reader, "ROLECALL_ERROR_PATH").unwrap_or_else(|| landing_path.clone());
        let cookie_duration = reader.duration("COOKIE_DURATION", Duration::from_secs(24 * 3600));
        if cookie_duration < Duration::from_secs(1) {
            reader.problem("COOKIE_DURATION", "is shorter than a second; 24h is usual");
        }
        let redirect_allow = words(&reader.text("ROLECALL_REDIRECT_ALLOW").unwrap_or_default());
        if redirect_allow.iter().any(|a| !is_address(a)) {
            reader.problem(
                "ROLECALL_REDIRECT_ALLOW",
                "has an entry that is no address: each begins with https:// (or http://)",
            );
        }
        Self {
            redirect_uri,
            scopes,
            authorize_url,
            state_expiry,
            frontend_url: frontend_url.trim_end_matches('/').to_owned(),
            landing_path,
            error_path,
            cookie_duration,
            cookie_domain: reader
                .text("COOKIE_DOMAIN")
                .unwrap_or_else(|| ".eveonline.it".to_owned()),
            allow_account_move: reader
                .one_of("ROLECALL_ALLOW_ACCOUNT_MOVE", &[("false", false), ("true", true)]),
            redirect_allow,
        }
    }

    /// What an operator should know, in sentences, although nothing is wrong.
    pub fn warnings(&self) -> Vec<String> {
        let mut out = Vec::new();
        if !self.scopes.iter().any(|s| s == JOIN_SCOPE) {
            out.push(format!(
                "DISCORD_SCOPES lacks {JOIN_SCOPE}: people who link an account from now on cannot be joined to guilds"
            ));
        }
        if let Some(redirect_uri) = &self.redirect_uri
            && !may_be_one_site(redirect_uri, &self.frontend_url)
        {
            out.push(format!(
                "DISCORD_REDIRECT_URI ({redirect_uri}) and FRONTEND_URL ({}) are of different sites: browsers keep our \
                 cookies from pages of another site, so no login begun there can end; use one scheme and hosts below \
                 one domain",
                self.frontend_url
            ));
        }
        out
    }
}

/// Whether two addresses can be of one site, as browsers see it: same scheme, and hosts that end alike. Not certain,
/// because below some endings, such as `co.uk`, every name is a site of its own.
fn may_be_one_site(a: &str, b: &str) -> bool {
    let site = |address: &str| {
        let uri: Uri = address.parse().ok()?;
        let host = uri.host()?.to_ascii_lowercase();
        let kept = if host.starts_with('[') || host.parse::<IpAddr>().is_ok() {
            host
        } else {
            let labels: Vec<&str> = host.rsplit('.').take(2).collect();
            labels.join(".")
        };
        Some((uri.scheme_str()?.to_ascii_lowercase(), kept))
    };
    site(a) == site(b)
}

fn is_address(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

fn address(reader: &mut Reader<'_>, name: &str) -> Option<String> {
    let text = reader.text(name)?;
    if !is_address(&text) || text.contains(char::is_whitespace) {
        reader.problem(name, "is no address: it has to begin with https:// (or http://)");
    }
    Some(text)
}

fn path(reader: &mut Reader<'_>, name: &str) -> Option<String> {
    let text = reader.text(name)?;
    if !text.starts_with('/') || text.starts_with("//") || text.contains(char::is_whitespace) {
        reader.problem(
            name,
            "is no path: it has to begin with one slash, such as /user/characters",
        );
    }
    Some(text)
}

/// Words between spaces or commas, each once.
fn words(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in text.split([' ', ',', '\t']).filter(|w| !w.is_empty()) {
        if !out.iter().any(|known| known == word) {
            out.push(word.to_owned());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Problem;

    fn read(vars: &[(&str, &str)]) -> Result<AccountsConfig, Vec<Problem>> {
        crate::config::reader::read_vars(vars, AccountsConfig::read)
    }

    #[test]
    fn the_defaults_are_the_originals() {
        let config = read(&[]).unwrap();
        assert_eq!(config.scopes, ["identify", "guilds", "guilds.join"]);
        assert_eq!(config.frontend_url, "https://go.eveonline.it");
        assert_eq!(config.cookie_domain, ".eveonline.it");
        assert_eq!(config.error_path, "/user/characters");
        assert_eq!(config.state_expiry, Duration::from_secs(900));
        assert!(config.redirect_uri.is_none() && !config.allow_account_move && config.warnings().is_empty());
    }

    #[test]
    fn a_missing_join_scope_is_warned_about_and_a_missing_identify_refused() {
        assert_eq!(
            read(&[("DISCORD_SCOPES", "identify guilds")])
                .unwrap()
                .warnings()
                .len(),
            1
        );
        assert_eq!(
            read(&[("DISCORD_SCOPES", "guilds.join")]).unwrap_err()[0].variable,
            "DISCORD_SCOPES"
        );
    }

    #[test]
    fn a_frontend_of_another_site_is_warned_about() {
        for (redirect_uri, frontend, warnings) in [
            ("https://go.eveonline.it/cb", "https://eveonline.it", 0),
            ("http://localhost:8080/cb", "http://LOCALHOST:5173", 0),
            ("http://127.0.0.1:8080/cb", "http://127.0.0.1:5173", 0),
            ("http://127.0.0.1:8080/cb", "http://localhost:5173", 1),
            ("http://127.0.0.1:8080/cb", "http://10.0.0.1:5173", 1),
            ("https://go.eveonline.it/cb", "http://eveonline.it", 1),
            ("https://api.example/cb", "https://app.other", 1),
        ] {
            let read = read(&[("DISCORD_REDIRECT_URI", redirect_uri), ("FRONTEND_URL", frontend)]);
            assert_eq!(
                read.unwrap().warnings().len(),
                warnings,
                "{redirect_uri} {frontend}"
            );
        }
    }

    #[test]
    fn what_is_no_address_or_path_is_refused() {
        for (name, value) in [
            ("DISCORD_REDIRECT_URI", "localhost:8080"),
            ("FRONTEND_URL", "app.example"),
            ("DISCORD_AUTHORIZE_URL", "javascript:alert(1)"),
            ("ROLECALL_LANDING_PATH", "//evil.example"),
            ("ROLECALL_REDIRECT_ALLOW", "https://a.example b.example"),
            ("DISCORD_STATE_EXPIRY", "48h"),
            ("COOKIE_DURATION", "0s"),
        ] {
            assert_eq!(read(&[(name, value)]).unwrap_err()[0].variable, name, "{value}");
        }
    }
}
