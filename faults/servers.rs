//! A Redis and a Mongo server of one scenario alone, so that they can be broken.

use std::process::Stdio;
use std::time::Duration;

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

    /// Puts bytes into a field of a hash of Redis.
    pub(crate) async fn put(&self, key: &str, field: &str, bytes: &[u8]) -> Result<(), String> {
        let put = async {
            let client = redis::Client::open(self.url.as_str())?;
            let mut connection = client.get_multiplexed_async_connection().await?;
            redis::cmd("HSET")
                .arg(key)
                .arg(field)
                .arg(bytes)
                .exec_async(&mut connection)
                .await
        };
        put.await.map_err(|e: redis::RedisError| e.to_string())
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
