//! Who did what: `rolecall_audit`, and where the chain of it begins and ends: `rolecall_audit_ends`.
//!
//! A unique index on `seq` decides who comes next: of two who append at once, one is refused, reads the new end, and
//! tries again. The record is written before the head beside it, so a head is never ahead of what was written.

use std::time::Duration;

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{self, Bson, Document, doc};
use rolecall_core::audit::{AuditFilter, AuditRecord, Draft, Ends, Mark, Via};
use rolecall_core::error::StoreError;
use rolecall_core::ports::Audit;
use rolecall_core::time::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::MongoStore;
use super::documents::{Fields, all, count, date};
use super::errors::{is_duplicate, store_error};

/// The name of the collection.
pub(super) const AUDIT: &str = "rolecall_audit";
const ENDS: &str = "rolecall_audit_ends";
/// The one document of it.
const CHAIN: &str = "chain";
/// So often somebody else may be faster.
const TRIES: u32 = 60;

impl MongoStore {
    fn audit(&self) -> Collection<Document> {
        self.collection(AUDIT)
    }

    async fn audit_ends(&self) -> Result<Ends, StoreError> {
        let found = self
            .collection(ENDS)
            .find_one(doc! { "_id": CHAIN })
            .await
            .map_err(store_error)?;
        let Some(found) = found else {
            return Ok(Ends::default());
        };
        let f = Fields::new(ENDS, &found);
        let mark = |seq: &str, hash: &str| -> Result<Mark, StoreError> {
            Ok(match f.opt_text(hash)? {
                None => Mark::default(),
                Some(hash) => Mark {
                    seq: f.number(seq)?,
                    hash,
                },
            })
        };
        Ok(Ends {
            pruned: mark("pruned_seq", "pruned_hash")?,
            head: mark("head_seq", "head_hash")?,
        })
    }

    /// The last record, or what is noted of it if that is further.
    async fn audit_head(&self) -> Result<Mark, StoreError> {
        let noted = self.audit_ends().await?.head;
        let further = self
            .audit()
            .find_one(doc! { "seq": { "$gt": count(noted.seq) } })
            .sort(doc! { "seq": -1 })
            .await
            .map_err(store_error)?;
        Ok(match further {
            None => noted,
            Some(last) => Mark::from(&read(&last)?),
        })
    }

    /// Moves an end forward, never back.
    async fn move_audit_end(&self, end: &str, mark: &Mark) -> Result<(), StoreError> {
        let (seq, hash) = (format!("{end}_seq"), format!("{end}_hash"));
        let further = doc! { "_id": CHAIN, "$or": [
            { seq.as_str(): { "$lt": count(mark.seq) } },
            { seq.as_str(): { "$exists": false } },
        ] };
        let moved = doc! { "$set": { seq.as_str(): count(mark.seq), hash.as_str(): &mark.hash } };
        match self
            .collection(ENDS)
            .update_one(further, moved)
            .upsert(true)
            .await
        {
            Ok(_) => Ok(()),
            // It is further already: the filter found nothing, and the document is there.
            Err(error) if is_duplicate(&error) => Ok(()),
            Err(error) => Err(store_error(error)),
        }
    }

    /// Takes records from before the chain into it, the oldest first, and marks them. Several processes may do so at
    /// once: each record is taken by one of them.
    pub(super) async fn adopt_audit(&self) -> Result<(), StoreError> {
        let audit = self.audit();
        let old = all(audit
            .find(doc! { "seq": { "$exists": false } })
            .sort(doc! { "at": 1, "_id": 1 }))
        .await?;
        for doc in old {
            self.at_the_end(&New::Old(&unchained(&doc)?)).await?;
        }
        Ok(())
    }

    /// Writes a record at the end of the chain; what is stored of it. `None`: another process has taken the old one.
    async fn at_the_end(&self, new: &New<'_>) -> Result<Option<AuditRecord>, StoreError> {
        for tried in 0..TRIES {
            if let New::Draft(draft) = new {
                // Also after a refusal: what was in the way may have been this very record.
                let this = doc! { "_id": draft.id.to_string() };
                if let Some(known) = self.audit().find_one(this).await.map_err(store_error)? {
                    return read(&known).map(Some);
                }
            }
            let record = new.at(self.audit_head().await?);
            match self.try_write(new, &record).await? {
                Ok(false) => return Ok(None),
                Ok(true) => {
                    self.move_audit_end("head", &Mark::from(&record)).await?;
                    return Ok(Some(record));
                }
                Err(error) if is_duplicate(&error) => {
                    let most = u64::from(tried.min(8)) * 10 + 5;
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(1..=most))).await;
                }
                Err(error) => return Err(store_error(error)),
            }
        }
        Err(StoreError::unavailable(
            "too many others write to the audit trail at this moment",
        ))
    }

    async fn try_write(
        &self,
        new: &New<'_>,
        record: &AuditRecord,
    ) -> Result<mongodb::error::Result<bool>, StoreError> {
        let mut document = written(record)?;
        Ok(match new {
            New::Draft(_) => self.audit().insert_one(document).await.map(|_| true),
            New::Old(_) => {
                document.remove("_id");
                let this = doc! { "_id": record.id.to_string(), "seq": { "$exists": false } };
                let taken = self.audit().update_one(this, doc! { "$set": document }).await;
                taken.map(|taken| taken.matched_count > 0)
            }
        })
    }
}

/// What is to be written at the end of the chain.
enum New<'a> {
    Draft(&'a Draft),
    /// It is stored, without a place.
    Old(&'a AuditRecord),
}

impl New<'_> {
    fn at(&self, head: Mark) -> AuditRecord {
        match self {
            Self::Draft(draft) => AuditRecord::chained((*draft).clone(), head.seq + 1, &head.hash),
            Self::Old(old) => {
                let mut record = AuditRecord {
                    seq: head.seq + 1,
                    prev: head.hash,
                    ..(*old).clone()
                };
                record.seal();
                record
            }
        }
    }
}

fn read(doc: &Document) -> Result<AuditRecord, StoreError> {
    let f = Fields::new(AUDIT, doc);
    let via = f.text("via")?;
    Ok(AuditRecord {
        seq: f.number("seq")?,
        via: Via::from_name(&via).ok_or_else(|| f.broken("via", "a door"))?,
        reason: f.opt_text("reason")?,
        salt: f.opt_text("salt")?,
        details: f.text("details")?,
        adopted: f.flag(&["adopted"])?.unwrap_or(false),
        prev: f.text("prev")?,
        hash: f.text("hash")?,
        ..unchained(doc)?
    })
}

/// A record from before the chain.
fn unchained(doc: &Document) -> Result<AuditRecord, StoreError> {
    let f = Fields::new(AUDIT, doc);
    let told = |field: &str| {
        let value = f.value(field).cloned().map(bson::from_bson::<Value>);
        value.transpose().map_err(|_| f.broken(field, "JSON"))
    };
    let actor = f.text("actor")?;
    Ok(AuditRecord {
        seq: 0,
        id: f.parsed("_id")?,
        at: f.at("at")?,
        via: Via::of_actor(&actor),
        actor,
        action: f.text("action")?,
        subject: f.text("target")?,
        before: told("before")?,
        after: told("after")?,
        reason: None,
        request_id: f.opt_text("request_id")?,
        salt: Some(Uuid::new_v4().simple().to_string()),
        details: String::new(),
        adopted: true,
        prev: String::new(),
        hash: String::new(),
    })
}

fn written(record: &AuditRecord) -> Result<Document, StoreError> {
    let told = |value: &Option<Value>| {
        let value = value.as_ref().map_or(Ok(Bson::Null), bson::to_bson);
        value.map_err(|e| StoreError::Corrupt(format!("audit record {} cannot be stored: {e}", record.id)))
    };
    Ok(doc! {
        "_id": record.id.to_string(),
        "seq": count(record.seq),
        "at": date(record.at),
        "actor": &record.actor,
        "via": record.via.as_str(),
        "action": &record.action,
        "target": &record.subject,
        "before": told(&record.before)?,
        "after": told(&record.after)?,
        "reason": record.reason.as_deref(),
        "request_id": record.request_id.as_deref(),
        "salt": record.salt.as_deref(),
        "details": &record.details,
        "adopted": record.adopted,
        "prev": &record.prev,
        "hash": &record.hash,
    })
}

fn found_by(filter: &AuditFilter, between: Document) -> Document {
    let mut query = doc! { "seq": between };
    for (field, value) in [
        ("actor", &filter.actor),
        ("action", &filter.action),
        ("target", &filter.subject),
    ] {
        if let Some(value) = value {
            query.insert(field, value);
        }
    }
    let mut at = Document::new();
    if let Some(since) = filter.since {
        at.insert("$gte", date(since));
    }
    if let Some(until) = filter.until {
        at.insert("$lt", date(until));
    }
    if !at.is_empty() {
        query.insert("at", at);
    }
    query
}

#[async_trait]
impl Audit for MongoStore {
    async fn append(&self, draft: &Draft) -> Result<AuditRecord, StoreError> {
        let stored = self.at_the_end(&New::Draft(draft)).await?;
        stored.ok_or_else(|| StoreError::unavailable("the store did not say what became of an audit record"))
    }

    async fn list(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut between = doc! { "$gt": count(self.audit_ends().await?.pruned.seq) };
        if let Some(before) = before {
            between.insert("$lt", count(before));
        }
        let audit = self.audit();
        let query = audit
            .find(found_by(filter, between))
            .sort(doc! { "seq": -1 })
            .limit(i64::try_from(limit).unwrap_or(i64::MAX));
        all(query).await?.iter().map(read).collect()
    }

    async fn after(&self, seq: u64, limit: usize) -> Result<Vec<AuditRecord>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let from = seq.max(self.audit_ends().await?.pruned.seq);
        let audit = self.audit();
        let query = audit
            .find(doc! { "seq": { "$gt": count(from) } })
            .sort(doc! { "seq": 1 })
            .limit(i64::try_from(limit).unwrap_or(i64::MAX));
        all(query).await?.iter().map(read).collect()
    }

    async fn ends(&self) -> Result<Ends, StoreError> {
        self.audit_ends().await
    }

    async fn erase(&self, subject: &str) -> Result<u64, StoreError> {
        let told = doc! { "target": subject, "$or": [
            { "before": { "$ne": Bson::Null } },
            { "after": { "$ne": Bson::Null } },
            { "reason": { "$ne": Bson::Null } },
        ] };
        let nothing = doc! { "$set": {
            "before": Bson::Null, "after": Bson::Null, "reason": Bson::Null, "salt": Bson::Null,
        } };
        let erased = self.audit().update_many(told, nothing).await;
        Ok(erased.map_err(store_error)?.matched_count)
    }

    async fn prunable(&self, before: Timestamp) -> Result<Option<Mark>, StoreError> {
        let ends = self.audit_ends().await?;
        let audit = self.audit();
        // The first that is young enough stays, and so does the newest.
        let kept = audit
            .find_one(doc! { "at": { "$gte": date(before) }, "seq": { "$exists": true } })
            .sort(doc! { "seq": 1 })
            .await
            .map_err(store_error)?;
        let kept = kept.as_ref().map(read).transpose()?.map(|record| record.seq);
        let last = kept.unwrap_or(ends.head.seq).min(ends.head.seq).saturating_sub(1);
        if last <= ends.pruned.seq {
            return Ok(None);
        }
        let last = audit
            .find_one(doc! { "seq": count(last) })
            .await
            .map_err(store_error)?;
        Ok(last.as_ref().map(read).transpose()?.as_ref().map(Mark::from))
    }

    async fn prune(&self, last: &Mark, limit: usize) -> Result<u64, StoreError> {
        self.move_audit_end("pruned", last).await?;
        let old = doc! { "seq": { "$lte": count(last.seq) } };
        self.delete_batch(AUDIT, old, doc! { "seq": 1 }, limit).await
    }
}
