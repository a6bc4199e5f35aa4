//! go-falcon's own collections: user → characters (`user_profiles`) → `group_memberships` → `groups`.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use futures::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use rolecall_core::desired::Membership;
use rolecall_core::error::StoreError;
use rolecall_core::ids::{GroupId, UserId};
use rolecall_core::ports::{Directory, Group};

use crate::store::mongo::MongoStore;
use crate::store::mongo::documents::{Fields, cursor};
use crate::store::mongo::errors::store_error;

const PROFILES: &str = "user_profiles";
const MEMBERSHIPS: &str = "group_memberships";
const GROUPS: &str = "groups";
/// Values in one `$in`.
const CHUNK: usize = 1_000;

/// The directory of a go-falcon that uses the same database. It is only read.
///
/// A user's groups are the active groups in which any of its characters is an active member. Whether a user is banned,
/// or a profile valid, is not looked at, as go-falcon does not. What go-falcon skips with a line in its log (a document
/// that cannot be decoded, a read that fails for one character) fails the whole answer here, because it would look like
/// "no longer a member".
#[derive(Clone, Debug)]
pub struct GoFalcon {
    store: MongoStore,
}

impl GoFalcon {
    /// The directory in the store's database.
    pub fn new(store: MongoStore) -> Self {
        Self { store }
    }

    /// Whether go-falcon keeps users in this database.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn is_in_use(&self) -> Result<bool, StoreError> {
        let profiles = self.store.collection(PROFILES);
        let any = profiles.find_one(doc! {}).projection(doc! { "_id": 1 }).await;
        Ok(any.map_err(store_error)?.is_some())
    }

    async fn read<T>(
        &self,
        collection: &'static str,
        filter: Document,
        shape: Document,
        mut each: impl FnMut(Fields<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = cursor(self.store.collection(collection).find(filter).projection(shape)).await?;
        let mut all = Vec::new();
        while let Some(doc) = found.try_next().await.map_err(store_error)? {
            all.push(each(Fields::new(collection, &doc))?);
        }
        Ok(all)
    }

    /// Character → user, of all profiles of these users.
    async fn characters(&self, users: &[UserId]) -> Result<Vec<(UserId, i64)>, StoreError> {
        let ids: Vec<&str> = users.iter().map(UserId::as_str).collect();
        let filter = doc! { "user_id": { "$in": ids } };
        let shape = doc! { "user_id": 1, "character_id": 1 };
        self.read(PROFILES, filter, shape, |f| {
            Ok((UserId(f.text("user_id")?), character(f)?))
        })
        .await
    }

    /// Character → group, of the active memberships of these characters.
    async fn memberships(&self, characters: &[i64]) -> Result<Vec<(i64, GroupId)>, StoreError> {
        // Servers compare numbers of all types by value, so an int64 finds an int32 and a double.
        let filter = doc! { "character_id": { "$in": characters.to_vec() } };
        let shape = doc! { "character_id": 1, "group_id": 1, "is_active": 1 };
        let found = self
            .read(MEMBERSHIPS, filter, shape, |f| {
                Ok(is_active(f)?.then_some((character(f)?, GroupId(f.id("group_id")?))))
            })
            .await?;
        Ok(found.into_iter().flatten().collect())
    }
}

fn character(f: Fields<'_>) -> Result<i64, StoreError> {
    let id = f.opt_whole("character_id")?;
    id.ok_or_else(|| f.broken("character_id", "a whole number"))
}

/// Without the switch it is off, as for go-falcon, which asks for `is_active: true`. Asked here and not in the filter,
/// because a switch of a wrong type must be an error.
fn is_active(f: Fields<'_>) -> Result<bool, StoreError> {
    Ok(f.flag(&["is_active"])?.unwrap_or(false))
}

#[async_trait]
impl Directory for GoFalcon {
    async fn groups_of(&self, users: &[UserId]) -> Result<BTreeMap<UserId, Membership>, StoreError> {
        if users.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut owners: BTreeMap<i64, BTreeSet<UserId>> = BTreeMap::new();
        let mut known: BTreeMap<UserId, BTreeSet<GroupId>> = BTreeMap::new();
        for chunk in users.chunks(CHUNK) {
            for (user, character) in self.characters(chunk).await? {
                known.entry(user.clone()).or_default();
                owners.entry(character).or_default().insert(user);
            }
        }
        let active: BTreeSet<GroupId> = self.groups().await?.into_iter().map(|g| g.id).collect();
        let characters: Vec<i64> = owners.keys().copied().collect();
        for chunk in characters.chunks(CHUNK) {
            for (character, group) in self.memberships(chunk).await? {
                if !active.contains(&group) {
                    continue;
                }
                for user in owners.get(&character).into_iter().flatten() {
                    known.entry(user.clone()).or_default().insert(group.clone());
                }
            }
        }
        let answer = users.iter().map(|user| {
            let membership = known
                .get(user)
                .map_or(Membership::Unknown, |groups| Membership::Known(groups.clone()));
            (user.clone(), membership)
        });
        Ok(answer.collect())
    }

    async fn groups(&self) -> Result<Vec<Group>, StoreError> {
        let shape = doc! { "name": 1, "is_active": 1 };
        let found = self
            .read(GROUPS, doc! {}, shape, |f| {
                let group = Group {
                    id: GroupId(f.id("_id")?),
                    name: f.opt_text("name")?.unwrap_or_default(),
                };
                Ok(is_active(f)?.then_some(group))
            })
            .await?;
        let mut groups: Vec<Group> = found.into_iter().flatten().collect();
        groups.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        Ok(groups)
    }

    fn describe(&self) -> String {
        "go-falcon collections".to_owned()
    }
}
