//! The invariants, as pure functions over the evidence.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::audit;
use crate::case::{Case, LedgerAt};
use crate::evidence::Evidence;
use crate::flight::single_flight;
use crate::lanes::order;
use crate::ledger::JobRow;
use crate::obeys::limits;
use crate::outside::{clocks, converged, honest, lived, recovered, secrets, stops};
use crate::runs::{runs, ticks};
use crate::stale::not_stale;

/// What is stored on a server may be there so much later than it says, in milliseconds.
const WRITE_MS: i64 = 1_000;
/// A worker's third death puts a job aside.
const CRASHES: i64 = 3;
/// What the clock of the installation began so long before the look, and nobody asked for, may still be at work: no
/// scenario can wait for a moment in which it begins nothing. The time in which the work of a dead process goes on.
const JUST_BEGUN_MS: i64 = 20_000;

/// What became of one invariant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// `I1` to `I18`.
    pub(crate) id: String,
    pub(crate) name: String,
    /// `holds`, `broken`, or `not checked`.
    pub(crate) result: String,
    /// What was found, or why it was not checked.
    pub(crate) note: String,
}

/// What the checker says of a scenario.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) case: String,
    pub(crate) findings: Vec<Finding>,
    /// Changes of members that were made more than once by one job.
    pub(crate) duplicates: usize,
    pub(crate) jobs: usize,
}

impl Report {
    /// The ids of what is broken.
    pub(crate) fn broken(&self) -> Vec<&str> {
        let broken = self.findings.iter().filter(|f| f.result == "broken");
        broken.map(|f| f.id.as_str()).collect()
    }
}

/// `Ok(Some(note))`: it holds. `Ok(None)`: not looked at in this scenario. `Err`: broken, and how.
pub(crate) type Verdict = Result<Option<String>, String>;

/// All invariants over one scenario.
pub(crate) fn check(case: &Case, evidence: &Evidence) -> Report {
    let all: [(&str, &str, Verdict); 18] = [
        ("I1", "no accepted run or job is lost", accepted(case, evidence)),
        (
            "I2",
            "each job is in exactly one known state; one live job a wish",
            conservation(case, evidence),
        ),
        (
            "I3",
            "members have the roles of their groups, others are untouched",
            converged(case, evidence),
        ),
        ("I4", "no stale overwrite", not_stale(case, evidence)),
        (
            "I5",
            "repeats are told by the ledger; one end an attempt",
            repeats(evidence),
        ),
        (
            "I6",
            "attempts and crashes are bounded, and what is put aside says why",
            bounded(case, evidence),
        ),
        ("I7", "work goes on within 20 s", recovered(case, evidence)),
        ("I8", "Discord's limits are kept", limits(case.speed, evidence)),
        ("I9", "a run ends once, and adds up", runs(evidence)),
        ("I10", "one job or run for a tick", ticks(evidence)),
        (
            "I11",
            "a stop ends in time and uses up no attempt",
            stops(case, evidence),
        ),
        ("I12", "processes outlive their stores", lived(case)),
        ("I13", "202 or an honest refusal", honest(evidence)),
        ("I14", "no secret in the open", secrets(case, evidence)),
        (
            "I15",
            "each order of an operator is in the audit",
            audit::check(&evidence.audit, &evidence.asked),
        ),
        (
            "I16",
            "no two writes to a member at once",
            single_flight(evidence),
        ),
        ("I17", "independent of workers' clocks", clocks(case, evidence)),
        ("I18", "order of the lanes under load", order(evidence)),
    ];
    let mut findings: Vec<Finding> = all
        .into_iter()
        .map(|(id, name, verdict)| finding(id, name, verdict))
        .collect();
    whatever_the_clocks(case, &mut findings);
    Report {
        case: case.name.clone(),
        findings,
        duplicates: duplicates(evidence),
        jobs: evidence.ledger.jobs.len(),
    }
}

/// With wrong clocks, all the others have to hold.
fn whatever_the_clocks(case: &Case, findings: &mut [Finding]) {
    let broken: Vec<&str> = findings
        .iter()
        .filter(|f| f.result == "broken")
        .map(|f| f.id.as_str())
        .collect();
    if !case.wrong_clocks || broken.is_empty() {
        return;
    }
    let verdict = Err(format!("{}, while a clock was wrong", broken.join(", ")));
    if let Some(own) = findings
        .iter_mut()
        .find(|f| f.id == "I17" && f.result != "broken")
    {
        *own = finding("I17", &own.name.clone(), verdict);
    }
}

fn finding(id: &str, name: &str, verdict: Verdict) -> Finding {
    let (result, note) = match verdict {
        Ok(Some(note)) => ("holds", note),
        Ok(None) => ("not checked", String::new()),
        Err(how) => ("broken", how),
    };
    Finding {
        id: id.to_owned(),
        name: name.to_owned(),
        result: result.to_owned(),
        note,
    }
}

fn is_final(state: &str) -> bool {
    matches!(state, "completed" | "cancelled" | "discarded")
}

/// The first few of what is wrong, or a note that nothing is.
pub(crate) fn none(wrong: Vec<String>, note: String) -> Verdict {
    if wrong.is_empty() {
        return Ok(Some(note));
    }
    let more = wrong.len().saturating_sub(5);
    let mut text = wrong.into_iter().take(5).collect::<Vec<_>>().join("; ");
    if more > 0 {
        text.push_str(&format!("; and {more} more"));
    }
    Err(text)
}

fn accepted(case: &Case, evidence: &Evidence) -> Verdict {
    let promised: BTreeSet<&str> = evidence.asked.iter().filter_map(|a| a.run.as_deref()).collect();
    let mut wrong = Vec::new();
    for run in &promised {
        let found = evidence.ledger.runs.iter().find(|r| r.id == *run);
        match found {
            None => wrong.push(format!("run {run} was promised and is not there")),
            Some(run) if run.state == "running" => wrong.push(format!("run {} did not end", run.id)),
            Some(_) => {}
        }
        if !evidence
            .ledger
            .jobs
            .iter()
            .any(|j| j.run_id.as_deref() == Some(run))
        {
            wrong.push(format!("run {run} has no job"));
        }
    }
    let just_begun =
        |j: &&JobRow| j.actor.starts_with("schedule:") && j.inserted_at > evidence.looked_at - JUST_BEGUN_MS;
    let live = evidence.ledger.jobs.iter().filter(|j| !is_final(&j.state));
    let live = live.filter(|j| !just_begun(j));
    wrong.extend(live.map(|j| format!("job {} ({}) is {}", j.id, j.kind, j.state)));
    let mut put_aside: BTreeMap<String, usize> = BTreeMap::new();
    for job in evidence.ledger.jobs.iter().filter(|j| j.state == "discarded") {
        let code = job.attempts.last().and_then(|a| a.2.clone());
        let name = format!("{}: {}", job.kind, code.unwrap_or_else(|| "no reason".into()));
        if job.crashes == CRASHES && case.killed_at_random && !case.discarded.contains_key(&name) {
            // Somebody else killed its worker, three times.
            continue;
        }
        *put_aside.entry(name).or_default() += 1;
    }
    if put_aside != case.discarded {
        wrong.push(format!("put aside {put_aside:?}, expected {:?}", case.discarded));
    }
    none(wrong, format!("{} runs", promised.len()))
}

fn conservation(case: &Case, evidence: &Evidence) -> Verdict {
    let known = [
        "scheduled",
        "available",
        "running",
        "retryable",
        "completed",
        "cancelled",
        "discarded",
    ];
    let jobs = &evidence.ledger.jobs;
    let ids: BTreeSet<&str> = jobs.iter().map(|j| j.id.as_str()).collect();
    let mut wrong: Vec<String> = Vec::new();
    if ids.len() != jobs.len() {
        wrong.push("an id is there twice".into());
    }
    let odd = jobs.iter().filter(|j| !known.contains(&j.state.as_str()));
    wrong.extend(odd.map(|j| format!("job {} is in no known state: {}", j.id, j.state)));
    let unended = jobs
        .iter()
        .filter(|j| is_final(&j.state) != j.finished_at.is_some());
    wrong.extend(unended.map(|j| {
        format!(
            "job {} is {} and has no end, or the other way round",
            j.id, j.state
        )
    }));
    let mut wishes: BTreeMap<_, Vec<&JobRow>> = BTreeMap::new();
    let writes = jobs
        .iter()
        .filter(|j| matches!(j.kind.as_str(), "add_role" | "remove_role" | "join_guild"));
    for job in writes.filter(|j| j.about.1.is_some()) {
        wishes.entry((&job.kind, &job.about)).or_default().push(job);
    }
    let there = |job: &JobRow| {
        let began = job.began_at.unwrap_or(i64::MAX);
        match &case.ledger {
            _ if case.late_writes && job.began_at.is_some() => began,
            // A server's clock is asked before it is written to.
            LedgerAt::Mongo { .. } => began.min(job.inserted_at + WRITE_MS),
            LedgerAt::Sqlite(_) => job.inserted_at,
        }
    };
    for lives in wishes.values_mut() {
        lives.sort_by_key(|j| there(j));
        let over = lives
            .windows(2)
            .filter(|w| w[0].finished_at.is_none_or(|end| end > there(w[1])));
        wrong.extend(over.map(|w| format!("jobs {} and {} lived at once for one wish", w[0].id, w[1].id)));
    }
    let mut note = format!("{} jobs", jobs.len());
    if let Some((most, window)) = case.window {
        if most > window {
            wrong.push(format!("{most} envelopes waited in a lane, and {window} may"));
        }
        note += &format!("; at most {most} envelopes waited in a lane, of {window}");
    }
    none(wrong, note)
}

fn writes_by_job(evidence: &Evidence) -> BTreeMap<&str, i64> {
    let mut writes: BTreeMap<&str, i64> = BTreeMap::new();
    for call in evidence.discord.calls.iter().filter(|c| c.is_write()) {
        *writes.entry(call.job().unwrap_or("no job")).or_default() += 1;
    }
    writes
}

fn duplicates(evidence: &Evidence) -> usize {
    let writes = writes_by_job(evidence);
    writes.values().map(|n| usize::try_from(n - 1).unwrap_or(0)).sum()
}

fn repeats(evidence: &Evidence) -> Verdict {
    let jobs: BTreeMap<&str, &JobRow> = evidence.ledger.jobs.iter().map(|j| (j.id.as_str(), j)).collect();
    let mut wrong: Vec<String> = Vec::new();
    for (id, writes) in writes_by_job(evidence) {
        match jobs.get(id) {
            None => wrong.push(format!(
                "{writes} changes by {id}, which the ledger does not know"
            )),
            Some(job) if writes > job.fence => {
                wrong.push(format!(
                    "job {id} changed a member {writes} times in {} claims",
                    job.fence
                ));
            }
            Some(_) => {}
        }
    }
    for job in &evidence.ledger.jobs {
        if has_two_ends(job) {
            wrong.push(format!(
                "job {} has two ends of one attempt: {:?}",
                job.id, job.attempts
            ));
        }
    }
    // What a planner made once it may not make again when it is repeated.
    let mut made: BTreeMap<(&str, &str, &str), i64> = BTreeMap::new();
    for job in &evidence.ledger.jobs {
        if let Some(parent) = &job.parent_id {
            let times = made.entry((parent, &job.kind, &job.payload)).or_default();
            *times += 1;
            // A look some seconds after a write belongs to the write: each attempt has its own.
            let most = match jobs.get(parent.as_str()) {
                Some(parent) if is_second_look(job) => parent.fence,
                _ => 1,
            };
            if *times > most {
                wrong.push(format!(
                    "job {parent} made {} {times} times: {}",
                    job.kind, job.payload
                ));
            }
        }
        let own = evidence
            .ledger
            .jobs
            .iter()
            .filter(|j| j.parent_id.is_some() && j.parent_id == job.parent_id);
        if job.kind == "await_jobs" && own.clone().any(|j| job.payload.contains(&j.id)) {
            wrong.push(format!("job {} waits for jobs that its own parent made", job.id));
        }
    }
    none(wrong, format!("{} repeats", duplicates(evidence)))
}

fn is_second_look(job: &JobRow) -> bool {
    job.kind == "take_retired_roles" && job.payload.contains("\"again\":true")
}

/// A number that was handed back is used again; and who runs a job again after its end begins a new count.
fn has_two_ends(job: &JobRow) -> bool {
    let mut numbers = BTreeSet::new();
    job.attempts.iter().any(|(number, result, _)| {
        let twice = !matches!(result.as_str(), "released" | "snooze") && !numbers.insert(*number);
        if matches!(result.as_str(), "discard" | "cancel") {
            numbers.clear();
        }
        twice
    })
}

fn bounded(case: &Case, evidence: &Evidence) -> Verdict {
    let mut wrong: Vec<String> = Vec::new();
    for job in &evidence.ledger.jobs {
        if job.attempt > job.max_attempts.max(CRASHES) {
            wrong.push(format!(
                "job {} had {} of {} attempts",
                job.id, job.attempt, job.max_attempts
            ));
        }
        if job.crashes > CRASHES || (job.crashes == CRASHES && job.state != "discarded") {
            wrong.push(format!(
                "job {} killed {} workers and is {}",
                job.id, job.crashes, job.state
            ));
        }
        if job.fence < job.attempt {
            wrong.push(format!("job {} had more attempts than claims", job.id));
        }
        if job.state == "discarded" && job.attempts.last().is_none_or(|a| a.2.is_none()) {
            wrong.push(format!("job {} was put aside without a reason", job.id));
        }
    }
    none(
        wrong,
        format!(
            "{} put aside, as expected",
            case.discarded.values().sum::<usize>()
        ),
    )
}

#[cfg(test)]
#[path = "check_tests.rs"]
pub(crate) mod tests;

#[cfg(test)]
#[path = "wishes_tests.rs"]
mod wishes_tests;
