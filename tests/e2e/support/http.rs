//! Calls the API.

use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::Value;

use super::wait_for;

/// The API of one process.
pub(crate) struct Api {
    client: Client,
    pub(crate) base: String,
    token: String,
}

pub(crate) fn client() -> Client {
    // The tests speak plain HTTP, but the client wants to know how it would encrypt. A second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap()
}

impl Api {
    pub(crate) fn new(port: u16, token: &str) -> Self {
        Self {
            client: client(),
            base: format!("http://127.0.0.1:{port}"),
            token: token.to_owned(),
        }
    }

    /// The same API, asked by somebody else.
    pub(crate) fn as_caller(&self, token: &str) -> Self {
        Self {
            client: self.client.clone(),
            base: self.base.clone(),
            token: token.to_owned(),
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub(crate) async fn ready(&self) {
        wait_for("the API to be ready", Duration::from_secs(60), || async {
            let answer = self.request(Method::GET, "/readyz").send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self
            .request(Method::GET, path)
            .bearer_auth(&self.token)
            .send()
            .await
            .unwrap();
        json(answer, StatusCode::OK, path).await
    }

    pub(crate) async fn post(&self, path: &str, body: Option<Value>) -> Response {
        self.send(Method::POST, path, body).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let request = self.request(method, path).bearer_auth(&self.token);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        request.send().await.unwrap()
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Response {
        let request = self.request(Method::PUT, path).bearer_auth(&self.token);
        request.json(&body).send().await.unwrap()
    }

    /// Asks for a full sync; says the run's id.
    pub(crate) async fn sync(&self) -> String {
        let answer = self.post("/discord/sync/manual", None).await;
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        let body = json(answer, StatusCode::ACCEPTED, "manual").await;
        let id = body["sync_id"].as_str().unwrap().to_owned();
        assert_eq!(location, format!("/v1/runs/{id}"));
        id
    }

    /// Waits until so many of a run's writes are done.
    pub(crate) async fn done(&self, run: &str, at_least: u64) {
        wait_for("some writes", Duration::from_secs(120), || async {
            let progress = self.get(&format!("/v1/runs/{run}")).await["progress"].clone();
            (progress["done"].as_u64()? >= at_least).then_some(())
        })
        .await;
    }

    /// Waits for the end of a run.
    pub(crate) async fn finished(&self, run: &str) -> Value {
        wait_for("the end of the run", Duration::from_secs(170), || async {
            let run = self.get(&format!("/v1/runs/{run}")).await;
            (run["state"] != "running").then_some(run)
        })
        .await
    }

    /// Waits until every job of a run is in a final state: the one that ends the run settles a moment after it.
    pub(crate) async fn no_live_job(&self, run: &str) {
        let path = format!("/v1/jobs?run={run}&state=scheduled,available,running,retryable");
        wait_for("all jobs to be final", Duration::from_secs(20), || async {
            self.get(&path).await["jobs"].as_array()?.is_empty().then_some(())
        })
        .await;
    }
}

pub(crate) async fn json(answer: Response, status: StatusCode, what: &str) -> Value {
    let (got, text) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(got, status, "{what}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{what}: {e}: {text}"))
}
