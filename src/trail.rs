//! Reads the audit trail from its beginning: to verify it, and to export it.

use rolecall_core::audit::{AuditFilter, AuditRecord, Mark};
use rolecall_core::audit_chain::{Broken, Seen, Verifier};
use rolecall_core::error::StoreError;
use rolecall_core::ports::Audit;

/// Records that are read at once.
const PAGE: usize = 500;

/// Looks at the whole trail. `expected`: a place that has to be in it, kept elsewhere.
///
/// # Errors
/// If the store fails. What is wrong with the trail is no error but the answer.
pub async fn verify(audit: &dyn Audit, expected: Option<Mark>) -> Result<Result<Seen, Broken>, StoreError> {
    loop {
        let ends = audit.ends().await?;
        let pruned = ends.pruned.seq;
        let mut verifier = Verifier::new(ends);
        if let Some(mark) = expected.clone() {
            verifier.expect(mark);
        }
        let seen = walk(audit, pruned, verifier).await?;
        // Records that are pruned during the walk would be missed.
        if seen.is_ok() || audit.ends().await?.pruned.seq == pruned {
            return Ok(seen);
        }
    }
}

async fn walk(
    audit: &dyn Audit,
    mut after: u64,
    mut verifier: Verifier,
) -> Result<Result<Seen, Broken>, StoreError> {
    loop {
        let page = audit.after(after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(verifier.finish());
        };
        after = last.seq;
        for record in &page {
            if let Err(broken) = verifier.take(record) {
                return Ok(Err(broken));
            }
        }
    }
}

/// The next records that a filter finds, oldest first, after the one with this `seq`; and how far it looked. `None`:
/// that was all.
///
/// # Errors
/// If the store fails.
pub async fn page(
    audit: &dyn Audit,
    filter: &AuditFilter,
    after: u64,
) -> Result<Option<(Vec<AuditRecord>, u64)>, StoreError> {
    let mut page = audit.after(after, PAGE).await?;
    let Some(last) = page.last().map(|record| record.seq) else {
        return Ok(None);
    };
    page.retain(|record| filter.finds(record));
    Ok(Some((page, last)))
}
