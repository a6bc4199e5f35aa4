//! Processes, and a supervisor that starts what died again, as a platform does.

use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Waits for a condition; an error says what was waited for.
pub(crate) async fn wait_for<T>(
    what: &str,
    patience: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> Result<T, String> {
    let began = std::time::Instant::now();
    loop {
        if let Some(found) = look().await {
            return Ok(found);
        }
        if began.elapsed() > patience {
            return Err(format!("waited {} s for {what}", patience.as_secs()));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A port for a server of the scenario.
pub(crate) fn free_port() -> Result<u16, String> {
    rolecall_simulator::ports::free_port().map_err(|e| format!("no free port: {e}"))
}

/// How a program is started.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) binary: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) env: Vec<(String, String)>,
}

impl Program {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(args).env_clear().current_dir(&self.folder);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", &self.folder).envs(self.env.iter().cloned());
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs a command to its end, and gives what it printed.
    pub(crate) async fn run(&self, args: &[&str]) -> Result<String, String> {
        let output = self.command(args).output().await.map_err(|e| e.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        Err(format!("`rolecall {}`: {}", args.join(" "), text(&output.stderr)))
    }

    /// Runs a command that answers in JSON, whatever it thinks of what it saw.
    pub(crate) async fn look(&self, args: &[&str]) -> Result<serde_json::Value, String> {
        let output = self.command(args).output().await.map_err(|e| e.to_string())?;
        serde_json::from_slice(&output.stdout).map_err(|e| format!("`rolecall {}`: {e}", args.join(" ")))
    }

    fn spawn(&self, args: &[&str], log: &Path, fault: Option<&str>) -> Result<Child, String> {
        let open = std::fs::OpenOptions::new().create(true).append(true).open(log);
        let file = open.map_err(|e| e.to_string())?;
        let mut command = self.command(args);
        if let Some(fault) = fault {
            command.env("ROLECALL_FAULT", fault);
        }
        command
            .stdout(file.try_clone().map_err(|e| e.to_string())?)
            .stderr(file);
        command
            .spawn()
            .map_err(|e| format!("{}: {e}", self.binary.display()))
    }
}

#[derive(Default)]
struct State {
    pid: Option<i32>,
    /// Where its next starts are to die.
    faults: VecDeque<String>,
    /// When it died, in Unix milliseconds.
    deaths: Vec<i64>,
    /// How often it ended as it was told.
    ends: usize,
    /// How often it was started, and how often it was told to stop.
    starts: usize,
    /// It is not started again.
    is_last: bool,
    stops: usize,
    trouble: Option<String>,
}

/// A process that is started again whenever it ends.
#[derive(Clone)]
pub(crate) struct Supervised {
    pub(crate) name: &'static str,
    state: Arc<Mutex<State>>,
    ended: Arc<Notify>,
    over: CancellationToken,
}

impl Supervised {
    /// Starts it. Its first starts get these faults, one each.
    pub(crate) fn start(
        program: Program,
        name: &'static str,
        args: &'static [&'static str],
        faults: Vec<String>,
    ) -> Self {
        let supervised = Self {
            name,
            state: Arc::new(Mutex::new(State {
                faults: faults.into(),
                ..State::default()
            })),
            ended: Arc::new(Notify::new()),
            over: CancellationToken::new(),
        };
        let log = program.folder.join(format!("{name}.log"));
        let kept = supervised.clone();
        tokio::spawn(async move {
            while !kept.over.is_cancelled() && !kept.with(|s| s.is_last && s.starts > 0) {
                if let Err(trouble) = kept.live_once(&program, args, &log).await {
                    kept.with(|s| s.trouble = Some(trouble));
                    return;
                }
            }
        });
        supervised
    }

    async fn live_once(&self, program: &Program, args: &[&str], log: &Path) -> Result<(), String> {
        let fault = self.with(|s| s.faults.pop_front());
        let mut child = program.spawn(args, log, fault.as_deref())?;
        self.with(|s| {
            s.pid = child.id().and_then(|id| i32::try_from(id).ok());
            s.starts += 1;
        });
        let status = tokio::select! {
            status = child.wait() => status.map_err(|e| e.to_string())?,
            () = self.over.cancelled() => {
                let _ = child.kill().await;
                return Ok(());
            }
        };
        self.with(|s| {
            s.pid = None;
            // SIGTERM ends a process that has only just begun, and holds nothing, without further ado. Had it held a job,
            // the ledger would count a crash.
            if status.success() || status.signal() == Some(Signal::TERM.as_raw()) {
                s.ends += 1;
            } else {
                s.deaths.push(now_ms());
            }
        });
        self.ended.notify_waiters();
        if status.code().is_some_and(|code| code != 0) {
            // It said why in its log; a supervisor waits a little before it tries again.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        Ok(())
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn deaths(&self) -> Vec<i64> {
        self.with(|s| s.deaths.clone())
    }

    /// Whether it is the process that it was, except for those that were told to stop.
    pub(crate) fn is_the_same(&self) -> bool {
        self.with(|s| s.deaths.is_empty() && s.starts <= 1 + s.stops)
    }

    /// Why it cannot be started.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.with(|s| s.trouble.clone())
    }

    /// Sends a signal to the process as it is now.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), String> {
        let pid = self.with(|s| s.pid).and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| format!("{} is not running", self.name))?;
        kill_process(pid, signal).map_err(|e| format!("{}: {e}", self.name))
    }

    /// The process as it is now may open so many files.
    pub(crate) fn limit_files(&self, most: u64) -> Result<(), String> {
        let pid = self.with(|s| s.pid).and_then(Pid::from_raw);
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        prlimit(
            Some(pid.ok_or_else(|| format!("{} is not running", self.name))?),
            Resource::Nofile,
            limit,
        )
        .map(drop)
        .map_err(|e| format!("{}: {e}", self.name))
    }

    /// The most memory that the process as it is now ever had, in KiB. `None` where the system does not tell.
    pub(crate) fn peak_kib(&self) -> Option<u64> {
        let pid = self.with(|s| s.pid)?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// SIGTERM; says how many milliseconds it took to end.
    pub(crate) async fn stop_once(&self) -> Result<i64, String> {
        let count = |s: &mut State| s.ends + s.deaths.len();
        // Its last end may be a moment ago.
        let running = format!("{} to run", self.name);
        wait_for(&running, Duration::from_secs(60), async || {
            self.with(|s| s.pid).map(drop)
        })
        .await?;
        let (before, began) = (self.with(count), now_ms());
        self.with(|s| s.stops += 1);
        self.signal(Signal::TERM)?;
        let what = format!("{} to end", self.name);
        wait_for(&what, Duration::from_secs(60), async || {
            (self.with(count) > before).then_some(())
        })
        .await?;
        Ok(now_ms() - began)
    }

    /// The same, and it is not started again.
    pub(crate) async fn stop_for_good(&self) -> Result<i64, String> {
        self.with(|s| s.is_last = true);
        self.stop_once().await
    }

    /// The end of the scenario.
    pub(crate) fn finish(&self) {
        let _ = self.signal(Signal::CONT);
        self.over.cancel();
    }
}
