//! What concerns the HTTP interface: who may use it, from which pages, and how often.

use std::time::Duration;

use axum::http::Uri;

use super::reader::Reader;

/// The longest that a request may wait for its sync: an answer has to begin within 15 s.
pub const MOST_SYNC_WAIT: Duration = Duration::from_secs(12);

/// See the module.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Origins of pages that may call with cookies, such as `https://react.eveonline.it`.
    pub cors_origins: Vec<String>,
    /// What one user may ask.
    pub user_limit: RateLimit,
    /// What one address may ask without a valid token.
    pub address_limit: RateLimit,
    /// How many proxies stand in front.
    pub trusted_proxies: usize,
    /// Whoever has a valid token may do everything.
    pub any_jwt: bool,
    /// Whether syncs, runs and jobs need a permission. If not, every person with a valid token may use them.
    pub sync_needs_permission: bool,
    /// Whether nothing may be changed over HTTP.
    pub read_only: bool,
    /// How long an answer is kept for whoever repeats the request with its `Idempotency-Key`.
    pub idempotency_kept: Duration,
    /// How long a request waits at most for the sync that it asked for; zero: never.
    pub sync_wait: Duration,
    /// Permission → groups that have it.
    pub groups: Vec<(&'static str, Vec<String>)>,
}

/// So many requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// In a minute; 0: no limit.
    pub per_minute: u32,
    /// At once.
    pub burst: u32,
}

/// Setting of each permission.
const GROUPS: [(&str, &str); 5] = [
    (rolecall_core::ports::permission::ADMIN, "ROLECALL_ADMIN_GROUPS"),
    (
        rolecall_core::ports::permission::GUILDS,
        "ROLECALL_GUILDS_MANAGE_GROUPS",
    ),
    (
        rolecall_core::ports::permission::SYNC,
        "ROLECALL_SYNC_MANAGE_GROUPS",
    ),
    (
        rolecall_core::ports::permission::JOBS_READ,
        "ROLECALL_JOBS_READ_GROUPS",
    ),
    (
        rolecall_core::ports::permission::JOBS_MANAGE,
        "ROLECALL_JOBS_MANAGE_GROUPS",
    ),
];

impl ApiConfig {
    /// Reads the variables.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            cors_origins: origins(reader),
            user_limit: limit(reader, "API_RATE_LIMIT_PER_MINUTE", "API_RATE_LIMIT_BURST"),
            address_limit: limit(
                reader,
                "API_ADDRESS_RATE_LIMIT_PER_MINUTE",
                "API_ADDRESS_RATE_LIMIT_BURST",
            ),
            trusted_proxies: reader.number("API_TRUSTED_PROXIES", 0),
            any_jwt: reader.one_of("GO_FALCON_COMPAT_ANY_JWT", &[("false", false), ("true", true)]),
            sync_needs_permission: reader.one_of(
                "ROLECALL_SYNC_NEEDS_PERMISSION",
                &[("true", true), ("false", false)],
            ),
            read_only: reader.one_of(
                "ROLECALL_READ_ONLY",
                &[("false", false), ("true", true), ("0", false), ("1", true)],
            ),
            idempotency_kept: idempotency_kept(reader),
            sync_wait: sync_wait(reader),
            groups: GROUPS
                .map(|(name, variable)| (name, list(reader, variable)))
                .into(),
        }
    }

    /// What an operator should know, in sentences, although nothing is wrong.
    pub fn warnings(&self) -> Vec<String> {
        if self.any_jwt {
            let sentence = "GO_FALCON_COMPAT_ANY_JWT is true: everybody with a valid token, banned or not, may change \
                            guilds and mappings and see all linked accounts, as in the original; give out permissions \
                            and switch it off";
            return vec![sentence.to_owned()];
        }
        if !self.sync_needs_permission {
            let sentence = "ROLECALL_SYNC_NEEDS_PERMISSION is false: everybody with a valid token may ask for any sync \
                            and look at all runs and jobs";
            return vec![sentence.to_owned()];
        }
        Vec::new()
    }
}

fn idempotency_kept(reader: &mut Reader<'_>) -> Duration {
    let name = "API_IDEMPOTENCY_KEPT";
    let kept = reader.duration(name, Duration::from_secs(24 * 3_600));
    if kept < Duration::from_secs(300) {
        reader.problem(
            name,
            "is shorter than 5m, which callers that try again need; use 24h",
        );
    }
    kept
}

fn sync_wait(reader: &mut Reader<'_>) -> Duration {
    let name = "API_SYNC_WAIT";
    let wait = reader.duration(name, Duration::from_secs(10));
    if wait > MOST_SYNC_WAIT {
        reader.problem(
            name,
            "is longer than 12s, and an answer has to begin within 15s; use at most 12s, or 0 for never",
        );
    }
    wait
}

fn list(reader: &mut Reader<'_>, name: &str) -> Vec<String> {
    let text = reader.text(name).unwrap_or_default();
    let entries = text.split(',').map(str::trim).filter(|e| !e.is_empty());
    entries.map(ToOwned::to_owned).collect()
}

fn limit(reader: &mut Reader<'_>, per_minute: &str, burst: &str) -> RateLimit {
    let out = RateLimit {
        per_minute: reader.number(per_minute, 1_200),
        burst: reader.number(burst, 200),
    };
    if out.burst == 0 {
        reader.problem(
            burst,
            "is 0, so that nothing would be answered; use at least 50, which the frontend's first page needs",
        );
    }
    out
}

/// Those that are set; else that of the frontend, if one is set.
fn origins(reader: &mut Reader<'_>) -> Vec<String> {
    let all = list(reader, "CORS_ALLOWED_ORIGINS");
    if all.is_empty() {
        let frontend = reader.text("FRONTEND_URL");
        return frontend.and_then(|url| origin_of(&url)).into_iter().collect();
    }
    let mut out = Vec::new();
    for origin in all {
        let origin = without_default_port(origin.trim_end_matches('/').to_ascii_lowercase());
        let host = origin
            .strip_prefix("https://")
            .or_else(|| origin.strip_prefix("http://"))
            .unwrap_or_default();
        if host.is_empty() || host.contains(['/', '*', ' ', '?', '#', '@']) {
            reader.problem(
                "CORS_ALLOWED_ORIGINS",
                &format!(
                    "{origin:?} is no exact origin; write each as scheme, host and port, such as \
                     https://react.eveonline.it, without path and without *"
                ),
            );
        } else if !out.contains(&origin) {
            out.push(origin);
        }
    }
    out
}

/// The origin of an address as browsers write it.
fn origin_of(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.authority()?.as_str().rsplit('@').next()?;
    let origin = format!("{}://{host}", uri.scheme_str()?);
    Some(without_default_port(origin.to_ascii_lowercase()))
}

fn without_default_port(origin: String) -> String {
    let port = if origin.starts_with("https:") {
        ":443"
    } else {
        ":80"
    };
    match origin.strip_suffix(port) {
        Some(short) => short.to_owned(),
        None => origin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Problem;

    fn read(vars: &[(&str, &str)]) -> Result<ApiConfig, Vec<Problem>> {
        crate::config::reader::read_vars(vars, ApiConfig::read)
    }

    #[test]
    fn nothing_set_is_no_foreign_page_no_group_and_permissions_that_count() {
        let config = read(&[]).unwrap();
        assert!(config.cors_origins.is_empty() && !config.any_jwt && config.warnings().is_empty());
        assert!(config.sync_needs_permission);
        assert!(config.groups.iter().all(|(_, groups)| groups.is_empty()));
    }

    #[test]
    fn lists_are_split_and_only_exact_origins_taken() {
        let config = read(&[
            (
                "CORS_ALLOWED_ORIGINS",
                "https://a.example/, http://localhost:3000",
            ),
            ("ROLECALL_ADMIN_GROUPS", "directors, ceo,"),
        ])
        .unwrap();
        assert_eq!(
            config.cors_origins,
            ["https://a.example", "http://localhost:3000"]
        );
        assert_eq!(config.groups[0].1, ["directors", "ceo"]);
        for bad in [
            "*",
            "https://*.example",
            "a.example",
            "https://a.example/path",
            "null",
        ] {
            assert!(read(&[("CORS_ALLOWED_ORIGINS", bad)]).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_frontend_that_is_set_may_call_unless_others_are_named() {
        let frontend = |url: &str, named: &str| {
            let vars = [("FRONTEND_URL", url), ("CORS_ALLOWED_ORIGINS", named)];
            read(&vars).unwrap().cors_origins
        };
        for (url, origin) in [
            ("https://React.example/", "https://react.example"),
            ("https://react.example:443/app?x#y", "https://react.example"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://me@[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(frontend(url, ""), [origin]);
        }
        assert_eq!(
            frontend("https://a.example", "https://b.example:443"),
            ["https://b.example"]
        );
        assert!(read(&[]).unwrap().cors_origins.is_empty());
    }

    #[test]
    fn a_request_waits_ten_seconds_for_its_sync_or_as_long_as_is_set_up_to_twelve() {
        let wait = |text: &str| read(&[("API_SYNC_WAIT", text)]).map(|c| c.sync_wait);
        assert_eq!(wait(""), Ok(Duration::from_secs(10)));
        assert_eq!(wait("0"), Ok(Duration::ZERO));
        assert_eq!(wait("12s"), Ok(MOST_SYNC_WAIT));
        assert!(wait("13s").is_err() && wait("soon").is_err());
    }

    #[test]
    fn what_opens_a_door_is_warned_about() {
        for opening in [
            ("GO_FALCON_COMPAT_ANY_JWT", "true"),
            ("ROLECALL_SYNC_NEEDS_PERMISSION", "false"),
        ] {
            let warnings = read(&[opening]).unwrap().warnings();
            assert!(
                warnings.len() == 1 && warnings[0].contains(opening.0),
                "{warnings:?}"
            );
        }
        assert!(read(&[("GO_FALCON_COMPAT_ANY_JWT", "yes")]).is_err());
    }
}
