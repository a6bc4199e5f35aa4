//! Plays scenarios, a few at a time, and has each checked by a process of its own.

use std::io::Write;
use std::time::{Duration, Instant};

use futures::StreamExt;
use serde::Serialize;

use crate::check::Report;
use crate::ledger::JobRow;
use crate::mechanisms::Proof;
use crate::processes::now_ms;
use crate::scenarios::Scenario;
use crate::stage::{Stage, Tools};

/// How long they are waited for: as long as a lease, and a look of the rescuer.
const LAST_ENDS: Duration = Duration::from_secs(18);

/// A scenario that is to be played.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Play {
    pub(crate) scenario: Scenario,
    /// The mechanism that is taken away, and the invariant that should notice.
    without: Option<(&'static str, &'static str)>,
}

impl Play {
    pub(crate) const fn with_all(scenario: Scenario) -> Self {
        Self {
            scenario,
            without: None,
        }
    }

    pub(crate) const fn without(proof: Proof) -> Self {
        Self {
            scenario: proof.scenario,
            without: Some((proof.gone, proof.noticed_by)),
        }
    }

    /// Whether it is meant by a part of its name, or by its mechanism's.
    pub(crate) fn is_called(&self, part: &str) -> bool {
        self.scenario.name().contains(part) || self.without.is_some_and(|w| w.0 == part)
    }
}

/// What became of a scenario.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Played {
    pub(crate) name: String,
    pub(crate) fault: &'static str,
    /// The mechanism that was taken away, and the invariant that should notice.
    pub(crate) without: Option<(&'static str, &'static str)>,
    /// It could not be played to its end, for this reason.
    pub(crate) error: Option<String>,
    /// How often a process died.
    pub(crate) deaths: usize,
    pub(crate) recovery_ms: Option<i64>,
    pub(crate) drained_ms: Option<i64>,
    pub(crate) seconds: f64,
    /// What the scenario measured itself.
    pub(crate) told: Option<String>,
    pub(crate) report: Option<Report>,
}

impl Played {
    /// Nothing is known yet.
    pub(crate) const fn new(
        name: String,
        fault: &'static str,
        without: Option<(&'static str, &'static str)>,
    ) -> Self {
        Self {
            name,
            fault,
            without,
            error: None,
            deaths: 0,
            recovery_ms: None,
            drained_ms: None,
            seconds: 0.0,
            told: None,
            report: None,
        }
    }

    /// Everything holds; or, where a mechanism was taken away, what should notice did.
    pub(crate) fn is_right(&self) -> bool {
        let broken = self.report.as_ref().map(Report::broken).unwrap_or_default();
        match self.without {
            None => self.error.is_none() && self.report.is_some() && broken.is_empty(),
            Some((_, noticed_by)) => broken.contains(&noticed_by),
        }
    }

    /// What is wrong, in a line.
    pub(crate) fn says(&self) -> String {
        let findings = self.report.iter().flat_map(|r| &r.findings);
        let broken = findings
            .filter(|f| f.result == "broken")
            .map(|f| format!("{}: {}", f.id, f.note));
        self.error
            .clone()
            .into_iter()
            .chain(broken)
            .collect::<Vec<_>>()
            .join("; ")
    }
}

/// Plays them, so many at once; tells of each when it is over.
pub(crate) async fn play(plays: Vec<Play>, tools: &Tools, at_once: usize) -> Vec<Played> {
    let plays = plays
        .into_iter()
        .enumerate()
        .map(|(n, Play { scenario, without })| async move {
            let played = one(&scenario, without, tools).await;
            let word = if played.is_right() { "ok " } else { "BAD" };
            let gone = without.map_or(String::new(), |(name, _)| format!(" without {name}"));
            let line = format!(
                "{word} {:6.1} s  {}{gone}  {}",
                played.seconds,
                played.name,
                played.says()
            );
            let _ = writeln!(std::io::stderr(), "{line}");
            (n, played)
        });
    let mut all: Vec<(usize, Played)> = futures::stream::iter(plays)
        .buffer_unordered(at_once.max(1))
        .collect()
        .await;
    all.sort_by_key(|(n, _)| *n);
    all.into_iter().map(|(_, played)| played).collect()
}

async fn one(scenario: &Scenario, without: Option<(&'static str, &'static str)>, tools: &Tools) -> Played {
    let began = Instant::now();
    let mut played = Played::new(scenario.name(), scenario.fault, without);
    if let Err(error) = play_and_check(scenario, tools, &mut played).await {
        played.error = Some(error);
    }
    played.seconds = began.elapsed().as_secs_f64();
    played
}

async fn play_and_check(scenario: &Scenario, tools: &Tools, played: &mut Played) -> Result<(), String> {
    let mut stage = Stage::build(scenario.needs(played.without.map(|w| w.0)), tools).await?;
    let ended = scenario.play(&mut stage).await;
    played.deaths = stage.deaths();
    played.told = stage.told.take();
    // Also when it did not come to its end: what is broken then says why.
    let checked = check(&stage, played).await;
    if let (Some(folder), true) = (&tools.keep, ended.is_err() || !played.is_right()) {
        let to = folder.join(format!("{}-{}", played.fault, now_ms()));
        stage.keep(&to).await;
    }
    stage.end().await;
    ended.and(checked)
}

/// By a process of its own, which is told where the evidence lies.
pub(crate) async fn check(stage: &Stage, played: &mut Played) -> Result<(), String> {
    // Whoever looked while a run was being closed may ask for its end once more, which closes nothing. Where no process is
    // left that could run it, it stays, and is the checker's.
    let last_ends = stage.see("the last ends of runs", |ledger| {
        let live = |job: &JobRow| job.kind == "finish_run" && job.finished_at.is_none();
        (!ledger.jobs.iter().any(live)).then_some(())
    });
    let _ = tokio::time::timeout(LAST_ENDS, last_ends).await;
    (played.recovery_ms, played.drained_ms) = stage.recovery().await?;
    let case = stage.case(&played.name).await?;
    let file = tempfile::NamedTempFile::new().map_err(|e| e.to_string())?;
    serde_json::to_writer(&file, &case).map_err(|e| e.to_string())?;
    let checker = std::env::current_exe().map_err(|e| e.to_string())?;
    let output = tokio::process::Command::new(checker)
        .args(["check", "--json", "--case"])
        .arg(file.path())
        .output()
        .await
        .map_err(|e| e.to_string())?;
    let report = serde_json::from_slice(&output.stdout);
    played.report = Some(report.map_err(|_| String::from_utf8_lossy(&output.stderr).trim().to_owned())?);
    Ok(())
}
