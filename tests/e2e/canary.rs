//! Secrets that can be recognised go through the whole system; then everything that it wrote, sent or said is searched
//! for them. Each place is searched for something that it must hold, too, so that a search that finds nothing is one.

mod search;

use std::sync::{Arc, Mutex};

use reqwest::{Method, StatusCode};
use rolecall_simulator::{BotIn, NewGuild, NewRole, Simulator, SimulatorConfig, TokenPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::{CancellationToken, DropGuard};

use search::Canaries;

use crate::support::free_port;
use crate::support::http::{Api, json as body_of};
use crate::support::process::Installation;
use crate::support::servers::{Mongo, Redis};

const BOT: &str = "Q4nary.b0t-token.kZx81";
const JWT: &str = "Q4nary-jwt-secret-0123456789-abcdefgh";
const KEY: &str = "Q4naryKeyQ4naryKeyQ4naryKeyQ4naryKeyQ4naryA=";
/// The name at Discord: forgotten with the link.
const PERSON: &str = "person-of-the-canary";
const SPEED: f64 = 20.0;
const CLIENT: (&str, &str) = ("1190000000000000001", "simulator-client-secret");

/// A guild whose bot has the recognisable token, and an account that wants to link.
struct Stage {
    simulator: Simulator,
    url: String,
    guild: String,
    role: String,
    account: u64,
    pair: TokenPair,
    _stop: DropGuard,
}

async fn stage() -> Stage {
    let config = SimulatorConfig {
        speed: SPEED,
        ..SimulatorConfig::default()
    };
    let simulator = Simulator::new(config);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v10", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let (served, stopped) = (simulator.clone(), stop.clone());
    tokio::spawn(async move { served.serve(listener, stopped.cancelled_owned()).await });
    simulator.add_bot(BOT);
    let bot = BotIn {
        position: Some(9),
        ..BotIn::with_token(BOT)
    };
    let guild = simulator.add_guild(NewGuild {
        name: "Canary".into(),
        roles: vec![NewRole::at("Pilot", 1)],
        bots: vec![bot],
        ..NewGuild::default()
    });
    let roles = simulator.guild_roles(guild);
    let role = roles.into_iter().find(|(_, name, _)| name == "Pilot").unwrap().0;
    let account = simulator.add_user(PERSON);
    let scopes = ["identify", "guilds", "guilds.join"];
    let pair = simulator.grant_token(account, &scopes);
    Stage {
        simulator,
        url,
        guild: guild.to_string(),
        role: role.to_string(),
        account,
        pair,
        _stop: stop.drop_guard(),
    }
}

fn settings(stage: &Stage, port: u16) -> Installation {
    Installation::embedded()
        .set("JWT_SECRET", JWT)
        .set("ROLECALL_ENCRYPTION_KEYS", format!("k9:{KEY}"))
        .set("DISCORD_API_BASE_URL", &stage.url)
        .set("DISCORD_CLIENT_ID", CLIENT.0)
        .set("DISCORD_CLIENT_SECRET", CLIENT.1)
        .set(
            "DISCORD_REDIRECT_URI",
            format!("http://127.0.0.1:{port}/discord/auth/callback"),
        )
        // So that what a login ends with can be followed.
        .set("FRONTEND_URL", format!("http://127.0.0.1:{port}"))
        .set("ROLECALL_SIMULATOR_SPEED", SPEED)
        .set("RUST_LOG", "debug")
        .set("HOST", "127.0.0.1")
        .set("PORT", port)
        .set("BOT_TOKEN", BOT)
}

/// Everything that was said to callers and operators.
#[derive(Default)]
struct Said(String);

impl Said {
    fn add(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    async fn ask(&mut self, api: &Api, token: &str, method: Method, path: &str, body: &str) -> StatusCode {
        let request = api.request(method, path).bearer_auth(token);
        let request = request.header("content-type", "application/json");
        let answer = request.body(body.to_owned()).send().await.unwrap();
        let status = answer.status();
        self.add(&format!("{:?}", answer.headers()));
        self.add(&answer.text().await.unwrap());
        status
    }

    fn run(&mut self, installation: &Installation, args: &[&str]) {
        let ended = installation.run(args);
        self.add(&ended.out);
        self.add(&ended.err);
    }
}

/// Bodies and addresses that are wrong, each with a secret in them.
fn wrong(stage: &Stage) -> Vec<(Method, String, String)> {
    let (pair, guild) = (&stage.pair, &stage.guild);
    let (access, refresh) = (&pair.access_token, &pair.refresh_token);
    let link = "/discord/auth/link";
    let mut all: Vec<(Method, String, String)> = [
        json!({ "access_token": [access], "refresh_token": { "x": refresh } }),
        json!({ "access_token": access, "refresh_token": refresh, "more": refresh }),
        json!({ "refresh_token": refresh }),
        json!(access),
    ]
    .iter()
    .map(|body| (Method::POST, link.to_owned(), body.to_string()))
    .collect();
    all.extend([
        (
            Method::POST,
            link.to_owned(),
            format!("{{\"access_token\": \"{access}\", oops"),
        ),
        (
            Method::POST,
            "/discord/guilds".to_owned(),
            json!({ "guild_id": "x", "guild_name": "y", "bot_token": BOT, BOT: BOT }).to_string(),
        ),
        (
            Method::POST,
            "/discord/guilds".to_owned(),
            json!({ "guild_id": "7", "guild_name": "y", "bot_token": BOT }).to_string(),
        ),
        (
            Method::PUT,
            format!("/discord/guilds/{guild}"),
            json!({ "bot_token": { "a": BOT }, "guild_name": 7 }).to_string(),
        ),
    ]);
    all
}

/// Links, syncs, looks at everything, sends what is wrong, unlinks. What was said.
async fn through(stage: &Stage, installation: &Installation, api: &Api, operator: &str) -> Said {
    let mut said = Said::default();
    let ada = installation.run(&["token", "--user", "ada"]).ok().out;
    let ada = ada.trim();
    for (method, path, body) in wrong(stage) {
        let status = said.ask(api, operator, method, &path, &body).await;
        assert!(status.is_client_error(), "{path}: {status}: {body}");
    }
    let body = json!({ "access_token": stage.pair.access_token, "refresh_token": stage.pair.refresh_token });
    let linked = api.request(Method::POST, "/discord/auth/link").bearer_auth(ada);
    let linked = body_of(linked.json(&body).send().await.unwrap(), StatusCode::OK, "link").await;
    said.add(&linked.to_string());
    api.finished(linked["sync_id"].as_str().unwrap()).await;
    let account = stage.account;
    let joined = stage
        .simulator
        .member_roles(stage.guild.parse().unwrap(), account);
    assert_eq!(joined, Some(vec![stage.role.parse().unwrap()]));
    look(stage, installation, api, (operator, ada), &mut said).await;
    let path = format!("/discord/auth/unlink/{account}");
    let unlinked = api
        .request(Method::DELETE, &path)
        .bearer_auth(ada)
        .send()
        .await
        .unwrap();
    let unlinked = body_of(unlinked, StatusCode::OK, "unlink").await;
    said.add(&unlinked.to_string());
    api.finished(unlinked["sync_id"].as_str().unwrap()).await;
    said
}

/// Asks for everything that can be looked at.
async fn look(
    stage: &Stage,
    installation: &Installation,
    api: &Api,
    (operator, ada): (&str, &str),
    said: &mut Said,
) {
    let guild = format!("/discord/guilds/{}", stage.guild);
    for path in [
        "/openapi.json",
        "/health",
        "/readyz",
        "/discord/status",
        "/discord/guilds",
        &guild,
        &format!("{guild}/roles"),
        &format!("{guild}/role-mappings"),
        "/discord/role-mappings",
        "/discord/users",
        "/discord/users/ada",
        "/discord/sync/status",
        "/discord/auth/status",
        "/v1/runs",
    ] {
        let status = said.ask(api, operator, Method::GET, path, "").await;
        assert!(status.is_success(), "{path}: {status}");
    }
    for path in ["/discord/auth/status", "/discord/user/profile", "/v1/me/export"] {
        let status = said.ask(api, ada, Method::GET, path, "").await;
        assert!(status.is_success(), "{path}: {status}");
    }
    let jobs: Value = api.get("/v1/jobs").await;
    for job in jobs["jobs"].as_array().unwrap() {
        let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
        said.ask(api, operator, Method::GET, &path, "").await;
    }
    let access = &stage.pair.access_token;
    let stray = format!("/discord/auth/callback?code={access}&state={access}");
    said.ask(api, "", Method::GET, &stray, "").await;
    for args in [
        &["guild", "list", "--json"][..],
        &["guild", "show", &stage.guild, "--json"],
        &["jobs", "list", "--json"],
        &["runs", "list", "--json"],
        &["doctor", "--json"],
        &["doctor"],
        &["secrets", "verify", "--json"],
        &["secrets", "rotate", "--dry-run"],
        &["user", "export", "--user", "ada"],
    ] {
        said.run(installation, args);
    }
}

/// The guild, the directory, the mapping.
fn prepare(stage: &Stage, installation: &Installation) {
    installation
        .run(&[
            "guild",
            "add",
            "--id",
            &stage.guild,
            "--name",
            "Canary",
            "--bot-token-env",
            "BOT_TOKEN",
        ])
        .ok();
    let file = installation.path("directory.csv");
    std::fs::write(&file, "user_id,name,groups,discord_id\nada,Ada,pilots,\n").unwrap();
    installation
        .run(&["directory", "import", file.to_str().unwrap()])
        .ok();
    installation
        .run(&[
            "mapping",
            "add",
            "--guild",
            &stage.guild,
            "--group",
            "pilots",
            "--role",
            &stage.role,
        ])
        .ok();
}

fn operator(installation: &Installation) -> String {
    let token = installation
        .run(&["token", "--user", "operator", "--admin"])
        .ok()
        .out;
    token.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_answers_logs_or_the_file_of_one_process() {
    let (stage, port) = (stage().await, free_port());
    let installation = settings(&stage, port);
    prepare(&stage, &installation);
    let all = installation.start("all", &["all"], &[]);
    let operator = operator(&installation);
    let api = Api::new(port, &operator);
    api.ready().await;
    let said = through(&stage, &installation, &api, &operator).await;
    let canaries = Canaries::new(&stage.pair);
    let account = stage.account.to_string();
    canaries.assert_absent("an answer", said.0.as_bytes(), &account);
    canaries.assert_absent("the log", all.log().as_bytes(), &account);
    // The file, and what is not written into it yet.
    let mut stored = Vec::new();
    for entry in std::fs::read_dir(installation.path("data")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("rolecall.db")
        {
            stored.extend(std::fs::read(path).unwrap());
        }
    }
    canaries.assert_absent("the store's files", &stored, &account);
}

/// Everything that any client sends to this Redis from now on.
async fn monitored(redis: &Redis) -> Arc<Mutex<Vec<u8>>> {
    let address = redis.url.trim_start_matches("redis://").to_owned();
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket.write_all(b"MONITOR\r\n").await.unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&seen);
    tokio::spawn(async move {
        let mut buffer = vec![0; 65_536];
        while let Ok(n) = socket.read(&mut buffer).await {
            if n == 0 {
                return;
            }
            into.lock().unwrap().extend_from_slice(&buffer[..n]);
        }
    });
    seen
}

/// All documents of all collections, as text.
async fn documents(mongo: &Mongo) -> String {
    use futures::TryStreamExt as _;
    let database = mongo.client().await;
    let mut text = String::new();
    for name in database.list_collection_names().await.unwrap() {
        let collection = database.collection::<mongodb::bson::Document>(&name);
        let found: Vec<_> = collection
            .find(mongodb::bson::doc! {})
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        for document in found {
            text.push_str(&format!("{name} {document}\n"));
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_answers_logs_documents_or_redis_of_many_processes() {
    let (stage, port) = (stage().await, free_port());
    let (mongo, redis) = (Mongo::fresh(), Redis::start().await);
    let sent = monitored(&redis).await;
    let installation = settings(&stage, port)
        .set("MONGODB_URI", &mongo.uri)
        .set("MONGODB_DATABASE", &mongo.database)
        .set("REDIS_URL", &redis.url);
    installation.run(&["release"]).ok();
    prepare(&stage, &installation);
    let web = installation.start("web", &["web"], &[]);
    let worker = installation.start("worker", &["worker"], &[]);
    let operator = operator(&installation);
    let api = Api::new(port, &operator);
    api.ready().await;
    let said = through(&stage, &installation, &api, &operator).await;
    let canaries = Canaries::new(&stage.pair);
    let account = stage.account.to_string();
    canaries.assert_absent("an answer", said.0.as_bytes(), &account);
    canaries.assert_absent("the log of web", web.log().as_bytes(), &account);
    canaries.assert_absent("the log of the worker", worker.log().as_bytes(), "join_guild");
    let stored = documents(&mongo).await;
    canaries.assert_absent("MongoDB", stored.as_bytes(), &account);
    // The person has unlinked: what is left of them is ids.
    assert!(said.0.contains(PERSON), "nobody was told the name");
    let left: Vec<&str> = stored
        .lines()
        .filter(|l| l.contains(PERSON) || l.starts_with("discord_users "))
        .collect();
    assert!(left.is_empty(), "{left:#?}");
    let sent = sent.lock().unwrap().clone();
    canaries.assert_absent("Redis", &sent, "join_guild");
    mongo.forget().await;
}
