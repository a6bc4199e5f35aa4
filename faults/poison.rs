//! What nobody can read, and more than anybody expects, written where workers look.

use rusqlite::{Connection, params};

use crate::case::LedgerAt;
use crate::processes::now_ms;
use crate::servers::Server;

/// Of rolecall, as they are called in the names of its queues.
pub(crate) const LANES: [&str; 3] = ["interactive", "normal", "bulk"];

/// Stores jobs whose payloads are not what their kind needs. Says how many.
pub(crate) fn payloads(ledger: &LedgerAt) -> Result<usize, String> {
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
    with_file(ledger, |db| {
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
    })
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
    for lane in LANES {
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

/// Who asked for the backlog.
const BACKLOG: &str = "faults:backlog";

/// Stores so many jobs that are due, and find nothing to do: they are about a guild that is not there.
pub(crate) fn backlog(ledger: &LedgerAt, count: usize) -> Result<(), String> {
    with_file(ledger, |db| {
        let change = db.unchecked_transaction()?;
        for n in 0..count {
            let (guild, role) = ("900000000000000001", "900000000000000002");
            let account = (900_000_000_000_000_000_u64 + n as u64).to_string();
            let payload = format!(
                r#"{{"guild_id": "{guild}", "user_id": "nobody", "discord_id": "{account}", "role_id": "{role}"}}"#
            );
            change.execute(
                "INSERT INTO rolecall_jobs (id, kind, version, payload, lane, state, run_at, max_attempts, actor, \
                     reason, inserted_at, guild_id, discord_id, role_id) \
                 VALUES (?1, 'add_role', 1, ?2, 'bulk', 'available', ?3, 25, ?4, 'many at once', ?3, ?5, ?6, ?7)",
                params![uuid::Uuid::now_v7().to_string(), payload, now_ms(), BACKLOG, guild, account, role],
            )?;
        }
        change.commit()
    })
}

/// How many of the backlog are not over.
pub(crate) fn left(ledger: &LedgerAt) -> Result<i64, String> {
    with_file(ledger, |db| {
        let live = "SELECT count(*) FROM rolecall_jobs WHERE actor = ?1 AND finished_at IS NULL";
        db.query_row(live, [BACKLOG], |row| row.get(0))
    })
}

fn with_file<T>(
    ledger: &LedgerAt,
    act: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
) -> Result<T, String> {
    let LedgerAt::Sqlite(path) = ledger else {
        return Err("this is done to a SQLite file only".into());
    };
    let done = || -> Result<T, rusqlite::Error> {
        let db = Connection::open(path)?;
        db.busy_timeout(std::time::Duration::from_secs(10))?;
        act(&db)
    };
    done().map_err(|e| format!("{}: {e}", path.display()))
}
