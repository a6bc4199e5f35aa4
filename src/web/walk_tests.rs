//! Walks the `OpenAPI` document: what every operation answers to whom. A new operation needs a line in [`TABLE`].

use std::collections::BTreeSet;

use jsonwebtoken::{EncodingKey, Header, encode};
use rolecall_core::Timestamp;
use rolecall_core::api_key::split;
use rolecall_core::ports::{ImportRow, permission};
use serde_json::json;

use super::access_tests::{SECRET, Served, served, token};
use crate::web::openapi;

/// Whom an operation answers.
#[derive(Debug, Clone, Copy)]
enum Access {
    /// Everybody; a bad token is the same as none.
    Public,
    /// Every user with a valid token, about itself; no key.
    Own,
    /// Users and keys with one of these permissions, and administrators.
    Needs(&'static [&'static str]),
}
use Access::{Needs, Own, Public};

const GUILDS: Access = Needs(&[permission::GUILDS]);
const SYNC: Access = Needs(&[permission::SYNC]);
const RUNS: Access = Needs(&[permission::JOBS_READ, permission::SYNC]);
const JOBS: Access = Needs(&[permission::JOBS_READ]);
const MANAGE_JOBS: Access = Needs(&[permission::JOBS_MANAGE]);

/// Every operation. Where a path names a user, it names another one here.
const TABLE: &[(&str, &str, Access)] = &[
    ("get", "/livez", Public),
    ("get", "/readyz", Public),
    ("get", "/health", Public),
    ("get", "/metrics", JOBS),
    ("get", "/openapi.json", Public),
    ("get", "/docs", Public),
    ("get", "/discord/status", Public),
    ("get", "/discord/auth/login", Public),
    ("get", "/discord/auth/callback", Public),
    ("get", "/discord/auth/status", Public),
    ("post", "/discord/auth/link", Own),
    ("delete", "/discord/auth/unlink/{discord_id}", Own),
    ("get", "/discord/user/profile", Own),
    ("get", "/v1/me/export", Own),
    ("get", "/discord/users", Needs(&[])),
    ("get", "/discord/users/{user_id}", Needs(&[])),
    ("get", "/discord/guilds", GUILDS),
    ("post", "/discord/guilds", GUILDS),
    ("get", "/discord/guilds/{guild_id}", GUILDS),
    ("put", "/discord/guilds/{guild_id}", GUILDS),
    ("delete", "/discord/guilds/{guild_id}", GUILDS),
    ("get", "/discord/guilds/{guild_id}/roles", GUILDS),
    ("get", "/discord/guilds/{guild_id}/members/{discord_id}", GUILDS),
    ("get", "/discord/guilds/{guild_id}/role-mappings", GUILDS),
    ("post", "/discord/guilds/{guild_id}/role-mappings", GUILDS),
    ("get", "/discord/role-mappings", GUILDS),
    ("get", "/discord/role-mappings/{mapping_id}", GUILDS),
    ("put", "/discord/role-mappings/{mapping_id}", GUILDS),
    ("delete", "/discord/role-mappings/{mapping_id}", GUILDS),
    ("post", "/discord/sync/manual", SYNC),
    ("post", "/discord/sync/user/{user_id}", SYNC),
    ("get", "/discord/sync/status", SYNC),
    ("post", "/v1/runs", SYNC),
    ("get", "/v1/runs", RUNS),
    ("get", "/v1/runs/{run_id}", RUNS),
    ("get", "/v1/runs/{run_id}/events", RUNS),
    ("get", "/v1/jobs", JOBS),
    ("get", "/v1/jobs/{job_id}", JOBS),
    ("post", "/v1/jobs/{job_id}/retry", MANAGE_JOBS),
    ("post", "/v1/jobs/{job_id}/cancel", MANAGE_JOBS),
    ("post", "/v1/jobs/{job_id}/discard", MANAGE_JOBS),
    ("post", "/v1/jobs/{job_id}/reschedule", MANAGE_JOBS),
    ("post", "/v1/jobs/{job_id}/clone", MANAGE_JOBS),
    ("post", "/v1/bulk", MANAGE_JOBS),
    ("get", "/v1/bulk", JOBS),
    ("get", "/v1/bulk/{job_id}", JOBS),
    ("get", "/v1/dead-letters", JOBS),
    ("post", "/v1/dead-letters/mark", MANAGE_JOBS),
    ("post", "/v1/dead-letters/check", MANAGE_JOBS),
    ("post", "/v1/runs/{run_id}/cancel", MANAGE_JOBS),
    ("post", "/v1/runs/{run_id}/retry", MANAGE_JOBS),
    ("get", "/v1/audit", MANAGE_JOBS),
    ("get", "/v1/audit/verify", MANAGE_JOBS),
    ("get", "/v1/audit/export", MANAGE_JOBS),
    ("get", "/v1/pauses", JOBS),
    ("post", "/v1/pauses", MANAGE_JOBS),
    ("delete", "/v1/pauses/{pause_id}", MANAGE_JOBS),
    ("get", "/v1/queues", JOBS),
    ("get", "/v1/queues/{queue}", JOBS),
    ("get", "/v1/discord/budget", JOBS),
    ("get", "/v1/workers", JOBS),
    ("post", "/v1/workers/{worker_id}/drain", MANAGE_JOBS),
    ("post", "/v1/workers/{worker_id}/undrain", MANAGE_JOBS),
    ("get", "/v1/schedules", JOBS),
    ("post", "/v1/schedules/{name}/run", MANAGE_JOBS),
    ("post", "/v1/schedules/{name}/enable", MANAGE_JOBS),
    ("post", "/v1/schedules/{name}/disable", MANAGE_JOBS),
    ("get", "/v1/webhooks", Needs(&[])),
    ("post", "/v1/webhooks", Needs(&[])),
    ("get", "/v1/webhooks/{webhook_id}", Needs(&[])),
    ("patch", "/v1/webhooks/{webhook_id}", Needs(&[])),
    ("delete", "/v1/webhooks/{webhook_id}", Needs(&[])),
    ("get", "/v1/webhooks/{webhook_id}/deliveries", Needs(&[])),
    ("post", "/v1/webhooks/{webhook_id}/test", Needs(&[])),
    ("post", "/v1/webhooks/{webhook_id}/rotate", Needs(&[])),
];

/// Setting and group of each permission.
const GROUPS: [(&str, &str, &str); 5] = [
    (permission::ADMIN, "ROLECALL_ADMIN_GROUPS", "admins"),
    (permission::GUILDS, "ROLECALL_GUILDS_MANAGE_GROUPS", "guilds"),
    (permission::SYNC, "ROLECALL_SYNC_MANAGE_GROUPS", "syncs"),
    (permission::JOBS_READ, "ROLECALL_JOBS_READ_GROUPS", "readers"),
    (permission::JOBS_MANAGE, "ROLECALL_JOBS_MANAGE_GROUPS", "managers"),
];

fn filled(path: &str) -> String {
    path.replace("{guild_id}", "5")
        .replace("{mapping_id}", "64b000000000000000000001")
        .replace("{user_id}", "somebody-else")
        .replace("{discord_id}", "7")
        .replace("{run_id}", "019a2c8e-5b1d-7c3a-9f00-0123456789ab")
        .replace("{queue}", "bulk")
        .replace("{worker_id}", "worker.1-17-0badcafe")
        .replace("{name}", "retention")
        .replace("{webhook_id}", "019a2c8e-5b1d-7c3a-9f00-0123456789ab")
        .replace("{pause_id}", "019a2c8e-5b1d-7c3a-9f00-0123456789ab")
        .replace("{job_id}", "019a2c8e-5b1d-7c3a-9f00-0123456789ab")
}

/// Everything with a user in the group of each permission, called as the group is.
async fn walked() -> Served {
    let settings = GROUPS.map(|(_, setting, group)| (setting, group));
    let served = served(&settings).await;
    let rows = GROUPS.map(|(_, _, group)| ImportRow {
        user_id: group.into(),
        name: group.to_owned(),
        groups: vec![group.to_owned()],
        discord_id: None,
    });
    served.app.import.import(&rows, false).await.unwrap().unwrap();
    served
}

/// Tokens and keys that open nothing, with what they are.
async fn bad_credentials(served: &Served) -> Vec<(&'static str, String)> {
    let expired = encode(
        &Header::default(),
        &json!({"user_id": "ada", "exp": 1_000}),
        &EncodingKey::from_secret(SECRET.as_bytes()),
    );
    let other_key = encode(
        &Header::default(),
        &json!({"user_id": "ada"}),
        &EncodingKey::from_secret(b"another key that is long enough, too"),
    );
    let good = served.key(&permission::ALL, 60_000).await;
    let revoked = served.key(&permission::ALL, 60_000).await;
    let id = split(&revoked).unwrap().0;
    assert!(served.app.api_keys.revoke(&id, Timestamp(0)).await.unwrap());
    vec![
        ("a bad token", "x".to_owned()),
        ("no token at all", String::new()),
        ("an expired token", expired.unwrap()),
        ("a token of another secret", other_key.unwrap()),
        (
            "an unsigned token",
            "eyJhbGciOiJub25lIn0.eyJ1c2VyX2lkIjoiYWRhIn0.".to_owned(),
        ),
        ("half a key", good[..20].to_owned()),
        (
            "a key with another's secret",
            format!("{}{}", &good[..17], &revoked[17..]),
        ),
        (
            "a key of an unknown id",
            format!("rck_000000000000{}", &good[16..]),
        ),
        ("an expired key", served.key(&permission::ALL, -1).await),
        ("a revoked key", revoked),
    ]
}

fn is_let_in(status: u16) -> bool {
    ![401, 403, 405, 500].contains(&status)
}

#[test]
fn every_operation_of_the_document_is_in_the_table() {
    let document = serde_json::to_value(openapi()).unwrap();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let open = operation["security"]
                .as_array()
                .is_some_and(|all| all.is_empty() || all.iter().any(|s| s.as_object().unwrap().is_empty()));
            documented.insert((method.clone(), path.clone(), open));
        }
    }
    let listed: BTreeSet<_> = TABLE
        .iter()
        .map(|(method, path, access)| ((*method).to_owned(), (*path).to_owned(), matches!(access, Public)))
        .collect();
    assert_eq!(listed.len(), TABLE.len());
    assert_eq!(documented, listed, "the document, and the table in this file");
}

#[tokio::test]
async fn whoever_has_no_valid_credential_is_let_in_where_everybody_is_and_nowhere_else() {
    let mut served = walked().await;
    let bad = bad_credentials(&served).await;
    for (method, path, access) in TABLE {
        let (what, place) = (format!("{method} {path}"), filled(path));
        let (status, code) = served.code(method, &place, &[]).await;
        if matches!(access, Public) {
            assert!(is_let_in(status), "{what}, anonymous: {status} {code}");
        } else {
            assert_eq!(
                (status, code.as_str()),
                (401, "authentication_required"),
                "{what}"
            );
        }
        for (who, credential) in &bad {
            let (status, code) = served.bearer(method, &place, credential).await;
            if matches!(access, Public) {
                assert!(is_let_in(status), "{what}, {who}: {status} {code}");
            } else {
                assert_eq!(status, 401, "{what}, {who}: {code}");
            }
            if who.contains("key") && !matches!(access, Public) {
                let (status, other) = served.code(method, &place, &[("x-api-key", credential)]).await;
                assert_eq!((status, other), (401, code), "{what}, {who} in X-Api-Key");
            }
        }
    }
}

#[tokio::test]
async fn a_user_and_a_key_may_do_what_their_permission_says_and_no_more() {
    let mut served = walked().await;
    let plain = served.plain.clone();
    let mut holders = Vec::new();
    for (name, _, group) in GROUPS {
        holders.push((name, token(group, false), served.key(&[name], 60_000).await));
    }
    let nothing = served.key(&[], 60_000).await;
    for (method, path, access) in TABLE {
        let (what, place) = (format!("{method} {path}"), filled(path));
        let Needs(names) = access else { continue };
        for without in [&plain, &nothing] {
            let answer = served.bearer(method, &place, without).await;
            assert_eq!(answer, (403, "permission_denied".to_owned()), "{what}");
        }
        for (name, token, key) in &holders {
            let may = *name == permission::ADMIN || names.contains(name);
            for credential in [token, key] {
                let (status, code) = served.bearer(method, &place, credential).await;
                assert_eq!(is_let_in(status), may, "{what} with {name}: {status} {code}");
                assert!(
                    may || (status, code.as_str()) == (403, "permission_denied"),
                    "{what}"
                );
            }
            let (status, code) = served.code(method, &place, &[("x-api-key", key)]).await;
            assert_eq!(
                is_let_in(status),
                may,
                "{what} with {name}, X-Api-Key: {status} {code}"
            );
        }
    }
}

#[tokio::test]
async fn an_administrators_token_is_let_in_everywhere_also_below_the_prefix() {
    let mut served = walked().await;
    let admin = served.admin.clone();
    for (method, path, _) in TABLE {
        let (what, place) = (format!("{method} {path}"), filled(path));
        let answer = served.bearer(method, &place, &admin).await;
        assert!(is_let_in(answer.0), "{what}: {answer:?}");
        if path.starts_with("/discord") {
            let prefixed = served.bearer(method, &format!("/api{place}"), &admin).await;
            assert_eq!(prefixed, answer, "{what} under /api");
        }
    }
}

#[tokio::test]
async fn what_is_about_oneself_needs_no_permission_and_is_closed_to_keys() {
    let mut served = walked().await;
    let (plain, key) = (served.plain.clone(), served.key(&permission::ALL, 60_000).await);
    for (method, path, access) in TABLE {
        let (what, place) = (format!("{method} {path}"), filled(path));
        if matches!(access, Own) {
            let (status, code) = served.bearer(method, &place, &plain).await;
            assert!(is_let_in(status), "{what}: {status} {code}");
            let answer = served.bearer(method, &place, &key).await;
            assert_eq!(answer, (403, "key_has_no_account".to_owned()), "{what}");
        } else if matches!(access, Public) {
            for credential in [&plain, &key] {
                let (status, code) = served.bearer(method, &place, credential).await;
                assert!(is_let_in(status), "{what}: {status} {code}");
            }
        }
    }
}

#[tokio::test]
async fn every_write_with_a_cookie_has_to_come_from_a_page_of_ours() {
    let mut served = walked().await;
    let cookie = format!("falcon_auth_token={}", served.admin);
    let key = served.key(&permission::ALL, 60_000).await;
    let cookie = ("cookie", cookie.as_str());
    let evil = [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    let writes = TABLE.iter().filter(|(method, ..)| *method != "get");
    let more = [
        ("patch", "/discord/guilds/{guild_id}", GUILDS),
        ("propfind", "/v1/runs", RUNS),
    ];
    let mut walked = 0;
    for (method, path, _) in writes.chain(&more) {
        let (what, place) = (format!("{method} {path}"), filled(path));
        let foreign = served.code(method, &place, &[cookie, evil[0], evil[1]]).await;
        assert_eq!(foreign, (403, "cross_site_write".to_owned()), "{what}");
        // Whatever a browser writes, one of the two headers comes with it.
        let no_browser = served.code(method, &place, &[cookie]).await;
        assert_ne!(no_browser.1, "cross_site_write", "{what}");
        let own = served
            .code(method, &place, &[cookie, ("sec-fetch-site", "same-origin")])
            .await;
        assert_ne!(own.1, "cross_site_write", "{what}");
        // A page cannot send this header for somebody else, and the cookie is not looked at.
        let with_key = served
            .code(method, &place, &[cookie, evil[0], evil[1], ("x-api-key", &key)])
            .await;
        assert_ne!(with_key.1, "cross_site_write", "{what}");
        walked += 1;
    }
    assert!(walked >= 10);
    let read = served
        .code("get", "/discord/guilds", &[cookie, evil[0], evil[1]])
        .await;
    assert_eq!(read.0, 200);
}

#[tokio::test]
async fn where_nothing_may_be_changed_every_write_of_the_document_is_refused_and_no_read() {
    let mut served = served(&[("ROLECALL_READ_ONLY", "true")]).await;
    let admin = served.admin.clone();
    let key = served.key(&permission::ALL, 60_000).await;
    let mut writes = 0;
    for (method, path, _) in TABLE {
        let (what, place) = (format!("{method} {path}"), filled(path));
        for credential in [&admin, &key] {
            let answer = served.bearer(method, &place, credential).await;
            let refused = answer == (403, "read_only".to_owned());
            assert_eq!(refused, *method != "get", "{what}: {answer:?}");
            if path.starts_with("/discord") && refused {
                let prefixed = served.bearer(method, &format!("/api{place}"), credential).await;
                assert_eq!(prefixed, answer, "{what} under /api");
            }
        }
        writes += usize::from(*method != "get");
    }
    assert!(writes >= 15, "{writes}");
    for method in ["post", "put", "patch", "delete", "propfind"] {
        let (status, code) = served.bearer(method, "/nowhere", &admin).await;
        assert_eq!((status, code.as_str()), (403, "read_only"), "{method}");
    }
}
