//! Every list of the store is served by an index: the plans that SQLite makes for the statements themselves.
//!
//! Twenty thousand jobs in the normal tests, a million with `make plans`, which prints what each takes here.

use std::time::{Duration, Instant};

use rolecall_core::audit::AuditFilter;
use rolecall_core::ids::{GuildId, JobId, RunId};
use rolecall_core::job::{JobState, Lane};
use rolecall_core::pause::Held;
use rolecall_core::ports::{JobCursor, JobFilter, RunFilter, SplitBy};
use rolecall_core::run::RunState;
use rolecall_core::time::Timestamp;
use rusqlite::Connection;

use super::{due, query, rescue};
use crate::store::shapes::{BEGIN_MS, FINGERPRINT, filters, uuid};
use crate::store::sqlite::sql::seen;
use crate::store::sqlite::{audit, runs, schema};

const PAGE: usize = 50;
const GUILDS: u64 = 20;

/// One job of a hundred failed, one of a thousand waits, a handful runs; the rest is done.
fn filled(jobs: u32) -> (tempfile::TempDir, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let db = schema::open(&folder.path().join("rolecall.db")).unwrap();
    db.execute_batch("PRAGMA synchronous=OFF;").unwrap();
    let sql = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {jobs}), \
         made AS (SELECT n, CASE WHEN n <= 5 THEN 'running' WHEN n % 1000 = 7 THEN 'available' \
             WHEN n % 100 = 3 THEN 'discarded' ELSE 'completed' END AS state FROM numbers) \
         INSERT INTO rolecall_jobs (id, kind, version, payload, lane, state, run_at, max_attempts, lease_until, \
             run_id, parent_id, guild_id, user_id, discord_id, role_id, actor, reason, fingerprint, error_code, \
             discord_code, error_message, inserted_at, finished_at, webhook_id) \
         SELECT printf('00000000-0000-7000-8000-%012x', n), \
             CASE n % 3 WHEN 0 THEN 'add_role' WHEN 1 THEN 'remove_role' ELSE 'sync_guild' END, 1, '{{}}', \
             CASE n % 3 WHEN 0 THEN 'bulk' WHEN 1 THEN 'normal' ELSE 'interactive' END, state, \
             {BEGIN_MS} + n * 1000, 12, CASE WHEN state = 'running' THEN {BEGIN_MS} END, \
             printf('00000000-0000-7000-8000-%012x', n / 1000), printf('00000000-0000-7000-8000-%012x', n / 100), \
             CAST(1000000000000000000 + n % {GUILDS} AS TEXT), 'user-' || (n % 10000), \
             CAST(2000000000000000000 + n % 10000 AS TEXT), CAST(3000000000000000000 + n % 50 AS TEXT), 'demo', '', \
             CASE WHEN state = 'discarded' THEN '{FINGERPRINT}' END, \
             CASE WHEN state = 'discarded' THEN 'discord_missing_permissions' END, \
             CASE WHEN state = 'discarded' THEN 50013 END, \
             CASE WHEN state = 'discarded' THEN 'Discord answered 403 (50013 Missing Permissions)' END, \
             {BEGIN_MS} + n * 1000, CASE WHEN state IN ('discarded', 'completed') THEN {BEGIN_MS} + n * 1000 + 5 END, \
             CASE WHEN n % 100 = 1 THEN printf('00000000-0000-7000-8000-%012x', n % 7) END \
         FROM made"
    );
    assert_eq!(db.execute(&sql, []).unwrap(), jobs as usize);
    (folder, db)
}

/// Whether the rows of a list may be put in order after they were found.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// They come in the order of the list, so that a page costs a page.
    OfIndex,
    /// They are added up.
    Summed,
}

struct Plans<'a> {
    db: &'a Connection,
    wrong: Vec<String>,
    took: Vec<(String, Duration)>,
}

impl Plans<'_> {
    /// Runs something, and looks at the plans of all statements that it ran.
    fn look<T>(&mut self, what: &str, order: Order, run: impl FnOnce(&Connection) -> T) -> T {
        seen::take();
        let began = Instant::now();
        let done = run(self.db);
        self.took.push((what.to_owned(), began.elapsed()));
        let statements = seen::take();
        assert!(!statements.is_empty(), "{what}: no statement was seen");
        for sql in statements {
            for step in plan(self.db, &sql) {
                if is_wrong(&step, &sql, order) {
                    self.wrong.push(format!("{what}: {step}\n    {sql}"));
                }
            }
        }
        done
    }
}

fn plan(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    // Without values: the plan does not depend on them.
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get(3).unwrap());
    }
    steps
}

fn is_wrong(step: &str, sql: &str, order: Order) -> bool {
    // This index holds running jobs only, which are as many as there are slots of workers.
    let running = "rolecall_jobs_lease";
    if step.starts_with("SCAN") {
        // Jobs that failed at least once; the table of the trail's ends has one row; a subquery was looked at by steps of
        // its own.
        let small = [
            running,
            "rolecall_jobs_by_error",
            "rolecall_audit_ends",
            "(subquery",
        ];
        return !small.iter().any(|name| step.contains(name));
    }
    step.contains("USE TEMP B-TREE") && order == Order::OfIndex && !sql.contains(running)
}

fn asks(plans: &mut Plans<'_>) {
    for (name, filter) in &filters() {
        let cursor = JobCursor {
            inserted_at: Timestamp(BEGIN_MS + 10_000_000),
            id: JobId(uuid(10_000)),
        };
        for (page, after) in [("first", None), ("later", Some(cursor))] {
            plans.look(&format!("{page} page, {name}"), Order::OfIndex, |db| {
                query::list(db, filter, after, PAGE).unwrap()
            });
        }
        plans.look(&format!("counts by state, {name}"), Order::Summed, |db| {
            query::counts(db, filter).unwrap()
        });
    }
    for (name, filter) in filters()
        .iter()
        .filter(|(name, _)| name.contains("state:discarded"))
    {
        for (column, by) in [
            ("guild", SplitBy::Guild),
            ("kind", SplitBy::Kind),
            ("cause", SplitBy::Fingerprint),
        ] {
            plans.look(&format!("groups by {column}, {name}"), Order::Summed, |db| {
                query::split(db, filter, by, PAGE).unwrap()
            });
        }
        plans.look(&format!("by hour, {name}"), Order::Summed, |db| {
            query::by_hour(db, filter, Timestamp(BEGIN_MS)).unwrap()
        });
    }
    why_it_waits(plans);
    others(plans);
}

fn why_it_waits(plans: &mut Plans<'_>) {
    let waiting = JobFilter {
        states: vec![JobState::Available],
        ..JobFilter::default()
    };
    let job = query::list(plans.db, &waiting, None, 1).unwrap().remove(0);
    let now = Timestamp(BEGIN_MS * 2);
    let held = [Held {
        guild_id: job.subject.guild_id,
        fingerprint: Some(FINGERPRINT.to_owned()),
        ..Held::default()
    }];
    let job = rolecall_core::job::Job {
        concurrency: Some("member:1:2".to_owned()),
        ..job
    };
    plans.look("why a job waits", Order::OfIndex, |db| {
        due::obstacles(db, &job, &held, now).unwrap()
    });
    plans.look("what is due", Order::OfIndex, |db| {
        due::due(db, Lane::Bulk, now, &held, PAGE, now).unwrap()
    });
    plans.look("what is due next", Order::OfIndex, |db| {
        due::next_due(db, Lane::Bulk, now).unwrap()
    });
    plans.look("leases that ended", Order::OfIndex, |db| {
        rescue::is_needed(db, now).unwrap()
    });
}

fn others(plans: &mut Plans<'_>) {
    let run = RunId(uuid(3));
    plans.look("a job", Order::OfIndex, |db| {
        query::get(db, JobId(uuid(500))).unwrap()
    });
    plans.look("what a run did", Order::Summed, |db| {
        query::tally(db, run).unwrap()
    });
    plans.look("whether a run goes on", Order::OfIndex, |db| {
        query::run_is_live(db, run, "finish_run").unwrap()
    });
    for guild in [None, GuildId::new(1_000_000_000_000_000_003)] {
        for state in [None, Some(RunState::Running), Some(RunState::Failed)] {
            let of = guild.map_or("all guilds", |_| "a guild");
            let what = format!("runs of {of}, {}", state.map_or("all", RunState::as_str));
            plans.look(&what, Order::OfIndex, |db| {
                runs::list(db, RunFilter { guild, state }, None, PAGE).unwrap()
            });
        }
    }
    let some = || Some("x".to_owned());
    for (name, filter) in [
        ("all", AuditFilter::default()),
        (
            "of somebody",
            AuditFilter {
                actor: some(),
                ..AuditFilter::default()
            },
        ),
        (
            "of an act",
            AuditFilter {
                action: some(),
                ..AuditFilter::default()
            },
        ),
        (
            "about something",
            AuditFilter {
                subject: some(),
                ..AuditFilter::default()
            },
        ),
    ] {
        plans.look(&format!("audit records, {name}"), Order::OfIndex, |db| {
            audit::list(db, &filter, None, PAGE).unwrap()
        });
    }
}

/// What each took.
#[track_caller]
fn look_at_all(jobs: u32) -> Vec<(String, Duration)> {
    let (_folder, db) = filled(jobs);
    let mut plans = Plans {
        db: &db,
        wrong: Vec::new(),
        took: Vec::new(),
    };
    asks(&mut plans);
    assert!(plans.wrong.is_empty(), "{}", plans.wrong.join("\n"));
    plans.took
}

#[test]
fn every_list_of_the_store_is_served_by_an_index() {
    look_at_all(20_000);
}

#[test]
#[ignore = "takes a minute; `make plans` runs it"]
#[allow(clippy::print_stdout, reason = "what it measures is for people")]
fn every_list_is_served_by_an_index_with_a_million_jobs() {
    for (what, took) in look_at_all(1_000_000) {
        println!("{:>10.1} ms  {what}", took.as_secs_f64() * 1_000.0);
    }
}

#[test]
fn a_query_without_an_index_is_found() {
    let (_folder, db) = filled(1_000);
    let wrong = |sql: &str, order| plan(&db, sql).iter().any(|step| is_wrong(step, sql, order));
    let by_reason = "SELECT id FROM rolecall_jobs WHERE reason = ?1";
    assert!(wrong(by_reason, Order::Summed));
    let sorted = "SELECT id FROM rolecall_jobs WHERE guild_id = ?1 ORDER BY run_at LIMIT 5";
    assert!(wrong(sorted, Order::OfIndex) && !wrong(sorted, Order::Summed));
}
