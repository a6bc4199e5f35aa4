//! The connection to Redis: made when first needed, and made again for as long as it takes.

use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{Client, ErrorKind, IntoConnectionInfo, RedisError, RedisResult, ServerErrorKind};
use rolecall_core::ports::DeliveryError;
use tokio::time::timeout;

/// How long a caller waits for a push, a depth or a ping. Without an answer from the network the driver alone would
/// try for seven seconds, while somebody waits in front of a screen.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long one attempt to connect may take.
pub(super) const CONNECT: Duration = Duration::from_secs(2);
/// How long an answer may take. The driver's 500 ms would end a worker whenever Redis is busy for a moment.
pub(super) const ANSWER: Duration = Duration::from_secs(5);
/// How long a connection is silent before TCP asks whether the other end is there. Balancers and firewalls in between
/// forget connections that are silent for minutes.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// One multiplexed connection for everything but the bell.
pub(crate) struct Connection {
    client: Client,
    current: RwLock<ConnectionManager>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection") // the client knows the password
    }
}

impl Connection {
    /// Must be called inside a tokio runtime. Connects to nothing yet.
    pub(crate) fn open(url: &str) -> Result<Self, DeliveryError> {
        let client = client(url)?;
        let current = RwLock::new(manager(&client).map_err(unavailable)?);
        Ok(Self { client, current })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// A handle on the connection. Cheap.
    pub(crate) fn handle(&self) -> ConnectionManager {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether Redis answers now. The driver keeps the end of its last attempt to connect for the next command, however long ago
    /// that was, and connects again only then; so a connection that failed is asked twice.
    pub(super) async fn ping(&self) -> Result<(), DeliveryError> {
        let answer = match ping(&mut self.handle()).await {
            Err(old) if old.is_io_error() => ping(&mut self.handle()).await,
            other => other,
        };
        match answer {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failed(error).await),
        }
    }

    /// Looks after the connection when a command failed, and gives the error for the caller.
    ///
    /// The driver connects again after an I/O error, and only then: refused once for another reason (such as
    /// a password that is being changed), it would repeat that answer for ever; and a server that became a replica
    /// would be kept. So a connection on which not even PING works, or nothing can be written, is replaced.
    pub(crate) async fn failed(&self, error: RedisError) -> DeliveryError {
        let demoted = error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly);
        let useless = demoted || (!error.is_io_error() && self.is_refused().await);
        if useless && let Ok(fresh) = manager(&self.client) {
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
        unavailable(error)
    }

    async fn is_refused(&self) -> bool {
        matches!(timeout(PATIENCE, ping(&mut self.handle())).await, Ok(Err(again)) if !again.is_io_error())
    }
}

async fn ping(handle: &mut ConnectionManager) -> RedisResult<()> {
    redis::cmd("PING").query_async(handle).await
}

/// Gives up after two seconds. What was sent by then may still be carried out; a doubled envelope harms nobody.
pub(super) async fn patiently<T>(
    work: impl Future<Output = Result<T, DeliveryError>>,
) -> Result<T, DeliveryError> {
    match timeout(PATIENCE, work).await {
        Ok(end) => end,
        Err(_) => Err(DeliveryError(format!(
            "Redis was silent for {} s",
            PATIENCE.as_secs()
        ))),
    }
}

/// A client for an address, TLS included.
///
/// The rest of the process may bring a second implementation of TLS, and rustls then refuses to choose. So it is told,
/// unless somebody else did.
pub(super) fn client(url: &str) -> Result<Client, DeliveryError> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // The driver's own words; they never repeat the address, which may carry a password.
    let info = url.into_connection_info().map_err(|error| {
        DeliveryError(format!(
            "the address of Redis cannot be read: {error}. Expected redis://user:password@host:6379/0, or rediss:// for \
             TLS; in the password, / is written as %2F, @ as %40, # as %23, ? as %3F, : as %3A, and % as %25"
        ))
    })?;
    Client::open(info.set_tcp_settings(tcp())).map_err(unavailable)
}

/// Finds a peer that went away without a word, even where nobody waits for an answer.
fn tcp() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(ANSWER);
    TcpSettings::default().set_nodelay(true).set_keepalive(keepalive)
}

fn manager(client: &Client) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(ANSWER))
        .set_number_of_retries(2)
        .set_min_delay(Duration::from_millis(50))
        .set_max_delay(Duration::from_millis(500));
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn unavailable(error: RedisError) -> DeliveryError {
    DeliveryError(error.to_string())
}
