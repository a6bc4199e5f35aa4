//! Role mappings: `discord_role_mappings`.

use std::cmp::Reverse;

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{Bson, Document, doc};
use rolecall_core::conditions::Conditions;
use rolecall_core::error::StoreError;
use rolecall_core::ids::{GroupId, GuildId, MappingId, RoleId};
use rolecall_core::mapping::Mapping;
use rolecall_core::ports::Mappings;
use rolecall_core::time::Timestamp;

use super::MongoStore;
use super::documents::{Fields, all, date, dates, id_value, id_values};
use super::errors::{is_duplicate, store_error};

const MAPPINGS: &str = "discord_role_mappings";
const ROLE: &str = "discord_role_id";

impl MongoStore {
    fn mappings(&self) -> Collection<Document> {
        self.collection(MAPPINGS)
    }

    async fn mapping_where(&self, filter: Document) -> Result<Option<Mapping>, StoreError> {
        let found = self.mappings().find_one(filter).sort(doc! { "_id": 1 }).await;
        found.map_err(store_error)?.as_ref().map(read).transpose()
    }
}

fn by_id(id: &MappingId) -> Document {
    doc! { "_id": { "$in": id_values(id.as_str()) } }
}

fn by_group(guild: GuildId, group: &GroupId) -> Document {
    doc! { "guild_id": guild.to_string(), "group_id": { "$in": id_values(group.as_str()) } }
}

fn is_of_nothing(doc: &Document) -> bool {
    let f = Fields::new(MAPPINGS, doc);
    // A mapping without a role at all is broken, and not of nothing.
    f.is_of_nothing("guild_id") || (f.value(ROLE).is_some() && f.is_of_nothing(ROLE))
}

fn read(doc: &Document) -> Result<Mapping, StoreError> {
    let f = Fields::new(MAPPINGS, doc);
    let updated_at = f.opt_at("updated_at")?;
    Ok(Mapping {
        id: MappingId(f.id("_id")?),
        guild_id: f.parsed("guild_id")?,
        group_id: GroupId(f.id("group_id")?),
        group_name: f.opt_text("group_name")?.unwrap_or_default(),
        role_id: f.parsed(ROLE)?,
        role_name: f.opt_text("discord_role_name")?.unwrap_or_default(),
        priority: f.number("priority")?,
        conditions: conditions(f)?,
        is_active: f.flag(&["is_active", "enabled"])?.unwrap_or(true),
        // The seed's documents hold a user there, and not the character that go-falcon writes.
        created_by: f.parsed_or_none("created_by"),
        created_at: f.opt_at("created_at")?.or(updated_at).unwrap_or_default(),
        updated_at: updated_at.unwrap_or_default(),
        last_sync: f.opt_at("last_sync")?,
        sync_count: f.opt_number("sync_count")?.unwrap_or(0),
    })
}

/// A condition that cannot be read is an error: without it, more people would get the role.
fn conditions(mapping: Fields<'_>) -> Result<Conditions, StoreError> {
    let Some(f) = mapping.opt_document("conditions")? else {
        return Ok(Conditions::default());
    };
    Ok(Conditions {
        require_all: f.flag(&["require_all"])?.unwrap_or(false),
        character_count_min: f.opt_number("character_count_min")?,
        character_count_max: f.opt_number("character_count_max")?,
        required_permissions: f.texts("required_permissions")?,
        excluded_groups: f.ids("excluded_groups")?.into_iter().map(GroupId).collect(),
    })
}

fn written(mapping: &Mapping) -> Document {
    let mut doc = doc! {
        "_id": id_value(mapping.id.as_str()),
        "guild_id": mapping.guild_id.to_string(),
        "group_id": id_value(mapping.group_id.as_str()),
        "created_by": mapping.created_by,
        "created_at": date(mapping.created_at),
    };
    doc.extend(changing(mapping));
    doc
}

/// What an update changes.
fn changing(mapping: &Mapping) -> Document {
    let conditions = &mapping.conditions;
    let excluded: Vec<Bson> = conditions
        .excluded_groups
        .iter()
        .map(|g| id_value(g.as_str()))
        .collect();
    doc! {
        "group_name": &mapping.group_name,
        ROLE: mapping.role_id.to_string(),
        "discord_role_name": &mapping.role_name,
        "conditions": {
            "require_all": conditions.require_all,
            "character_count_min": conditions.character_count_min.map(i64::from),
            "character_count_max": conditions.character_count_max.map(i64::from),
            "required_permissions": conditions.required_permissions.clone(),
            "excluded_groups": excluded,
        },
        "priority": mapping.priority,
        "is_active": mapping.is_active,
        "updated_at": date(mapping.updated_at),
    }
}

/// Documents that are as old as this. One without the time reads as of 1970.
fn since(at: Timestamp) -> Document {
    if at == Timestamp::default() {
        return doc! { "updated_at": { "$in": [date(at), Bson::Null] } };
    }
    doc! { "updated_at": { "$in": dates(at) } }
}

#[async_trait]
impl Mappings for MongoStore {
    async fn add(&self, mapping: Mapping) -> Result<Result<(), Mapping>, StoreError> {
        let twin = by_group(mapping.guild_id, &mapping.group_id);
        // The look comes first, because an old database may be without the unique index, or hold the group as a text.
        if let Some(existing) = self.mapping_where(twin.clone()).await? {
            return Ok(Err(existing));
        }
        match self.mappings().insert_one(written(&mapping)).await {
            Ok(_) => Ok(Ok(())),
            Err(error) if is_duplicate(&error) => match self.mapping_where(twin).await? {
                Some(existing) => Ok(Err(existing)),
                None => Err(StoreError::Unavailable(format!(
                    "mapping {} changed while it was stored",
                    mapping.id
                ))),
            },
            Err(error) => Err(store_error(error)),
        }
    }

    async fn get(&self, id: &MappingId) -> Result<Option<Mapping>, StoreError> {
        self.mapping_where(by_id(id)).await
    }

    async fn list(&self, guild: Option<GuildId>) -> Result<Vec<Mapping>, StoreError> {
        let filter = guild.map_or_else(Document::new, |id| doc! { "guild_id": id.to_string() });
        let found = all(self.mappings().find(filter)).await?;
        let real = found.iter().filter(|doc| !is_of_nothing(doc));
        let mut mappings = real.map(read).collect::<Result<Vec<_>, _>>()?;
        mappings.sort_by(|a, b| {
            let order = |m: &Mapping| (m.guild_id, Reverse(m.priority), m.id.clone());
            order(a).cmp(&order(b))
        });
        Ok(mappings)
    }

    async fn find(
        &self,
        guild: GuildId,
        group: &GroupId,
        role: RoleId,
    ) -> Result<Option<Mapping>, StoreError> {
        let mut filter = by_group(guild, group);
        filter.insert(ROLE, role.to_string());
        self.mapping_where(filter).await
    }

    async fn update(
        &self,
        mapping: &Mapping,
        unless_changed_since: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        // A mapping stays that of its guild and its group: one of another guild or group with this id is none.
        let mut filter = by_group(mapping.guild_id, &mapping.group_id);
        filter.extend(by_id(&mapping.id));
        filter.extend(unless_changed_since.map(since).unwrap_or_default());
        let update = doc! { "$set": changing(mapping) };
        let answer = self.mappings().update_one(filter, update).await;
        Ok(answer.map_err(store_error)?.matched_count > 0)
    }

    async fn note_sync(&self, ids: &[MappingId], at: Timestamp) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids: Vec<Bson> = ids.iter().flat_map(|id| id_values(id.as_str())).collect();
        let filter = doc! { "_id": { "$in": ids } };
        let update = doc! { "$max": { "last_sync": date(at) }, "$inc": { "sync_count": 1_i64 } };
        let noted = self.mappings().update_many(filter, update).await;
        noted.map(drop).map_err(store_error)
    }

    async fn remove(&self, id: &MappingId) -> Result<bool, StoreError> {
        let removed = self.mappings().delete_one(by_id(id)).await.map_err(store_error)?;
        Ok(removed.deleted_count > 0)
    }
}
