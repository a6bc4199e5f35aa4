//! Connecting.

use std::time::Duration;

use mongodb::Client;
use mongodb::options::{ClientOptions, ReadPreference, SelectionCriteria, ServerAddress, WriteConcern};
use rolecall_core::error::StoreError;
use rolecall_core::ports::StoreHealth;

use super::{MongoStore, ServerClock};

/// A write whose majority did not answer within this time has an unknown result.
pub(super) const WRITE_TIMEOUT_MS: i64 = 10_000;
/// How long to look for a server that may be written to.
const SELECTION: Duration = Duration::from_secs(5);
/// How often the driver looks whether the servers are there.
const WATCH: Duration = Duration::from_secs(2);

impl MongoStore {
    /// Connects, and asks the server once.
    ///
    /// # Errors
    /// A sentence with the hosts, and without the user and the password, if `uri` cannot be read or no server answers
    /// within 5 s.
    pub async fn connect(uri: &str, database: &str) -> Result<Self, StoreError> {
        let mut options = ClientOptions::parse(uri).await.map_err(|e| {
            StoreError::Unavailable(format!(
                "the address of MongoDB cannot be read: {}. Expected mongodb://user:password@host:27017/ or \
                 mongodb+srv://user:password@cluster/",
                without_credentials(&e.kind.to_string(), uri)
            ))
        })?;
        let hosts = written(&options.hosts);
        options.app_name = Some("rolecall".to_owned());
        options.server_selection_timeout = Some(SELECTION);
        options.connect_timeout = options.connect_timeout.or(Some(SELECTION));
        // How soon a server that went away without a word is noticed, and with it all that waits for its answers: after
        // this and the time for connecting.
        options.heartbeat_freq = options.heartbeat_freq.or(Some(WATCH));
        // In code and not only in the address: what was accepted must survive the loss of a server, and leases and
        // claims must be read where they are written.
        options.write_concern = Some(
            WriteConcern::builder()
                .w(mongodb::options::Acknowledgment::Majority)
                .w_timeout(Duration::from_millis(WRITE_TIMEOUT_MS.unsigned_abs()))
                .build(),
        );
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        let unreachable = |why: String| {
            StoreError::Unavailable(format!(
                "MongoDB at {hosts} (database {database}): {}",
                without_credentials(&why, uri)
            ))
        };
        let client = Client::with_options(options).map_err(|e| unreachable(e.kind.to_string()))?;
        let store = Self {
            db: client.database(database),
            clock: ServerClock::new(),
        };
        match store.ping().await {
            Ok(()) => Ok(store),
            Err(StoreError::Unavailable(why) | StoreError::Corrupt(why)) => Err(unreachable(why)),
        }
    }
}

fn written(hosts: &[ServerAddress]) -> String {
    hosts
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The text without what stands between `//` and `@` in the address, in case the driver repeats it.
fn without_credentials(text: &str, uri: &str) -> String {
    let after_scheme = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let Some((credentials, _)) = after_scheme.rsplit_once('@') else {
        return text.to_owned();
    };
    let mut clean = text.to_owned();
    let password = credentials.split_once(':').map_or("", |(_, password)| password);
    for secret in [credentials, password].into_iter().filter(|s| !s.is_empty()) {
        clean = clean.replace(secret, "***");
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_cannot_be_read_is_told_without_its_password() {
        for uri in [
            "mongodb://ada:s3cr@t@host:1",
            "mongodb://ada:s3cr%t@host",
            "http://ada:s3cret@host",
        ] {
            let error = MongoStore::connect(uri, "falcon").await.unwrap_err().to_string();
            assert!(error.contains("cannot be read"), "{error}");
            assert!(!error.contains("s3cr"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_told_without_the_password() {
        let uri = "mongodb://ada:s3cret@127.0.0.1:1/?directConnection=true";
        let error = MongoStore::connect(uri, "falcon").await.unwrap_err().to_string();
        assert!(
            error.contains("127.0.0.1:1") && error.contains("falcon"),
            "{error}"
        );
        assert!(!error.contains("s3cret"), "{error}");
    }
}
