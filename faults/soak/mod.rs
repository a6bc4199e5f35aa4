//! A random run: work and faults in any order (plan.rs), then silence, and the same checks as everywhere.

mod plan;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use rolecall_simulator::{Fault, FaultKind};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::processes::{now_ms, wait_for};
use crate::report;
use crate::runner::{self, Played};
use crate::scenarios::stop_outside_a_write;
use crate::servers::Server;
use crate::stage::{Mode, Needs, Stage, Tools};
use crate::world::GROUPS;
use crate::world::SPEED;

pub(crate) use plan::plan;
use plan::{Act, LINKED, Planned, Trouble, processes};

/// How long the client of a run waits for an answer: a process that sleeps gives none.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a command may take while its stores are away.
const COMMAND: Duration = Duration::from_secs(10);
/// How long the installation may take to come back at the end.
const BACK: Duration = Duration::from_secs(120);

/// What becomes of a run.
pub(crate) struct Soaked {
    pub(crate) played: Played,
    /// For people.
    pub(crate) table: String,
}

/// Plays the plan of this seed, waits until everything is quiet, and checks.
///
/// `without`: a mechanism is taken away; then something has to be broken, and the run is to end as any that is.
pub(crate) async fn soak(
    mode: Mode,
    length: Duration,
    without: Option<&'static str>,
    tools: &Tools,
) -> Result<Soaked, String> {
    let needs = Needs {
        mode,
        linked: LINKED,
        write_ms: 25,
        one_group_each: false,
        speed: SPEED,
        own_mongo: mode == Mode::Distributed,
        without,
    };
    let length_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    let acts = plan(tools.seed, length_ms, mode);
    let mut stage = Stage::build(needs, tools).await?;
    stage.killed_at_random = true;
    let ended = play(&mut stage, mode, &acts).await;
    let mut played = Played::new(format!("soak with seed {}, {mode}", tools.seed), "soak", None);
    let checked = runner::check(&stage, &mut played).await;
    played.deaths = stage.deaths();
    played.error = ended.and(checked).err();
    if let (Some(folder), false) = (&tools.keep, played.is_right()) {
        let to = folder.join(format!("soak-{mode}-{}-{}", tools.seed, now_ms()));
        stage.keep(&to).await;
        tell(&format!("what it left is in {}", to.display()));
    }
    let table = table(&stage, &acts, &played).await;
    stage.end().await;
    Ok(Soaked { played, table })
}

async fn play(stage: &mut Stage, mode: Mode, acts: &[Planned]) -> Result<(), String> {
    for name in processes(mode) {
        let args: &'static [&'static str] = match *name {
            "all" => &["all"],
            "web" => &["web"],
            _ => &["worker"],
        };
        stage.start(name, args, Vec::new());
    }
    stage.ask().await?;
    let began = Instant::now();
    for planned in acts {
        let due = Duration::from_millis(planned.at_ms);
        tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
        tell(&planned.to_string());
        if let Err(error) = act(stage, &planned.act).await {
            // A command while a store is away, a signal to a process that is just dying: no fault of anybody.
            tell(&format!("           {error}"));
        }
    }
    settle(stage).await
}

/// The last word: everything is there again, all mappings are on, and a last full sync is asked for.
async fn settle(stage: &mut Stage) -> Result<(), String> {
    stage.world.simulator.faults().clear();
    for process in &stage.processes {
        // One that is just being started again does not sleep.
        let _ = process.signal(Signal::CONT);
    }
    stage.fault_is_over();
    wait_for("the directory and the mappings to be taken", BACK, async || {
        import(stage).await.ok()?;
        for group in 0..GROUPS.len() {
            switch(stage, group, true).await.ok()?;
        }
        Some(())
    })
    .await?;
    stage.ask().await?;
    stage.quiet().await?;
    stage.ask().await?;
    stage.quiet().await
}

async fn act(stage: &mut Stage, act: &Act) -> Result<(), String> {
    let process = |who: &usize| stage.processes.get(*who).cloned().ok_or("no such process");
    match act {
        Act::AskAll => ask(stage, json!({})).await,
        Act::AskOne(member) => {
            let user = stage.world.user(*member);
            ask(stage, json!({ "user_ids": [user] })).await
        }
        Act::Regroup(member, groups) => {
            stage.world.regroup(*member, *groups);
            import(stage).await?;
            let user = stage.world.user(*member);
            ask(stage, json!({ "user_ids": [user] })).await
        }
        Act::Mapping(group, active) => switch(stage, *group, *active).await,
        Act::Cancel => {
            // Most of what waits does so for a limit.
            let [state, kind] = ["state:scheduled", "kind:add_role"];
            let cancel = [
                "jobs", "bulk", "--action", "cancel", state, kind, "--yes", "--reason", "a soak",
            ];
            within(stage.program.run(&cancel)).await.map(drop)
        }
        Act::Kill(who) => process(who)?.signal(Signal::KILL),
        Act::Stop(who) => {
            let took = process(who)?.stop_once().await?;
            stage.stops_ms.push(took);
            Ok(())
        }
        Act::Sleep(who) => stop_outside_a_write(stage, &process(who)?).await,
        Act::Wake(who) => process(who)?.signal(Signal::CONT),
        Act::RedisForgets => redis(stage)?.ask(&["FLUSHALL"]).await.map(drop),
        Act::RedisForgetsScripts => redis(stage)?.ask(&["SCRIPT", "FLUSH"]).await.map(drop),
        Act::RedisThrowsOut => redis(stage)?
            .ask(&["CLIENT", "KILL", "TYPE", "normal"])
            .await
            .map(drop),
        Act::RedisRestart(ms) => {
            server(&mut stage.redis)?
                .restart(Duration::from_millis(*ms))
                .await
        }
        Act::MongoRestart(ms) => {
            server(&mut stage.mongo)?
                .restart(Duration::from_millis(*ms))
                .await
        }
        Act::Discord(trouble, times) => {
            let fault = Fault::new(kind(*trouble)).times(*times);
            stage.world.simulator.faults().add(fault);
            Ok(())
        }
    }
}

fn kind(trouble: Trouble) -> FaultKind {
    match trouble {
        Trouble::Refuses(status) => FaultKind::Status { status },
        Trouble::RefusesAfter(status) => FaultKind::StatusAfter { status },
        Trouble::CutAfter => FaultKind::ResetAfter,
        Trouble::Limited { s, everywhere: true } => FaultKind::LimitGlobal {
            retry_after: f64::from(s),
        },
        Trouble::Limited { s, .. } => FaultKind::LimitUser {
            retry_after: f64::from(s),
        },
        Trouble::Slow(ms) => FaultKind::Slow { ms },
        Trouble::HalfBody => FaultKind::HalfBody,
    }
}

fn redis(stage: &Stage) -> Result<&Server, String> {
    stage.redis.as_ref().ok_or_else(|| "there is no Redis".to_owned())
}

fn server(server: &mut Option<Server>) -> Result<&mut Server, String> {
    server
        .as_mut()
        .ok_or_else(|| "there is no such server".to_owned())
}

async fn within<T>(command: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let late = |_| format!("no end within {} s", COMMAND.as_secs());
    tokio::time::timeout(COMMAND, command).await.map_err(late)?
}

async fn ask(stage: &Stage, body: Value) -> Result<(), String> {
    let asked = stage
        .ask_for(&body, ANSWER)
        .await
        .ok_or("the client's log cannot be written")?;
    match asked.run {
        Some(_) => Ok(()),
        None => Err(format!("answered with {}", asked.status)),
    }
}

/// Tells the directory. If that has no end, nobody knows what it has, until it is told again.
async fn import(stage: &mut Stage) -> Result<(), String> {
    let told = within(stage.import()).await;
    stage.world.unsure_of_all = told.is_err();
    stage.note_wish(stage.world.wish())?;
    told
}

/// Switches a mapping, and notes what is wished for then: before, so that nobody knew earlier, and after.
async fn switch(stage: &mut Stage, group: usize, active: bool) -> Result<(), String> {
    stage.world.switched(group, active, false);
    stage.note_wish(stage.world.wish())?;
    switch_now(stage, group, active).await?;
    stage.world.switched(group, active, true);
    stage.note_wish(stage.world.wish())
}

async fn switch_now(stage: &Stage, group: usize, active: bool) -> Result<(), String> {
    let all = within(stage.program.look(&["mapping", "list", "--json"])).await?;
    let role = stage.world.roles[group].to_string();
    let mappings = all["mappings"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = mappings.iter().find(|m| m["role_id"] == role.as_str());
    let id = found
        .and_then(|m| m["id"].as_str())
        .ok_or("the mapping is not listed")?;
    let active = if active { "true" } else { "false" };
    within(stage.program.run(&["mapping", "set", id, "--active", active]))
        .await
        .map(drop)
}

fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// What was done, what was answered, what came out.
async fn table(stage: &Stage, acts: &[Planned], played: &Played) -> String {
    let mut text = String::new();
    let mut lines = |title: &str, counted: BTreeMap<String, usize>| {
        let _ = writeln!(text, "{title}");
        for (what, n) in counted {
            let _ = writeln!(text, "  {n:6}  {what}");
        }
    };
    lines("acts", count(acts.iter().map(|p| p.act.word().to_owned())));
    let answers = stage.asked().into_iter().map(|a| match a.status {
        0 => "no answer".to_owned(),
        status => status.to_string(),
    });
    lines("answers to requests", count(answers));
    if let Ok(ledger) = stage.look().await {
        lines("jobs", count(ledger.jobs.iter().map(|j| j.state.clone())));
        lines("runs", count(ledger.runs.iter().map(|r| r.state.clone())));
    }
    let _ = writeln!(text, "deaths of processes: {}", played.deaths);
    if let Some(found) = &played.report {
        text.push_str(&report::table(found));
    }
    if let Some(error) = &played.error {
        let _ = writeln!(text, "did not come to its end: {error}");
    }
    text
}

fn count(words: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for word in words {
        *counted.entry(word).or_default() += 1;
    }
    counted
}
