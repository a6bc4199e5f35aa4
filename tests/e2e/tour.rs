//! The operator's tour: a thousand failed jobs of six causes are found, understood and mended by the command lines of
//! `docs/operations.md`, which are run here as they are written there, from top to bottom: over one process and its file,
//! and with fewer jobs over several processes on MongoDB and Redis.

mod ground;
mod holds_back;
mod page;
mod stage;

use std::time::Duration;

use serde_json::Value;

use ground::Ground;
use page::{Page, between, total};
use stage::{FIRST_GUILD, KINDS, Stage, Why};

use crate::support::free_port;
use crate::support::http::Api;
use crate::support::process::{Installation, Running};
use crate::support::wait_for;

const PATIENCE: Duration = Duration::from_secs(120);

/// An operator in front of a system on which everything went wrong.
struct Tour {
    ground: Ground,
    stage: Stage,
    installation: Installation,
    api: Api,
    page: Page,
    /// The run that made the jobs.
    run: String,
    processes: Vec<Running>,
}

impl Tour {
    async fn begin(ground: Ground) -> Self {
        let (stage, port) = (Stage::start(ground.members()).await, free_port());
        let installation = stage.installed(&ground, port);
        let pauses = KINDS.map(|kind| {
            let kind = format!("kind:{kind}");
            let add = [
                "pauses",
                "add",
                &kind,
                "--reason",
                "before it goes wrong",
                "--json",
            ];
            let added = installation.run(&add).ok().json();
            added["id"].as_str().unwrap().to_owned()
        });
        let processes = ground.start(&installation);
        let token = installation
            .run(&["token", "--user", "operator", "--admin"])
            .ok()
            .out;
        let api = Api::new(port, token.trim());
        api.ready().await;
        let run = api.sync().await;
        let planned = format!("run={run}&kind=sync_guild&state=completed");
        wait_for("all plans", PATIENCE, || async {
            (total(&api, &planned).await == Why::ALL.len()).then_some(())
        })
        .await;
        stage.goes_wrong(&ground, &installation).await;
        for pause in &pauses {
            installation.run(&["pauses", "end", pause]).ok();
        }
        // All but the one that is tried further.
        let dead = Why::ALL.len() * stage.members - 1;
        wait_for("all failed jobs", PATIENCE, || async {
            (total(&api, "state=discarded").await == dead).then_some(())
        })
        .await;
        let page = Page::read(&api.base, token.trim());
        Self {
            ground,
            stage,
            installation,
            api,
            page,
            run,
            processes,
        }
    }

    /// The page's next line, see [`Page::next`].
    #[track_caller]
    fn next(&mut self, begin: &str, known: &[(&str, &str)], right: i32, words: &[&str]) -> String {
        self.page.next(&self.installation, begin, known, right, words)
    }

    /// The same of a line whose answer is JSON.
    #[track_caller]
    fn json(&mut self, begin: &str, known: &[(&str, &str)], right: i32) -> Value {
        let said = self.next(begin, known, right, &[]);
        serde_json::from_str(&said).unwrap_or_else(|e| panic!("{begin}: {e}: {said}"))
    }

    /// Ids of the jobs that a query over HTTP finds.
    async fn ids(&self, query: &str) -> Vec<String> {
        let list = self.api.get(&format!("/v1/jobs?limit=100&{query}")).await;
        let jobs = list["jobs"].as_array().unwrap().iter();
        jobs.map(|job| job["id"].as_str().unwrap().to_owned()).collect()
    }

    fn guild(&self, why: Why) -> String {
        self.stage.place(why).guild.to_string()
    }

    /// Waits until a job, such as an order, is in this state.
    async fn until(&self, job: &str, state: &str) -> Value {
        let what = format!("job {job} to be {state}");
        wait_for(&what, PATIENCE, || async {
            let job = self.api.get(&format!("/v1/jobs/{job}")).await;
            (job["state"] == state).then_some(job)
        })
        .await
    }

    /// A cause of the guild's failures, as the API tells it.
    async fn cause(&self, why: Why) -> String {
        let guild = self.guild(why);
        let groups = self.api.get(&format!("/v1/dead-letters?guild={guild}")).await;
        groups["groups"][0]["fingerprint"]
            .as_str()
            .unwrap_or_else(|| panic!("{groups}"))
            .to_owned()
    }

    async fn finds(&mut self) {
        let list = "rolecall jobs list";
        let first = FIRST_GUILD.to_string();
        self.next(list, &[], 0, &[&first, "50013"]);
        // A page has fifty: where there are more, it says of how many.
        let members = self.stage.members;
        let more = if members > 50 {
            format!("of {members}")
        } else {
            String::new()
        };
        self.next(list, &[], 0, &["Missing Permissions", &more]);
        self.next(
            list,
            &[("USER", "left-7")],
            0,
            &["discarded", &self.guild(Why::Left)],
        );
        let found = self.json("curl", &[], 200);
        assert_eq!(found["total"], self.stage.members);
    }

    /// A job of each cause says what happened, and what to do about it.
    async fn understands(&mut self) {
        for why in Why::ALL {
            let id = self
                .ids(&format!("state=discarded&guild={}", self.guild(why)))
                .await
                .remove(0);
            let line = "rolecall jobs show ID";
            self.page
                .run(&self.installation, line, &[("ID", &id)], 0, why.told());
        }
        let id = self.ids("state=discarded&code=50013").await.remove(0);
        self.next("rolecall jobs show", &[("ID", &id)], 0, Why::Above.told());
        let shown = self.json("curl", &[("ID", &id)], 200);
        let last = shown["attempts"].as_array().unwrap().last().unwrap();
        assert_eq!(last["error"]["discord_code"], 50_013, "{shown}");
    }

    async fn orders_about_one(&mut self) {
        let live = format!(
            "guild={}&state=retryable,available,scheduled,running",
            self.guild(Why::Storm)
        );
        let id = self.ids(&live).await.remove(0);
        self.next("rolecall jobs cancel", &[("ID", &id)], 0, &["cancel"]);
        self.until(&id, "cancelled").await;
        self.stage.moves_the_role_down();
        let ids = self.ids("state=discarded&code=50013").await;
        self.next("rolecall jobs retry", &[("ID", &ids[0])], 0, &[]);
        self.json("curl", &[("ID", &ids[1])], 200);
        for id in &ids[..2] {
            self.until(id, "completed").await;
        }
    }

    /// One group runs again, and costs what was said.
    async fn orders_about_many(&mut self) {
        let bulk = "rolecall jobs bulk --action retry";
        let members = self.stage.members;
        let seen = self.next(bulk, &[], 0, &[&format!("{} jobs to retry", members - 2)]);
        let told: u64 = between(&seen, "at Discord: ", " call").parse().unwrap();
        let seen = self.json("curl", &[], 200);
        assert_eq!(seen["cost"]["calls"], told, "{seen}");
        self.stage.simulator.reset_counters();
        let said = self.next(bulk, &[], 0, &[]);
        let order = self.until(between(&said, "Job ", " does it"), "completed").await;
        assert_eq!(order["outcome"]["counts"]["done"], members - 2, "{order}");
        self.api.is_quiet(&format!("guild={FIRST_GUILD}")).await;
        let real = self.stage.simulator.counters().total;
        assert!(
            real.abs_diff(told) <= told / 10 + 4,
            "{real} calls, and {told} were told before"
        );
        assert_eq!(self.stage.with_role(Why::Above), members);

        let said = self.next(bulk, &[], 0, &["it takes 10 min"]);
        let order = between(&said, "Job ", " does it").to_owned();
        wait_for("the order to have begun", PATIENCE, || async {
            let order = self.api.get(&format!("/v1/bulk/{order}")).await;
            (order["progress"]["done"].as_u64() > Some(0)).then_some(())
        })
        .await;
        self.next("curl", &[], 200, &[&order]);
        self.next("curl", &[("ID", &order)], 200, &["10011"]);
        self.next("rolecall jobs cancel", &[("ID", &order)], 0, &[&order]);
        self.until(&order, "cancelled").await;
        self.api.is_quiet("").await;
    }

    /// A sync that was cancelled: what waited for Discord to be well again was.
    async fn is_cancelled(&self, run: &str) {
        let run = self.api.finished(run).await;
        assert!(run["progress"]["jobs"]["cancelled"].as_u64() > Some(0), "{run}");
    }

    /// A sync does not end while Discord answers 503 for one of the guilds.
    async fn orders_about_runs(&mut self) {
        let run = self.api.sync().await;
        self.next("rolecall runs show", &[("ID", &run)], 0, &["is running"]);
        self.next("rolecall runs cancel", &[("ID", &run)], 0, &["ends the run"]);
        self.is_cancelled(&run).await;
        let first = self.run.clone();
        self.next("rolecall runs retry", &[("ID", &first)], 0, &["jobs to retry"]);
        let run = self.api.sync().await;
        self.json("curl", &[("ID", &run)], 202);
        self.is_cancelled(&run).await;
        self.json("curl", &[("ID", &first)], 202);
        self.api.is_quiet("").await;
    }

    async fn looks_at_causes(&mut self) {
        self.next(
            "rolecall dead-letters list",
            &[],
            0,
            &["10011", "503", "undecodable"],
        );
        let cause = self.cause(Why::Deleted).await;
        let known = [("FINGERPRINT", cause.as_str())];
        self.next(
            "rolecall dead-letters show",
            &known,
            0,
            &["point its mapping at another role"],
        );
        self.next("rolecall dead-letters check", &known, 1, &["does not exist"]);
        self.next(
            "rolecall dead-letters redrive",
            &known,
            0,
            &["jobs to retry", "at Discord"],
        );
        self.next("rolecall dead-letters resolve", &known, 0, &["Resolved by"]);
        self.next("rolecall dead-letters ignore", &known, 0, &["Ignored by"]);
        let groups = self.json("curl", &[], 200);
        assert!(
            groups["groups"].as_array().unwrap().len() >= Why::ALL.len() - 1,
            "{groups}"
        );
        let checked = self.json("curl", &known, 200);
        assert_eq!(checked["gone"], false, "{checked}");
        self.next("curl", &known, 200, &["resolved"]);
    }

    async fn sees_queues_and_processes(&mut self) {
        self.next("rolecall queues list", &[], 0, &["interactive", "normal", "bulk"]);
        self.next("rolecall queues show bulk", &[], 0, &["bulk"]);
        self.next("curl", &[], 200, &["interactive", "normal", "bulk"]);
        self.next("curl", &[], 200, &["bulk"]);
        let workers = self.api.get("/v1/workers").await;
        let alive = |worker: &&Value| {
            let roles = worker["roles"].as_array().unwrap();
            worker["status"] == "alive" && roles.iter().any(|role| role == "worker")
        };
        let worker = workers["workers"].as_array().unwrap().iter().find(alive).unwrap();
        let id = worker["id"].as_str().unwrap();
        let known = [("ID", id)];
        self.next("rolecall workers list", &[], 0, &[id, "alive"]);
        self.next("rolecall workers show", &known, 0, &[id]);
        self.next("rolecall workers drain", &known, 0, &[]);
        self.next("rolecall workers undrain", &known, 0, &[]);
        self.next("curl", &[], 200, &[id]);
        self.next("curl", &known, 200, &[id]);
        let processes = std::cell::RefCell::new(&mut self.processes);
        let ended = wait_for("a process to end", PATIENCE, || async {
            processes
                .borrow_mut()
                .iter_mut()
                .position(|process| !process.is_running())
        })
        .await;
        let ended = &mut self.processes[ended];
        assert!(ended.ended(PATIENCE).await.success(), "{}", ended.log());
    }

    async fn proves_who_did_what(&mut self) {
        self.next("rolecall audit list", &[], 0, &["not this person"]);
        self.next("rolecall audit verify", &[], 0, &["The audit trail is whole."]);
        let seen = self.json("curl", &[], 200);
        assert_eq!(seen["whole"], true, "{seen}");
    }

    /// Somebody changes one record of the trail, past rolecall.
    async fn finds_what_was_altered(&self) {
        let seq = self
            .ground
            .alter_record(&self.installation, "not this person")
            .await;
        let words = ["not as it was written", &format!("record {seq} ")];
        self.page
            .run(&self.installation, "rolecall audit verify", &[], 1, &words);
    }
}

/// From the top of the page to its bottom.
async fn go_over(ground: Ground) {
    let mut tour = Tour::begin(ground).await;
    tour.finds().await;
    tour.understands().await;
    tour.orders_about_one().await;
    tour.orders_about_many().await;
    tour.orders_about_runs().await;
    tour.looks_at_causes().await;
    tour.holds_back().await;
    tour.proves_who_did_what().await;
    tour.sees_queues_and_processes().await;
    tour.finds_what_was_altered().await;
    tour.page.assert_at_end();
    drop(tour.processes);
    tour.ground.forget().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_failed_jobs_are_found_understood_and_mended_as_the_page_says() {
    go_over(Ground::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_holds_for_web_and_workers_on_mongodb_and_redis() {
    go_over(Ground::distributed().await).await;
}
