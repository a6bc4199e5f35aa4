//! A trail that somebody alters in the file is found broken, at the record that was altered.

use rolecall_adapters::store::sqlite::SqliteStore;
use rolecall_core::audit_chain::{Broken, Verifier, Why};
use rolecall_core::ports::Audit;
use rusqlite::Connection;

use crate::suite::audit::draft;

async fn found_after(statement: &str) -> Result<u64, Broken> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rolecall.db");
    let store = SqliteStore::open(&path).unwrap();
    for n in 1..=5 {
        store.append(&draft(n, n, "guild:1")).await.unwrap();
    }
    Connection::open(&path).unwrap().execute_batch(statement).unwrap();
    let mut verifier = Verifier::new(store.ends().await.unwrap());
    for record in store.after(0, 9).await.unwrap() {
        verifier.take(&record)?;
    }
    verifier.finish().map(|seen| seen.records)
}

#[tokio::test]
async fn whatever_is_altered_the_first_record_that_is_not_right_is_named() {
    assert_eq!(found_after("SELECT 1").await, Ok(5));
    for (statement, seq, why) in [
        (
            "UPDATE rolecall_audit SET actor = 'user:eve' WHERE seq = 3",
            3,
            Why::Changed,
        ),
        (
            "UPDATE rolecall_audit SET at = at + 1 WHERE seq = 2",
            2,
            Why::Changed,
        ),
        (
            "UPDATE rolecall_audit SET before = '{}' WHERE seq = 4",
            4,
            Why::DetailsChanged,
        ),
        (
            "UPDATE rolecall_audit SET before = NULL, after = NULL, reason = NULL, salt = NULL WHERE seq = 4",
            4,
            Why::ErasedSilently,
        ),
        ("DELETE FROM rolecall_audit WHERE seq = 2", 2, Why::Missing),
        ("DELETE FROM rolecall_audit WHERE seq >= 4", 5, Why::TailMissing),
        (
            "UPDATE rolecall_audit_ends SET pruned_seq = 2, pruned_hash = (SELECT hash FROM rolecall_audit WHERE seq = 2)",
            2,
            Why::PrunedSilently,
        ),
    ] {
        assert_eq!(
            found_after(statement).await,
            Err(Broken { seq, why }),
            "{statement}"
        );
    }
}
