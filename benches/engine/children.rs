//! Processes that are measured, each with nothing of this one's environment but what a program needs to be found.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(150);

/// A process under way.
pub(crate) struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    what: String,
}

/// Starts a program. What it says on standard error is passed on.
pub(crate) fn start(
    program: &Path,
    args: &[&str],
    folder: &Path,
    env: &[(&str, String)],
) -> Result<Running, String> {
    let mut command = Command::new(program);
    command.args(args).env_clear().current_dir(folder);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", folder);
    command.envs(env.iter().map(|(name, value)| (*name, value.as_str())));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let what = format!(
        "{} {}",
        program.file_name().unwrap_or_default().display(),
        args.first().unwrap_or(&"")
    );
    let mut child = command.spawn().map_err(|e| format!("{what}: {e}"))?;
    let out = child.stdout.take().ok_or("a child without an output")?;
    Ok(Running {
        child,
        out: BufReader::new(out),
        what,
    })
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// SIGTERM, as a platform stops a process.
    pub(crate) fn stop(&self) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            // It may have ended by itself; its exit code tells.
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// Waits for its first line.
    pub(crate) async fn first_line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.out.read_line(&mut line)).await;
        match read {
            Ok(Ok(n)) if n > 0 => Ok(line),
            _ => Err(format!("{} said nothing", self.what)),
        }
    }

    /// Waits for its end; what it printed last is its result.
    pub(crate) async fn result<T: DeserializeOwned>(mut self) -> Result<T, String> {
        let mut text = String::new();
        let read = tokio::time::timeout(PATIENCE, self.out.read_to_string(&mut text)).await;
        match read {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(format!("{}: {error}", self.what)),
            Err(_) => return Err(format!("{} did not end in {} s", self.what, PATIENCE.as_secs())),
        }
        let status = self.child.wait().await.map_err(|e| e.to_string())?;
        if !status.success() {
            return Err(format!("{} ended with {status}", self.what));
        }
        let last = text.lines().last().unwrap_or_default();
        serde_json::from_str(last).map_err(|e| format!("{}: what it printed cannot be read: {e}", self.what))
    }

    /// Waits for its end, whatever it says.
    pub(crate) async fn end(mut self) {
        let _ = tokio::time::timeout(PATIENCE, self.child.wait()).await;
    }
}
