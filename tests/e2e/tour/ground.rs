//! What the tour goes over: one process on one file, or several on MongoDB and Redis.

use std::time::Duration;

use mongodb::bson::doc;
use rusqlite::Connection;

use super::stage::KINDS;
use crate::support::process::{Installation, Running};
use crate::support::servers::{Mongo, Redis};

const JOBS: &str = "rolecall_jobs";
const AUDIT: &str = "rolecall_audit";

/// See the module.
pub(super) enum Ground {
    Embedded,
    Distributed { mongo: Mongo, redis: Redis },
}

impl Ground {
    /// On servers of its own.
    pub(super) async fn distributed() -> Self {
        Self::Distributed {
            mongo: Mongo::fresh(),
            redis: Redis::start().await,
        }
    }

    /// An installation whose stores are ready.
    pub(super) fn installation(&self) -> Installation {
        let installation = Installation::embedded();
        let Self::Distributed { mongo, redis } = self else {
            return installation;
        };
        installation.over(mongo, redis)
    }

    /// Linked members of each guild. The Mongo server of the tests is slow.
    pub(super) const fn members(&self) -> usize {
        match self {
            Self::Embedded => 170,
            Self::Distributed { .. } => 24,
        }
    }

    /// Starts all processes; those that run jobs come first.
    pub(super) fn start(&self, installation: &Installation) -> Vec<Running> {
        let all: &[(&str, &str)] = match self {
            Self::Embedded => &[("all", "all")],
            Self::Distributed { .. } => &[
                ("one", "worker"),
                ("two", "worker"),
                ("scheduler", "scheduler"),
                ("web", "web"),
            ],
        };
        let start = |(name, role): &(&str, &str)| installation.start(name, &[role], &[]);
        all.iter().map(start).collect()
    }

    /// Makes the payloads of a guild's writes to members unreadable. How many there are.
    pub(super) async fn poison(&self, installation: &Installation, guild: &str) -> usize {
        let Self::Distributed { mongo, .. } = self else {
            return of_guild(installation, guild, "payload = 'no JSON'");
        };
        let jobs = mongo.client().await.collection::<mongodb::bson::Document>(JOBS);
        let writes = doc! { "guild_id": guild, "kind": { "$in": KINDS.to_vec() } };
        let changed = jobs.update_many(writes, doc! { "$set": { "payload": "no JSON" } });
        usize::try_from(changed.await.unwrap().matched_count).unwrap()
    }

    /// Leaves all but one of a guild's writes to members a single try. How many there are.
    pub(super) async fn last_try(&self, installation: &Installation, guild: &str) -> usize {
        let Self::Distributed { mongo, .. } = self else {
            return of_guild(
                installation,
                guild,
                "max_attempts = CASE id WHEN (SELECT min(id) FROM rolecall_jobs WHERE guild_id = ?1 \
                 AND kind IN ('add_role', 'set_member_roles')) THEN max_attempts ELSE 1 END",
            );
        };
        let jobs = mongo.client().await.collection::<mongodb::bson::Document>(JOBS);
        let writes = doc! { "guild_id": guild, "kind": { "$in": KINDS.to_vec() } };
        let one = jobs.find_one(writes.clone()).await.unwrap().unwrap();
        let mut others = writes;
        others.insert("_id", doc! { "$ne": one.get_str("_id").unwrap() });
        let changed = jobs.update_many(others, doc! { "$set": { "max_attempts": 1 } });
        1 + usize::try_from(changed.await.unwrap().matched_count).unwrap()
    }

    /// Writes another reason into the one audit record that has this one, past rolecall. Its place in the trail.
    pub(super) async fn alter_record(&self, installation: &Installation, reason: &str) -> i64 {
        let other = "as ordered";
        let Self::Distributed { mongo, .. } = self else {
            let db = store(installation);
            let told = "SELECT seq FROM rolecall_audit WHERE reason = ?1";
            let seq: i64 = db.query_row(told, [reason], |row| row.get(0)).unwrap();
            let changed = "UPDATE rolecall_audit SET reason = ?2 WHERE seq = ?1";
            assert_eq!(db.execute(changed, (seq, other)).unwrap(), 1);
            return seq;
        };
        let trail = mongo.client().await.collection::<mongodb::bson::Document>(AUDIT);
        let change = doc! { "$set": { "reason": other } };
        let before = trail.find_one_and_update(doc! { "reason": reason }, change).await;
        before.unwrap().unwrap().get_i64("seq").unwrap()
    }

    /// Removes what the servers hold.
    pub(super) async fn forget(self) {
        if let Self::Distributed { mongo, .. } = self {
            mongo.forget().await;
        }
    }
}

fn of_guild(installation: &Installation, guild: &str, what: &str) -> usize {
    let writes = "guild_id = ?1 AND kind IN ('add_role', 'set_member_roles')";
    let sql = format!("UPDATE rolecall_jobs SET {what} WHERE {writes}");
    store(installation).execute(&sql, [guild]).unwrap()
}

/// The data file, beside the process that works with it.
fn store(installation: &Installation) -> Connection {
    let db = Connection::open(installation.path("data").join("rolecall.db")).unwrap();
    db.busy_timeout(Duration::from_secs(10)).unwrap();
    db
}
