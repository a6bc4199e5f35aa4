//! What a running system tells to those who watch it: metrics, and traces.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};

use crate::support::collector::{Collector, Span};
use crate::support::free_port;
use crate::support::http::Api;
use crate::support::metrics::{scrape, sum};
use crate::support::process::Installation;
use crate::support::wait_for;
use crate::support::world::{BOT_TOKEN, World};

const PATIENCE: Duration = Duration::from_secs(60);
const CALLERS: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn token(installation: &Installation) -> String {
    let made = installation.run(&["token", "--user", "me", "--admin"]).ok();
    made.out.trim().to_owned()
}

/// Asks for a full sync as part of the caller's trace; its `traceparent` in the answer.
async fn asked_to_sync(api: &Api, token: &str) -> String {
    let answer = api
        .request(Method::POST, "/v1/runs")
        .bearer_auth(token)
        .header("traceparent", CALLERS)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    answer.headers()["traceparent"].to_str().unwrap().to_owned()
}

async fn until_in_order(installation: &Installation) {
    wait_for("the sync to end", PATIENCE, || async {
        let runs = installation.run(&["runs", "list", "--json"]).ok().json();
        (runs["runs"][0]["state"] == "completed").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_is_seen_in_metrics_whose_names_are_those_of_the_page() {
    let world = World::start(60.0, 12, 10).await;
    let (port, open) = (free_port(), format!("127.0.0.1:{}", free_port()));
    let installation = world.embedded(port).set("ROLECALL_METRICS_ADDR", &open);
    world.set_up(&installation);
    let _all = installation.start("all", &["all"], &[]);
    let api = Api::new(port, "");
    api.ready().await;
    let token = token(&installation);
    asked_to_sync(&api, &token).await;
    until_in_order(&installation).await;

    let (series, text) = scrape(&open).await;
    let put = "PUT /guilds/{guild}/members/{user}/roles/{role}";
    let counted = sum(
        &series,
        "rolecall_discord_calls_total",
        &[&format!("route=\"{put}\"")],
    );
    let seen = world.simulator.counters().by_route[put];
    assert_eq!(counted.to_string(), seen.to_string(), "{text}");
    let granted = sum(&series, "rolecall_role_changes_total", &["change=\"granted\""]);
    assert!(granted > 0.0, "{text}");
    for (name, labels) in [
        (
            "rolecall_runs_ended_total",
            &["kind=\"full\"", "state=\"completed\""][..],
        ),
        (
            "rolecall_jobs_ended_total",
            &["kind=\"add_role\"", "outcome=\"applied\""],
        ),
        (
            "rolecall_jobs_stored_total",
            &["kind=\"add_role\"", "result=\"created\""],
        ),
        ("rolecall_job_wait_seconds_count", &["kind=\"sync_guild\""]),
        (
            "rolecall_job_run_seconds_bucket",
            &["kind=\"sync_guild\"", "le=\"+Inf\""],
        ),
        ("rolecall_limiter_wait_seconds_count", &[]),
        ("rolecall_store_seconds_count", &["operation=\"claim\""]),
        (
            "rolecall_store_seconds_count",
            &["operation=\"directory_facts_of\""],
        ),
        ("rolecall_store_seconds_count", &["operation=\"links_active\""]),
        (
            "rolecall_http_requests_total",
            &["route=\"/v1/runs\"", "method=\"POST\"", "status=\"202\""],
        ),
        ("rolecall_guild_members", &[]),
        ("rolecall_store_up", &[]),
        ("rolecall_delivery_up", &[]),
        ("rolecall_build_info", &["version="]),
    ] {
        assert!(sum(&series, name, labels) >= 1.0, "{name} {labels:?}\n{text}");
    }
    for name in [
        "rolecall_oldest_due_seconds{lane=\"bulk\"}",
        "rolecall_sync_last_success_age_seconds",
    ] {
        assert!(series.contains_key(name), "{name}\n{text}");
    }
    assert_eq!(sum(&series, "rolecall_rescues_total", &[]), 0.0);
    names_are_on_the_page(&text);
    only_readers_of_jobs_see_them_at_the_port_of_the_api(&installation, &api, &token).await;
}

fn names_are_on_the_page(text: &str) {
    let page = include_str!("../../docs/metrics.md");
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names: BTreeSet<&str> = types.filter_map(|rest| rest.split(' ').next()).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        assert!(
            page.contains(&format!("| `{name}` |")),
            "{name} is not in docs/metrics.md"
        );
    }
}

async fn only_readers_of_jobs_see_them_at_the_port_of_the_api(
    installation: &Installation,
    api: &Api,
    admin: &str,
) {
    let status = async |token: &str| {
        let request = api.request(Method::GET, "/metrics").bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    };
    let nobody = api.request(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
    let plain = installation.run(&["token", "--user", "u1"]).ok();
    assert_eq!(status(plain.out.trim()).await, 403);
    assert_eq!(status(admin).await, 200);
    let made = installation
        .run(&[
            "keys",
            "create",
            "--name",
            "prometheus",
            "--scope",
            "jobs:read",
            "--json",
        ])
        .ok()
        .json();
    assert_eq!(status(made["key"].as_str().unwrap()).await, 200, "{made}");
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attempt_is_a_span_in_the_trace_of_the_request_that_caused_it() {
    let world = World::start(60.0, 12, 10).await;
    let collector = Collector::start().await;
    let port = free_port();
    let installation = world
        .embedded(port)
        .set("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
        .set("OTEL_EXPORTER_OTLP_HEADERS", "x-key=the%20key");
    world.set_up(&installation);
    let mut all = installation.start("all", &["all"], &[]);
    let api = Api::new(port, "");
    api.ready().await;
    let token = token(&installation);
    let answered = asked_to_sync(&api, &token).await;
    until_in_order(&installation).await;
    // What is still to be sent is sent when the process stops.
    all.terminate();
    assert!(all.ended(PATIENCE).await.success(), "{}", all.log());

    let spans = collector.spans();
    let ours = |span: &&&Span| span.trace == "4bf92f3577b34da6a3ce929d0e0e4736";
    let requests: Vec<&Span> = named(&spans, "http.request").into_iter().collect();
    let request = requests.iter().find(ours).expect("a span of the request");
    assert_eq!(request.parent, "00f067aa0ba902b7", "the caller's span");
    assert_eq!(answered, format!("00-{}-{}-01", request.trace, request.id));
    assert_eq!(request.attributes["path"], "/v1/runs");
    assert_eq!(request.attributes["http.response.status_code"], "202");

    let attempts = named(&spans, "job.run");
    let ours: Vec<&&Span> = attempts.iter().filter(ours).collect();
    let kinds: BTreeSet<&str> = ours
        .iter()
        .map(|span| span.attributes["job.kind"].as_str())
        .collect();
    for kind in ["sync_all", "sync_guild", "add_role", "finish_run"] {
        // The end of a run is caused by the last of its jobs, whichever that is.
        assert!(
            kind == "finish_run" || kinds.contains(kind),
            "{kind} is missing: {kinds:?}"
        );
    }
    for attempt in &ours {
        assert_eq!(attempt.parent, request.id, "{attempt:?}");
        assert!(attempt.attributes.contains_key("job.result"), "{attempt:?}");
    }
    let ids: BTreeSet<&str> = ours.iter().map(|span| span.id.as_str()).collect();
    let calls = named(&spans, "discord.call");
    assert!(!calls.is_empty());
    for call in calls.iter().filter(|call| call.trace == request.trace) {
        assert!(ids.contains(call.parent.as_str()), "{call:?}");
        assert!(
            call.attributes["http.route"].contains("/guilds/{guild}"),
            "{call:?}"
        );
    }
    assert!(collector.header("x-key").iter().all(|key| key == "the key"));
    for secret in [BOT_TOKEN, &token, "the key"] {
        assert!(!collector.heard(secret), "a secret left the process");
    }
    assert!(!all.log().contains("the key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_is_missed_by_nobody_and_does_not_hold_up_the_end() {
    let world = World::start(60.0, 6, 5).await;
    let port = free_port();
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let installation = world.embedded(port).set("OTEL_EXPORTER_OTLP_ENDPOINT", nowhere);
    world.set_up(&installation);
    let mut all = installation.start("all", &["all"], &[]);
    let api = Api::new(port, "");
    api.ready().await;
    asked_to_sync(&api, &token(&installation)).await;
    until_in_order(&installation).await;
    world.assert_equal();
    all.terminate();
    let began = Instant::now();
    assert!(all.ended(PATIENCE).await.success(), "{}", all.log());
    assert!(began.elapsed() < Duration::from_secs(25), "longer than the grace");
    assert!(all.log().contains("Traces cannot be sent"), "{}", all.log());
}
