//! The commands of operators, each against one running installation: what they print, for people and for scripts, how they
//! end, and what they change.

use serde_json::{Value, json};

use crate::operators::{PATIENCE, installed, jobs, until, until_there_are_jobs};
use crate::support::free_port;
use crate::support::process::{Ended, Installation, Running};
use crate::support::wait_for;
use crate::support::world::World;

/// Writes to members.
const KINDS: [&str; 2] = ["kind:add_role", "kind:set_member_roles"];
const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

/// A terminal at a running installation.
struct Terminal {
    world: World,
    installation: Installation,
    _all: Running,
}

impl Terminal {
    /// After this was prepared.
    async fn open(prepare: fn(&Installation)) -> Self {
        let world = World::start(60.0, 12, 10).await;
        let installation = installed(&world, free_port());
        prepare(&installation);
        let all = installation.start("all", &["all"], &[]);
        Self {
            world,
            installation,
            _all: all,
        }
    }

    /// What a command printed for people: no colours where it is no terminal.
    fn says(&self, args: &[&str]) -> Ended {
        let ended = self.installation.run(args).ok();
        assert!(!ended.out.contains('\u{1b}'), "{ended:#?}");
        ended
    }

    fn json(&self, args: &[&str]) -> Value {
        self.installation.run(&[args, &["--json"]].concat()).ok().json()
    }

    fn refuses(&self, args: &[&str], code: i32, words: &[&str]) {
        self.installation.run(args).refused(code, words);
    }

    /// Holds the writes to members back; the ids of the pauses.
    fn pause(&self, more: &[&str]) -> Vec<String> {
        let add = |kind| {
            let pause = self.json(&[&["pauses", "add", kind, "--reason", "a look first"], more].concat());
            pause["id"].as_str().unwrap().to_owned()
        };
        KINDS.map(add).into()
    }

    fn end(&self, pauses: &[String]) {
        for pause in pauses {
            assert_eq!(self.json(&["pauses", "end", pause])["ended"], true);
        }
    }

    /// A run whose writes are planned, and wait.
    async fn planned(&self) -> String {
        let run = self.json(&["sync"])["run"]["id"].as_str().unwrap().to_owned();
        let of_run = format!("run:{run}");
        until_there_are_jobs(
            &self.installation,
            &["kind:sync_guild", "state:completed", &of_run],
        )
        .await;
        until_there_are_jobs(&self.installation, &["state:available", &of_run]).await;
        run
    }

    fn position(&self) -> i64 {
        let roles = self.world.simulator.guild_roles(self.world.guild);
        roles
            .iter()
            .find(|(id, ..)| *id == self.world.roles[0])
            .unwrap()
            .2
    }

    fn role_goes_to(&self, position: i64) {
        let world = &self.world;
        assert!(world.simulator.move_role(world.guild, world.roles[0], position));
    }
}

/// Jobs fail because a role went above the bot; the largest cause of that.
async fn a_role_goes_above_the_bot(at: &Terminal) -> String {
    let pauses = at.pause(&[]);
    let run = at.planned().await;
    let running = at.json(&["runs", "list", "--state", "running"]);
    assert_eq!(running["runs"][0]["id"], run);
    at.role_goes_to(200);
    at.end(&pauses);
    until(&at.installation, "run", &run, "partial").await;
    assert_eq!(
        at.json(&["runs", "list", "--state", "running"])["runs"],
        json!([])
    );
    assert_eq!(
        at.json(&["runs", "list", "--state", "partial"])["runs"][0]["id"],
        run
    );
    at.refuses(&["runs", "list", "--state", "over"], 2, &["over", "partial"]);
    at.refuses(&["runs", "cancel", &run], 1, &["only a running one"]);
    at.refuses(&["runs", "show", NOBODY], 1, &[NOBODY, "runs list"]);
    let shown = at.says(&["runs", "show", &run]).out;
    assert!(shown.contains("rolecall runs retry"), "{shown}");
    let again = at.json(&["runs", "retry", &run, "--dry-run"]);
    assert!(again["total"].as_u64().unwrap() > 0, "{again}");
    assert_eq!(jobs(&at.installation, &["kind:bulk_order"]), Vec::<Value>::new());
    let groups = at.json(&["dead-letters", "list"]);
    groups["groups"][0]["fingerprint"].as_str().unwrap().to_owned()
}

/// The list says which role is above which; `check` ends with 1 while it is so; what is said of a cause is seen in the list.
fn dead_letters_are_listed_looked_at_and_marked(at: &Terminal, cause: &str) {
    let table = at.says(&["dead-letters", "list"]).out;
    assert!(table.contains("50013") && table.contains("TO DO"), "{table}");
    let shown = at.says(&["dead-letters", "show", cause]).out;
    assert!(
        shown.contains("(position 200) is above the bot's highest role"),
        "{shown}"
    );
    let checked = at.installation.run(&["dead-letters", "check", cause]);
    assert_eq!(checked.code, Some(1), "{checked:#?}");
    assert!(
        checked.out.contains("still there") && checked.out.contains("(position 200)"),
        "{checked:#?}"
    );

    let standing = |name: &str| {
        at.json(&[
            "dead-letters",
            "list",
            "--standing",
            name,
            "code:50013",
            "since:1h",
        ])
    };
    at.says(&[
        "dead-letters",
        "ignore",
        cause,
        "--for",
        "1h",
        "--reason",
        "tomorrow",
    ]);
    assert_eq!(standing("ignored")["groups"][0]["fingerprint"], cause);
    at.says(&["dead-letters", "resolve", cause]);
    assert_eq!(standing("resolved")["groups"][0]["fingerprint"], cause);
    at.says(&["dead-letters", "reopen", cause]);
    assert_eq!(standing("resolved")["groups"], json!([]));
    assert_eq!(standing("open,re-opened")["groups"][0]["fingerprint"], cause);
    at.refuses(
        &["dead-letters", "list", "--standing", "closed"],
        2,
        &["closed", "reopened"],
    );
    at.refuses(&["dead-letters", "list", "colour:red"], 2, &["colour"]);
    at.refuses(
        &["dead-letters", "show", "add_role|x"],
        1,
        &["add_role|x", "dead-letters list"],
    );
}

/// An order about many jobs is looked at, given over an hour, ended before it did much, and given again.
async fn a_bulk_order_is_looked_at_aborted_and_carried_out(at: &Terminal, cause: &str) {
    let bulk = ["jobs", "bulk", "--action", "retry", "state:discarded"];
    let seen = at.json(&[&bulk[..], &["--dry-run"]].concat());
    let dead = jobs(&at.installation, &["state:discarded"]).len();
    assert_eq!(seen["total"], dead);
    assert!(
        seen["cost"]["calls"].as_u64().unwrap() > 0 && seen["id"].is_null(),
        "{seen}"
    );
    // Nobody is there to say yes.
    at.refuses(&bulk, 2, &["nobody can be asked", "--yes"]);
    let cancel = [
        "jobs",
        "bulk",
        "--action",
        "cancel",
        "--spread",
        "1h",
        "state:discarded",
    ];
    at.refuses(&cancel, 2, &["--spread"]);
    let given = at.json(&[&bulk[..], &["--spread", "1h", "--yes", "--reason", "slowly"]].concat());
    let order = given["id"].as_str().unwrap().to_owned();
    at.says(&["jobs", "cancel", &order, "--reason", "not now"]);
    until(&at.installation, "job", &order, "cancelled").await;

    at.role_goes_to(1);
    let gone = at.says(&["dead-letters", "check", cause]).out;
    assert!(gone.contains("They can run again"), "{gone}");
    let one = at.json(&["dead-letters", "redrive", cause, "--dry-run"]);
    assert!(one["total"].as_u64().unwrap() >= 1, "{one}");
    let given = at.json(&[&bulk[..], &["--yes"]].concat());
    until(
        &at.installation,
        "job",
        given["id"].as_str().unwrap(),
        "completed",
    )
    .await;
    let live = [
        "state:available,running,scheduled,retryable,discarded",
        "kind:add_role",
    ];
    wait_for("what failed to be done", PATIENCE, || async {
        jobs(&at.installation, &live).is_empty().then_some(())
    })
    .await;
    let nothing = at.json(&["dead-letters", "list", "code:50013"]);
    assert_eq!(nothing["groups"], json!([]), "{nothing}");
    let none = at.installation.run(&["dead-letters", "list"]).ok();
    assert!(none.err.contains("no dead letters"), "{none:#?}");
}

/// A run that is planned and waits is ended; none of its jobs is left.
async fn a_run_is_cancelled_after_a_look(at: &Terminal) {
    let pauses = at.pause(&[]);
    let run = at.planned().await;
    let look = at.json(&["runs", "cancel", &run, "--dry-run"]);
    assert!(look["total"].as_u64().unwrap() > 0, "{look}");
    at.says(&["runs", "cancel", &run, "--reason", "wrong import"]);
    let of_run = format!("run:{run}");
    wait_for("the run to end", PATIENCE, || async {
        let state = at.json(&["runs", "show", &run])["state"].clone();
        (state != "running").then_some(())
    })
    .await;
    let waiting = jobs(
        &at.installation,
        &["state:available,scheduled,retryable,running", &of_run],
    );
    assert_eq!(waiting, Vec::<Value>::new());
    assert!(!jobs(&at.installation, &["state:cancelled", &of_run]).is_empty());
    at.end(&pauses);
}

/// A pause ends by itself when a job that it lets through succeeds.
async fn pauses_are_looked_at_and_ended_by_their_canaries(at: &Terminal) {
    let look = at.json(&["pauses", "add", "kind:add_role", "--reason", "x", "--dry-run"]);
    assert_eq!(look["holds"], "kind:add_role");
    assert_eq!(at.json(&["pauses", "list"])["pauses"], json!([]));
    at.refuses(
        &[
            "pauses",
            "add",
            "kind:add_role",
            "--reason",
            "x",
            "--canary",
            "1s",
        ],
        2,
        &["10s"],
    );
    at.refuses(&["pauses", "end", NOBODY], 1, &[NOBODY]);
    let pauses = at.pause(&["--canary", "10s"]);
    let listed = at.says(&["pauses", "list"]).out;
    assert!(
        listed.contains("a look first") && listed.contains("kind:add_role"),
        "{listed}"
    );
    let run = at.planned().await;
    let held = jobs(&at.installation, &["state:available", &format!("run:{run}")]);
    let kinds = |job: &Value| format!("kind:{}", job["kind"].as_str().unwrap());
    // Of a kind without a job nothing is let through, so its pause stays.
    let here: Vec<String> = held.iter().map(kinds).collect();
    wait_for("the pauses to be ended by their canaries", PATIENCE, || async {
        let left = at.json(&["pauses", "list"]);
        let left = left["pauses"].as_array().unwrap();
        let is_over = left
            .iter()
            .all(|p| !here.contains(&p["holds"].as_str().unwrap().to_owned()));
        is_over.then_some(())
    })
    .await;
    let left = at.json(&["pauses", "list"]);
    for pause in left["pauses"].as_array().unwrap() {
        assert!(pauses.iter().any(|id| pause["id"] == **id));
        at.says(&["pauses", "end", pause["id"].as_str().unwrap()]);
    }
    until(&at.installation, "run", &run, "completed").await;
}

/// Schedules are switched off and on, and run now.
async fn schedules_are_switched_and_run_by_hand(at: &Terminal) {
    let listed = at.says(&["schedules", "list"]).out;
    assert!(
        listed.contains("discord_role_sync") && listed.contains("retention"),
        "{listed}"
    );
    let change = |order: &str| at.json(&["schedules", order, "retention"]);
    let off = change("disable");
    assert_eq!(off["enabled"], false);
    assert_eq!(change("disable"), off, "it is off already");
    let told = at.says(&["schedules", "disable", "retention"]).out;
    assert!(told.contains("was off already"), "{told}");
    assert_eq!(at.json(&["schedules", "show", "retention"])["enabled"], false);
    let looked = at.json(&["schedules", "enable", "retention", "--dry-run"]);
    assert_eq!(
        (&looked["dry_run"], &looked["enabled"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(change("enable")["enabled"], true);
    let made = at.json(&["schedules", "run-now", "retention"]);
    let job = made["job_id"].as_str().unwrap_or_else(|| panic!("{made}"));
    until(&at.installation, "job", job, "completed").await;
    at.refuses(&["schedules", "show", "lunch"], 1, &["lunch"]);
}

/// A process is told to take no more jobs: it says so itself, until the order is taken back.
async fn a_process_is_drained_and_takes_jobs_again(at: &Terminal) {
    let workers = at.json(&["workers", "list"]);
    let id = workers["workers"][0]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{workers}"))
        .to_owned();
    let look = at.json(&["workers", "drain", &id, "--dry-run"]);
    assert_eq!((&look["dry_run"], &look["drain"]), (&json!(true), &Value::Null));
    let alone = at
        .installation
        .run(&["workers", "drain", &id, "--reason", "a new disk"])
        .ok();
    assert!(alone.err.contains("no other process takes jobs"), "{alone:#?}");
    let is = |status: &'static str| {
        let id = &id;
        wait_for("the process to hear of it", PATIENCE, move || async move {
            (at.json(&["workers", "show", id])["status"] == status).then_some(())
        })
    };
    is("drained").await;
    at.says(&["workers", "undrain", &id]);
    is("alive").await;
    at.refuses(
        &["workers", "drain", "worker.nobody"],
        1,
        &["worker.nobody", "workers list"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_operators_works_against_a_running_installation() {
    let at = Terminal::open(|_| ()).await;
    assert!(at.position() < 200);
    let cause = a_role_goes_above_the_bot(&at).await;
    dead_letters_are_listed_looked_at_and_marked(&at, &cause);
    a_bulk_order_is_looked_at_aborted_and_carried_out(&at, &cause).await;
    schedules_are_switched_and_run_by_hand(&at).await;
    a_process_is_drained_and_takes_jobs_again(&at).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled_and_the_next_ends_its_pauses_by_canaries() {
    let at = Terminal::open(Installation::nothing_by_the_clock).await;
    a_run_is_cancelled_after_a_look(&at).await;
    pauses_are_looked_at_and_ended_by_their_canaries(&at).await;
    at.world.assert_equal();
}
