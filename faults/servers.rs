//! A Redis and a Mongo server of one scenario alone, so that they can be broken.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::processes::{free_port, wait_for};

const UP: Duration = Duration::from_secs(60);

/// A server that can be killed and started again on the same port.
pub(crate) struct Server {
    program: String,
    args: Vec<String>,
    folder: TempDir,
    child: Child,
    pub(crate) url: String,
}

impl Server {
    /// Redis, without any persistence: what it knew is gone when it is started again.
    pub(crate) async fn redis() -> Result<Self, String> {
        let program = std::env::var("TEST_REDIS_SERVER").unwrap_or_else(|_| "redis-server".into());
        let port = free_port()?;
        let args =
            format!("--port {port} --bind 127.0.0.1 --save '' --appendonly no --maxmemory-policy noeviction");
        let args = args.split(' ').map(|a| a.replace("''", "")).collect();
        Self::start(program, args, format!("redis://127.0.0.1:{port}")).await
    }

    /// The Mongo server of the tests, which keeps what it acknowledged.
    pub(crate) async fn mongo() -> Result<Self, String> {
        let program = std::env::var("TEST_MONGOD")
            .map_err(|_| "TEST_MONGOD is not set: scripts/test-services sets it")?;
        let port = free_port()?;
        let args = format!(
            "--host 127.0.0.1 --port {port} --storage-path mongo --sync-on-commit --log-level WARNING"
        );
        let args = args.split(' ').map(str::to_owned).collect();
        Self::start(
            program,
            args,
            format!("mongodb://127.0.0.1:{port}/?directConnection=true"),
        )
        .await
    }

    async fn start(program: String, args: Vec<String>, url: String) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let child = spawn(&program, &args, &folder)?;
        let server = Self {
            program,
            args,
            folder,
            child,
            url,
        };
        server.up().await?;
        Ok(server)
    }

    async fn up(&self) -> Result<(), String> {
        wait_for(&format!("{} to answer", self.program), UP, async || {
            self.answers().await.then_some(())
        })
        .await
    }

    async fn answers(&self) -> bool {
        if self.url.starts_with("redis:") {
            return self.ask(&["PING"]).await.is_ok();
        }
        let Ok(client) =
            mongodb::Client::with_uri_str(format!("{}&serverSelectionTimeoutMS=1000", self.url)).await
        else {
            return false;
        };
        client
            .database("admin")
            .run_command(mongodb::bson::doc! { "ping": 1 })
            .await
            .is_ok()
    }

    /// SIGKILL, and up again after this long.
    pub(crate) async fn restart(&mut self, away: Duration) -> Result<(), String> {
        self.child.kill().await.map_err(|e| e.to_string())?;
        tokio::time::sleep(away).await;
        self.child = spawn(&self.program, &self.args, &self.folder)?;
        self.up().await
    }

    /// SIGKILL, for good.
    pub(crate) async fn kill(&mut self) -> Result<(), String> {
        self.child.kill().await.map_err(|e| e.to_string())
    }

    /// SIGSTOP for so long: connections stay, and nobody answers.
    pub(crate) async fn sleep(&self, asleep: impl Future<Output = ()>) -> Result<(), String> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        let pid = id.and_then(Pid::from_raw).ok_or("the server is not running")?;
        kill_process(pid, Signal::STOP).map_err(|e| e.to_string())?;
        asleep.await;
        kill_process(pid, Signal::CONT).map_err(|e| e.to_string())
    }

    /// Where it keeps its files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its port.
    pub(crate) fn port(&self) -> &str {
        let host = self.url.split('/').nth(2).unwrap_or_default();
        host.rsplit(':').next().unwrap_or_default()
    }

    /// A field of what Redis says of itself.
    pub(crate) async fn says(&self, field: &str) -> Option<String> {
        let info: String = redis::from_redis_value(self.ask(&["INFO"]).await.ok()?).ok()?;
        let lines = info.lines().filter_map(|line| line.trim_end().split_once(':'));
        lines
            .filter(|(name, _)| *name == field)
            .map(|(_, value)| value.to_owned())
            .next()
    }

    /// Sends one command to Redis.
    pub(crate) async fn ask(&self, words: &[&str]) -> Result<redis::Value, String> {
        let ask = async {
            let client = redis::Client::open(self.url.as_str())?;
            let mut connection = client.get_multiplexed_async_connection().await?;
            let mut command = redis::cmd(words.first().copied().unwrap_or("PING"));
            for word in words.iter().skip(1) {
                command.arg(*word);
            }
            command.query_async(&mut connection).await
        };
        ask.await.map_err(|e: redis::RedisError| e.to_string())
    }
}

fn spawn(program: &str, args: &[String], folder: &TempDir) -> Result<Child, String> {
    Command::new(program)
        .args(args)
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| format!("{program}: {e}"))
}
