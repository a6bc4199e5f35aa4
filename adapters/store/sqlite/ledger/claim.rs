//! Taking jobs, and keeping them.

use std::time::Duration;

use rolecall_core::ids::JobId;
use rolecall_core::ports::{Claim, Renewed};
use rolecall_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::query;
use crate::store::sqlite::sql::{Result, change, one};

/// One conditional update; the unique index on `running_key` says whether its key is busy.
pub(super) fn claim(
    db: &Connection,
    id: JobId,
    (worker, lease): (&str, Duration),
    crashes: u32,
    now: Timestamp,
) -> Result<Claim> {
    let claimed = change(
        db,
        "UPDATE rolecall_jobs SET state = 'running', attempt = attempt + 1, fence = fence + 1, \
             lease_owner = ?2, lease_until = ?3, claimed_at = ?4, running_key = concurrency, sent_at = NULL \
         WHERE id = ?1 AND state IN ('scheduled', 'available', 'retryable') AND run_at <= ?4 \
             AND crashes <= ?5",
        params![id.to_string(), worker, (now + lease).0, now.0, crashes],
    );
    match claimed {
        Ok(0) => {
            let suspect = one(
                db,
                "SELECT crashes FROM rolecall_jobs WHERE id = ?1 \
                     AND state IN ('scheduled', 'available', 'retryable') AND run_at <= ?2",
                params![id.to_string(), now.0],
                |row| Ok(row.get(0)?),
            )?;
            Ok(suspect.map_or(Claim::Gone, Claim::Suspect))
        }
        // Not with RETURNING, which would make a temporary table for its one row.
        Ok(_) => Ok(query::get(db, id)?.map_or(Claim::Gone, |job| Claim::Claimed(Box::new(job)))),
        Err(fault) if fault.is_duplicate() => Ok(Claim::Busy),
        Err(fault) => Err(fault),
    }
}

/// Says which are still held.
pub(super) fn renew(
    db: &Connection,
    worker: &str,
    held: &[(JobId, i64)],
    until: Timestamp,
) -> Result<Vec<Renewed>> {
    let mut renewed = Vec::with_capacity(held.len());
    for (id, fence) in held {
        let still = one(
            db,
            "UPDATE rolecall_jobs SET lease_until = ?4 \
             WHERE id = ?1 AND fence = ?2 AND lease_owner = ?3 AND state = 'running' RETURNING cancel_by IS NOT NULL",
            params![id.to_string(), fence, worker, until.0],
            |row| Ok(row.get(0)?),
        )?;
        renewed.extend(still.map(|cancel_asked| Renewed {
            id: *id,
            cancel_asked,
        }));
    }
    Ok(renewed)
}
