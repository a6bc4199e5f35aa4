//! Indexes: made at the start, again and again; what stands in their way is told, not fatal.

use std::time::Duration;

use futures::TryStreamExt as _;
use mongodb::IndexModel;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::IndexOptions;
use rolecall_core::error::StoreError;
use rolecall_core::{throughput, worker};

use super::MongoStore;
use super::api_keys::API_KEYS;
use super::audit::AUDIT;
use super::documents::whole;
use super::errors::{is_duplicate, store_error};
use super::job_minutes::MINUTES;
use super::oauth_states::STATES;
use super::replies::REPLIES;
use super::schedules::TICKS;
use super::webhooks::WEBHOOKS;
use super::workers::WORKERS;

/// An index of these keys exists with other options (`IndexOptionsConflict`, `IndexKeySpecsConflict`).
/// Source: MongoDB's error codes.
const CONFLICTS: [i32; 2] = [85, 86];

/// One index. Its name is the default one, as go-falcon's driver would give it.
struct Spec {
    collection: &'static str,
    keys: Document,
    unique: bool,
    sparse: bool,
    only: Option<Document>,
    /// Documents go this long after the date of the (one) key.
    kept: Option<Duration>,
}

fn plain(collection: &'static str, keys: Document) -> Spec {
    Spec {
        collection,
        keys,
        unique: false,
        sparse: false,
        only: None,
        kept: None,
    }
}

fn unique(collection: &'static str, keys: Document) -> Spec {
    Spec {
        unique: true,
        ..plain(collection, keys)
    }
}

fn sparse(spec: Spec) -> Spec {
    Spec { sparse: true, ..spec }
}

fn specs() -> Vec<Spec> {
    const JOBS: &str = "rolecall_jobs";
    vec![
        sparse(unique(JOBS, doc! { "unique_key": 1 })),
        sparse(unique(JOBS, doc! { "concurrency_key": 1 })),
        // A compound sparse index would hold every job, because every job has an id.
        Spec {
            only: Some(doc! { "waiting_lane": { "$exists": true } }),
            ..plain(JOBS, doc! { "waiting_lane": 1, "run_at": 1, "_id": 1 })
        },
        sparse(plain(JOBS, doc! { "lease.until": 1 })),
        sparse(plain(JOBS, doc! { "run_id": 1 })),
        plain(JOBS, doc! { "inserted_at": -1, "_id": -1 }),
        plain(JOBS, doc! { "state": 1, "inserted_at": -1, "_id": -1 }),
        // What has ended, for deleting it in time.
        Spec {
            only: Some(doc! { "finished_at": { "$exists": true } }),
            ..plain(JOBS, doc! { "state": 1, "finished_at": 1 })
        },
        // How many of a kind or a lane are in each state: told by the index alone.
        plain(JOBS, doc! { "state": 1, "lane": 1, "kind": 1 }),
        plain(JOBS, doc! { "kind": 1, "inserted_at": -1, "_id": -1 }),
        // Texts are looked for in it, so that only jobs with an error are looked at.
        sparse(plain(JOBS, doc! { "error_message": 1 })),
        plain(JOBS, doc! { "guild_id": 1, "inserted_at": -1 }),
        sparse(plain(JOBS, doc! { "user_id": 1 })),
        sparse(plain(JOBS, doc! { "discord_id": 1 })),
        sparse(plain(JOBS, doc! { "role_id": 1 })),
        sparse(plain(JOBS, doc! { "parent_id": 1 })),
        sparse(plain(JOBS, doc! { "webhook_id": 1 })),
        sparse(plain(JOBS, doc! { "fingerprint": 1 })),
        sparse(plain(JOBS, doc! { "error_code": 1 })),
        sparse(plain(JOBS, doc! { "discord_code": 1 })),
        unique("discord_users", doc! { "discord_id": 1 }),
        plain("discord_users", doc! { "user_id": 1 }),
        plain("discord_users", doc! { "token_expiry": 1 }),
        unique("discord_guild_configs", doc! { "guild_id": 1 }),
        unique("discord_role_mappings", doc! { "guild_id": 1, "group_id": 1 }),
        sparse(unique("discord_sync_status", doc! { "sync_id": 1 })),
        plain("discord_sync_status", doc! { "last_sync_at": -1 }),
        plain("discord_sync_status", doc! { "status": 1 }),
        unique(STATES, doc! { "state": 1 }),
        // Some time longer than they are valid, so that whoever comes too late is told so.
        Spec {
            kept: Some(Duration::from_secs(3_600)),
            ..plain(STATES, doc! { "expires_at": 1 })
        },
        sparse(unique(AUDIT, doc! { "seq": 1 })),
        plain(AUDIT, doc! { "at": 1 }),
        plain(AUDIT, doc! { "target": 1, "seq": -1 }),
        plain(AUDIT, doc! { "actor": 1, "seq": -1 }),
        plain(AUDIT, doc! { "action": 1, "seq": -1 }),
        plain(REPLIES, doc! { "until": 1 }),
        plain(API_KEYS, doc! { "created_at": -1, "_id": -1 }),
        plain(WEBHOOKS, doc! { "created_at": 1, "_id": 1 }),
        plain(TICKS, doc! { "schedule": 1, "at": -1 }),
        Spec {
            kept: Some(worker::KEPT),
            ..plain(WORKERS, doc! { "seen_at": 1 })
        },
        Spec {
            kept: Some(throughput::KEPT),
            ..plain(MINUTES, doc! { "minute": 1 })
        },
        unique("rolecall_directory_groups", doc! { "name": 1 }),
    ]
}

/// The first keys of all indexes of a collection, for the tests of what they serve.
#[cfg(test)]
pub(super) fn first_keys(collection: &str) -> Vec<String> {
    let of_collection = specs().into_iter().filter(|spec| spec.collection == collection);
    of_collection
        .filter_map(|spec| spec.keys.keys().next().cloned())
        .collect()
}

/// Makes all indexes; answers with a sentence for each that could not be made because of what is stored.
pub(super) async fn prepare(store: &MongoStore) -> Result<Vec<String>, StoreError> {
    let mut sentences = Vec::new();
    for spec in specs() {
        let options = IndexOptions::builder()
            .unique(spec.unique.then_some(true))
            .sparse(spec.sparse.then_some(true))
            .partial_filter_expression(spec.only.clone())
            .expire_after(spec.kept)
            .build();
        let model = IndexModel::builder()
            .keys(spec.keys.clone())
            .options(options)
            .build();
        match store.collection(spec.collection).create_index(model).await {
            Ok(_) => {}
            Err(error) if is_duplicate(&error) => sentences.push(duplicate(store, &spec).await?),
            Err(error) if conflicts(&error) => sentences.extend(conflict(&spec)),
            Err(error) => return Err(store_error(error)),
        }
    }
    Ok(sentences)
}

fn conflicts(error: &Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Command(e) if CONFLICTS.contains(&e.code))
}

/// An index of the same keys serves as well, unless ours has to be unique.
fn conflict(spec: &Spec) -> Option<String> {
    spec.unique.then(|| {
        let fields = names(spec);
        format!(
            "{} has an index on {fields} that is not the one rolecall needs (unique): drop it, then start rolecall again; \
             until then nothing but rolecall's own checks keeps duplicates out",
            spec.collection
        )
    })
}

/// Names one of the duplicates that stand in the way.
async fn duplicate(store: &MongoStore, spec: &Spec) -> Result<String, StoreError> {
    let id: Document = spec
        .keys
        .keys()
        .map(|k| (k.clone(), Bson::String(format!("${k}"))))
        .collect();
    let pipeline = [
        doc! { "$group": { "_id": id, "documents": { "$sum": 1 } } },
        doc! { "$match": { "documents": { "$gt": 1 } } },
        doc! { "$limit": 1 },
    ];
    let cursor = store.collection(spec.collection).aggregate(pipeline).await;
    let mut found = cursor.map_err(store_error)?;
    let first = found.try_next().await.map_err(store_error)?.unwrap_or_default();
    let documents = first.get("documents").and_then(whole).unwrap_or(2);
    let value = |key: &String| {
        let value = first.get_document("_id").ok().and_then(|id| id.get(key));
        format!("{key} = {}", value.map_or("(absent)".to_owned(), Bson::to_string))
    };
    let example: Vec<String> = spec.keys.keys().map(value).collect();
    Ok(format!(
        "{} holds several documents with the same {}, for example {documents} with {}: remove all but one of each, then \
         start rolecall again; until then the one that was changed last counts",
        spec.collection,
        names(spec),
        example.join(" and ")
    ))
}

fn names(spec: &Spec) -> String {
    spec.keys
        .keys()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" and ")
}
