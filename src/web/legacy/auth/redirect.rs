//! Where a login may end: an allow-list, so that nobody is led elsewhere with our name.

use axum::http::Uri;

use crate::config::AccountsConfig;

/// What we add to the query of the address where a login ends.
const OURS: [&str; 3] = ["discord", "message", "sync_id"];

/// The whole address that `redirect_url` stands for, if it is allowed: a path of the frontend, or an address that
/// begins with the frontend's or an allowed one.
///
/// Frontends name the page on which they are: what an earlier login left in its query is taken out, because who reads a
/// query takes the first of a name. The rest is as it was, with what a header cannot carry percent-encoded.
pub(super) fn target(config: &AccountsConfig, asked: &str) -> Option<String> {
    allowed(config, asked).map(|address| in_ascii(&without_ours(&address)))
}

fn without_ours(address: &str) -> String {
    let Some((page, query)) = address.split_once('?') else {
        return address.to_owned();
    };
    let is_ours = |pair: &str| OURS.contains(&pair.split('=').next().unwrap_or_default());
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_ours(pair)).collect();
    if kept.iter().all(|pair| pair.is_empty()) {
        return page.to_owned();
    }
    format!("{page}?{}", kept.join("&"))
}

fn in_ascii(address: &str) -> String {
    let mut out = String::with_capacity(address.len());
    for letter in address.chars() {
        if letter.is_ascii() {
            out.push(letter);
        } else {
            out.push_str(&encoded(letter.encode_utf8(&mut [0; 4])));
        }
    }
    out
}

fn allowed(config: &AccountsConfig, asked: &str) -> Option<String> {
    if asked.len() > 2_000
        || asked
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || c == '\\' || c == '#')
    {
        return None;
    }
    if asked.starts_with('/') {
        let plain = !asked.starts_with("//") && is_plain(asked.split('?').next().unwrap_or_default());
        return plain.then(|| format!("{}{asked}", config.frontend_url));
    }
    let uri: Uri = asked.parse().ok()?;
    let frontend = std::iter::once(&config.frontend_url);
    frontend
        .chain(&config.redirect_allow)
        .any(|allowed| begins_with(&uri, allowed))
        .then(|| asked.to_owned())
}

/// Same scheme, host and port, and a path below the allowed one.
fn begins_with(uri: &Uri, allowed: &str) -> bool {
    let Ok(allowed) = allowed.parse::<Uri>() else {
        return false;
    };
    let origin = |uri: &Uri| {
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let authority = uri.authority()?.as_str().to_ascii_lowercase();
        // A user's name before the host is how people are led astray.
        (!authority.contains('@')).then_some((scheme, authority))
    };
    let (Some(a), Some(b)) = (origin(uri), origin(&allowed)) else {
        return false;
    };
    let base = allowed.path().trim_end_matches('/');
    let below = uri.path() == base || uri.path().starts_with(&format!("{base}/")) || base.is_empty();
    a == b && below && is_plain(uri.path())
}

/// Has no part that a browser would resolve to somewhere else.
fn is_plain(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    !path.contains("//")
        && !path.split('/').any(|part| part == "." || part == "..")
        && !lower.contains("%2e")
        && !lower.contains("%2f")
        && !lower.contains("%5c")
}

/// Adds to the query of an address.
pub(super) fn with_query(address: &str, pairs: &[(&str, &str)]) -> String {
    let mut out = address.to_owned();
    let mut joint = if address.contains('?') { '&' } else { '?' };
    for (name, value) in pairs {
        out.push(joint);
        out.push_str(name);
        out.push('=');
        out.push_str(&encoded(value));
        joint = '&';
    }
    out
}

/// Percent-encodes all but the unreserved characters (RFC 3986, section 2.3).
pub(super) fn encoded(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::super::cookies::tests::config;
    use super::*;

    #[test]
    fn only_the_frontend_and_what_is_allowed_can_be_named() {
        let config = config("https://go.eveonline.it/cb");
        let allowed = |asked: &str| target(&config, asked);
        assert_eq!(
            allowed("/a/b?c=d").as_deref(),
            Some("https://react.eveonline.it/a/b?c=d")
        );
        for good in [
            "https://react.eveonline.it",
            "https://react.eveonline.it/x?y=z",
            "HTTPS://React.EveOnline.it/x",
            "https://admin.example/tools",
            "https://admin.example/tools/x",
        ] {
            assert!(allowed(good).is_some(), "{good}");
        }
        for bad in [
            "//evil.example",
            "/\\evil.example",
            "/a/..//evil.example",
            "/a\r\nSet-Cookie: x",
            "http://react.eveonline.it/x",
            "https://react.eveonline.it.evil.example/",
            "https://react.eveonline.it:8443/",
            "https://react.eveonline.it@evil.example/",
            "https://evil@react.eveonline.it/",
            "https://admin.example/toolsmith",
            "https://admin.example/tools/../x",
            "https://admin.example/tools/%2e%2e/x",
            "https://admin.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "evil.example",
            "",
        ] {
            assert_eq!(allowed(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_outcome_of_an_earlier_login_is_taken_out_and_letters_of_all_scripts_stay() {
        let config = config("https://go.eveonline.it/cb");
        for (asked, expected) in [
            ("/x?discord=linked&message=a&sync_id=7", "/x"),
            ("/x?tab=2&discord=state_foreign&y", "/x?tab=2&y"),
            ("/x?my_discord=1&discord_id=2", "/x?my_discord=1&discord_id=2"),
            ("/x?", "/x"),
            ("/a/é🚀?n=ü", "/a/%C3%A9%F0%9F%9A%80?n=%C3%BC"),
            ("/a/%C3%A9", "/a/%C3%A9"),
        ] {
            let whole = format!("https://react.eveonline.it{expected}");
            assert_eq!(target(&config, asked), Some(whole), "{asked}");
        }
    }

    #[test]
    fn an_outcome_is_added_to_whatever_query_there_is() {
        let pairs = [("discord", "linked"), ("message", "a b&c")];
        assert_eq!(
            with_query("https://x/y", &pairs),
            "https://x/y?discord=linked&message=a%20b%26c"
        );
        assert!(with_query("https://x/y?z=1", &pairs).starts_with("https://x/y?z=1&discord=linked&"));
    }
}
