//! An installation of a scenario: processes, servers, a client that keeps a log.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use crate::case::{LedgerAt, Secret, Wish};
use crate::ledger::{self, Ledger};
use crate::processes::{Program, Supervised, free_port, now_ms, wait_for};
use crate::pulse::Pulse;
use crate::servers::Server;
use crate::tokens::OLD_KEY;
use crate::world::{BOT_TOKEN, GROUPS, World};

/// Of the tokens of those who call the API.
pub(crate) const SECRET: &str = "a-faults-secret-that-is-long-enough-0123456789";
/// Far more than three rescues take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(300);
/// What a mechanism's absence leaves undone will not come; three leases are enough to see that.
const PATIENCE_WITHOUT: Duration = Duration::from_secs(50);

/// How it is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mode {
    /// `rolecall all`, on a SQLite file.
    Embedded,
    /// `rolecall web` and `rolecall worker`, on Mongo and Redis.
    Distributed,
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Embedded => "embedded",
            Self::Distributed => "distributed",
        })
    }
}

/// What the runner was given.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    pub(crate) rolecall: PathBuf,
    pub(crate) seed: u64,
    /// Where the folders of failed scenarios are copied to.
    pub(crate) keep: Option<PathBuf>,
}

/// What a scenario needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needs {
    pub(crate) mode: Mode,
    pub(crate) linked: usize,
    /// How long Discord takes for a change of a member, in milliseconds.
    pub(crate) write_ms: u64,
    /// Or one to three groups.
    pub(crate) one_group_each: bool,
    /// A Mongo server of its own.
    pub(crate) own_mongo: bool,
    /// Simulated seconds in a real one.
    pub(crate) speed: f64,
    /// The mechanism that is taken away.
    pub(crate) without: Option<&'static str>,
}

pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) program: Program,
    pub(crate) ledger: LedgerAt,
    pub(crate) redis: Option<Server>,
    pub(crate) mongo: Option<Server>,
    pub(crate) processes: Vec<Supervised>,
    /// End of the fault, in Unix milliseconds.
    pub(crate) fault_ended: Option<i64>,
    pub(crate) stops_ms: Vec<i64>,
    /// When a process was told to stop while another one of its kind went on.
    pub(crate) handed_over: Vec<i64>,
    /// The most envelopes that were seen waiting in a lane of Redis, and how many may.
    pub(crate) window: Option<(u64, u64)>,
    /// What may be seen nowhere, besides what every scenario has.
    pub(crate) secrets: Vec<Secret>,
    pub(crate) wishes: std::sync::Mutex<Vec<Wish>>,
    pub(crate) speed: f64,
    pub(crate) discarded: BTreeMap<String, usize>,
    /// Names of processes that may not die.
    pub(crate) should_live: Vec<&'static str>,
    pub(crate) nothing_was_killed: bool,
    /// What was sent to the store may have come late.
    pub(crate) late_writes: bool,
    /// A process's clock was wrong.
    pub(crate) wrong_clocks: bool,
    /// Processes died at any time: a job may have been among what three deaths took along.
    pub(crate) killed_at_random: bool,
    /// What the scenario measured itself, for people.
    pub(crate) told: Option<String>,
    patience: Duration,
    pub(crate) pulse: Pulse,
    pub(crate) folder: TempDir,
    pub(crate) base: String,
    pub(crate) token: String,
    pub(crate) client: reqwest::Client,
}

/// A server of its own, or the one that all scenarios share.
async fn mongo_of(needs: Needs) -> Result<(String, Option<Server>), String> {
    if needs.own_mongo {
        let server = Server::mongo().await?;
        return Ok((server.url.clone(), Some(server)));
    }
    let shared = std::env::var("TEST_MONGODB_URI");
    let missing = |_| "TEST_MONGODB_URI is not set: scripts/test-services starts a server and sets it";
    Ok((shared.map_err(missing)?, None))
}

impl Stage {
    /// Everything is set up; no process runs yet.
    pub(crate) async fn build(needs: Needs, tools: &Tools) -> Result<Self, String> {
        let world = World::start(needs, tools.seed).await?;
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let data = folder.path().join("data");
        let port = free_port()?;
        let mut env = vec![
            ("ROLECALL_DATA_DIR", data.display().to_string()),
            ("DISCORD_API_BASE_URL", world.api()),
            ("ROLECALL_SIMULATOR_SPEED", needs.speed.to_string()),
            ("DISCORD_SYNC_INTERVAL", "24h".to_owned()),
            ("JWT_SECRET", SECRET.to_owned()),
            ("HOST", "127.0.0.1".to_owned()),
            ("PORT", port.to_string()),
            ("ROLECALL_ENCRYPTION_KEYS", OLD_KEY.to_owned()),
            ("ROLECALL_INSTALLATION", "rolecall".to_owned()),
        ];
        env.extend(needs.without.map(|name| ("ROLECALL_WITHOUT", name.to_owned())));
        let (mut redis, mut mongo) = (None, None);
        let mut ledger = LedgerAt::Sqlite(data.join("rolecall.db"));
        if needs.mode == Mode::Distributed {
            let server = Server::redis().await?;
            env.push(("REDIS_URL", server.url.clone()));
            redis = Some(server);
            let uri;
            (uri, mongo) = mongo_of(needs).await?;
            let database = format!("faults_{}", uuid::Uuid::new_v4().simple());
            env.push(("MONGODB_URI", uri.clone()));
            env.push(("MONGODB_DATABASE", database.clone()));
            ledger = LedgerAt::Mongo { uri, database };
        }
        let pulse = Pulse::start(mongo.is_none().then_some(&ledger)).await?;
        let mut stage = Self {
            program: Program {
                binary: tools.rolecall.clone(),
                folder: folder.path().to_owned(),
                env: env.into_iter().map(|(n, v)| (n.to_owned(), v)).collect(),
            },
            world,
            ledger,
            redis,
            mongo,
            processes: Vec::new(),
            fault_ended: None,
            stops_ms: Vec::new(),
            handed_over: Vec::new(),
            window: None,
            secrets: Vec::new(),
            wishes: std::sync::Mutex::default(),
            speed: needs.speed,
            discarded: BTreeMap::new(),
            should_live: Vec::new(),
            nothing_was_killed: false,
            late_writes: false,
            wrong_clocks: false,
            killed_at_random: false,
            told: None,
            patience: needs.without.map_or(PATIENCE, |_| PATIENCE_WITHOUT),
            pulse,
            folder,
            base: format!("http://127.0.0.1:{port}"),
            token: String::new(),
            client: crate::http::client()?,
        };
        stage.set_up(needs.mode).await?;
        Ok(stage)
    }

    async fn set_up(&mut self, mode: Mode) -> Result<(), String> {
        let (guild, program) = (self.world.guild.to_string(), &self.program);
        if mode == Mode::Distributed {
            program.run(&["release"]).await?;
        }
        let mut with_token = program.clone();
        with_token.env.push(("BOT_TOKEN".into(), BOT_TOKEN.into()));
        let add = [
            "guild",
            "add",
            "--id",
            &guild,
            "--name",
            "Testers",
            "--bot-token-env",
            "BOT_TOKEN",
        ];
        with_token.run(&add).await?;
        self.import().await?;
        for (group, role) in GROUPS.iter().zip(&self.world.roles) {
            let role = role.to_string();
            program
                .run(&[
                    "mapping", "add", "--guild", &guild, "--group", group, "--role", &role,
                ])
                .await?;
        }
        self.token = program.run(&["token", "--user", "tester", "--admin"]).await?;
        Ok(())
    }

    /// Tells the directory who is in which group.
    pub(crate) async fn import(&self) -> Result<(), String> {
        let file = self.folder.path().join("directory.csv");
        self.world.write_csv(&file)?;
        self.note_wish(self.world.wish())?;
        let file = file.display().to_string();
        self.program.run(&["directory", "import", &file]).await.map(drop)
    }

    /// What is wished for from now on.
    pub(crate) fn note_wish(&self, wish: Wish) -> Result<(), String> {
        self.wishes.lock().map_err(|e| e.to_string())?.push(wish);
        Ok(())
    }

    /// Waits for what comes late, even where something is taken away.
    pub(crate) fn be_patient(&mut self) {
        self.patience = PATIENCE;
    }

    /// Sets a setting of the processes that are started from now on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        let env = &mut self.program.env;
        env.retain(|(known, _)| known != name);
        env.push((name.to_owned(), value.to_owned()));
    }

    /// What this process wrote.
    pub(crate) fn log_of(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(format!("{name}.log"))).unwrap_or_default()
    }

    /// Starts a process; its first starts get these faults.
    pub(crate) fn start(
        &mut self,
        name: &'static str,
        args: &'static [&'static str],
        faults: Vec<String>,
    ) -> Supervised {
        self.start_in(self.program.clone(), name, args, faults)
    }

    /// The same with another environment.
    pub(crate) fn start_in(
        &mut self,
        program: Program,
        name: &'static str,
        args: &'static [&'static str],
        faults: Vec<String>,
    ) -> Supervised {
        let process = Supervised::start(program, name, args, faults);
        self.processes.push(process.clone());
        process
    }

    /// Starts what the mode has; `who` gets the faults.
    pub(crate) fn start_all(&mut self, mode: Mode, who: &str, faults: &[String]) {
        let given = |name: &str| {
            if name == who || mode == Mode::Embedded {
                faults.to_vec()
            } else {
                Vec::new()
            }
        };
        if mode == Mode::Embedded {
            self.start("all", &["all"], given("all"));
        } else {
            self.start("web", &["web"], given("web"));
            self.start("worker", &["worker"], given("worker"));
        }
    }

    /// Waits until Discord saw so many changes.
    pub(crate) async fn writes(&self, at_least: u64) -> Result<(), String> {
        let what = format!("{at_least} changes");
        wait_for(&what, self.patience, async || {
            (self.world.simulator.counters().writes >= at_least).then_some(())
        })
        .await
    }

    /// The ledger as it is.
    pub(crate) async fn look(&self) -> Result<Ledger, String> {
        ledger::read(&self.ledger).await
    }

    /// Waits for something in the ledger. Without it, what is not done yet is told.
    pub(crate) async fn see<T>(
        &self,
        what: &str,
        mut find: impl FnMut(&Ledger) -> Option<T>,
    ) -> Result<T, String> {
        let waited = wait_for(what, self.patience, async || {
            self.look().await.ok().and_then(|ledger| find(&ledger))
        })
        .await;
        match waited {
            Ok(found) => Ok(found),
            Err(error) => {
                let ledger = self.look().await?;
                let live = ledger.jobs.iter().filter(|j| j.finished_at.is_none()).take(5);
                let live: Vec<String> = live
                    .map(|j| format!("{} {} {} {:?}", j.kind, j.id, j.state, j.attempts))
                    .collect();
                let trouble: Vec<String> = self.processes.iter().filter_map(Supervised::trouble).collect();
                Err(format!(
                    "{error}; live: {}; {}",
                    live.join(", "),
                    trouble.join(", ")
                ))
            }
        }
    }

    /// Waits until nothing is left to do.
    pub(crate) async fn quiet(&self) -> Result<(), String> {
        self.see("all jobs and runs to end", |ledger| {
            let live = ledger.jobs.iter().any(|j| j.finished_at.is_none());
            let running = ledger.runs.iter().any(|r| r.state == "running");
            (!live && !running && !ledger.runs.is_empty()).then_some(())
        })
        .await
    }

    /// Notes that the fault is over.
    pub(crate) fn fault_is_over(&mut self) {
        self.fault_ended = Some(now_ms());
    }

    /// How often a process was killed, or killed itself.
    pub(crate) fn deaths(&self) -> usize {
        self.processes.iter().map(|p| p.deaths().len()).sum()
    }

    /// Ends everything, and forgets the database: the server is slow, and goes on for others.
    pub(crate) async fn end(self) {
        for process in &self.processes {
            process.finish();
        }
        if let (LedgerAt::Mongo { uri, database }, None) = (&self.ledger, &self.mongo)
            && let Ok(client) = mongodb::Client::with_uri_str(uri).await
        {
            let _ = client.database(database).drop().await;
        }
    }
}
