//! How long the kernel waits for the store.
//!
//! A connection can die without a word, and then an answer never comes. Whoever waits for it without end is lost to all
//! other work: a slot of a worker, the relay, the rescuer.

use std::time::Duration;

use rolecall_core::error::StoreError;

/// An answer that did not come by then will not come.
pub const STORE: Duration = Duration::from_secs(10);
/// For the renewal of leases: short enough for another one before they end.
pub const RENEWAL: Duration = Duration::from_secs(4);

/// The answer, or that there was none within [`STORE`]. What was asked for may have been done all the same.
pub async fn in_time<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    within(STORE, call).await
}

/// The same within another time.
pub async fn within<T>(
    patience: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(patience, call).await {
        Ok(answer) => answer,
        Err(_) => Err(StoreError::Unavailable(format!(
            "the store was silent for {} s",
            patience.as_secs()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_that_says_nothing_is_an_error_that_may_pass() {
        let silent = std::future::pending::<Result<(), StoreError>>();
        let error = within(Duration::ZERO, silent).await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Unavailable(why) if why.contains("was silent")),
            "{error}"
        );
        assert_eq!(in_time(async { Ok(7) }).await.unwrap(), 7);
    }
}
