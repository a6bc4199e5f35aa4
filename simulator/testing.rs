//! Promises, over real HTTP. The clock stands still unless a test moves it.

mod faults;
mod joins;
mod limits;
mod logins;
mod reads;
mod roles;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{BotIn, NewGuild, NewRole, SimClock, Simulator, SimulatorConfig};

const TOKEN: &str = "test-token";
const GUILD: u64 = 1_000;
/// Roles of the test guild; the bot stands between `HIGH` and the others.
const LOW: u64 = 101;
const MIDDLE: u64 = 102;
const MANAGED: u64 = 103;
const HIGH: u64 = 104;
const ADA: u64 = 2_001;
const BOB: u64 = 2_002;

/// A simulator that is being served, and a client for it.
struct Served {
    simulator: Simulator,
    http: Client,
    base: String,
    bot: u64,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer that was read to its end.
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn code(&self) -> u64 {
        self.json()["code"].as_u64().unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn serve(simulator: Simulator) -> Served {
    // Several tests race for it; all but the first find it done.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = simulator.clone();
    let task = tokio::spawn(async move { server.serve(listener, std::future::pending()).await.unwrap() });
    let http = Client::builder()
        .user_agent("DiscordBot (https://example.org, 0.1)")
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let bot = simulator.add_bot(TOKEN);
    Served {
        simulator,
        http,
        base,
        bot,
        task,
    }
}

/// A guild with four roles, the bot, Ada and Bob.
async fn start_with(config: SimulatorConfig) -> Served {
    let simulator = Simulator::with_clock(config, SimClock::manual());
    let role = |id: u64, name: &str, position: i64| NewRole {
        id: Some(id),
        ..NewRole::at(name, position)
    };
    simulator.add_guild(NewGuild {
        id: Some(GUILD),
        name: "Test".into(),
        roles: vec![
            role(LOW, "low", 1),
            role(MIDDLE, "middle", 2),
            NewRole {
                managed: true,
                ..role(MANAGED, "booster", 3)
            },
            role(HIGH, "high", 9),
        ],
        bots: vec![BotIn {
            position: Some(5),
            ..BotIn::with_token(TOKEN)
        }],
        ..NewGuild::default()
    });
    simulator.add_members(GUILD, [(ADA, vec![]), (BOB, vec![])]);
    serve(simulator).await
}

async fn start() -> Served {
    start_with(SimulatorConfig::default()).await
}

impl Served {
    fn advance(&self, ms: u64) {
        self.simulator.clock().advance(ms);
    }

    async fn try_call(&self, method: Method, path: &str, body: Option<Value>) -> reqwest::Result<Answer> {
        let url = format!("{}/api/v10{path}", self.base);
        let request = self
            .http
            .request(method, url)
            .header("authorization", format!("Bot {TOKEN}"));
        let request = match body {
            Some(body) => request
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_string()),
            None => request.header(CONTENT_LENGTH, 0),
        };
        read(request).await
    }

    async fn call(&self, method: Method, path: &str) -> Answer {
        self.try_call(method, path, None).await.unwrap()
    }

    async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path).await
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> Answer {
        self.try_call(method, path, Some(body)).await.unwrap()
    }

    async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        read(self.http.post(format!("{}{path}", self.base)).form(fields))
            .await
            .unwrap()
    }

    async fn bearer(&self, token: &str, path: &str) -> Answer {
        let url = format!("{}/api/v10{path}", self.base);
        read(self.http.get(url).bearer_auth(token)).await.unwrap()
    }

    fn roles_of(&self, user: u64) -> Vec<u64> {
        self.simulator.member_roles(GUILD, user).unwrap()
    }
}

async fn read(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer {
        status,
        headers,
        text: response.text().await?,
    })
}

fn member(user: u64) -> String {
    format!("/guilds/{GUILD}/members/{user}")
}

fn member_role(user: u64, role: u64) -> String {
    format!("/guilds/{GUILD}/members/{user}/roles/{role}")
}
