//! Messages to operators, by real processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::post;
use tokio::sync::mpsc;

use crate::support::free_port;
use crate::support::http::Api;
use crate::support::world::World;

const PATIENCE: Duration = Duration::from_secs(90);

/// An endpoint that never answers the first message; the ids of all that come.
async fn receiver() -> (String, mpsc::UnboundedReceiver<String>) {
    let (seen, ids) = mpsc::unbounded_channel();
    let first = Arc::new(AtomicBool::new(true));
    let take = move |headers: HeaderMap| async move {
        let id = headers["webhook-id"].to_str().unwrap().to_owned();
        seen.send(id).unwrap();
        if first.swap(false, Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", post(take))).await });
    (url, ids)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_whose_worker_is_killed_is_sent_again_as_the_same_message() {
    let world = World::start(60.0, 1, 1).await;
    let port = free_port();
    let installation = world
        .embedded(port)
        .set("ROLECALL_WEBHOOKS_ALLOW_HTTP", true)
        .set("ROLECALL_WEBHOOKS_ALLOW_PRIVATE", true);
    let (url, mut ids) = receiver().await;
    let made = installation
        .run(&["webhooks", "add", &url, "--event", "run.held", "--json"])
        .ok()
        .json();
    let mut all = installation.start("all", &["all"], &[]);
    Api::new(port, "").ready().await;
    let id = made["id"].as_str().unwrap();
    installation.run(&["webhooks", "test", id]).ok();
    let mut next = async || {
        let id = tokio::time::timeout(PATIENCE, ids.recv()).await;
        id.expect("a message").expect("an open channel")
    };
    let before = next().await;
    all.kill();
    let _again = installation.start("again", &["all"], &[]);
    assert_eq!(next().await, before);
}
