//! Whatever comes instead of an answer of Discord: it is an error or a harmless default, and never a panic.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rolecall_core::guild::{Member, Role};
use rolecall_core::ids::GuildId;
use rolecall_core::ports::CallFailure;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

use super::errors::{Told, failure, refused};
use super::headers::{limited, rate_headers};
use super::model::{GuildBody, MemberBody, RoleBody, UserBody};

/// The names that are read, so that odd values get where they could do harm.
const NAMES: [&str; 16] = [
    "id",
    "user",
    "bot",
    "roles",
    "username",
    "name",
    "position",
    "managed",
    "permissions",
    "color",
    "owner_id",
    "code",
    "message",
    "retry_after",
    "global",
    "x",
];
const HEADERS: [&str; 8] = [
    "retry-after",
    "x-ratelimit-bucket",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset-after",
    "x-ratelimit-scope",
    "x-ratelimit-global",
    "via",
];
const TEXTS: [&str; 10] = [
    "5",
    "0",
    "-1",
    "18446744073709551616",
    "1e400",
    "NaN",
    "inf",
    "user",
    "global",
    "",
];

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|n| Number::from_f64(n).map_or(Value::Null, Value::Number)),
        select(&TEXTS[..]).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(select(&NAMES[..]), inner, 0..8).prop_map(|fields| {
                let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
                Value::from(Map::from_iter(fields))
            }),
        ]
    })
}

fn headers() -> impl Strategy<Value = HeaderMap> {
    let text = prop_oneof![
        select(&TEXTS[..]).prop_map(|text| text.as_bytes().to_vec()),
        vec(any::<u8>(), 0..12),
    ];
    btree_map(select(&HEADERS[..]), text, 0..6).prop_map(|fields| {
        let fields = fields.into_iter().filter_map(|(name, value)| {
            Some((
                HeaderName::from_static(name),
                HeaderValue::from_bytes(&value).ok()?,
            ))
        });
        fields.collect()
    })
}

fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_slice(&serde_json::to_vec(value).unwrap()).ok()
}

/// Answers of Discord, whole: whatever a body is read as.
#[test]
fn fuzz_answers() {
    rolecall_fuzz::fuzz("discord_answer", |bytes| {
        let value: Option<Value> = serde_json::from_slice(bytes).ok();
        let _ = serde_json::from_slice::<GuildBody>(bytes);
        if let Ok(bodies) = serde_json::from_slice::<Vec<MemberBody>>(bytes) {
            bodies
                .into_iter()
                .map(|body| body.of(GuildId::new(5).unwrap()))
                .for_each(drop);
        }
        let _ = serde_json::from_slice::<MemberBody>(bytes).map(|body| body.of(GuildId::new(5).unwrap()));
        let _ = serde_json::from_slice::<RoleBody>(bytes).map(Role::from);
        let _ = serde_json::from_slice::<UserBody>(bytes).map(UserBody::of_bot_token);
        let error = refused("GET /x", 403, Told::read(value.as_ref()).as_ref());
        assert!(!error.message.contains(char::is_control), "{}", error.message);
        let (wait, _) = limited(&HeaderMap::new(), value.as_ref());
        assert!((0.05..=86_400.0).contains(&wait), "{wait}");
    });
}

/// Their headers, a line each, Retry-After among them.
#[test]
fn fuzz_headers() {
    rolecall_fuzz::fuzz("discord_headers", |bytes| {
        let mut headers = HeaderMap::new();
        for line in bytes.split(|byte| *byte == b'\n') {
            let mut parts = line.splitn(2, |byte| *byte == b':');
            let name = parts.next().and_then(|name| HeaderName::from_bytes(name).ok());
            let value = parts.next().and_then(|value| HeaderValue::from_bytes(value).ok());
            if let Some((name, value)) = name.zip(value) {
                headers.append(name, value);
            }
        }
        let (wait, _) = limited(&headers, None);
        assert!((0.05..=86_400.0).contains(&wait), "{wait}");
        let rates = rate_headers(&headers);
        assert!(
            rates
                .reset_after
                .is_none_or(|wait| (0.0..=86_400.0).contains(&wait))
        );
    });
}

proptest! {
    #[test]
    fn bytes_that_are_no_json_are_an_error(bytes in vec(any::<u8>(), 0..64)) {
        prop_assume!(serde_json::from_slice::<Value>(&bytes).is_err());
        prop_assert!(serde_json::from_slice::<MemberBody>(&bytes).is_err());
        prop_assert!(serde_json::from_slice::<Vec<MemberBody>>(&bytes).is_err());
        prop_assert!(serde_json::from_slice::<GuildBody>(&bytes).is_err());
        prop_assert!(serde_json::from_slice::<Vec<RoleBody>>(&bytes).is_err());
    }

    /// (A list is read by position, as serde does. Discord sends none in these places.)
    #[test]
    fn odd_json_is_an_error_or_what_it_says(value in json().prop_filter("a list", |v| !v.is_array())) {
        let guild = GuildId::new(5).unwrap();
        if let Some(body) = read::<MemberBody>(&value) {
            let member: Member = body.of(guild);
            let named = value["roles"].as_array().map_or(0, Vec::len);
            prop_assert!(member.roles.len() <= named, "no role is made up");
            prop_assert!(!member.roles.contains(&guild.everyone()));
        }
        if let Some(body) = read::<RoleBody>(&value) {
            let role = Role::from(body);
            prop_assert!(role.permissions == 0 || !value["permissions"].is_null());
        }
        if let Some(body) = read::<UserBody>(&value) {
            let account = body.of_bot_token();
            prop_assert_eq!(account.bot, value["bot"] != false, "nobody who says no is taken for a bot");
        }
        let guild = read::<GuildBody>(&value);
        prop_assert!(guild.is_none_or(|_| !value["id"].is_null()), "a guild has an id");
    }

    #[test]
    fn an_odd_refusal_is_told_in_one_short_line(value in json(), status in 300_u16..600) {
        let told = Told::read(Some(&value));
        prop_assert_eq!(told.is_some(), value.is_object());
        let error = refused("GET /x", status, told.as_ref());
        prop_assert!(error.message.chars().count() < 300, "{}", error.message);
        prop_assert!(!error.message.contains(char::is_control), "{}", error.message);
        if told.is_none() || status >= 500 {
            prop_assert_eq!(failure(status, told.as_ref()), CallFailure::Transient);
        }
    }

    #[test]
    fn odd_limits_are_kept_within_bounds(fields in headers(), body in proptest::option::of(json())) {
        let (wait, _) = limited(&fields, body.as_ref());
        prop_assert!((0.05..=86_400.0).contains(&wait), "{wait}");
        let rates = rate_headers(&fields);
        prop_assert!(rates.limit.is_none_or(|limit| limit > 0));
        prop_assert!(rates.reset_after.is_none_or(|wait| (0.0..=86_400.0).contains(&wait)));
    }
}
