//! Tokens: checked as go-falcon checks its own, and issued for people at the command line.

use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, get_current_timestamp,
};
use rolecall_core::UserId;
use rolecall_core::ports::permission;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::hmac;

/// How far clocks may be apart, in seconds.
const LEEWAY: u64 = 30;
/// What an administrator's token carries.
const ADMIN: &str = permission::ADMIN;
/// Who issues tokens at the command line.
const ISSUER: &str = "rolecall";

/// What is read of a token. Go-falcon's have more, and theirs differ from issuer to issuer.
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    user_id: Option<String>,
    /// A number; of what type is the issuer's affair, and another one is no reason to refuse the token.
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
    let claims = decode::<Claims>(token, &key, &validation)
        .map_err(|error| sentence(error.kind()))?
        .claims;
    let user_id = claims.user_id.filter(|id| !id.trim().is_empty());
    let user_id = UserId(user_id.ok_or("the token names no user_id")?);
    // Only our own word for it counts: whoever else shares the secret has its own permissions.
    let ours = claims.iss.as_str() == Some(ISSUER);
    let listed = claims.permissions.as_array();
    Ok(Verified {
        user_id,
        character_id: claims.character_id.as_i64().filter(|id| *id > 0),
        admin: ours && listed.is_some_and(|all| all.iter().any(|p| p.as_str() == Some(ADMIN))),
    })
}

fn sentence(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::ImmatureSignature => "the token is not valid yet",
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
    hmac::install();
    let now = get_current_timestamp();
    let claims = NewClaims {
        user_id: user_id.as_str(),
        character_id: 0,
        character_name: "",
        iss: ISSUER,
        iat: now,
        exp: now.saturating_add(ttl.as_secs()),
        permissions: if admin { vec![ADMIN] } else { Vec::new() },
    };
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    // Fails only for claims that are no JSON or an algorithm that is not ours; an empty token is refused everywhere.
    encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;

    fn verify(token: &str, key: &SecretString) -> Result<UserId, &'static str> {
        read(token, key).map(|verified| verified.user_id)
    }

    #[test]
    fn only_our_own_tokens_make_an_administrator() {
        for (issuer, admin) in [("rolecall", true), ("go-falcon", false)] {
            let claims = json!({"user_id": "ada", "iss": issuer, "permissions": [ADMIN], "character_id": 7});
            let verified = read(&signed(Algorithm::HS256, &claims), &key()).unwrap();
            assert_eq!(
                (verified.admin, verified.character_id),
                (admin, Some(7)),
                "{issuer}"
            );
        }
        let plain = issue_token(&key(), &"ada".into(), false, Duration::from_secs(60));
        assert!(!read(&plain, &key()).unwrap().admin);
    }

    fn key() -> SecretString {
        "0123456789abcdef0123456789abcdef".into()
    }

    fn signed(algorithm: Algorithm, claims: &Value) -> String {
        hmac::install();
        let secret = key();
        let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
        encode(&Header::new(algorithm), claims, &key).unwrap()
    }

    fn unsigned(header: &Value, claims: &Value) -> String {
        let part = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());
        format!("{}.{}.", part(header), part(claims))
    }

    #[test]
    fn all_three_hmac_algorithms_are_accepted_with_or_without_an_end() {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let token = signed(
                algorithm,
                &json!({"user_id": "ada", "character_id": 1, "aud": "x", "iss": "go-falcon"}),
            );
            assert_eq!(verify(&token, &key()), Ok("ada".into()), "{algorithm:?}");
        }
    }

    #[test]
    fn a_token_of_another_tool_is_accepted() {
        // Made with Python's hmac and hashlib.
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
                     eyJ1c2VyX2lkIjoiYWRhIiwiaXNzIjoiZ28tZmFsY29uIn0.\
                     1G5MsNPlJ7iVebJM9UOlKBM551h6s63_iauQd6NMz0c";
        assert_eq!(verify(token, &key()), Ok("ada".into()));
    }

    #[test]
    fn the_end_counts_with_thirty_seconds_of_leeway() {
        let now = get_current_timestamp();
        let at = |name: &str, t: u64| {
            verify(
                &signed(Algorithm::HS256, &json!({"user_id": "a", name: t})),
                &key(),
            )
        };
        assert!(at("exp", now - 20).is_ok());
        assert_eq!(at("exp", now - 40), Err("the token has expired"));
        assert!(at("nbf", now + 20).is_ok());
        assert_eq!(at("nbf", now + 60), Err("the token is not valid yet"));
    }

    #[test]
    fn other_algorithms_are_refused() {
        let claims = json!({"user_id": "ada"});
        for algorithm in ["none", "None", "RS256", "ES256", "EdDSA"] {
            let token = unsigned(&json!({"alg": algorithm, "typ": "JWT"}), &claims);
            assert!(verify(&token, &key()).is_err(), "{algorithm}");
            // The body of a good signature under a header that names another algorithm.
            let good = signed(Algorithm::HS256, &claims);
            let signature = good.rsplit('.').next().unwrap();
            assert!(
                verify(&format!("{token}{signature}"), &key()).is_err(),
                "{algorithm}"
            );
        }
    }

    #[test]
    fn an_altered_token_is_refused() {
        let good = signed(Algorithm::HS256, &json!({"user_id": "ada"}));
        let parts: Vec<&str> = good.split('.').collect();
        let other = URL_SAFE_NO_PAD.encode(json!({"user_id": "eve"}).to_string());
        for bad in [
            format!("{}.{other}.{}", parts[0], parts[2]),
            format!("{}.{}.{}", parts[0], parts[1], &parts[2][1..]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{good}.x"),
            String::new(),
            "a.b.c".to_owned(),
        ] {
            assert!(verify(&bad, &key()).is_err(), "{bad}");
        }
        assert!(verify(&good, &"another key that is long enough, too".into()).is_err());
    }

    #[test]
    fn a_token_without_a_user_is_refused() {
        for claims in [
            json!({}),
            json!({"user_id": ""}),
            json!({"user_id": null}),
            json!({"user_id": 7}),
        ] {
            assert!(
                verify(&signed(Algorithm::HS256, &claims), &key()).is_err(),
                "{claims}"
            );
        }
    }

    #[test]
    fn an_issued_token_is_accepted_and_an_administrators_says_so() {
        let token = issue_token(&key(), &"ada".into(), true, Duration::from_secs(60));
        assert_eq!(verify(&token, &key()), Ok("ada".into()));
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["permissions"], json!(["discord:admin:full"]));
        assert_eq!(
            (&claims["iss"], &claims["character_id"]),
            (&json!("rolecall"), &json!(0))
        );
    }
}
