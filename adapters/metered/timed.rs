//! How long an operation of the store takes, and whether it fails.

use std::time::Instant;

use rolecall_core::error::StoreError;

use super::table::{STORE_ERRORS, STORE_TIME};

/// Does it, and counts it under this name.
pub(super) async fn timed<T>(
    operation: &'static str,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let began = Instant::now();
    let result = work.await;
    STORE_TIME.observe(&[operation], began.elapsed());
    if result.is_err() {
        STORE_ERRORS.inc(&[operation]);
    }
    result
}
