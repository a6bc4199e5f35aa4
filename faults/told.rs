//! What the checker is told of an installation, and what is kept of it for people.

use std::fmt::Write as _;
use std::path::Path;

use crate::case::{Case, Secret};
use crate::processes::Supervised;
use crate::stage::{SECRET, Stage};
use crate::tokens::OLD_KEY;
use crate::world::BOT_TOKEN;

/// What every scenario has.
fn secrets_of_all() -> [Secret; 3] {
    let secret = |name: &str, text: &str| Secret {
        name: name.to_owned(),
        text: text.to_owned(),
        stored_plain: false,
    };
    let key = OLD_KEY.split_once(':').map_or(OLD_KEY, |(_, key)| key);
    [
        secret("the bot's token", BOT_TOKEN),
        secret("the secret of the callers' tokens", SECRET),
        secret("the key that seals", key),
    ]
}

impl Stage {
    /// When the fault was over: when the scenario said so, or at the last death.
    fn recovers_from(&self) -> Option<i64> {
        let deaths = self.processes.iter().flat_map(Supervised::deaths).max();
        self.fault_ended.or(deaths)
    }

    /// From the end of the fault to the first job that ended after it, and to the last.
    pub(crate) async fn recovery(&self) -> Result<(Option<i64>, Option<i64>), String> {
        let Some(from) = self.recovers_from() else {
            return Ok((None, None));
        };
        let ledger = self.look().await?;
        let ends = ledger
            .jobs
            .iter()
            .filter_map(|j| j.finished_at)
            .filter(|at| *at >= from);
        Ok((
            ends.clone().min().map(|at| at - from),
            ends.max().map(|at| at - from),
        ))
    }

    /// What the checker is told.
    pub(crate) async fn case(&self, name: &str) -> Result<Case, String> {
        let lived = self.should_live.iter().map(|name| {
            let found = self.processes.iter().find(|p| p.name == *name);
            ((*name).to_owned(), found.is_some_and(Supervised::is_the_same))
        });
        let wishes = self.wishes.lock().map_err(|e| e.to_string())?.clone();
        let peaks = self
            .processes
            .iter()
            .filter_map(|p| Some((p.name.to_owned(), p.peak_kib()?)));
        // The directory's file has no secret; the rest is what processes wrote.
        Ok(Case {
            name: name.to_owned(),
            ledger: self.ledger.clone(),
            redis: self.redis.as_ref().map(|r| r.url.clone()),
            simulator: self.world.control(),
            guild: self.world.guild,
            roles: self.world.right.clone(),
            unmanaged: self.world.unmanaged,
            client_log: self.client_log(),
            speed: self.speed,
            before: self.world.held_at_first.clone(),
            wishes,
            secrets: self.secrets.iter().cloned().chain(secrets_of_all()).collect(),
            folders: vec![self.folder.path().to_owned()],
            discarded: self.discarded.clone(),
            recovery_ms: self.recovery().await?.0,
            recovers_from: self.recovers_from(),
            late: self.pulse.late(),
            deaths: self.processes.iter().flat_map(Supervised::deaths).collect(),
            stops_ms: self.stops_ms.clone(),
            handed_over: self.handed_over.clone(),
            nothing_was_killed: self.nothing_was_killed,
            killed_at_random: self.killed_at_random,
            lived: lived.collect(),
            peaks_kib: peaks.collect(),
            late_writes: self.late_writes,
            wrong_clocks: self.wrong_clocks,
            window: self.window,
        })
    }

    /// Copies what the processes wrote and what the ledger says, for people. What cannot be copied is left out.
    pub(crate) async fn keep(&self, to: &Path) {
        let _ = std::fs::create_dir_all(to);
        let entries = std::fs::read_dir(self.folder.path())
            .into_iter()
            .flatten()
            .flatten();
        let data = std::fs::read_dir(self.folder.path().join("data"))
            .into_iter()
            .flatten()
            .flatten();
        for entry in entries.chain(data).filter(|e| e.path().is_file()) {
            let _ = std::fs::copy(entry.path(), to.join(entry.file_name()));
        }
        // A Mongo database is forgotten; and this is what a reader looks for first.
        if let Ok(ledger) = self.look().await {
            let mut lines = String::new();
            for job in &ledger.jobs {
                let _ = writeln!(lines, "{job:?}");
            }
            for run in &ledger.runs {
                let _ = writeln!(lines, "{run:?}");
            }
            let _ = std::fs::write(to.join("ledger.txt"), lines);
        }
        let asked = format!("{}/calls?last=1000000", self.world.control());
        if let Ok(answer) = self.client.get(asked).send().await
            && let Ok(calls) = answer.text().await
        {
            let _ = std::fs::write(to.join("calls.json"), calls);
        }
    }
}
