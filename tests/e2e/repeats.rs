//! A request whose process is killed between the act and the answer, and that is sent again with its `Idempotency-Key`.

use reqwest::{Method, StatusCode};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::operators::{PATIENCE, installed, jobs};
use crate::support::free_port;
use crate::support::http::{client, json as body_of};
use crate::support::process::{Installation, Running};
use crate::support::wait_for;
use crate::support::world::World;

struct Caller<'a> {
    installation: &'a Installation,
    base: String,
    token: String,
}

impl Caller<'_> {
    async fn start(&self, name: &str) -> Running {
        let all = self.installation.start(name, &["all"], &[]);
        let ready = format!("{}/readyz", self.base);
        wait_for("the API to be ready", PATIENCE, || async {
            let answer = client().get(&ready).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        all
    }

    /// A POST with this key; it may wait for the end of what it asked for.
    fn post(&self, path: &str, key: &str, body: &Value, wait: bool) -> reqwest::RequestBuilder {
        let request = client()
            .request(Method::POST, format!("{}{path}", self.base))
            .bearer_auth(&self.token)
            .header("idempotency-key", key)
            .json(body);
        match wait {
            true => request.header("prefer", "wait=25"),
            false => request,
        }
    }

    fn store(&self) -> Connection {
        let db = Connection::open(self.installation.path("data").join("rolecall.db")).unwrap();
        db.busy_timeout(PATIENCE).unwrap();
        db
    }

    /// As if a minute had gone by since the requests that were never answered.
    fn a_minute_goes_by(&self) {
        let sql = "UPDATE rolecall_replies SET at = at - 61000 WHERE reply IS NULL";
        assert_eq!(self.store().execute(sql, []).unwrap(), 1);
    }

    fn runs(&self) -> Vec<Value> {
        let listed = self.installation.run(&["runs", "list", "--json"]).ok().json();
        listed["runs"].as_array().unwrap().clone()
    }

    fn pauses(&self) -> Vec<Value> {
        let listed = self.installation.run(&["pauses", "list", "--json"]).ok().json();
        listed["pauses"].as_array().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_whose_process_was_killed_before_its_answer_makes_nothing_twice() {
    let world = World::start(60.0, 12, 10).await;
    let port = free_port();
    let installation = installed(&world, port);
    installation.nothing_by_the_clock();
    for kind in ["kind:add_role", "kind:set_member_roles"] {
        let pause = ["pauses", "add", kind, "--reason", "so that the run does not end"];
        installation.run(&pause).ok();
    }
    let token = installation
        .run(&["token", "--user", "tester", "--admin"])
        .ok()
        .out;
    let caller = Caller {
        installation: &installation,
        base: format!("http://127.0.0.1:{port}"),
        token: token.trim().to_owned(),
    };
    let mut all = caller.start("first").await;

    // The run is stored, and whoever asked waits for its end: there the process dies.
    let asked = tokio::spawn(caller.post("/v1/runs", "run", &json!({}), true).send());
    let run = wait_for("the run", PATIENCE, || async { caller.runs().pop() }).await;
    all.kill();
    asked.await.unwrap().unwrap_err();
    let mut all = caller.start("second").await;
    let again = || caller.post("/v1/runs", "run", &json!({}), false).send();
    let told = body_of(again().await.unwrap(), StatusCode::CONFLICT, "too early").await;
    assert_eq!(told["code"], "request_under_way");
    caller.a_minute_goes_by();
    let answer = body_of(again().await.unwrap(), StatusCode::ACCEPTED, "the run again").await;
    assert_eq!(answer["id"], run["id"]);
    assert_eq!(caller.runs().len(), 1);
    assert_eq!(jobs(&installation, &["kind:sync_all"]).len(), 1);

    // The answer to this one cannot be kept, and then its process dies.
    let deaf = "CREATE TRIGGER deaf BEFORE UPDATE ON rolecall_replies WHEN NEW.reply IS NOT NULL \
                BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    caller.store().execute_batch(deaf).unwrap();
    let body = json!({"query": "kind:remove_role", "reason": "once"});
    let post = || caller.post("/v1/pauses", "pause", &body, false).send();
    let first = body_of(post().await.unwrap(), StatusCode::CREATED, "a pause").await;
    all.kill();
    caller.store().execute_batch("DROP TRIGGER deaf").unwrap();
    let _all = caller.start("third").await;
    caller.a_minute_goes_by();
    let second = body_of(post().await.unwrap(), StatusCode::CREATED, "the pause again").await;
    assert_eq!(second["id"], first["id"]);
    let once = caller.pauses();
    assert_eq!(once.iter().filter(|pause| pause["reason"] == "once").count(), 1);
    let answer = post().await.unwrap();
    assert_eq!(answer.headers()["idempotency-replayed"], "true");
}
