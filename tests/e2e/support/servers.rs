//! The servers of the tests.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{free_port, wait_for};

/// The Mongo server that `make test` started, with a database that nobody else uses.
pub(crate) struct Mongo {
    pub(crate) uri: String,
    pub(crate) database: String,
}

impl Mongo {
    pub(crate) fn fresh() -> Self {
        let uri = std::env::var("TEST_MONGODB_URI")
            .expect("TEST_MONGODB_URI is not set; `make test` starts a server and sets it");
        Self {
            uri,
            database: format!("e2e_{}", uuid::Uuid::new_v4().simple()),
        }
    }

    pub(crate) async fn client(&self) -> mongodb::Database {
        mongodb::Client::with_uri_str(&self.uri)
            .await
            .unwrap()
            .database(&self.database)
    }

    /// Removes the database again: the server is slow, and goes on for the other tests.
    pub(crate) async fn forget(self) {
        self.client().await.drop().await.unwrap();
    }
}

/// A Redis of this test alone, so that it can be emptied and stopped.
pub(crate) struct Redis {
    child: Child,
    pub(crate) url: String,
    _folder: TempDir,
}

impl Redis {
    pub(crate) async fn start() -> Self {
        let binary = std::env::var("TEST_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let child = Command::new(&binary)
            .args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ])
            .args(["--maxmemory-policy", "noeviction"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("{binary} cannot be started ({e}); `make test` installs it"));
        let redis = Self {
            child,
            url: format!("redis://127.0.0.1:{port}"),
            _folder: folder,
        };
        wait_for("Redis to answer", Duration::from_secs(20), || async {
            redis.ask("PING").await
        })
        .await;
        redis
    }

    async fn ask(&self, command: &str) -> Option<()> {
        let client = redis::Client::open(self.url.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.ok()?;
        redis::cmd(command)
            .query_async::<String>(&mut connection)
            .await
            .ok()
            .map(|_| ())
    }

    /// Ends the connections of all clients and asks for a password that none has, while this lasts.
    pub(crate) async fn refusing<T>(&self, meanwhile: impl Future<Output = T>) -> T {
        let client = redis::Client::open(self.url.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut tell = async |command: &str, arguments: &[&str]| {
            let mut command = redis::cmd(command);
            command.arg(arguments);
            command.exec_async(&mut connection).await.unwrap();
        };
        tell("CONFIG", &["SET", "requirepass", "nobody-knows"]).await;
        tell("CLIENT", &["KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
        let seen = meanwhile.await;
        tell("CONFIG", &["SET", "requirepass", ""]).await;
        seen
    }

    pub(crate) async fn flush_all(&self) {
        self.ask("FLUSHALL").await.unwrap();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
