//! What people ask about jobs.

use std::collections::BTreeMap;

use rolecall_core::ids::{JobId, RunId};
use rolecall_core::job::{Job, JobState, Lane};
use rolecall_core::outcome::Effect;
use rolecall_core::ports::{JobCursor, JobFilter, Share, SplitBy};
use rolecall_core::run::TallyLine;
use rolecall_core::time::{HOUR_MS, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::row::{job, job_columns};
use crate::store::sqlite::errors::Fault;
use crate::store::sqlite::sql::{Result, all, count, limit as at_most, name, one};

pub(super) fn get(db: &Connection, id: JobId) -> Result<Option<Job>> {
    one(
        db,
        concat!("SELECT ", job_columns!(), " FROM rolecall_jobs WHERE id = ?1"),
        [id.to_string()],
        job,
    )
}

/// A page, newest first.
pub(super) fn list(
    db: &Connection,
    filter: &JobFilter,
    after: Option<JobCursor>,
    limit: usize,
) -> Result<Vec<Job>> {
    let mut found = Vec::new();
    for Part { index, states } in parts(filter) {
        let mut condition = Condition::of(filter, &states);
        if let Some(cursor) = after {
            condition.compares("(inserted_at, id) < (?, ?)", cursor.inserted_at.0);
            condition.values.push(cursor.id.to_string().into());
        }
        let sql = format!(
            "SELECT {} FROM rolecall_jobs INDEXED BY {index} WHERE {} ORDER BY inserted_at DESC, id DESC LIMIT {}",
            job_columns!(),
            condition.sql,
            at_most(limit)
        );
        found.extend(all(db, &sql, params_from_iter(condition.values), job)?);
    }
    found.sort_unstable_by_key(|job| std::cmp::Reverse((job.inserted_at, job.id)));
    found.truncate(limit);
    Ok(found)
}

pub(super) fn counts(db: &Connection, filter: &JobFilter) -> Result<Vec<(JobState, u64)>> {
    let mut counts = Vec::new();
    for Part { index, states } in parts_to_count(filter) {
        let mut condition = Condition::of(filter, &states);
        if index == OVER {
            condition.and(IS_OVER);
            if filter.lane.is_none() {
                // The lane comes before the kind in the index; named, it is no gap.
                condition.and(&format!("lane IN ({})", in_quotes(Lane::ALL.map(Lane::as_str))));
            }
        }
        let sql = format!(
            "SELECT state, count(*) FROM rolecall_jobs INDEXED BY {index} WHERE {} GROUP BY state",
            condition.sql
        );
        counts.extend(all(db, &sql, params_from_iter(condition.values), |row| {
            Ok((name(row, 0, JobState::from_name)?, count(row, 1)?))
        })?);
    }
    Ok(counts)
}

/// The shares of all parts of a list, added up.
pub(super) fn split(db: &Connection, filter: &JobFilter, by: SplitBy, limit: usize) -> Result<Vec<Share>> {
    let column = match by {
        SplitBy::Guild => "guild_id",
        SplitBy::Kind => "kind",
        SplitBy::Fingerprint => "fingerprint",
    };
    let mut found: BTreeMap<Option<String>, (i64, Share)> = BTreeMap::new();
    for Part { index, states } in parts(filter) {
        let condition = Condition::of(filter, &states);
        let sql = format!(
            "SELECT {column}, count(*), min(coalesce(finished_at, inserted_at)), \
                 max(coalesce(finished_at, inserted_at)), max(printf('%020d', inserted_at) || id), max(inserted_at) \
             FROM rolecall_jobs INDEXED BY {index} WHERE {} GROUP BY {column}",
            condition.sql
        );
        let shares = all(db, &sql, params_from_iter(condition.values), |row| {
            let newest: String = row.get(4)?;
            let newest = newest.get(20..).and_then(|id| id.parse().ok());
            let share = Share {
                value: row.get(0)?,
                jobs: count(row, 1)?,
                first: Timestamp(row.get(2)?),
                last: Timestamp(row.get(3)?),
                newest: newest.ok_or_else(|| Fault::unreadable("the id of a job"))?,
            };
            Ok((row.get::<_, i64>(5)?, share))
        })?;
        for (at, share) in shares {
            add(&mut found, at, share);
        }
    }
    let mut shares: Vec<Share> = found.into_values().map(|(_, share)| share).collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.jobs));
    shares.truncate(limit);
    Ok(shares)
}

pub(super) fn by_hour(
    db: &Connection,
    filter: &JobFilter,
    since: Timestamp,
) -> Result<Vec<(Timestamp, u64)>> {
    let mut found: BTreeMap<Timestamp, u64> = BTreeMap::new();
    for Part { index, states } in parts(filter) {
        let mut condition = Condition::of(filter, &states);
        condition.compares("coalesce(finished_at, inserted_at) >= ?", since.0);
        let sql = format!(
            "SELECT coalesce(finished_at, inserted_at) / {HOUR_MS} AS hour, count(*) \
             FROM rolecall_jobs INDEXED BY {index} WHERE {} GROUP BY hour",
            condition.sql
        );
        let hours = all(db, &sql, params_from_iter(condition.values), |row| {
            Ok((Timestamp(row.get::<_, i64>(0)? * HOUR_MS), count(row, 1)?))
        })?;
        for (hour, jobs) in hours {
            *found.entry(hour).or_default() += jobs;
        }
    }
    Ok(found.into_iter().collect())
}

/// `at`: when the newest job of the share was stored.
fn add(found: &mut BTreeMap<Option<String>, (i64, Share)>, at: i64, share: Share) {
    let Some((newest_at, sum)) = found.get_mut(&share.value) else {
        found.insert(share.value.clone(), (at, share));
        return;
    };
    sum.jobs += share.jobs;
    sum.first = sum.first.min(share.first);
    sum.last = sum.last.max(share.last);
    if (at, share.newest) > (*newest_at, sum.newest) {
        (*newest_at, sum.newest) = (at, share.newest);
    }
}

pub(super) fn tally(db: &Connection, run: RunId) -> Result<Vec<TallyLine>> {
    all(
        db,
        "SELECT kind, state, effect, effect_reason, count(*), sum(granted), sum(revoked) FROM ( \
             SELECT kind, state, effect, effect_reason, granted, revoked \
             FROM rolecall_jobs INDEXED BY rolecall_jobs_by_run WHERE run_id = ?1 AND state <> 'running' \
             UNION ALL \
             SELECT kind, state, effect, effect_reason, granted, revoked \
             FROM rolecall_jobs INDEXED BY rolecall_jobs_lease WHERE run_id = ?1 AND state = 'running') \
         GROUP BY kind, state, effect, effect_reason ORDER BY kind, state, effect, effect_reason",
        [run.to_string()],
        |row| {
            let effect: Option<String> = row.get(2)?;
            let effect = effect
                .map(|text| Effect::from_name(&text).ok_or_else(|| Fault::unreadable(text)))
                .transpose()?;
            let reason: Option<String> = row.get(3)?;
            Ok(TallyLine {
                kind: row.get(0)?,
                state: name(row, 1, JobState::from_name)?,
                effect: effect.map(|effect| (effect, reason)),
                jobs: count(row, 4)?,
                granted: count(row, 5)?,
                revoked: count(row, 6)?,
            })
        },
    )
}

pub(super) fn run_is_live(db: &Connection, run: RunId, except: &str) -> Result<bool> {
    let live = one(
        db,
        "SELECT 1 FROM rolecall_jobs INDEXED BY rolecall_jobs_by_run \
         WHERE run_id = ?1 AND state IN ('scheduled', 'available', 'retryable') AND state <> 'running' AND kind <> ?2 \
         UNION ALL \
         SELECT 1 FROM rolecall_jobs INDEXED BY rolecall_jobs_lease \
         WHERE run_id = ?1 AND state = 'running' AND kind <> ?2 LIMIT 1",
        params![run.to_string(), except],
        |_| Ok(()),
    )?;
    Ok(live.is_some())
}

/// One query of a list: it walks one index in the order of the list.
struct Part {
    index: &'static str,
    states: Vec<JobState>,
}

fn states_of(filter: &JobFilter) -> Vec<JobState> {
    let asked = |s: &JobState| filter.states.is_empty() || filter.states.contains(s);
    JobState::ALL.into_iter().filter(asked).collect()
}

/// Names, as a list of SQL.
fn in_quotes<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("'{name}'")).collect();
    names.join(", ")
}

/// The queries that make up a list. The answers of several are merged.
///
/// SQLite keeps no statistics here and would guess, so the index is named: the one that leaves the fewest rows. An
/// account has few jobs, and so has a state in which jobs do not stay.
fn parts(filter: &JobFilter) -> Vec<Part> {
    let states = states_of(filter);
    let many = |s: &JobState| matches!(s, JobState::Completed | JobState::Available | JobState::Scheduled);
    let by_number = filter
        .error_code
        .as_deref()
        .is_some_and(|code| code.parse::<u32>().is_ok());
    let index = if filter.parent_id.is_some() {
        "rolecall_jobs_by_parent"
    } else if filter.webhook_id.is_some() {
        "rolecall_jobs_by_webhook"
    } else if filter.discord_id.is_some() {
        "rolecall_jobs_by_account"
    } else if filter.user_id.is_some() {
        "rolecall_jobs_by_user"
    } else if filter.fingerprint.is_some() {
        "rolecall_jobs_by_fingerprint"
    } else if by_number {
        "rolecall_jobs_by_discord_code"
    } else if filter.error_code.is_some() {
        "rolecall_jobs_by_error_code"
    } else if filter.role_id.is_some() {
        "rolecall_jobs_by_role"
    } else if filter.run_id.is_some() {
        return parts_by_state("rolecall_jobs_by_run", states);
    } else if !states.iter().any(many) {
        return parts_by_state("rolecall_jobs_by_state", states);
    } else if filter.text.is_some() {
        "rolecall_jobs_by_error"
    } else if filter.guild_id.is_some() {
        "rolecall_jobs_by_guild"
    } else if filter.kind.is_some() {
        "rolecall_jobs_by_kind"
    } else {
        return parts_by_state("rolecall_jobs_by_state", states);
    };
    vec![Part { index, states }]
}

/// The index of what is over, and its condition.
const OVER: &str = "rolecall_jobs_over";
const IS_OVER: &str = "state IN ('completed', 'cancelled', 'discarded')";

/// The queries that make up a count by state. Of nothing but a kind or a lane an index alone tells how many are over; the
/// rest is few.
fn parts_to_count(filter: &JobFilter) -> Vec<Part> {
    let wide = JobFilter {
        states: filter.states.clone(),
        kind: filter.kind.clone(),
        lane: filter.lane,
        ..JobFilter::default()
    };
    if *filter != wide || (filter.kind.is_none() && filter.lane.is_none()) {
        return parts(filter);
    }
    let mut parts = parts_by_state("rolecall_jobs_by_state", states_of(filter));
    for part in &mut parts {
        if part.states.iter().all(|state| state.is_final()) {
            part.index = OVER;
        }
    }
    parts
}

/// A query a state, for an index that begins with the state. Running jobs are in none but that of the leases.
fn parts_by_state(index: &'static str, states: Vec<JobState>) -> Vec<Part> {
    let part = |state| Part {
        index: if state == JobState::Running {
            "rolecall_jobs_lease"
        } else {
            index
        },
        states: vec![state],
    };
    states.into_iter().map(part).collect()
}

/// A `WHERE`, and its values.
struct Condition {
    sql: String,
    values: Vec<Value>,
}

impl Condition {
    fn of(filter: &JobFilter, states: &[JobState]) -> Self {
        // Written as the partial indexes have it, which are not used otherwise.
        let sql = match states {
            [JobState::Running] => "state = 'running'".to_owned(),
            [state] => format!("state = '{state}' AND state <> 'running'"),
            _ => {
                let names = in_quotes(states.iter().map(|s| s.as_str()));
                format!("state IN ({names})")
            }
        };
        let mut condition = Self {
            sql,
            values: Vec::new(),
        };
        condition.equals("kind", filter.kind.clone());
        condition.equals("guild_id", filter.guild_id.map(|id| id.to_string()));
        condition.equals("user_id", filter.user_id.as_ref().map(ToString::to_string));
        condition.equals("discord_id", filter.discord_id.map(|id| id.to_string()));
        condition.equals("run_id", filter.run_id.map(|id| id.to_string()));
        condition.equals("role_id", filter.role_id.map(|id| id.to_string()));
        condition.equals("webhook_id", filter.webhook_id.map(|id| id.to_string()));
        condition.equals("parent_id", filter.parent_id.map(|id| id.to_string()));
        condition.equals("lane", filter.lane.map(|lane| lane.to_string()));
        condition.equals("fingerprint", filter.fingerprint.clone());
        match filter
            .error_code
            .as_deref()
            .map(|code| (code, code.parse::<u32>()))
        {
            None => {}
            Some((_, Ok(code))) => condition.compares("discord_code = ?", code),
            Some((code, Err(_))) => condition.compares("error_code = ?", code.to_owned()),
        }
        if let Some(text) = &filter.text {
            // Not LIKE, whose signs would have to be escaped; like it, case counts beyond ASCII only.
            // The first half is what the index of errors holds.
            condition.compares(
                "error_message IS NOT NULL AND instr(lower(error_message), lower(?)) > 0",
                text.clone(),
            );
        }
        if let Some(since) = filter.since {
            condition.compares("inserted_at >= ?", since.0);
        }
        if let Some(until) = filter.until {
            condition.compares("inserted_at < ?", until.0);
        }
        condition
    }

    fn equals(&mut self, column: &str, value: Option<String>) {
        if let Some(value) = value {
            self.compares(&format!("{column} = ?"), value);
        }
    }

    fn compares(&mut self, condition: &str, value: impl Into<Value>) {
        self.and(condition);
        self.values.push(value.into());
    }

    fn and(&mut self, condition: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
    }
}
