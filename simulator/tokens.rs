//! What users granted to applications: authorization codes, access tokens and refresh tokens.
//!
//! A refresh token works once; the new pair replaces the old one at once (discord-api-docs #5942). Revoking any
//! token ends all tokens of that user for that application (documented).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fastrand::Rng;
use serde::Serialize;

/// Characters of a token. Discord's are about this long; nothing depends on it.
const TOKEN_LENGTH: usize = 30;

/// What a user's login yields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenPair {
    pub access_token: String,
    pub refresh_token: String,
    /// Simulated seconds.
    pub expires_in: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct AccessToken {
    pub(crate) user: u64,
    pub(crate) app: u64,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_ms: u64,
    refresh: String,
}

#[derive(Clone, Debug)]
struct RefreshToken {
    user: u64,
    app: u64,
    access: String,
}

/// An authorization code on its way from the consent page to the token endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) user: u64,
    pub(crate) app: u64,
    pub(crate) scopes: Vec<String>,
    pub(crate) redirect_uri: String,
    /// S256 challenge of PKCE, if the login began with one.
    pub(crate) challenge: Option<String>,
    pub(crate) expires_ms: u64,
}

/// When a token is made, and how it lives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Issue {
    pub(crate) now_ms: u64,
    pub(crate) life_s: u64,
    /// Return a token that still lives instead of a new one.
    pub(crate) reuse: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Tokens {
    access: HashMap<String, AccessToken>,
    refresh: HashMap<String, RefreshToken>,
    codes: HashMap<String, Code>,
    /// Every scope that a user ever granted to an application: later tokens carry them all.
    granted: BTreeMap<(u64, u64), BTreeSet<String>>,
}

impl Tokens {
    pub(crate) fn issue(
        &mut self,
        (user, app): (u64, u64),
        scopes: &[String],
        issue: Issue,
        rng: &mut Rng,
    ) -> TokenPair {
        let granted = self.granted.entry((user, app)).or_default();
        let grew = scopes
            .iter()
            .filter(|scope| granted.insert((*scope).clone()))
            .count()
            > 0;
        let scopes: Vec<String> = granted.iter().cloned().collect();
        if issue.reuse
            && !grew
            && let Some(pair) = self.living_pair(user, app, issue.now_ms)
        {
            return pair;
        }
        let (access, refresh) = (random_text(rng), random_text(rng));
        let expires_ms = issue.now_ms + issue.life_s * 1_000;
        self.access.insert(
            access.clone(),
            AccessToken {
                user,
                app,
                scopes,
                expires_ms,
                refresh: refresh.clone(),
            },
        );
        self.refresh.insert(
            refresh.clone(),
            RefreshToken {
                user,
                app,
                access: access.clone(),
            },
        );
        TokenPair {
            access_token: access,
            refresh_token: refresh,
            expires_in: issue.life_s,
        }
    }

    fn living_pair(&self, user: u64, app: u64, now_ms: u64) -> Option<TokenPair> {
        let living =
            |token: &AccessToken| token.user == user && token.app == app && token.expires_ms > now_ms;
        self.access
            .iter()
            .find(|(_, token)| living(token))
            .map(|(access, token)| TokenPair {
                access_token: access.clone(),
                refresh_token: token.refresh.clone(),
                expires_in: (token.expires_ms - now_ms) / 1_000,
            })
    }

    /// The token, unless it is unknown or has ended.
    pub(crate) fn access(&self, token: &str, now_ms: u64) -> Option<&AccessToken> {
        self.access.get(token).filter(|token| token.expires_ms > now_ms)
    }

    /// Swaps a refresh token of this application for a new pair; the old pair ends.
    pub(crate) fn rotate(
        &mut self,
        refresh: &str,
        app: u64,
        issue: Issue,
        rng: &mut Rng,
    ) -> Option<(TokenPair, u64)> {
        if self.refresh.get(refresh)?.app != app {
            return None;
        }
        let old = self.refresh.remove(refresh)?;
        self.access.remove(&old.access);
        Some((
            self.issue(
                (old.user, app),
                &[],
                Issue {
                    reuse: false,
                    ..issue
                },
                rng,
            ),
            old.user,
        ))
    }

    /// Ends all tokens of the user that the token belongs to. Says whose they were.
    pub(crate) fn revoke(&mut self, token: &str, app: u64) -> Option<u64> {
        let user = self
            .access
            .get(token)
            .map(|token| (token.user, token.app))
            .or_else(|| self.refresh.get(token).map(|token| (token.user, token.app)))
            .filter(|(_, owner)| *owner == app)
            .map(|(user, _)| user)?;
        self.deauthorize(user, app);
        Some(user)
    }

    /// The user removed the application, or it revoked itself.
    pub(crate) fn deauthorize(&mut self, user: u64, app: u64) {
        self.access
            .retain(|_, token| (token.user, token.app) != (user, app));
        self.refresh
            .retain(|_, token| (token.user, token.app) != (user, app));
        self.granted.remove(&(user, app));
    }

    /// Scopes that a user has granted, in alphabetical order.
    pub(crate) fn scopes(&self, user: u64, app: u64) -> Vec<String> {
        self.granted
            .get(&(user, app))
            .map(|scopes| scopes.iter().cloned().collect())
            .unwrap_or_default()
    }

    pub(crate) fn add_code(&mut self, code: Code, rng: &mut Rng) -> String {
        let name = random_text(rng);
        self.codes.insert(name.clone(), code);
        name
    }

    /// Uses a code up, whether or not it is still good.
    pub(crate) fn take_code(&mut self, code: &str, now_ms: u64) -> Option<Code> {
        self.codes.remove(code).filter(|code| code.expires_ms > now_ms)
    }
}

fn random_text(rng: &mut Rng) -> String {
    std::iter::repeat_with(|| rng.alphanumeric())
        .take(TOKEN_LENGTH)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUE: Issue = Issue {
        now_ms: 0,
        life_s: 10,
        reuse: false,
    };

    fn scopes(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_refresh_token_works_once() {
        let (mut tokens, mut rng) = (Tokens::default(), Rng::with_seed(1));
        let first = tokens.issue((1, 2), &scopes(&["identify"]), ISSUE, &mut rng);
        let (second, user) = tokens.rotate(&first.refresh_token, 2, ISSUE, &mut rng).unwrap();
        assert_eq!(user, 1);
        assert!(tokens.rotate(&first.refresh_token, 2, ISSUE, &mut rng).is_none());
        assert!(tokens.access(&first.access_token, 0).is_none());
        assert!(tokens.access(&second.access_token, 0).is_some());
    }

    #[test]
    fn scopes_are_the_union_of_all_grants() {
        let (mut tokens, mut rng) = (Tokens::default(), Rng::with_seed(1));
        tokens.issue((1, 2), &scopes(&["guilds.join"]), ISSUE, &mut rng);
        let pair = tokens.issue((1, 2), &scopes(&["identify"]), ISSUE, &mut rng);
        assert_eq!(
            tokens.access(&pair.access_token, 0).unwrap().scopes,
            ["guilds.join", "identify"]
        );
    }

    #[test]
    fn a_revoked_token_takes_all_others_with_it() {
        let (mut tokens, mut rng) = (Tokens::default(), Rng::with_seed(1));
        let first = tokens.issue((1, 2), &scopes(&["identify"]), ISSUE, &mut rng);
        let other = tokens.issue((1, 2), &scopes(&["identify"]), ISSUE, &mut rng);
        assert_eq!(tokens.revoke(&other.refresh_token, 2), Some(1));
        assert!(tokens.access(&first.access_token, 0).is_none());
    }

    #[test]
    fn an_access_token_ends_with_its_life() {
        let (mut tokens, mut rng) = (Tokens::default(), Rng::with_seed(1));
        let pair = tokens.issue((1, 2), &[], ISSUE, &mut rng);
        assert!(tokens.access(&pair.access_token, 9_999).is_some());
        assert!(tokens.access(&pair.access_token, 10_000).is_none());
    }
}
