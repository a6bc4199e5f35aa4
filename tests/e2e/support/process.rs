//! Starts the program.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::disk::Disk;
use super::wait_for;

/// An installation: a folder, and the environment of its processes.
pub(crate) struct Installation {
    pub(crate) folder: TempDir,
    env: Vec<(String, String)>,
}

impl Installation {
    /// Embedded, in a folder of its own.
    pub(crate) fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data").display().to_string();
        Self {
            folder,
            env: vec![("ROLECALL_DATA_DIR".to_owned(), data)],
        }
    }

    pub(crate) fn set(mut self, name: &str, value: impl ToString) -> Self {
        self.env.retain(|(n, _)| n != name);
        self.env.push((name.to_owned(), value.to_string()));
        self
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall"));
        command.args(args).env_clear().current_dir(self.folder.path());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
            .env("HOME", self.folder.path())
            .envs(self.env.iter().cloned());
        command
    }

    /// Runs a command to its end, with this on its standard input.
    pub(crate) fn run_with(&self, args: &[&str], input: &str) -> Ended {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read its input may have closed it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Ended::from(args, child.wait_with_output().unwrap())
    }

    /// Runs a command to its end, on this disk.
    pub(crate) fn run_on(&self, disk: &Disk, args: &[&str]) -> Ended {
        let command = disk.around(&self.command(args)).output().unwrap();
        Ended::from(args, command)
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        self.run_with(args, "")
    }

    /// Runs lines of a shell, in which `rolecall` is this program.
    pub(crate) fn shell(&self, lines: &str) -> Ended {
        let inner = self.command(&[]);
        let program = inner.get_program().display();
        let script = format!("rolecall() {{ '{program}' \"$@\"; }}\n{lines}");
        let mut command = Command::new("bash");
        command
            .args(["-c", &script])
            .env_clear()
            .current_dir(self.folder.path());
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Ended::from(&[lines], command.output().unwrap())
    }

    /// Starts a process that stays. Its log is `NAME.log` in the folder.
    pub(crate) fn start(&self, name: &str, args: &[&str], extra: &[(&str, String)]) -> Running {
        let mut command = self.command(args);
        command.envs(extra.iter().map(|(k, v)| (*k, v.clone())));
        self.start_command(name, command)
    }

    /// The same by a program that becomes it, such as `nohup`.
    pub(crate) fn start_by(&self, starter: &[&str], name: &str, args: &[&str]) -> Running {
        let inner = self.command(args);
        let mut command = Command::new(starter[0]);
        command.args(&starter[1..]).arg(inner.get_program()).args(args);
        command.env_clear().current_dir(self.folder.path());
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.start_command(name, command)
    }

    /// The same on this disk.
    pub(crate) fn start_on(&self, disk: &Disk, name: &str, args: &[&str]) -> Running {
        self.start_command(name, disk.around(&self.command(args)))
    }

    fn start_command(&self, name: &str, mut command: Command) -> Running {
        let log = self.folder.path().join(format!("{name}.log"));
        let file = std::fs::File::create(&log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Running {
            child,
            name: name.to_owned(),
            log,
        }
    }

    /// Starts a process whose standard output and error are closed at the other end.
    pub(crate) fn start_unread(&self, args: &[&str]) -> Running {
        let mut command = self.command(args);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        Running {
            child,
            name: "unread".to_owned(),
            log: self.path("unread.log"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    #[expect(dead_code, reason = "shown when a test fails")]
    args: String,
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    fn from(args: &[&str], output: Output) -> Self {
        Self {
            args: args.join(" "),
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// It went well.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// It ended with this code and said these words on standard error, in a sentence and not in a panic.
    #[track_caller]
    pub(crate) fn refused(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for word in words {
            assert!(self.err.contains(word), "{word:?} is missing in {self:#?}");
        }
        assert!(!self.err.contains("panicked"), "{self:#?}");
        self
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:#?}"))
    }
}

/// A process that is killed when the test ends, however it ends.
pub(crate) struct Running {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Running {
    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// The signal of this name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([format!("-{name}"), pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// A folder as this process sees it, on a disk of its own.
    pub(crate) fn sees(&self, folder: &Path) -> PathBuf {
        let root = format!("/proc/{}/root", self.child.id());
        Path::new(&root).join(folder.strip_prefix("/").unwrap())
    }

    /// Runs a command to its end, with the disk of this process.
    pub(crate) fn command_beside(&self, installation: &Installation, args: &[&str]) -> Ended {
        let inner = installation.command(args);
        let mut command = Command::new("nsenter");
        let pid = self.child.id().to_string();
        command.args(["--target", &pid, "--user", "--mount", "--preserve-credentials"]);
        command.arg(inner.get_program()).args(inner.get_args());
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Ended::from(args, command.output().unwrap())
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self, patience: Duration) -> ExitStatus {
        let what = format!("{} to end", self.name);
        let child = std::cell::RefCell::new(&mut self.child);
        wait_for(&what, patience, || async {
            child.borrow_mut().try_wait().unwrap()
        })
        .await
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(6_000);
            let from = (from..=log.len()).find(|i| log.is_char_boundary(*i)).unwrap_or(0);
            eprintln!("--- end of the log of {}:\n{}", self.name, &log[from..]);
        }
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}
