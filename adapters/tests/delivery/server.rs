//! A Redis of one test's own, which it may break.

use std::process::{Child, Command, Stdio};

use redis::aio::MultiplexedConnection;
use tempfile::TempDir;

use crate::support::{client, until};

pub(crate) struct Server {
    port: u16,
    /// 0 for none.
    tls_port: u16,
    dir: TempDir,
    child: Option<Child>,
}

impl Server {
    /// A free port, and nobody on it yet.
    pub(crate) fn reserve() -> Self {
        Self {
            port: free_port(),
            tls_port: 0,
            dir: TempDir::new().unwrap(),
            child: None,
        }
    }

    pub(crate) async fn start() -> Self {
        let mut server = Self::reserve();
        server.up().await;
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// With a second, encrypted port and a certificate signed by itself.
    pub(crate) async fn start_with_tls() -> Self {
        let mut server = Self::reserve();
        server.tls_port = free_port();
        let done = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ])
            .args(["-keyout", "key.pem", "-out", "cert.pem"])
            .current_dir(server.dir.path())
            .stderr(Stdio::null())
            .status();
        assert!(
            done.is_ok_and(|status| status.success()),
            "openssl makes a certificate"
        );
        server.up().await;
        server
    }

    /// Nothing for a server that may have been built without TLS.
    fn tls_options(&self) -> Vec<String> {
        if self.tls_port == 0 {
            return Vec::new();
        }
        let port = self.tls_port;
        format!(
            "--tls-port {port} --tls-auth-clients no --tls-cert-file cert.pem --tls-key-file key.pem \
             --tls-ca-cert-file cert.pem"
        )
        .split(' ')
        .map(str::to_owned)
        .collect()
    }

    pub(crate) fn tls_url(&self) -> String {
        format!("rediss://127.0.0.1:{}", self.tls_port)
    }

    /// Alive, and silent from now on.
    pub(crate) fn hang(&self) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(
            Command::new("kill")
                .args(["-STOP", &id])
                .status()
                .unwrap()
                .success()
        );
    }

    pub(crate) async fn up(&mut self) {
        let program = std::env::var("TEST_REDIS_SERVER").unwrap_or_else(|_| "redis-server".into());
        let child = Command::new(&program)
            .args([
                "--port",
                &self.port.to_string(),
                "--save",
                "",
                "--appendonly",
                "no",
                "--bind",
                "127.0.0.1",
            ])
            .arg("--dir")
            .arg(self.dir.path())
            .current_dir(self.dir.path())
            .args(self.tls_options())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} does not start ({error}); set TEST_REDIS_SERVER"));
        self.child = Some(child);
        let url = self.url();
        until("the server answers", async || {
            let Ok(client) = redis::Client::open(url.as_str()) else {
                return false;
            };
            client.get_multiplexed_async_connection().await.is_ok()
        })
        .await;
    }

    /// Killed as by a power cut; nothing was saved.
    pub(crate) fn down(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) async fn client(&self) -> MultiplexedConnection {
        client(&self.url()).await
    }

    /// Sends one command, given as words.
    pub(crate) async fn tell(&self, command: &str) {
        let mut words = redis::Cmd::new();
        command.split(' ').for_each(|word| {
            words.arg(word);
        });
        let _: redis::Value = words.query_async(&mut self.client().await).await.unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.down();
    }
}

fn free_port() -> u16 {
    rolecall_simulator::ports::free_port().unwrap()
}
