//! The page of an application, and a person in front of it.

use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::response::Html;
use axum::routing::get;
use serde::Deserialize;
use serde_json::Value;
use thirtyfour::{By, WebDriver, WebElement};
use tokio::task::JoinHandle;

use super::wait_for;

const PATIENCE: Duration = Duration::from_secs(60);

/// Serves the page under every path, and signs people in as go-falcon does.
pub(crate) struct Frontend {
    pub(crate) port: u16,
    task: JoinHandle<()>,
}

#[derive(Deserialize)]
struct SignIn {
    token: String,
}

impl Frontend {
    /// `api` is where the page calls.
    pub(crate) async fn start(api: &str) -> Self {
        let page = include_str!("frontend.html").replace("{API}", api);
        let sign_in = |Query(SignIn { token }): Query<SignIn>| async move {
            let cookie =
                format!("falcon_auth_token={token}; Path=/; Domain=.falcon.test; HttpOnly; SameSite=Lax");
            (
                StatusCode::FOUND,
                [(SET_COOKIE, cookie), (LOCATION, "/".to_owned())],
            )
        };
        let routes = Router::new()
            .route("/sign-in", get(sign_in))
            .fallback(move || async move { Html(page) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { port, task }
    }

    /// The page as a part of the application's site.
    pub(crate) fn origin(&self) -> String {
        format!("http://app.falcon.test:{}", self.port)
    }

    /// The same page on another site.
    pub(crate) fn elsewhere(&self) -> String {
        format!("http://elsewhere.test:{}", self.port)
    }
}

impl Drop for Frontend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Somebody with a browser, in the tab that is in front.
pub(crate) struct Person {
    pub(crate) tab: WebDriver,
    pub(crate) home: String,
}

impl Person {
    pub(crate) async fn open(&self, address: &str) {
        self.tab.goto(address).await.unwrap();
    }

    /// Signed in at the application with this token.
    pub(crate) async fn sign_in(&self, token: &str) {
        self.open(&format!("{}/sign-in?token={token}", self.home)).await;
    }

    async fn element(&self, by: By) -> WebElement {
        self.tab.find(by).await.unwrap()
    }

    pub(crate) async fn press(&self, id: &str) {
        self.element(By::Id(id)).await.click().await.unwrap();
    }

    /// From the application's page to the consent page.
    pub(crate) async fn link(&self) {
        self.press("link").await;
        self.address("http://discord.test:").await;
    }

    /// Names the account on the consent page. What the button of the decision is.
    pub(crate) async fn choose(&self, account: u64, decision: &str) -> WebElement {
        let typed = self.element(By::Name("typed_id")).await;
        typed.send_keys(account.to_string()).await.unwrap();
        self.element(By::Css(format!("button[value={decision}]"))).await
    }

    /// Decides on the consent page. The outcome, as the application's page gets it.
    pub(crate) async fn decide(&self, account: u64, decision: &str) -> String {
        self.choose(account, decision).await.click().await.unwrap();
        self.outcome().await
    }

    /// A whole login.
    pub(crate) async fn whole(&self, account: u64) -> String {
        self.open(&self.home).await;
        self.link().await;
        self.decide(account, "authorize").await
    }

    /// Waits until the browser is at an address that begins so; what follows.
    pub(crate) async fn address(&self, start: &str) -> String {
        wait_for(start, PATIENCE, || async {
            let address = self.tab.current_url().await.ok()?;
            address.as_str().strip_prefix(start).map(ToOwned::to_owned)
        })
        .await
    }

    /// Waits until a login has ended on the application's page.
    pub(crate) async fn outcome(&self) -> String {
        let rest = self
            .address(&format!("{}/user/characters?discord=", self.home))
            .await;
        rest.split('&').next().unwrap().to_owned()
    }

    /// What the page was told about the person, as soon as it was.
    pub(crate) async fn status(&self) -> Value {
        serde_json::from_str(&self.text("status").await).unwrap()
    }

    /// A text of the page, as soon as there is one.
    pub(crate) async fn text(&self, id: &str) -> String {
        wait_for(id, PATIENCE, || async {
            let text = self.tab.find(By::Id(id)).await.ok()?.text().await.ok()?;
            (!text.is_empty()).then_some(text)
        })
        .await
    }

    /// Loads the page until the API says this.
    pub(crate) async fn is_linked(&self, linked: bool) {
        wait_for("the link", PATIENCE, || async {
            self.open(&self.home).await;
            (self.status().await["is_linked"] == linked).then_some(())
        })
        .await;
    }
}
