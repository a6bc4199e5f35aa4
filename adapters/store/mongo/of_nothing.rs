//! Documents that name nothing that Discord has: they are left out everywhere, and told at the start.

use mongodb::bson::{Bson, doc};
use rolecall_core::error::StoreError;

use super::MongoStore;
use super::documents::DIGITS;
use super::errors::store_error;

/// Where an id of Discord is needed. Source: the collections that go-falcon's module writes.
const NEEDED: [(&str, &str); 4] = [
    ("discord_users", "discord_id"),
    ("discord_guild_configs", "guild_id"),
    ("discord_role_mappings", "guild_id"),
    ("discord_role_mappings", "discord_role_id"),
];

/// A sentence for each field that is not there, or holds a text that is no Discord id, with one document as the example.
pub(super) async fn told(store: &MongoStore) -> Result<Vec<String>, StoreError> {
    let mut sentences = Vec::new();
    for (collection, field) in NEEDED {
        let no_number = doc! { "$type": "string", "$not": { "$regex": DIGITS } };
        let wrong = doc! { "$or": [{ field: Bson::Null }, { field: no_number }] };
        let found = store
            .collection(collection)
            .find_one(wrong)
            .await
            .map_err(store_error)?;
        sentences.extend(found.map(|document| {
            let id = document.get("_id").map_or_else(String::new, ToString::to_string);
            format!(
                "{collection} holds documents whose {field} is no Discord id, for example {id}: they are left \
                 out; correct or remove them"
            )
        }));
    }
    Ok(sentences)
}
