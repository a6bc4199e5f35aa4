//! Tokens: checked as go-falcon checks its own, and issued for people at the command line.

use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, get_current_timestamp,
};
use rolecall_core::UserId;
use rolecall_core::ids::NotAUserId;
use rolecall_core::ports::{Character, permission};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::hmac;

/// How far clocks may be apart, in seconds.
const LEEWAY: u64 = 30;
/// What an administrator's token carries.
const ADMIN: &str = permission::ADMIN;
/// Who issues tokens at the command line.
const ISSUER: &str = "rolecall";

/// What is read of a token. Go-falcon's have more, and theirs differ from issuer to issuer: of what type a claim is that
/// nothing depends on is the issuer's affair.
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    user_id: serde_json::Value,
    #[serde(default)]
    character_id: serde_json::Value,
    #[serde(default)]
    iss: serde_json::Value,
    #[serde(default)]
    permissions: serde_json::Value,
}

/// What a valid token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verified {
    /// The user.
    pub(super) user_id: UserId,
    /// The character that logged in.
    pub(super) character_id: Option<i64>,
    /// Whether it was made by `rolecall token --admin`.
    pub(super) admin: bool,
}

/// What is written into a token.
#[derive(Serialize)]
struct NewClaims<'a> {
    user_id: &'a str,
    character_id: i64,
    character_name: &'a str,
    scopes: &'a str,
    iss: &'static str,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    permissions: Vec<&'static str>,
}

/// What a valid token says; else a sentence about what is wrong with it, which never quotes it.
///
/// `exp` and `nbf` count if they are there; neither has to be.
pub(super) fn read(token: &str, key: &SecretString) -> Result<Verified, &'static str> {
    hmac::install();
    let mut validation = Validation::new(Algorithm::HS256);
    validation.algorithms = vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
    validation.required_spec_claims.clear();
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    // Go-falcon sets no audience and checks none.
    validation.validate_aud = false;
    let key = DecodingKey::from_secret(key.expose_secret().as_bytes());
    let token = decode::<Claims>(token, &key, &validation).map_err(|error| sentence(error.kind()))?;
    // What its issuer calls critical has to be understood (RFC 7515, section 4.1.11), and we understand nothing of it.
    if token.header.crit.is_some() {
        return Err("the token demands something (crit) that is not understood here");
    }
    let claims = token.claims;
    let user_id = user(&claims.user_id)?;
    // Only our own word for it counts: whoever else shares the secret has its own permissions.
    let ours = claims.iss.as_str() == Some(ISSUER);
    let listed = claims.permissions.as_array();
    Ok(Verified {
        user_id,
        character_id: whole(&claims.character_id).filter(|id| *id > 0),
        admin: ours && listed.is_some_and(|all| all.iter().any(|p| p.as_str() == Some(ADMIN))),
    })
}

fn user(claim: &serde_json::Value) -> Result<UserId, &'static str> {
    let text = match claim {
        serde_json::Value::Null => "",
        serde_json::Value::String(text) => text,
        _ => return Err("the token's user_id is no text"),
    };
    UserId::parse(text).map_err(|wrong| match wrong {
        NotAUserId::Empty => "the token names no user_id",
        NotAUserId::TooLong => "the token's user_id has more than 128 characters",
        NotAUserId::Control => "the token's user_id holds control characters",
    })
}

/// A whole number, also as other languages write it: `7.0`.
fn whole(claim: &serde_json::Value) -> Option<i64> {
    // Beyond 2^53 a double no longer tells whole numbers apart.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
    let of_double = |n: f64| (n.fract() == 0.0 && n.abs() <= EXACT).then_some(n as i64);
    claim.as_i64().or_else(|| claim.as_f64().and_then(of_double))
}

fn sentence(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::ImmatureSignature => "the token is not valid yet",
        ErrorKind::InvalidClaimFormat(_) => "the token's exp or nbf is no time",
        ErrorKind::InvalidSignature => "the token's signature is not ours",
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => {
            "the token's algorithm is none of HS256, HS384 and HS512"
        }
        _ => "this is no JSON Web Token of ours",
    }
}

/// A token of this user that is good for `ttl`.
///
/// Signed with HS256. An administrator's carries `permissions: ["discord:admin:full"]`.
pub fn issue_token(secret: &SecretString, user_id: &UserId, admin: bool, ttl: Duration) -> String {
    issue(secret, user_id, &Character::default(), admin, ttl)
}

/// The token of a session. It names the user's character as go-falcon's own do: go-falcon asks for the permissions of
/// that character alone.
pub(crate) fn issue_session(
    secret: &SecretString,
    user_id: &UserId,
    character: &Character,
    ttl: Duration,
) -> String {
    issue(secret, user_id, character, false, ttl)
}

fn issue(
    secret: &SecretString,
    user_id: &UserId,
    character: &Character,
    admin: bool,
    ttl: Duration,
) -> String {
    hmac::install();
    let now = get_current_timestamp();
    let claims = NewClaims {
        user_id: user_id.as_str(),
        character_id: character.id,
        character_name: &character.name,
        scopes: &character.scopes,
        iss: ISSUER,
        iat: now,
        exp: now.saturating_add(ttl.as_secs()),
        permissions: if admin { vec![ADMIN] } else { Vec::new() },
    };
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    // Fails only for claims that are no JSON or an algorithm that is not ours; an empty token is refused everywhere.
    encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap_or_default()
}
