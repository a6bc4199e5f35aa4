//! `make growth`: how many bytes a job takes in a store, and what a year makes of them. Writes a page for `docs/growth.md`.
//!
//! The jobs are stored, claimed and settled by the stores' own code, and look like those of a sync: a role is given, and
//! the seventeenth fails for good. With `TEST_MONGODB_URI`, documents of that server are measured, too.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that prints, and ends where it cannot go on"
)]

use std::path::Path;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::iter;
use mongodb::bson::{RawDocumentBuf, doc};
use rolecall_adapters::store::mongo::MongoStore;
use rolecall_adapters::store::sqlite::SqliteStore;
use rolecall_core::cause::Cause;
use rolecall_core::ids::{DiscordId, GuildId, JobId, RoleId, RunId, UserId};
use rolecall_core::job::{Attempt, JobState, Lane, NewJob, Subject};
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::ports::{Claim, Ledger, Settlement, StoreHealth};
use rolecall_core::time::Timestamp;
use rusqlite::Connection;
use uuid::Uuid;

/// Jobs in the file. More give the same figures.
const JOBS: u64 = 8_500;
/// One of so many fails for good.
const FAILS: u64 = 17;
/// Documents on the other server, which is a slow one.
const DOCUMENTS: u64 = 170;

/// What a year is made of. Jobs are kept 7 days if they are done, and 90 if they failed for good.
struct Year {
    members: u64,
    /// Changes of roles a day: one member in ten, once.
    changes: u64,
    /// Jobs that come by the clock, whoever is a member: 96 syncs of four jobs, 48 refreshes, 288 looks at guilds, 48 more.
    by_the_clock: u64,
    /// One change in so many fails for good.
    fails: u64,
}

impl Year {
    fn of(members: u64) -> Self {
        Self {
            members,
            changes: members / 10,
            by_the_clock: 96 * 4 + 48 + 288 + 48,
            fails: 100,
        }
    }

    /// Jobs that are stored at any time, once it goes on like that for 90 days.
    fn kept(&self) -> (u64, u64) {
        let done = self.changes + self.by_the_clock;
        (done * 7, self.changes * 90 / self.fails)
    }
}

fn job(n: u64) -> NewJob {
    let guild = GuildId::new(1_000_000_000_000_000_000 + n % 3).unwrap();
    let account = DiscordId::new(2_000_000_000_000_000_000 + n % 1_000).unwrap();
    let role = RoleId::new(3_000_000_000_000_000_000 + n % 20).unwrap();
    let user = UserId(format!("00000000-0000-4000-8000-{:012}", n % 1_000));
    NewJob {
        id: JobId(Uuid::now_v7()),
        kind: "add_role".to_owned(),
        version: 1,
        payload: serde_json::json!({
            "guild_id": guild, "discord_id": account, "user_id": user, "role_id": role,
        }),
        lane: Lane::Bulk,
        run_at: Timestamp(0),
        max_attempts: 20,
        unique_key: Some(format!("add_role:{guild}:{account}:{role}:{n}")),
        concurrency: Some(format!("member:{guild}:{account}")),
        run_id: Some(RunId(Uuid::from_u128(u128::from(n / 100)))),
        parent_id: Some(JobId(Uuid::from_u128(u128::from(n / 50)))),
        subject: Subject {
            guild_id: Some(guild),
            discord_id: Some(account),
            user_id: Some(user),
            role_id: Some(role),
            webhook_id: None,
        },
        cause: Cause::new("schedule:discord_role_sync", "tick 1800000000"),
        trace: None,
        sent: true,
    }
}

fn end(n: u64) -> Settlement {
    let fails = n.is_multiple_of(FAILS);
    let text = |text: &str| fails.then(|| text.to_owned());
    let attempt = Attempt {
        number: 1,
        worker: "worker-1-12345-0123abcd".to_owned(),
        started_at: Timestamp(1_800_000_000_000),
        ended_at: Timestamp(1_800_000_000_250),
        result: if fails { "discard" } else { "complete" }.to_owned(),
        error_class: text("permanent"),
        error_code: text("discord_missing_permissions"),
        message: text("Discord refused: the bot may not do this (403, code 50013: Missing Permissions)"),
        remedy: text("In Discord, drag the bot's role above the role, and give it Manage Roles."),
        http_status: fails.then_some(403),
        discord_code: fails.then_some(50_013),
        route: text("PUT /guilds/{guild}/members/{user}/roles/{role}"),
    };
    Settlement {
        state: if fails {
            JobState::Discarded
        } else {
            JobState::Completed
        },
        run_at: None,
        give_back: false,
        outcome: (!fails).then(|| Outcome::of(Effect::Applied)),
        attempt: Some(attempt),
        fingerprint: text("add_role|PUT /guilds/{guild}/members/{user}/roles/{role}|403|50013"),
        wait: None,
    }
}

/// Stores so many jobs and lives their lives.
async fn fill(ledger: &dyn Ledger, jobs: u64) {
    let ids: Vec<(u64, JobId)> = iter(0..jobs)
        .map(|n| async move { (n, ledger.insert(vec![job(n)]).await.unwrap()[0].id()) })
        .buffer_unordered(64)
        .collect()
        .await;
    // One after the other within a member's jobs, as in life.
    iter(ids)
        .for_each(|(n, id)| async move {
            let lease = Duration::from_secs(60);
            let Claim::Claimed(job) = ledger.claim(id, "worker", lease).await.unwrap() else {
                panic!("{id} was not claimed");
            };
            assert!(ledger.settle(id, job.fence, end(n)).await.unwrap());
        })
        .await;
}

/// Bytes of the jobs' table and of its indexes.
fn sizes(file: &Path) -> (u64, Vec<(String, u64)>) {
    let db = Connection::open(file).unwrap();
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    let sql = "SELECT s.name, sum(s.pgsize) FROM dbstat s JOIN sqlite_schema t ON t.name = s.name \
               WHERE t.tbl_name = 'rolecall_jobs' GROUP BY s.name ORDER BY 2 DESC";
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))
        .unwrap();
    let (table, indexes): (Vec<(String, u64)>, Vec<_>) = rows
        .map(Result::unwrap)
        .partition(|(name, _): &(String, u64)| name == "rolecall_jobs");
    (table[0].1, indexes)
}

async fn documents(uri: &str) -> u64 {
    let name = format!("growth_{}", Uuid::now_v7().simple());
    let store = MongoStore::connect(uri, &name).await.unwrap();
    store.prepare().await.unwrap();
    fill(&store, DOCUMENTS).await;
    let database = mongodb::Client::with_uri_str(uri).await.unwrap().database(&name);
    let jobs = database.collection::<RawDocumentBuf>("rolecall_jobs");
    let found: Vec<_> = jobs.find(doc! {}).await.unwrap().collect().await;
    let bytes = found
        .iter()
        .map(|doc| doc.as_ref().unwrap().as_bytes().len() as u64)
        .sum::<u64>();
    database.drop().await.unwrap();
    bytes / DOCUMENTS
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("growth.db");
    let store = SqliteStore::open(&file).unwrap();
    fill(&store, JOBS).await;
    drop(store);
    let (table, indexes) = sizes(&file);
    let of_indexes: u64 = indexes.iter().map(|(_, bytes)| bytes).sum();
    let each = (table + of_indexes).div_ceil(JOBS);
    println!("| in the embedded store | bytes a job |");
    println!("| --- | ---: |");
    println!("| the job itself | {} |", table / JOBS);
    for (name, bytes) in &indexes {
        println!("| index `{name}` | {} |", bytes / JOBS);
    }
    println!("| all of it | {each} |");
    if let Ok(uri) = std::env::var("TEST_MONGODB_URI") {
        let bytes = documents(&uri).await;
        println!("\nA document of a job on the Mongo test server: {bytes} bytes, without its indexes.");
    }
    println!(
        "\n| members | jobs a day | jobs kept, done | jobs kept, failed | database | stored in a year |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    for members in [1_000, 100_000] {
        let year = Year::of(members);
        let ((done, failed), a_day) = (year.kept(), year.changes + year.by_the_clock);
        let mb = |jobs: u64| (jobs * each).div_ceil(1_000_000);
        println!(
            "| {} | {a_day} | {done} | {failed} | {} MB | {} MB |",
            year.members,
            mb(done + failed),
            mb(a_day * 365)
        );
    }
}
