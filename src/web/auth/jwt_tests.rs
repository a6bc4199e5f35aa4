//! Tokens of every kind.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use proptest::prelude::*;
use rolecall_core::UserId;
use rolecall_core::ports::Character;
use rolecall_core::ports::permission::ADMIN;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::hmac;
use super::jwt::{issue_session, issue_token, read};

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
fn an_end_that_is_no_time_is_no_endless_token() {
    let now = get_current_timestamp();
    let of = |claims: Value| verify(&signed(Algorithm::HS256, &claims), &key());
    for (name, bad) in [
        ("exp", json!("2999-01-01")),
        ("exp", json!(-1)),
        ("exp", json!(true)),
        ("exp", json!(null)),
        ("nbf", json!("yesterday")),
    ] {
        let told = of(json!({"user_id": "ada", name: bad}));
        assert_eq!(told, Err("the token's exp or nbf is no time"), "{name} {bad}");
    }
    for (name, bad) in [("exp", json!([now + 60])), ("nbf", json!({}))] {
        assert!(of(json!({"user_id": "ada", name: bad})).is_err(), "{name} {bad}");
    }
    // Other languages write times with a fraction, too.
    assert_eq!(
        of(json!({"user_id": "ada", "exp": 4_102_444_800.5})),
        Ok("ada".into())
    );
    assert_eq!(
        of(json!({"user_id": "ada", "exp": 1_000.5})),
        Err("the token has expired")
    );
}

#[test]
fn claims_of_any_type_are_tolerated_where_nothing_depends_on_them() {
    let of = |claims: Value| read(&signed(Algorithm::HS256, &claims), &key()).unwrap();
    for (character, read) in [
        (json!(90_000_001), Some(90_000_001)),
        (json!(7.0), Some(7)),
        (json!(7.5), None),
        (json!("7"), None),
        (json!(null), None),
        (json!(-7), None),
        (json!(1e300), None),
    ] {
        let claims = json!({
            "user_id": "ada", "character_id": character, "character_name": 5, "scopes": null, "iat": "soon",
            "iss": ["a"], "sub": 7, "aud": {}, "jti": null, "permissions": "discord:admin:full",
        });
        let verified = of(claims);
        assert_eq!(
            (verified.character_id, verified.admin),
            (read, false),
            "{character}"
        );
    }
}

#[test]
fn a_header_with_something_critical_is_refused() {
    hmac::install();
    let secret = key();
    let encoding = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    for crit in [vec!["b64".to_owned()], vec!["exp".to_owned()], vec![]] {
        let mut header = Header::new(Algorithm::HS256);
        header.crit = Some(crit.clone());
        let token = encode(&header, &json!({"user_id": "ada"}), &encoding).unwrap();
        let told = verify(&token, &secret).unwrap_err();
        assert!(told.contains("crit"), "{crit:?}: {told}");
    }
}

#[test]
fn a_user_id_that_is_no_short_line_is_refused_with_a_sentence() {
    for (user, word) in [
        (json!("x".repeat(129)), "128 characters"),
        (json!("a\nb"), "control"),
        (json!("a\u{0}"), "control"),
        (json!(7), "no text"),
        (json!({"id": "ada"}), "no text"),
        (json!("  "), "names no user_id"),
    ] {
        let told = verify(&signed(Algorithm::HS256, &json!({"user_id": user})), &key()).unwrap_err();
        assert!(told.contains(word), "{user}: {told}");
    }
    let longest = "ü".repeat(128);
    let token = signed(Algorithm::HS512, &json!({"user_id": longest}));
    assert_eq!(verify(&token, &key()), Ok(UserId(longest)));
}

proptest! {
    #[test]
    fn garbage_is_refused_and_breaks_nothing(
        token in "\\PC{0,200}|[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}",
    ) {
        prop_assert!(verify(&token, &key()).is_err());
    }

    #[test]
    fn whatever_header_and_claims_say_the_signature_decides(header in any_json(), claims in any_json()) {
        let token = unsigned(&header, &claims);
        prop_assert!(verify(&token, &key()).is_err());
        let signature = signed(Algorithm::HS256, &json!({"user_id": "ada"}));
        let signature = signature.rsplit('.').next().unwrap_or_default();
        let told = verify(&format!("{token}{signature}"), &key());
        prop_assert!(told.is_err());
    }

    #[test]
    fn claims_of_any_shape_with_a_good_signature_break_nothing(claims in any_json()) {
        if let Ok(user) = verify(&signed(Algorithm::HS256, &claims), &key()) {
            prop_assert_eq!(Some(user.as_str()), claims["user_id"].as_str().map(str::trim));
        }
    }

    #[test]
    fn one_changed_character_is_enough_to_be_refused(at in 0_usize..200, to in "[A-Za-z0-9_.-]") {
        let good = signed(Algorithm::HS256, &json!({"user_id": "ada", "exp": 4_102_444_800_u64}));
        let at = at % good.len();
        let bad = format!("{}{to}{}", &good[..at], &good[at + 1..]);
        prop_assert_eq!(verify(&bad, &key()).is_ok(), bad == good);
    }
}

/// JSON as somebody who knows how tokens look would try it.
fn any_json() -> impl Strategy<Value = Value> {
    let names = prop_oneof![
        "alg",
        "typ",
        "crit",
        "user_id",
        "exp",
        "nbf",
        "iss",
        "permissions",
        "[a-z]{1,4}"
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop_oneof!["HS256", "none", "RS256", "ada", "JWT", "\\PC{0,12}"].prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[a-z]{1,4}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    proptest::collection::btree_map(names, value, 0..6)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
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

#[test]
fn a_session_names_the_character_as_go_falcons_do() {
    let character = Character {
        id: 90_000_001,
        name: "Ada Ångström".to_owned(),
        scopes: "publicData esi-x.v1".to_owned(),
    };
    let token = issue_session(&key(), &"ada".into(), &character, Duration::from_secs(60));
    assert_eq!(read(&token, &key()).unwrap().character_id, Some(90_000_001));
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["character_name"], "Ada Ångström");
    assert_eq!(claims["scopes"], "publicData esi-x.v1");
    assert!(claims.get("permissions").is_none());
}

/// As they come, and as claims that are well signed: whoever has the secret may write what they like.
#[test]
fn fuzz_tokens() {
    let key = SecretString::from("0123456789abcdef0123456789abcdef");
    let encoder = EncodingKey::from_secret(key.expose_secret().as_bytes());
    hmac::install();
    rolecall_fuzz::fuzz("token", |bytes| {
        let _ = read(&String::from_utf8_lossy(bytes), &key);
        let Ok(claims) = serde_json::from_slice::<Value>(bytes) else {
            return;
        };
        if let Ok(token) = encode(&Header::default(), &claims, &encoder) {
            let _ = read(&token, &key);
        }
    });
}
