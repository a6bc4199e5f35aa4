//! What nobody can read, written where workers look.

use rusqlite::{Connection, params};

use crate::case::LedgerAt;
use crate::processes::now_ms;
use crate::servers::Server;

/// Stores jobs whose payloads are not what their kind needs. Says how many.
pub(crate) fn payloads(ledger: &LedgerAt) -> Result<usize, String> {
    let LedgerAt::Sqlite(path) = ledger else {
        return Err("payloads are poisoned in a SQLite file only".into());
    };
    let mut deep = "1".to_owned();
    for _ in 0..100 {
        deep = format!("[{deep}]");
    }
    let all = [
        "null".to_owned(),
        "{}".to_owned(),
        "17".to_owned(),
        "{{{".to_owned(),
        String::new(),
        format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000)),
        r#"{"guild_id": null, "user_id": null, "discord_id": null, "role_id": null}"#.to_owned(),
        r#"{"guild_id": "x", "user_id": "u", "discord_id": "-1", "role_id": "1e9"}"#.to_owned(),
        format!(r#"{{"guild_id": {deep}}}"#),
        format!(r#"{{"guild_id": "{}"}}"#, "9".repeat(5_000_000)),
    ];
    let poison = || -> Result<usize, rusqlite::Error> {
        let db = Connection::open(path)?;
        db.busy_timeout(std::time::Duration::from_secs(10))?;
        for payload in &all {
            db.execute(
                "INSERT INTO rolecall_jobs (id, kind, version, payload, lane, state, run_at, max_attempts, actor, \
                     reason, inserted_at) \
                 VALUES (?1, 'add_role', 1, ?2, 'bulk', 'available', ?3, 25, 'faults', 'poison', ?3)",
                params![uuid::Uuid::now_v7().to_string(), payload, now_ms()],
            )?;
        }
        // No text at all, in a column of text.
        db.execute(
            "UPDATE rolecall_jobs SET payload = CAST(x'7bff' AS TEXT) WHERE actor = 'faults' AND payload = '17'",
            [],
        )?;
        Ok(all.len())
    };
    poison().map_err(|e| format!("{}: {e}", path.display()))
}

/// What is no envelope, in all ways.
fn odd_bytes() -> Vec<Vec<u8>> {
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let mut all: Vec<Vec<u8>> = [
        "{{{",
        "",
        "null",
        "[1,2",
        r#"{"job_id":null,"kind":null}"#,
        r#"{"kind":"add_role"}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    all.extend([
        deep.into_bytes(),
        b"\xff\xfe{\x00".to_vec(),
        format!(r#"{{"job_id":"{}","kind":"add_role"}}"#, "9".repeat(5_000_000)).into_bytes(),
    ]);
    all
}

/// Puts ids without an envelope, and envelopes of bytes that are none, into the lists that workers take from.
pub(crate) async fn envelopes(redis: &Server) -> Result<(), String> {
    for lane in ["interactive", "normal", "bulk"] {
        let queue = format!("rolecall.rolecall.{lane}");
        for (n, bytes) in odd_bytes().into_iter().enumerate() {
            let id = format!("poison-{n}");
            redis.put(&format!("{queue}:data"), &id, &bytes).await?;
            redis.ask(&["RPUSH", &format!("{queue}:active"), &id]).await?;
        }
        redis
            .ask(&["RPUSH", &format!("{queue}:active"), "an-id-of-nothing"])
            .await?;
    }
    Ok(())
}
