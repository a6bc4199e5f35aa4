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
        _ => StoreError::unavailable(told(&error.kind.to_string())),
    }
}

/// What the driver says, without the dump of all that it knows of the servers: of that, only why they did not answer.
fn told(text: &str) -> String {
    let Some((head, servers)) = text.split_once(" Topology: ") else {
        return text.to_owned();
    };
    let reasons = servers.split("Error: Kind: ").skip(1);
    let mut reasons: Vec<&str> = reasons
        .filter_map(|rest| rest.split(", labels: ").next())
        .collect();
    reasons.sort_unstable();
    reasons.dedup();
    let head = head.trim_end_matches('.');
    if reasons.is_empty() {
        return head.to_owned();
    }
    format!("{head} ({})", reasons.join("; "))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_servers_that_do_not_answer_only_the_reason_is_told() {
        let text = "Server selection timeout: No available servers. Topology: { Type: Unknown, Servers: [ { Address: a:1, \
                    Type: Unknown, Error: Kind: I/O error: Connection refused (os error 111), labels: {}, source: None }, \
                    { Address: b:1, Error: Kind: I/O error: Connection refused (os error 111), labels: {} } ] }";
        let expected =
            "Server selection timeout: No available servers (I/O error: Connection refused (os error 111))";
        assert_eq!(told(text), expected);
        assert_eq!(told("another"), "another");
    }
}
