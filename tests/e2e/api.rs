//! The HTTP surface, as its callers use it.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::free_port;
use crate::support::http::json as body_of;
use crate::support::http::{Api, client};
use crate::support::process::{Installation, Running};
use crate::support::world::{BOT_TOKEN, World};

pub(crate) struct Served {
    pub(crate) world: World,
    pub(crate) installation: Installation,
    /// As an administrator.
    pub(crate) api: Api,
    token: String,
    _all: Running,
}

pub(crate) async fn served() -> Served {
    served_after(|_| ()).await
}

/// The same after this was prepared.
pub(crate) async fn served_after(prepare: fn(&Installation)) -> Served {
    let world = World::start(60.0, 60, 30).await;
    let port = free_port();
    let installation = world.embedded(port);
    world.set_up(&installation);
    prepare(&installation);
    let all = installation.start("all", &["all"], &[]);
    let token = installation
        .run(&["token", "--user", "tester", "--admin"])
        .ok()
        .out
        .trim()
        .to_owned();
    let api = Api::new(port, &token);
    api.ready().await;
    Served {
        world,
        installation,
        api,
        token,
        _all: all,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_legacy_paths_answer_with_and_without_the_api_prefix() {
    let served = served().await;
    for prefix in ["", "/api"] {
        let status = client()
            .get(format!("{}{prefix}/discord/status", served.api.base))
            .send()
            .await
            .unwrap();
        let status = body_of(status, StatusCode::OK, "status").await;
        assert_eq!(status["module"], "discord");
        assert_eq!(status["configured_guilds"], 1);

        let answer = served
            .api
            .post(
                &format!("{prefix}/discord/sync/manual"),
                Some(json!({"sync_type": "full"})),
            )
            .await;
        let accepted = body_of(answer, StatusCode::ACCEPTED, "manual").await;
        let run = accepted["sync_id"].as_str().unwrap();
        assert!(accepted["message"].as_str().is_some_and(|m| !m.is_empty()));
        assert_eq!(served.api.finished(run).await["state"], "completed");

        let status = served
            .api
            .get(&format!("{prefix}/discord/sync/status?guild_id=&limit="))
            .await;
        assert_eq!(status["recent_syncs"][0]["status"], "completed", "{status:#}");
        assert_eq!(status["sync_in_progress"], false);
        assert_eq!(status["active_role_mappings"], 3);
    }
    served.world.assert_equal();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_valid_token_is_refused_and_told_so() {
    let served = served().await;
    let altered = format!("{}x", served.token);
    let none = "eyJhbGciOiJub25lIn0.eyJ1c2VyX2lkIjoiYWRtaW4ifQ.";
    for token in [None, Some(altered.as_str()), Some(none), Some("garbage")] {
        let request = served.api.request(Method::GET, "/v1/runs");
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem = body_of(answer, StatusCode::UNAUTHORIZED, "no token").await;
        assert!(
            problem["errors"][0]["message"]
                .as_str()
                .is_some_and(|m| !m.is_empty()),
            "{problem:#}"
        );
    }
    let cookie = format!("falcon_auth_token={}", served.token);
    let answer = served
        .api
        .request(Method::GET, "/v1/runs")
        .header("Cookie", cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_answered_with_a_problem_that_helps() {
    let served = served().await;
    let cases: [(Value, StatusCode, &str); 4] = [
        (
            json!({"guild_id": "abc"}),
            StatusCode::UNPROCESSABLE_ENTITY,
            "guild_id",
        ),
        (
            json!({"guild_id": "123456789012345678"}),
            StatusCode::NOT_FOUND,
            "123456789012345678",
        ),
        (
            json!({"nonsense": 1}),
            StatusCode::UNPROCESSABLE_ENTITY,
            "nonsense",
        ),
        (json!([]), StatusCode::UNPROCESSABLE_ENTITY, ""),
    ];
    for (body, status, word) in cases {
        let answer = served.api.post("/discord/sync/manual", Some(body)).await;
        let problem = body_of(answer, status, word).await;
        assert!(problem.to_string().contains(word), "{problem:#}");
        assert!(problem["errors"][0]["message"].is_string(), "{problem:#}");
    }
    let answer = served.api.post("/discord/sync/user/nobody", None).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let answer = served.api.post("/v1/nothing", None).await;
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_run_end_with_its_end_and_can_be_resumed() {
    let served = served().await;
    let run = served.api.sync().await;
    let read = async |last: Option<String>| {
        let mut request = served
            .api
            .request(Method::GET, &format!("/v1/runs/{run}/events"))
            .bearer_auth(&served.token);
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        tokio::time::timeout(Duration::from_secs(60), answer.text())
            .await
            .expect("the stream ends")
            .unwrap()
    };
    let events = read(None).await;
    assert!(
        events.contains("event: progress") && events.contains("event: end"),
        "{events}"
    );
    let last = events
        .lines()
        .rev()
        .find_map(|l| l.strip_prefix("id: "))
        .unwrap()
        .to_owned();
    let resumed = read(Some(last)).await;
    assert!(
        !resumed.contains("event: progress") && resumed.contains("event: end"),
        "{resumed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_can_be_paged_and_looked_at() {
    let served = served().await;
    let run = served.api.sync().await;
    served.api.finished(&run).await;
    let mut seen = std::collections::BTreeSet::new();
    let mut path = format!("/v1/jobs?run={run}&limit=7");
    loop {
        let page = served.api.get(&path).await;
        for job in page["jobs"].as_array().unwrap() {
            assert!(
                seen.insert(job["id"].as_str().unwrap().to_owned()),
                "twice: {job:#}"
            );
        }
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/jobs?run={run}&limit=7&cursor={next}");
    }
    assert!(seen.len() > 7);
    let job = served
        .api
        .get(&format!("/v1/jobs/{}", seen.first().unwrap()))
        .await;
    assert!(job["attempts"].is_array(), "{job:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_committed_document_is_the_one_that_is_served() {
    let committed: Value = serde_json::from_str(include_str!("../../openapi.json"))
        .expect("openapi.json; write it with `make docs`");
    let printed = Installation::embedded().run(&["openapi"]).ok().json();
    assert_eq!(printed, committed, "write it anew with `make docs`");
    let served = served().await;
    let answer = client()
        .get(format!("{}/openapi.json", served.api.base))
        .send()
        .await
        .unwrap();
    assert_eq!(body_of(answer, StatusCode::OK, "document").await, committed);
    drop(served.installation);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_leaves_the_store_or_the_log() {
    let served = served().await;
    let run = served.api.sync().await;
    served.api.finished(&run).await;
    let mut all = Vec::new();
    for name in ["data/rolecall.db", "data/rolecall.db-wal", "all.log"] {
        all.extend(std::fs::read(served.installation.path(name)).unwrap_or_default());
    }
    assert!(all.len() > 10_000);
    let found = all.windows(BOT_TOKEN.len()).any(|w| w == BOT_TOKEN.as_bytes());
    assert!(!found, "the bot's token is readable");
}
