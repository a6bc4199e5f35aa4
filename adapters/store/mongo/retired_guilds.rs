//! Guilds that were removed while their roles are still to be taken away: `rolecall_retired_guilds`.

use std::collections::BTreeSet;

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{Document, doc};
use rolecall_core::error::StoreError;
use rolecall_core::guild::RetiredGuild;
use rolecall_core::ids::{GuildId, RoleId, RunId};
use rolecall_core::ports::RetiredGuilds;

use super::MongoStore;
use super::documents::{Fields, all, date};
use super::errors::store_error;

const RETIRED: &str = "rolecall_retired_guilds";

impl MongoStore {
    fn retired(&self) -> Collection<Document> {
        self.collection(RETIRED)
    }
}

/// The guild's id is the document's, so that there is one of each.
fn by_id(id: GuildId) -> Document {
    doc! { "_id": id.to_string() }
}

fn read(doc: &Document) -> Result<RetiredGuild, StoreError> {
    let f = Fields::new(RETIRED, doc);
    let roles: Result<BTreeSet<RoleId>, _> = f.texts("roles")?.iter().map(|r| r.parse()).collect();
    Ok(RetiredGuild {
        guild_id: f.parsed("_id")?,
        guild_name: f.text("guild_name")?,
        bot_user_id: f.opt_snowflake("bot_user_id")?,
        sealed_token: f.text("bot_token")?,
        roles: roles.map_err(|_| f.broken("roles", "an array of ids"))?,
        run_id: f.parsed("run_id")?,
        retired_at: f.at("retired_at")?,
    })
}

fn written(guild: &RetiredGuild) -> Document {
    let roles: Vec<String> = guild.roles.iter().map(ToString::to_string).collect();
    doc! {
        "_id": guild.guild_id.to_string(),
        "guild_id": guild.guild_id.to_string(),
        "guild_name": &guild.guild_name,
        "bot_user_id": guild.bot_user_id.map(|id| id.to_string()),
        "bot_token": &guild.sealed_token,
        "roles": roles,
        "run_id": guild.run_id.to_string(),
        "retired_at": date(guild.retired_at),
    }
}

#[async_trait]
impl RetiredGuilds for MongoStore {
    async fn put(&self, guild: &RetiredGuild) -> Result<(), StoreError> {
        let answer = self
            .retired()
            .replace_one(by_id(guild.guild_id), written(guild))
            .upsert(true)
            .await;
        answer.map(drop).map_err(store_error)
    }

    async fn get(&self, id: GuildId) -> Result<Option<RetiredGuild>, StoreError> {
        let found = self.retired().find_one(by_id(id)).await;
        found.map_err(store_error)?.as_ref().map(read).transpose()
    }

    async fn list(&self) -> Result<Vec<RetiredGuild>, StoreError> {
        let found = all(self.retired().find(doc! {})).await?;
        let mut guilds = found.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        guilds.sort_by_key(|g| g.guild_id);
        Ok(guilds)
    }

    async fn forget(&self, id: GuildId, run: RunId) -> Result<bool, StoreError> {
        let mut filter = by_id(id);
        filter.insert("run_id", run.to_string());
        let removed = self.retired().delete_one(filter).await.map_err(store_error)?;
        Ok(removed.deleted_count > 0)
    }
}
