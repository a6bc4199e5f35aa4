//! What operators hold back: `rolecall_pauses`.

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{self, Document, doc};
use rolecall_core::canary::Canary;
use rolecall_core::error::StoreError;
use rolecall_core::job::Lane;
use rolecall_core::pause::{Held, Pause, PauseId};
use rolecall_core::ports::Pauses;

use super::MongoStore;
use super::documents::{Fields, all, date, put};
use super::errors::store_error;

const PAUSES: &str = "rolecall_pauses";

impl MongoStore {
    fn pauses(&self) -> Collection<Document> {
        self.collection(PAUSES)
    }
}

fn read(doc: &Document) -> Result<Pause, StoreError> {
    let f = Fields::new(PAUSES, doc);
    let lane = f.opt_text("lane")?;
    let lane = lane.map(|name| Lane::from_name(&name).ok_or_else(|| f.broken("lane", "a lane")));
    Ok(Pause {
        id: f.parsed("_id")?,
        held: Held {
            lane: lane.transpose()?,
            kind: f.opt_text("kind")?,
            guild_id: f.opt_parsed("guild_id")?,
            fingerprint: f.opt_text("fingerprint")?,
        },
        reason: f.text("reason")?,
        author: f.text("author")?,
        created_at: f.at("created_at")?,
        until: f.opt_at("until")?,
        canary: canary(f)?,
    })
}

fn canary(f: Fields<'_>) -> Result<Option<Canary>, StoreError> {
    let Some(stored) = f.value("canary") else {
        return Ok(None);
    };
    let read = bson::from_bson(stored.clone());
    read.map(Some).map_err(|_| f.broken("canary", "a pause's canary"))
}

fn written(pause: &Pause) -> Result<Document, StoreError> {
    let mut doc = doc! {
        "_id": pause.id.to_string(),
        "reason": &pause.reason,
        "author": &pause.author,
        "created_at": date(pause.created_at),
    };
    put(&mut doc, "lane", pause.held.lane.map(Lane::as_str));
    put(&mut doc, "kind", pause.held.kind.clone());
    put(&mut doc, "guild_id", pause.held.guild_id.map(|id| id.to_string()));
    put(&mut doc, "fingerprint", pause.held.fingerprint.clone());
    put(&mut doc, "until", pause.until.map(date));
    let canary = pause.canary.as_ref().map(bson::to_bson);
    put(
        &mut doc,
        "canary",
        canary.transpose().map_err(StoreError::corrupt)?,
    );
    Ok(doc)
}

#[async_trait]
impl Pauses for MongoStore {
    async fn put(&self, pause: &Pause) -> Result<(), StoreError> {
        let this = doc! { "_id": pause.id.to_string() };
        let put = self
            .pauses()
            .replace_one(this, written(pause)?)
            .upsert(true)
            .await;
        put.map(drop).map_err(store_error)
    }

    async fn list(&self) -> Result<Vec<Pause>, StoreError> {
        let pauses = self.pauses();
        let query = pauses.find(doc! {}).sort(doc! { "created_at": 1, "_id": 1 });
        all(query).await?.iter().map(read).collect()
    }

    async fn turn(&self, id: PauseId, turn: u32, canary: &Canary) -> Result<bool, StoreError> {
        let this = doc! { "_id": id.to_string(), "canary.turn": i64::from(turn) };
        let canary = bson::to_bson(canary).map_err(StoreError::corrupt)?;
        let turned = self
            .pauses()
            .update_one(this, doc! { "$set": { "canary": canary } })
            .await;
        Ok(turned.map_err(store_error)?.matched_count > 0)
    }

    async fn remove(&self, id: PauseId) -> Result<bool, StoreError> {
        let removed = self.pauses().delete_one(doc! { "_id": id.to_string() }).await;
        Ok(removed.map_err(store_error)?.deleted_count > 0)
    }
}
