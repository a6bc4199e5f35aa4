//! Orders of operators at the worst moment, many at once.

use reqwest::Method;
use serde_json::{Value, json};

use crate::catalogue::other;
use crate::ledger::Ledger;
use crate::planted::{Planted, plant};
use crate::scenarios::{Break, Scenario};
use crate::stage::{Mode, Stage};

/// Which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Race {
    /// Jobs are run again while they run.
    RetryRunning,
    /// Jobs are cancelled while they end.
    CancelEnding,
    /// Everything is paused while jobs are being claimed, and let go, and paused.
    PauseClaiming,
    /// The same order about the same dead letters, four times at once.
    BulkTwice,
}

/// All of them.
pub(crate) fn all() -> Vec<Scenario> {
    let both = [Mode::Embedded, Mode::Distributed];
    let of = |about, race| both.map(|mode| other("E29", about, mode, 20, Break::Race(race)));
    [
        of("retry while running", Race::RetryRunning),
        of("cancel while ending", Race::CancelEnding),
        of("pause while claiming", Race::PauseClaiming),
        of("bulk twice", Race::BulkTwice),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl Race {
    pub(crate) async fn play(self, mode: Mode, stage: &mut Stage) -> Result<(), String> {
        stage.start_all(mode, "", &[]);
        stage.ask().await?;
        match self {
            Self::RetryRunning => retry_running(stage).await?,
            Self::CancelEnding => cancel_ending(stage).await?,
            Self::PauseClaiming => pause_claiming(stage).await?,
            Self::BulkTwice => bulk_twice(stage).await?,
        }
        stage.quiet().await?;
        // What was cancelled is still wanted.
        stage.ask().await?;
        stage.quiet().await
    }
}

/// What runs, as soon as something does; nothing, if all is over.
async fn some_running(stage: &Stage) -> Result<Vec<String>, String> {
    let look = |ledger: &Ledger| {
        let ids = running(ledger);
        let over = ledger.jobs.iter().all(|j| j.finished_at.is_some());
        (over || !ids.is_empty()).then_some(ids)
    };
    stage.see("a running job", look).await
}

fn running(ledger: &Ledger) -> Vec<String> {
    let all = ledger
        .jobs
        .iter()
        .filter(|j| j.kind == "add_role" && j.state == "running");
    all.map(|j| j.id.clone()).collect()
}

/// Four at once; each answer has to be one of these.
async fn all_at_once(stage: &Stage, path: &str, body: &Value, right: &[u16]) -> Result<Vec<u16>, String> {
    let calls = (0..4).map(|_| stage.call(Method::POST, path, body));
    let mut answers = Vec::new();
    for answer in futures::future::join_all(calls).await {
        let (status, said) = answer?;
        if !right.contains(&status) {
            return Err(format!("POST {path} was answered with {status}: {said}"));
        }
        answers.push(status);
    }
    Ok(answers)
}

async fn retry_running(stage: &Stage) -> Result<(), String> {
    for round in 0..5 {
        let ids = some_running(stage).await?;
        if round == 0 && ids.is_empty() {
            return Err("no job was seen at work".into());
        }
        for id in ids.iter().take(2) {
            // It runs, or has ended meanwhile: nothing that can be run again.
            all_at_once(stage, &format!("/v1/jobs/{id}/retry"), &json!({}), &[409]).await?;
        }
    }
    Ok(())
}

async fn cancel_ending(stage: &Stage) -> Result<(), String> {
    for round in 0..5 {
        let ids = some_running(stage).await?;
        if round == 0 && ids.is_empty() {
            return Err("no job was seen at work".into());
        }
        for id in ids.iter().take(2) {
            let path = format!("/v1/jobs/{id}/cancel");
            all_at_once(stage, &path, &json!({}), &[200, 202, 409]).await?;
        }
    }
    Ok(())
}

async fn pause_claiming(stage: &Stage) -> Result<(), String> {
    for _ in 0..5 {
        let pause = json!({ "query": "kind:add_role", "reason": "a race" });
        let (status, said) = stage.call(Method::POST, "/v1/pauses", &pause).await?;
        let id = said["id"].as_str().filter(|_| status == 201);
        let id = id.ok_or_else(|| format!("POST /v1/pauses was answered with {status}: {said}"))?;
        stage
            .see("what was claimed to end", |l| running(l).is_empty().then_some(()))
            .await?;
        let (status, said) = stage
            .call(Method::DELETE, &format!("/v1/pauses/{id}"), &json!({}))
            .await?;
        if !(200..300).contains(&status) {
            return Err(format!("the end of a pause was answered with {status}: {said}"));
        }
    }
    Ok(())
}

async fn bulk_twice(stage: &mut Stage) -> Result<(), String> {
    stage.quiet().await?;
    let unheard_of = Planted {
        version: 99,
        ..Planted::that(json!("well"))
    };
    let ids = plant(&stage.ledger, &unheard_of.times(20)).await?;
    let order = |action: &str, query: &str| json!({ "action": action, "query": query, "reason": "a race" });
    let state = |l: &Ledger, state: &str| {
        ids.iter()
            .all(|id| l.jobs.iter().any(|j| j.id == *id && j.state == state))
    };
    stage
        .see("the jobs to wait", |l| state(l, "scheduled").then_some(()))
        .await?;
    let waiting = order("cancel", "kind:misbehave state:scheduled");
    all_at_once(stage, "/v1/bulk", &waiting, &[202, 409]).await?;
    stage
        .see("the jobs to be cancelled", |l| {
            state(l, "cancelled").then_some(())
        })
        .await?;
    stage.quiet().await
}
