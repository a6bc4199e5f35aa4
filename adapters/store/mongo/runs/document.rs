//! A run as a document, and back.

use std::collections::BTreeMap;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{self, Bson, Document, doc};
use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::ids::{RunId, UserId};
use rolecall_core::run::{Run, RunError, RunKind, RunResults, RunState, Scope};
use rolecall_core::time::Timestamp;
use uuid::Uuid;

use super::RUNS;
use crate::store::mongo::documents::{Fields, count, date, put};

/// Marks an id that was made of go-falcon's `ObjectId`: version 8 (RFC 9562, section 5.8) with zeros at both ends of the
/// last group.
const LEGACY: (usize, u8) = (6, 0x80);

/// The run id of a document of go-falcon's, which has only an `ObjectId`: its twelve bytes around a UUID's fixed bits.
fn run_id_of(id: ObjectId) -> RunId {
    let oid = id.bytes();
    let mut bytes = [0_u8; 16];
    bytes[..6].copy_from_slice(&oid[..6]);
    bytes[LEGACY.0] = LEGACY.1;
    bytes[7] = oid[6];
    bytes[8] = 0x80;
    bytes[9..14].copy_from_slice(&oid[7..]);
    RunId(Uuid::from_bytes(bytes))
}

/// The `ObjectId` in such an id.
pub(super) fn legacy_id(id: RunId) -> Option<ObjectId> {
    let bytes = id.0.as_bytes();
    let mut oid = [0_u8; 12];
    oid[..6].copy_from_slice(&bytes[..6]);
    oid[6] = bytes[7];
    oid[7..].copy_from_slice(&bytes[9..14]);
    let oid = ObjectId::from_bytes(oid);
    (run_id_of(oid) == id).then_some(oid)
}

/// A new run. `$setOnInsert` adds `sync_id` by its filter, and the server gives the `_id`.
pub(super) fn written(run: &Run) -> Result<Document, StoreError> {
    let scope = bson::to_document(&run.scope).map_err(StoreError::corrupt)?;
    let at = date(run.started_at);
    let guild = match run.scope.guilds.as_slice() {
        [guild] => guild.to_string(),
        _ => String::new(),
    };
    let mut doc = doc! {
        "guild_id": guild,
        "last_sync_at": at,
        "users_processed": 0_i64,
        "users_succeeded": 0_i64,
        "users_failed": 0_i64,
        "roles_added": 0_i64,
        "roles_removed": 0_i64,
        "status": run.state.legacy(),
        "duration": run.finished_at.map_or(0, |end| end.millis_since(run.started_at)),
        "created_at": at,
        "sync_type": run.kind.as_str(),
        "started_at": at,
        "initiated_by": run.cause.actor.strip_prefix("user:").unwrap_or("system"),
        "state": run.state.as_str(),
        "dry_run": run.dry_run,
        "scope": scope,
        "cause": { "actor": &run.cause.actor, "reason": &run.cause.reason },
    };
    put(&mut doc, "target_id", target(&run.scope));
    put(&mut doc, "completed_at", run.finished_at.map(date));
    put(&mut doc, "results", run.results.as_ref().map(results_written));
    Ok(doc)
}

/// The one thing that a run is about, if it is one.
fn target(scope: &Scope) -> Option<String> {
    match (&scope.mapping, scope.users.as_slice(), scope.guilds.as_slice()) {
        (Some(mapping), _, _) => Some(mapping.0.clone()),
        (None, [user], _) => Some(user.0.clone()),
        (None, [], [guild]) => Some(guild.to_string()),
        _ => None,
    }
}

/// Results as the nested document; `users_synced` is the name in go-falcon's own document.
pub(super) fn results_written(results: &RunResults) -> Document {
    let map = |numbers: &BTreeMap<String, u64>| -> Document {
        numbers
            .iter()
            .map(|(name, n)| (name.clone(), Bson::Int64(count(*n))))
            .collect()
    };
    let errors: Vec<Document> = results.errors.iter().map(error_written).collect();
    doc! {
        "users_processed": count(results.users_processed),
        "users_synced": count(results.users_succeeded),
        "users_failed": count(results.users_failed),
        "roles_added": count(results.roles_added),
        "roles_removed": count(results.roles_removed),
        "joined": count(results.joined),
        "unchanged": count(results.unchanged),
        "guilds_processed": count(results.guilds_processed),
        "skipped": map(&results.skipped),
        "jobs": map(&results.jobs),
        "planned": map(&results.planned),
        "errors": errors,
        "held": results.held.clone(),
        "notes": results.notes.clone(),
    }
}

fn error_written(error: &RunError) -> Document {
    let mut doc = doc! { "error": &error.error, "occurred_at": date(error.occurred_at) };
    put(&mut doc, "user_id", error.user_id.clone().map(|id| id.0));
    put(&mut doc, "discord_id", error.discord_id.map(|id| id.to_string()));
    put(&mut doc, "guild_id", error.guild_id.map(|id| id.to_string()));
    doc
}

/// The run of a document, ours or go-falcon's.
pub(super) fn read(doc: &Document) -> Result<Run, StoreError> {
    let f = Fields::new(RUNS, doc);
    let id = match (f.opt_parsed("sync_id")?, f.value("_id")) {
        (Some(id), _) => id,
        (None, Some(Bson::ObjectId(oid))) => run_id_of(*oid),
        _ => return Err(f.broken("sync_id", "a UUID")),
    };
    let state = state(f)?;
    let started_at = first_date(f, &["started_at", "last_sync_at", "created_at"])?;
    let started_at = started_at.ok_or_else(|| f.broken("last_sync_at", "a date"))?;
    let finished_at = match f.opt_at("completed_at")? {
        None if state.is_final() => {
            let duration = f.opt_whole("duration")?.unwrap_or(0);
            Some(Timestamp(started_at.0.saturating_add(duration)))
        }
        known => known,
    };
    let scope = scope(f)?;
    let kind = match f.opt_text("sync_type")? {
        Some(name) => RunKind::from_name(&name).ok_or_else(|| f.broken("sync_type", "a kind of run"))?,
        None if f.opt_text("guild_id")?.is_none_or(|guild| guild.is_empty()) => RunKind::Full,
        None => RunKind::Guild,
    };
    Ok(Run {
        id,
        kind,
        scope,
        dry_run: f.flag(&["dry_run"])?.unwrap_or(false),
        state,
        cause: cause(f)?,
        started_at,
        finished_at,
        results: results(f, state, started_at)?,
    })
}

fn first_date(f: Fields<'_>, names: &[&str]) -> Result<Option<Timestamp>, StoreError> {
    for name in names {
        if let Some(at) = f.opt_at(name)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn state(f: Fields<'_>) -> Result<RunState, StoreError> {
    let field = if f.value("state").is_some() {
        "state"
    } else {
        "status"
    };
    match f.text(field)?.as_str() {
        // A word of go-falcon's own document.
        "pending" => Ok(RunState::Running),
        name => RunState::from_name(name).ok_or_else(|| f.broken(field, "a run's state")),
    }
}

fn scope(f: Fields<'_>) -> Result<Scope, StoreError> {
    if let Some(scope) = f.value("scope") {
        return bson::from_bson(scope.clone()).map_err(|_| f.broken("scope", "a run's scope"));
    }
    let guild = f.opt_text("guild_id")?.filter(|g| !g.is_empty());
    Ok(Scope {
        guilds: match guild {
            // go-falcon ran a guild by whatever id it was given.
            Some(_) => f.parsed_or_none("guild_id").into_iter().collect(),
            None => Vec::new(),
        },
        ..Scope::default()
    })
}

fn cause(f: Fields<'_>) -> Result<Cause, StoreError> {
    if let Some(cause) = f.opt_document("cause")? {
        return Ok(Cause::new(cause.text("actor")?, cause.text("reason")?));
    }
    let actor = f.opt_text("initiated_by")?.unwrap_or_else(|| "system".to_owned());
    Ok(Cause::new(actor, "a sync of go-falcon"))
}

fn results(f: Fields<'_>, state: RunState, at: Timestamp) -> Result<Option<RunResults>, StoreError> {
    if let Some(nested) = f.opt_document("results")? {
        return nested_results(nested, at).map(Some);
    }
    if !state.is_final() {
        return Ok(None);
    }
    let each = |error| RunError {
        user_id: None,
        discord_id: None,
        guild_id: None,
        error,
        occurred_at: at,
    };
    Ok(Some(RunResults {
        users_processed: f.number("users_processed")?,
        users_succeeded: f.number("users_succeeded")?,
        users_failed: f.number("users_failed")?,
        roles_added: f.number("roles_added")?,
        roles_removed: f.number("roles_removed")?,
        errors: f.texts("errors")?.into_iter().map(each).collect(),
        ..RunResults::default()
    }))
}

fn nested_results(f: Fields<'_>, at: Timestamp) -> Result<RunResults, StoreError> {
    let map = |field: &str| -> Result<BTreeMap<String, u64>, StoreError> {
        let Some(numbers) = f.opt_document(field)? else {
            return Ok(BTreeMap::new());
        };
        let each = |name: &String| Ok((name.clone(), numbers.number(name)?));
        numbers.names().map(each).collect()
    };
    let error = |f: Fields<'_>| {
        Ok(RunError {
            user_id: f.opt_text("user_id")?.map(UserId),
            discord_id: f.opt_parsed("discord_id")?,
            guild_id: f.opt_parsed("guild_id")?,
            error: f.opt_text("error")?.unwrap_or_default(),
            occurred_at: f.opt_at("occurred_at")?.unwrap_or(at),
        })
    };
    Ok(RunResults {
        users_processed: f.number("users_processed")?,
        users_succeeded: f.number("users_synced")?,
        users_failed: f.number("users_failed")?,
        roles_added: f.number("roles_added")?,
        roles_removed: f.number("roles_removed")?,
        joined: f.number("joined")?,
        unchanged: f.number("unchanged")?,
        guilds_processed: f.number("guilds_processed")?,
        skipped: map("skipped")?,
        jobs: map("jobs")?,
        planned: map("planned")?,
        errors: f
            .documents("errors")?
            .into_iter()
            .map(error)
            .collect::<Result<_, StoreError>>()?,
        held: f.texts("held")?,
        notes: f.texts("notes")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_id_goes_into_a_run_id_and_comes_back() {
        for hex in [
            "65a000000000000000000001",
            "ffffffffffffffffffffffff",
            "000000000000000000000000",
        ] {
            let oid = ObjectId::parse_str(hex).unwrap();
            assert_eq!(legacy_id(run_id_of(oid)), Some(oid));
        }
        for _ in 0..100 {
            assert_eq!(legacy_id(RunId(Uuid::now_v7())), None);
        }
    }
}
