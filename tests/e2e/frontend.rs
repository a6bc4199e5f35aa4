//! What the real frontend sends, sent as it sends it, and what it reads of the answers.

use futures::future::join_all;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use crate::support::http::client;
use crate::support::seeded::{GUILD, ORIGIN, ROLE, Seeded, USERS};
use crate::support::world::BOT_TOKEN;

/// Requests at once that one user may make: no more than the frontend's first page needs.
const BURST: &str = "50";

/// The type of a field that the frontend reads.
#[derive(Clone, Copy, Debug)]
enum Reads {
    Text,
    /// A text, also an empty one: of an imported account, nobody knows the name yet.
    Word,
    Number,
    Flag,
    List,
    /// A text, or null as long as there is none.
    MaybeText,
}

impl Reads {
    fn is(self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Text | Self::MaybeText, Some(Value::String(text))) => !text.is_empty(),
            (Self::Word, Some(Value::String(_)))
            | (Self::MaybeText, Some(Value::Null))
            | (Self::Number, Some(Value::Number(_))) => true,
            (Self::Flag, Some(Value::Bool(_))) | (Self::List, Some(Value::Array(_))) => true,
            _ => false,
        }
    }
}

use Reads::{Flag, List, MaybeText, Number, Text, Word};

/// A tab with the frontend in it, signed in.
struct Page {
    http: Client,
    base: String,
    cookie: String,
}

impl Page {
    /// As `fetch` sends it with `credentials: include`: the content type also where there is no content.
    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header("Origin", ORIGIN)
            .header("Referer", format!("{ORIGIN}/"))
            .header("Cookie", &self.cookie)
            .header("Content-Type", "application/json")
            .header("Accept", "*/*")
            .header("Sec-Fetch-Site", "same-site")
            .header("Sec-Fetch-Mode", "cors");
        let request = match body {
            Some(body) => request.body(body.to_string()),
            None => request,
        };
        request.send().await.unwrap()
    }

    async fn preflight(&self, method: &str, path: &str, origin: &str) -> Response {
        self.http
            .request(Method::OPTIONS, format!("{}{path}", self.base))
            .header("Origin", origin)
            .header("Access-Control-Request-Method", method)
            .header("Access-Control-Request-Headers", "content-type")
            .send()
            .await
            .unwrap()
    }

    /// Sends it, and finds every field that the frontend reads. A write has a JSON body, whatever it answers.
    async fn reads(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        fields: &[(&str, Reads)],
    ) -> Value {
        let what = format!("{method} {path}");
        let answer = self.send(method, path, body).await;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{what}: {status} {text}");
        assert_eq!(headers["access-control-allow-origin"], ORIGIN, "{what}");
        assert_eq!(headers["access-control-allow-credentials"], "true", "{what}");
        let body: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{what}: {e}: {text}"));
        for (field, kind) in fields {
            assert!(
                kind.is(body.pointer(field)),
                "{what}: {field} is no {kind:?} in {body:#}"
            );
        }
        body
    }
}

fn page(seeded: &Seeded) -> Page {
    Page {
        http: client(),
        base: seeded.api.base.clone(),
        cookie: format!("falcon_auth_token={}", seeded.token),
    }
}

fn guild_form() -> Value {
    json!({"guild_id": GUILD.to_string(), "guild_name": "My Discord Server", "bot_token": BOT_TOKEN})
}

fn mapping_form(seeded: &Seeded) -> Value {
    json!({"group_id": seeded.group, "discord_role_id": ROLE.to_string(), "discord_role_name": "EVE Pilot"})
}

fn of_guild(path: &str) -> String {
    format!("/discord/guilds/{GUILD}{path}")
}

const GUILD_FIELDS: [(&str, Reads); 8] = [
    ("/guilds", List),
    ("/guilds/0/guild_id", Text),
    ("/guilds/0/guild_name", Text),
    ("/guilds/0/enabled", Flag),
    ("/guilds/0/is_enabled", Flag),
    ("/guilds/0/settings/auto_sync", Flag),
    ("/guilds/0/settings/sync_on_join", Flag),
    ("/guilds/0/created_at", Text),
];
const MAPPING_FIELDS: [(&str, Reads); 13] = [
    ("/mappings", List),
    ("/role_mappings", List),
    ("/total", Number),
    ("/total_pages", Number),
    ("/role_mappings/0/id", Text),
    ("/role_mappings/0/discord_role_id", Text),
    ("/role_mappings/0/discord_role_name", Text),
    ("/role_mappings/0/group_id", Text),
    ("/role_mappings/0/group_name", Text),
    ("/role_mappings/0/guild_id", Text),
    ("/role_mappings/0/is_active", Flag),
    ("/role_mappings/0/enabled", Flag),
    ("/mappings/0/id", Text),
];
const SYNC_FIELDS: [(&str, Reads); 7] = [
    ("/last_full_sync", MaybeText),
    ("/sync_in_progress", Flag),
    ("/total_users", Number),
    ("/synced_users", Number),
    ("/failed_users", Number),
    ("/total_guilds", Number),
    ("/recent_errors", List),
];
const USER_FIELDS: [(&str, Reads); 10] = [
    ("/users", List),
    ("/total", Number),
    ("/users/0/discord_id", Text),
    ("/users/0/discord_user_id", Text),
    ("/users/0/user_id", Text),
    ("/users/0/go_falcon_user_id", Text),
    ("/users/0/username", Word),
    ("/users/0/updated_at", Text),
    ("/users/0/guilds", List),
    ("/users/0/is_active", Flag),
];

/// Everything that the administration's page asks for when it is opened, in its order.
const OPENING: [(&str, &[(&str, Reads)]); 10] = [
    (
        "/discord/status",
        &[
            ("/status", Text),
            ("/last_check", Text),
            ("/version", Text),
            ("/module", Text),
        ],
    ),
    ("/discord/guilds?page=1&limit=20&enabled=", &GUILD_FIELDS),
    ("/discord/users?page=1&limit=20&guild_id=", &USER_FIELDS),
    ("/discord/role-mappings?enabled=&page=1&limit=20", &MAPPING_FIELDS),
    ("/discord/sync/status", &SYNC_FIELDS),
    (
        "/discord/auth/status",
        &[
            ("/authenticated", Flag),
            ("/is_linked", Flag),
            ("/discord_user/username", Word),
        ],
    ),
    ("/discord/auth/login", &[("/auth_url", Text)]),
    ("/discord/guilds", &GUILD_FIELDS),
    ("/discord/users", &USER_FIELDS),
    ("/discord/role-mappings", &MAPPING_FIELDS),
];

/// Adds the guild and a mapping. What the frontend takes for failed it sends once more, so each is sent twice. The
/// mapping's path.
async fn added(page: &Page, seeded: &Seeded) -> String {
    let mappings = of_guild("/role-mappings");
    let mut path = String::new();
    for (place, form) in [
        ("/discord/guilds", guild_form()),
        (mappings.as_str(), mapping_form(seeded)),
    ] {
        let first = page
            .reads(Method::POST, place, Some(form.clone()), &[("/id", Text)])
            .await;
        let again = page.reads(Method::POST, place, Some(form), &[]).await;
        assert_eq!(again["id"], first["id"], "{place}");
        path = format!("/discord/role-mappings/{}", first["id"].as_str().unwrap());
    }
    path
}

/// Every list with every value of its filter.
async fn lists(page: &Page) {
    let roles = [("/roles/0/id", Text), ("/roles/0/name", Text)];
    page.reads(Method::GET, &of_guild("/roles"), None, &roles).await;
    let mappings = of_guild("/role-mappings");
    page.reads(Method::GET, &mappings, None, &MAPPING_FIELDS).await;
    for flag in ["true", "false", ""] {
        for list in ["guilds", "role-mappings"] {
            let path = format!("/discord/{list}?page=1&limit=20&enabled={flag}");
            page.reads(Method::GET, &path, None, &[("/total", Number)]).await;
        }
    }
    page.reads(Method::GET, "/discord/sync/status", None, &SYNC_FIELDS)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_of_the_frontend_is_answered_with_the_fields_that_it_reads() {
    let seeded = Seeded::start(&[("API_RATE_LIMIT_BURST", BURST)]).await;
    let page = page(&seeded);
    let mapping = added(&page, &seeded).await;
    lists(&page).await;
    let (guild, id) = (of_guild(""), GUILD.to_string());
    let renamed = json!({"guild_id": id, "guild_name": "Renamed", "bot_token": BOT_TOKEN});
    let off =
        json!({"discord_role_id": ROLE.to_string(), "discord_role_name": "EVE Pilot", "is_active": false});
    let user = format!("/discord/sync/user/{}", USERS[0]);
    let unlink = format!("/discord/auth/unlink/{}", seeded.accounts[0]);
    let (put, post, delete) = (Method::PUT, Method::POST, Method::DELETE);
    let (name, flag, message) = (("/guild_name", Text), ("/is_active", Flag), ("/message", Text));
    let manual = "/discord/sync/manual";
    for (method, path, body, field) in [
        (&put, guild.as_str(), Some(renamed.clone()), name),
        (&put, &guild, Some(renamed), name),
        (&post, manual, Some(json!({"sync_type": "full"})), message),
        (
            &post,
            manual,
            Some(json!({"sync_type": "guild", "guild_ids": [id]})),
            message,
        ),
        (
            &post,
            manual,
            Some(json!({"sync_type": "full", "guild_ids": [id]})),
            message,
        ),
        (&post, &user, None, message),
        (&put, &mapping, Some(off), flag),
        (&delete, &mapping, None, message),
        (&delete, &unlink, None, message),
        (&delete, &guild, None, message),
    ] {
        page.reads(method.clone(), path, body, &[field]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_opening_of_the_page_fits_into_the_rate_limit_and_preflights_do_not_count() {
    let seeded = Seeded::start(&[("API_RATE_LIMIT_BURST", BURST)]).await;
    let page = page(&seeded);
    page.reads(Method::POST, "/discord/guilds", Some(guild_form()), &[])
        .await;
    page.reads(
        Method::POST,
        &of_guild("/role-mappings"),
        Some(mapping_form(&seeded)),
        &[],
    )
    .await;
    // Far more than the limit.
    for _ in 0..20 {
        let answers = join_all(OPENING.map(|(path, _)| page.preflight("GET", path, ORIGIN))).await;
        for answer in answers {
            assert!(answer.status().is_success(), "{}", answer.status());
            assert_eq!(answer.headers()["access-control-allow-origin"], ORIGIN);
            assert_eq!(answer.headers()["access-control-allow-credentials"], "true");
            assert_eq!(answer.headers()["access-control-max-age"], "86400");
        }
    }
    join_all(OPENING.map(|(path, fields)| page.reads(Method::GET, path, None, fields))).await;
    // Then each guild's roles, which come from the cache.
    page.reads(Method::GET, &of_guild("/roles"), None, &[("/roles", List)])
        .await;
    let calls = seeded.simulator.counters().total;
    let roles = of_guild("/roles");
    join_all((0..10).map(|_| page.reads(Method::GET, &roles, None, &[("/roles", List)]))).await;
    let more = seeded.simulator.counters().total - calls;
    assert!(more < 10, "{more} calls to Discord for ten lists of roles");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_configured_page_may_call_and_write() {
    let seeded = Seeded::start(&[]).await;
    let page = page(&seeded);
    for method in ["GET", "POST", "PUT", "DELETE"] {
        let answer = page
            .preflight(method, "/discord/guilds", "https://evil.example")
            .await;
        assert!(
            !answer.headers().contains_key("access-control-allow-origin"),
            "{method}"
        );
    }
    let answer = page
        .http
        .post(format!("{}/discord/guilds", page.base))
        .header("Origin", "https://evil.example")
        .header("Sec-Fetch-Site", "cross-site")
        .header("Cookie", &page.cookie)
        .header("Content-Type", "text/plain")
        .body(guild_form().to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_masked_token_is_refused_with_the_sentence_that_the_frontend_shows() {
    let seeded = Seeded::start(&[]).await;
    let page = page(&seeded);
    page.reads(Method::POST, "/discord/guilds", Some(guild_form()), &[])
        .await;
    for mask in ["••••••••", "********", "MTIz...xyz"] {
        let form = json!({"guild_id": GUILD.to_string(), "guild_name": "Corp", "bot_token": mask});
        let answer = page.send(Method::PUT, &of_guild(""), Some(form)).await;
        assert_eq!(answer.status(), 422, "{mask}");
        let problem: Value = answer.json().await.unwrap();
        assert!(
            problem["errors"][0]["message"]
                .as_str()
                .unwrap()
                .contains("masked"),
            "{problem:#}"
        );
    }
    let list = page
        .reads(Method::GET, "/discord/guilds", None, &GUILD_FIELDS)
        .await;
    assert!(list["guilds"][0].get("bot_token").is_none() && !list.to_string().contains(BOT_TOKEN));
    assert_eq!(list["guilds"][0]["guild_name"], "My Discord Server");
}
