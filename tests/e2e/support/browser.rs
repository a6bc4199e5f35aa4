//! A browser: cookies kept by hand, no redirect followed.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde_json::Value;

use super::http::json as body_of;

pub(crate) const FRONTEND: &str = "http://frontend.example";

/// A browser, as far as a login needs one.
pub(crate) struct Browser {
    http: Client,
    base: String,
    cookies: BTreeMap<String, String>,
    pub(crate) bearer: Option<String>,
}

impl Browser {
    pub(crate) fn new(base: &str, bearer: Option<&str>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        Self {
            http,
            base: base.to_owned(),
            cookies: BTreeMap::new(),
            bearer: bearer.map(ToOwned::to_owned),
        }
    }

    pub(crate) async fn get(&mut self, address: &str) -> Response {
        let address = if address.starts_with('/') {
            format!("{}{address}", self.base)
        } else {
            address.to_owned()
        };
        let cookies: Vec<String> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let mut request = self.http.get(address);
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        if let Some(token) = &self.bearer {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let text = cookie.to_str().unwrap();
            assert!(
                text.contains("; HttpOnly") && text.contains("; SameSite=Lax"),
                "{text}"
            );
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    pub(crate) async fn json(&mut self, path: &str) -> Value {
        let answer = self.get(path).await;
        body_of(answer, StatusCode::OK, path).await
    }

    /// Begins a login. The address of the consent page.
    pub(crate) async fn login(&mut self, query: &str) -> String {
        let body = self.json(&format!("/discord/auth/login{query}")).await;
        assert_eq!(body["state"].as_str().unwrap().len(), 64);
        body["auth_url"].as_str().unwrap().to_owned()
    }

    /// Decides on the consent page. Where Discord sends the browser.
    pub(crate) async fn decide(&self, auth_url: &str, account: u64, decision: &str) -> String {
        let shown = self.http.get(auth_url).send().await.unwrap();
        assert_eq!(shown.status(), StatusCode::OK);
        let form = [
            ("typed_id", account.to_string()),
            ("decision", decision.to_owned()),
        ];
        let answer = self.http.post(auth_url).form(&form).send().await.unwrap();
        location(&answer)
    }

    /// Comes back. Where the browser is sent at last; always 302.
    pub(crate) async fn back(&mut self, address: &str) -> String {
        let answer = self.get(address).await;
        location(&answer)
    }

    /// A whole login.
    pub(crate) async fn whole(&mut self, query: &str, account: u64) -> String {
        let auth_url = self.login(query).await;
        let back = self.decide(&auth_url, account, "authorize").await;
        self.back(&back).await
    }
}

#[track_caller]
fn location(answer: &Response) -> String {
    assert_eq!(answer.status(), StatusCode::FOUND);
    answer.headers()["location"].to_str().unwrap().to_owned()
}

/// The outcome in an address.
#[track_caller]
pub(crate) fn outcome(address: &str) -> &str {
    let from = format!("{FRONTEND}/user/characters?discord=");
    let rest = address.strip_prefix(&from).unwrap_or_else(|| panic!("{address}"));
    rest.split('&').next().unwrap()
}

/// The run in an address.
pub(crate) fn sync_id(address: &str) -> String {
    address.split("sync_id=").nth(1).unwrap().to_owned()
}
