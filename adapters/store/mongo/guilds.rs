//! Configured guilds: `discord_guild_configs`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{Bson, Document, doc};
use rolecall_core::error::StoreError;
use rolecall_core::guild::{GuildConfig, GuildHealth};
use rolecall_core::ids::GuildId;
use rolecall_core::ports::{Guilds, NewGuild};
use rolecall_core::time::Timestamp;

use super::MongoStore;
use super::documents::{Fields, all, date, put};
use super::errors::{is_duplicate, store_error};
use super::settings;

const GUILDS: &str = "discord_guild_configs";

/// Old databases may hold a guild twice: the document that was changed last counts, for reading and for writing.
fn newest() -> Document {
    doc! { "updated_at": -1, "_id": -1 }
}

impl MongoStore {
    fn guilds(&self) -> Collection<Document> {
        self.collection(GUILDS)
    }

    async fn guild(&self, id: GuildId) -> Result<Option<Document>, StoreError> {
        let found = self.guilds().find_one(by_id(id)).sort(newest()).await;
        found.map_err(store_error)
    }
}

fn by_id(id: GuildId) -> Document {
    doc! { "guild_id": id.to_string() }
}

fn is_of_nothing(doc: &Document) -> bool {
    Fields::new(GUILDS, doc).is_of_nothing("guild_id")
}

fn read(doc: &Document) -> Result<GuildConfig, StoreError> {
    let f = Fields::new(GUILDS, doc);
    let updated_at = f.opt_at("updated_at")?;
    Ok(GuildConfig {
        guild_id: f.parsed("guild_id")?,
        guild_name: f.opt_text("guild_name")?.unwrap_or_default(),
        is_enabled: f.flag(&["is_enabled", "enabled"])?.unwrap_or(true),
        // Learned again with the next look at the guild.
        bot_user_id: f.parsed_or_none("bot_user_id"),
        settings: settings::read(f)?,
        health: settings::health(f)?,
        // The seed's documents hold a user there, and not the character that go-falcon writes.
        created_by: f.parsed_or_none("created_by"),
        created_at: f.opt_at("created_at")?.or(updated_at).unwrap_or_default(),
        updated_at: updated_at.unwrap_or_default(),
    })
}

#[async_trait]
impl Guilds for MongoStore {
    async fn put(&self, guild: NewGuild) -> Result<bool, StoreError> {
        let NewGuild { config, sealed_token } = guild;
        let mut set = doc! {
            "guild_name": &config.guild_name,
            "is_enabled": config.is_enabled,
            "bot_user_id": config.bot_user_id.map(|id| id.to_string()),
            "settings": settings::written(&config.settings),
            "updated_at": date(config.updated_at),
        };
        let mut once = doc! {
            "role_mappings": Bson::Null,
            "created_by": config.created_by,
            "created_at": date(config.created_at),
        };
        // Of a guild that is there, the health is left to `set_health`: whoever changes the settings has read it some
        // time ago.
        once.extend(config.health.iter().flat_map(settings::health_written));
        if sealed_token.is_none() {
            once.insert("bot_token", "");
        }
        put(&mut set, "bot_token", sealed_token);
        let update = doc! { "$set": set, "$setOnInsert": once };
        // Two that add the same guild at once: the second finds the first one's document on its second try.
        for attempt in 0..2 {
            let answer = self
                .guilds()
                .find_one_and_update(by_id(config.guild_id), update.clone())
                .sort(newest())
                .projection(doc! { "_id": 1 })
                .upsert(true)
                .await;
            match answer {
                Ok(before) => return Ok(before.is_none()),
                Err(error) if attempt == 0 && is_duplicate(&error) => {}
                Err(error) => return Err(store_error(error)),
            }
        }
        Err(StoreError::Unavailable(format!(
            "guild {} changed while it was stored",
            config.guild_id
        )))
    }

    async fn get(&self, id: GuildId) -> Result<Option<GuildConfig>, StoreError> {
        self.guild(id).await?.as_ref().map(read).transpose()
    }

    async fn sealed_token(&self, id: GuildId) -> Result<Option<String>, StoreError> {
        let Some(doc) = self.guild(id).await? else {
            return Ok(None);
        };
        let token = Fields::new(GUILDS, &doc).opt_text("bot_token")?;
        Ok(token.filter(|t| !t.is_empty()))
    }

    async fn list(&self) -> Result<Vec<GuildConfig>, StoreError> {
        let mut found = all(self.guilds().find(doc! {})).await?;
        // As `newest` sorts, so that of duplicates the same one counts as everywhere.
        found.sort_by_key(order);
        let mut guilds: BTreeMap<GuildId, GuildConfig> = BTreeMap::new();
        for doc in found.iter().filter(|doc| !is_of_nothing(doc)) {
            let guild = read(doc)?;
            guilds.insert(guild.guild_id, guild);
        }
        let mut guilds: Vec<GuildConfig> = guilds.into_values().collect();
        guilds.sort_by(|a, b| (&a.guild_name, a.guild_id).cmp(&(&b.guild_name, b.guild_id)));
        Ok(guilds)
    }

    async fn remove(&self, id: GuildId) -> Result<bool, StoreError> {
        // Mappings first: a crash in between leaves a guild without mappings, which takes nothing from anybody, and the
        // removal can be repeated.
        let mappings = self.collection("discord_role_mappings");
        mappings.delete_many(by_id(id)).await.map_err(store_error)?;
        let removed = self.guilds().delete_many(by_id(id)).await.map_err(store_error)?;
        Ok(removed.deleted_count > 0)
    }

    async fn record_id(&self, id: GuildId) -> Result<Option<String>, StoreError> {
        let found = self.guild(id).await?;
        found.map(|doc| Fields::new(GUILDS, &doc).id("_id")).transpose()
    }

    async fn set_health(&self, id: GuildId, health: &GuildHealth) -> Result<(), StoreError> {
        let update = doc! { "$set": settings::health_written(health) };
        let answer = self.guilds().update_many(by_id(id), update).await;
        answer.map(drop).map_err(store_error)
    }
}

/// Sorts older documents first.
pub(super) fn order(doc: &Document) -> (Timestamp, String) {
    let at = doc
        .get_datetime("updated_at")
        .map_or(i64::MIN, |at| at.timestamp_millis());
    (
        Timestamp(at),
        doc.get("_id").map(Bson::to_string).unwrap_or_default(),
    )
}
