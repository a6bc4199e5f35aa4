//! What the driver says, in the store's words.

use mongodb::error::{Error, ErrorKind, WriteFailure};
use rolecall_core::error::StoreError;

/// MongoDB's code of a unique index that is violated.
/// Source: MongoDB's error codes, `DuplicateKey`.
const DUPLICATE_KEY: i32 = 11_000;

/// An answer that cannot be decoded is corrupt; everything else may pass.
#[expect(clippy::needless_pass_by_value, reason = "it is passed to map_err by name")]
pub(crate) fn store_error(error: Error) -> StoreError {
    match error.kind.as_ref() {
        ErrorKind::BsonDeserialization(_) => StoreError::corrupt(&error.kind),
        _ => StoreError::unavailable(&error.kind),
    }
}

/// Whether a unique index refused the write. Servers say it in two forms.
pub(crate) fn is_duplicate(error: &Error) -> bool {
    match error.kind.as_ref() {
        ErrorKind::Write(WriteFailure::WriteError(e)) => e.code == DUPLICATE_KEY,
        ErrorKind::Command(e) => e.code == DUPLICATE_KEY,
        _ => false,
    }
}

/// Positions of the documents that a unique index refused, if that was the only trouble of an `insert_many`.
pub(crate) fn duplicates(error: Error) -> Result<Vec<usize>, StoreError> {
    let ErrorKind::InsertMany(many) = error.kind.as_ref() else {
        return Err(store_error(error));
    };
    // Without the majority's word nobody knows what is stored for good.
    if many.write_concern_error.is_some() {
        return Err(store_error(error));
    }
    let refused = many.write_errors.as_deref().unwrap_or_default();
    if refused.is_empty() || refused.iter().any(|e| e.code != DUPLICATE_KEY) {
        return Err(store_error(error));
    }
    Ok(refused.iter().map(|e| e.index).collect())
}
