//! Messages to operators, by real processes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::post;
use rolecall_simulator::{Fault, FaultKind};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::sync::mpsc;

use crate::support::free_port;
use crate::support::http::Api;
use crate::support::process::{Installation, Running};
use crate::support::wait_for;
use crate::support::world::World;

const PATIENCE: Duration = Duration::from_secs(120);

/// A message as it came.
struct Message {
    headers: HeaderMap,
    body: String,
}

impl Message {
    fn id(&self) -> &str {
        self.headers["webhook-id"].to_str().unwrap()
    }
}

/// An endpoint that does not answer the first message, if it is told so; all that come.
async fn receiver(deaf_at_first: bool) -> (String, mpsc::UnboundedReceiver<Message>) {
    let (seen, messages) = mpsc::unbounded_channel();
    let first = Arc::new(AtomicBool::new(deaf_at_first));
    let take = move |headers: HeaderMap, body: String| async move {
        seen.send(Message { headers, body }).unwrap();
        if first.swap(false, Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", post(take))).await });
    (url, messages)
}

fn open(world: &World, port: u16) -> Installation {
    world
        .embedded(port)
        .set("ROLECALL_WEBHOOKS_ALLOW_HTTP", true)
        .set("ROLECALL_WEBHOOKS_ALLOW_PRIVATE", true)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_whose_worker_is_killed_is_sent_again_as_the_same_message() {
    let world = World::start(60.0, 1, 1).await;
    let port = free_port();
    let installation = open(&world, port);
    let (url, mut messages) = receiver(true).await;
    let made = installation
        .run(&["webhooks", "add", &url, "--event", "run.held", "--json"])
        .ok()
        .json();
    let mut all = installation.start("all", &["all"], &[]);
    Api::new(port, "").ready().await;
    let id = made["id"].as_str().unwrap();
    installation.run(&["webhooks", "test", id]).ok();
    let mut next = async || {
        let message = tokio::time::timeout(PATIENCE, messages.recv()).await;
        message.expect("a message").expect("an open channel")
    };
    let before = next().await;
    all.kill();
    let _again = installation.start("again", &["all"], &[]);
    assert_eq!(next().await.id(), before.id());
}

/// Operators who hear of everything.
struct Operators {
    installation: Installation,
    port: u16,
    messages: mpsc::UnboundedReceiver<Message>,
    secret: String,
    /// What they heard, in its order.
    heard: Vec<Value>,
}

impl Operators {
    async fn start(&self, name: &str) -> Running {
        let running = self.installation.start(name, &["all"], &[]);
        Api::new(self.port, "").ready().await;
        running
    }

    /// The name of the process that answers now.
    async fn worker(&self, known: &[String]) -> String {
        wait_for("a process that tells of itself", PATIENCE, || async {
            let listed = self.installation.run(&["workers", "list", "--json"]).ok().json();
            let workers = listed["workers"].as_array()?.clone();
            workers
                .iter()
                .filter(|w| w["status"] == "alive")
                .map(|w| w["id"].as_str().unwrap().to_owned())
                .find(|id| !known.contains(id))
        })
        .await
    }

    /// The first message of this kind, of those that came or come; each is signed.
    async fn hear(&mut self, kind: &str) -> Value {
        loop {
            if let Some(found) = self.heard.iter().find(|event| event["type"] == kind) {
                return found.clone();
            }
            let message = tokio::time::timeout(PATIENCE, self.messages.recv()).await;
            let message = message.unwrap_or_else(|_| panic!("waited in vain for {kind}: {:#?}", self.heard));
            self.take(&message.unwrap());
        }
    }

    fn take(&mut self, message: &Message) {
        let webhook = Webhook::new(&self.secret).unwrap();
        webhook
            .verify(message.body.as_bytes(), &message.headers)
            .expect("a signature");
        self.heard.push(serde_json::from_str(&message.body).unwrap());
    }

    fn of(&self, kind: &str) -> Vec<&Value> {
        let of_kind = self.heard.iter().filter(|event| event["type"] == kind);
        of_kind.collect()
    }

    /// Moves back up to when the ticks of all schedules were looked at, as if nothing had run for two hours.
    fn two_hours_pass(&self) {
        let file = self.installation.path("data/rolecall.db");
        let db = rusqlite::Connection::open(file).unwrap();
        let sql = "UPDATE rolecall_schedules SET seen_until = seen_until - 7200000";
        assert!(db.execute(sql, []).unwrap() > 1);
        db.execute("DELETE FROM rolecall_schedule_ticks", []).unwrap();
    }
}

impl Operators {
    /// Nobody is in a group any more: the guard holds the run.
    async fn hear_of_a_held_run(&mut self, world: &mut World) {
        let groups = world.groups.clone();
        world.groups.values_mut().for_each(|groups| groups.clear());
        world.import(&self.installation);
        let held = self.installation.run(&["sync", "--wait"]);
        assert_eq!(held.code, Some(3), "{held:#?}");
        let event = self.hear("run.held").await;
        assert_eq!(event["data"]["guild_id"], world.guild.to_string());
        world.groups = groups;
    }

    /// Discord takes the bot for nobody: a cause opens.
    async fn hear_of_a_cause(&mut self, world: &mut World) {
        let faults = world.simulator.faults();
        for route in ["PUT *", "PATCH *", "DELETE *"] {
            faults.add(Fault::new(FaultKind::Unauthorized).on(route));
        }
        world.change(9);
        world.import(&self.installation);
        self.installation.run(&["sync", "--wait"]);
        self.hear("group.opened").await;
        world.simulator.faults().clear();
    }

    /// The process takes no jobs any more: a lane is late. What tells of it waits, too, until jobs are taken again.
    async fn hear_of_a_late_lane(&mut self, process: &str) {
        self.installation.run(&["workers", "drain", process]).ok();
        wait_for("a process that is drained", PATIENCE, || async {
            let shown = self
                .installation
                .run(&["workers", "show", process, "--json"])
                .ok();
            (shown.json()["status"] == "drained").then_some(())
        })
        .await;
        self.installation.run(&["sync"]).ok();
        wait_for("a lane that is late", PATIENCE, || async {
            let query = ["jobs", "list", "kind:deliver_webhook", "--json"];
            let listed = self.installation.run(&query).ok().json();
            let jobs = listed["jobs"].as_array()?.clone();
            jobs.iter()
                .any(|job| job["payload"]["event"] == "queue.late")
                .then_some(())
        })
        .await;
        self.installation.run(&["workers", "undrain", process]).ok();
        self.hear("queue.late").await;
    }

    /// Of all that came, each event came once.
    fn assert_each_came_once(&mut self) {
        while let Ok(message) = self.messages.try_recv() {
            self.take(&message);
        }
        // By what makes it this event and no other: whenever the test runs, the clock may hold a run or miss a tick of its own.
        let told_by: [(&str, &[&str]); 4] = [
            ("run.held", &["run_id"]),
            ("worker.lost", &["worker"]),
            ("tick.missed", &["schedule", "after"]),
            ("group.opened", &["fingerprint"]),
        ];
        for (kind, names) in told_by {
            let told = self.of(kind);
            let of_event = |event: &Value| names.iter().map(|name| event["data"][name].to_string()).collect();
            let events: BTreeSet<Vec<String>> = told.iter().map(|event| of_event(event)).collect();
            assert_eq!(events.len(), told.len(), "{kind}: {:#?}", self.heard);
        }
        assert_eq!(self.of("worker.lost").len(), 1, "{:#?}", self.heard);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_person_is_told_once_each_by_signed_messages() {
    let mut world = World::start(60.0, 60, 40).await;
    let port = free_port();
    let installation = open(&world, port).set("ROLECALL_QUEUE_LATE_AFTER", "15s");
    world.set_up(&installation);
    let (url, messages) = receiver(false).await;
    let made = installation.run(&["webhooks", "add", &url, "--json"]).ok().json();
    let mut operators = Operators {
        installation,
        port,
        messages,
        secret: made["secret"].as_str().unwrap().to_owned(),
        heard: Vec::new(),
    };
    let mut stopped = operators.start("stopped").await;
    let first = operators.worker(&[]).await;
    operators.installation.run(&["sync", "--wait"]).ok();
    operators.hear_of_a_held_run(&mut world).await;
    operators.hear_of_a_cause(&mut world).await;

    // One process ends in order, the next one by a kill; then nobody looks at the ticks of two hours.
    stopped.terminate();
    assert!(stopped.ended(PATIENCE).await.success());
    let mut lost = operators.start("lost").await;
    let second = operators.worker(std::slice::from_ref(&first)).await;
    lost.kill();
    operators.two_hours_pass();
    let _last = operators.start("last").await;
    let event = operators.hear("worker.lost").await;
    assert_eq!(event["data"]["worker"], second, "not {first}");
    operators.hear("tick.missed").await;
    let third = operators.worker(&[first, second]).await;
    operators.hear_of_a_late_lane(&third).await;

    operators.assert_each_came_once();
    let endpoint = made["id"].as_str().unwrap();
    let query = ["webhooks", "deliveries", endpoint, "state:completed", "--json"];
    let deliveries = operators.installation.run(&query).ok().json();
    let answered = &deliveries["deliveries"][0];
    assert_eq!(
        (&answered["last_status"], &answered["attempts"]),
        (&json!(200), &json!(1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_does_what_the_api_does_and_shows_first_what_it_would_do() {
    let installation = Installation::embedded();
    let run = |args: &[&str]| {
        let mut all = vec!["webhooks"];
        all.extend(args);
        installation.run(&all)
    };
    let told = |args: &[&str]| run(&[args, &["--json"]].concat()).ok().json();
    let url = "https://ops.example.com/rolecall";
    let would = told(&["add", url, "--event", "run.held", "--dry-run"]);
    assert_eq!((&would["dry_run"], &would["to"]), (&json_of(true), &json_of(url)));
    assert_eq!(told(&["list"])["webhooks"], Value::Array(Vec::new()));
    run(&["add", "http://127.0.0.1/x", "--dry-run"]).refused(2, &["https"]);

    let made = told(&["add", url, "--event", "run.held", "--description", "the pager"]);
    let id = made["id"].as_str().unwrap();
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    let shown = run(&["show", id]).ok().out;
    for word in [url, "run.held", "the pager", "on"] {
        assert!(shown.contains(word), "{shown}");
    }
    assert!(!shown.contains("whsec_"));

    let would = told(&["update", id, "--all-events", "--dry-run"]);
    assert_eq!(
        (&would["dry_run"], &would["events"]),
        (&json_of(true), &json!([]))
    );
    assert_eq!(told(&["show", id])["events"], json!(["run.held"]));
    let other = "https://ops.example.com/other";
    let changed = told(&["update", id, "--url", other, "--event", "queue.late"]);
    assert_eq!(
        (&changed["url"], &changed["events"]),
        (&json_of(other), &json!(["queue.late"]))
    );
    assert_eq!(changed["description"], "the pager", "what is not named stays");
    run(&["update", id]).refused(2, &["--url"]);
    run(&["update", id, "--channel", "7", "--guild", "5"]).refused(2, &["stays of its kind"]);

    assert_eq!(told(&["disable", id, "--dry-run"])["enabled"], false);
    assert_eq!(told(&["show", id])["enabled"], true);
    assert_eq!(told(&["disable", id])["enabled"], false);
    run(&["test", id]).refused(1, &["switched off"]);
    assert_eq!(told(&["enable", id])["enabled"], true);

    told(&["test", id, "--dry-run"]);
    assert_eq!(told(&["deliveries", id])["total"], 0);
    let job = told(&["test", id])["job_id"].clone();
    let sent = told(&["deliveries", id, "state:available,scheduled"]);
    assert_eq!(sent["deliveries"][0]["job_id"], job);
    assert_eq!(sent["deliveries"][0]["event"], "webhook.test");
    assert!(run(&["deliveries", id]).ok().out.contains("webhook.test"));

    assert_eq!(told(&["rotate", id, "--dry-run"])["dry_run"], true);
    assert_eq!(told(&["show", id])["old_secret_until"], Value::Null);
    assert_ne!(told(&["rotate", id])["secret"], made["secret"]);
    assert_ne!(told(&["show", id])["old_secret_until"], Value::Null);

    told(&["remove", id, "--dry-run"]);
    told(&["remove", id]);
    for command in [
        "show",
        "enable",
        "disable",
        "test",
        "rotate",
        "remove",
        "deliveries",
    ] {
        run(&[command, id]).refused(1, &["there is no endpoint", "rolecall webhooks list"]);
    }
}

fn json_of<T: Into<Value>>(value: T) -> Value {
    value.into()
}
