//! What users may do: from go-falcon's own collections, and from groups that the settings name.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use futures::TryStreamExt as _;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};
use rolecall_core::desired::Membership;
use rolecall_core::error::StoreError;
use rolecall_core::ids::UserId;
use rolecall_core::ports::{Directory, Granted, Permissions, permission};

use crate::store::mongo::MongoStore;
use crate::store::mongo::documents::{Fields, cursor};
use crate::store::mongo::errors::store_error;

/// go-falcon's name of its group of administrators. Its display name can be given to any group, this cannot.
const SUPER_ADMIN: &str = "super_admin";

/// Permissions as go-falcon gives them out: user → characters → groups → `group_permissions`.
///
/// All characters of the user count. The group with the `system_name` of go-falcon's super administrators gives
/// everything. A user of whom one character is banned is banned.
#[derive(Clone, Debug)]
pub struct GoFalconPermissions {
    store: MongoStore,
}

impl GoFalconPermissions {
    /// The permissions in the store's database.
    pub fn new(store: MongoStore) -> Self {
        Self { store }
    }

    async fn read<T>(
        &self,
        collection: &'static str,
        filter: Document,
        mut each: impl FnMut(Fields<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = cursor(self.store.collection(collection).find(filter)).await?;
        let mut all = Vec::new();
        while let Some(doc) = found.try_next().await.map_err(store_error)? {
            all.push(each(Fields::new(collection, &doc))?);
        }
        Ok(all)
    }
}

/// A group's id as other collections may hold it: an `ObjectId`, or its hex.
fn ids(hex: &BTreeSet<String>) -> Vec<Bson> {
    let oids = hex
        .iter()
        .filter_map(|h| ObjectId::parse_str(h).ok())
        .map(Bson::ObjectId);
    let texts = hex.iter().cloned().map(Bson::String);
    oids.chain(texts).collect()
}

#[async_trait]
impl Permissions for GoFalconPermissions {
    async fn of_user(&self, user: &UserId) -> Result<Granted, StoreError> {
        let mut granted = Granted::default();
        let profiles = doc! { "user_id": user.as_str() };
        let characters = self
            .read("user_profiles", profiles, |f| {
                Ok((
                    f.opt_whole("character_id")?,
                    f.flag(&["banned"])?.unwrap_or(false),
                ))
            })
            .await?;
        granted.banned = characters.iter().any(|(_, banned)| *banned);
        let characters: Vec<i64> = characters.into_iter().filter_map(|(id, _)| id).collect();
        if characters.is_empty() {
            return Ok(granted);
        }
        let memberships = doc! { "character_id": { "$in": characters }, "is_active": true };
        let groups: BTreeSet<String> = self
            .read("group_memberships", memberships, |f| f.id("group_id"))
            .await?
            .into_iter()
            .collect();
        if groups.is_empty() {
            return Ok(granted);
        }
        let active = doc! { "_id": { "$in": ids(&groups) }, "is_active": true };
        let active = self
            .read("groups", active, |f| {
                Ok((f.id("_id")?, f.opt_text("system_name")?))
            })
            .await?;
        if active
            .iter()
            .any(|(_, name)| name.as_deref() == Some(SUPER_ADMIN))
        {
            granted.permissions.insert(permission::ADMIN.to_owned());
        }
        let groups: BTreeSet<String> = active.into_iter().map(|(id, _)| id).collect();
        let given = doc! { "group_id": { "$in": ids(&groups) }, "is_active": true };
        let given = self
            .read("group_permissions", given, |f| f.text("permission_id"))
            .await?;
        granted.permissions.extend(given);
        Ok(granted)
    }
}

/// Permissions that the settings give to groups of the directory.
#[derive(Clone)]
pub struct GroupPermissions {
    directory: Arc<dyn Directory>,
    lists: Vec<(&'static str, Vec<String>)>,
    by_name: bool,
}

impl GroupPermissions {
    /// Permission → groups. With `by_name`, a group may be named by its name as well as by its id; without, a group
    /// that somebody gives the right name is not taken for it.
    pub fn new(
        directory: Arc<dyn Directory>,
        lists: Vec<(&'static str, Vec<String>)>,
        by_name: bool,
    ) -> Self {
        Self {
            directory,
            lists,
            by_name,
        }
    }
}

#[async_trait]
impl Permissions for GroupPermissions {
    async fn of_user(&self, user: &UserId) -> Result<Granted, StoreError> {
        if self.lists.iter().all(|(_, groups)| groups.is_empty()) {
            return Ok(Granted::default());
        }
        let mut found = self.directory.groups_of(std::slice::from_ref(user)).await?;
        let Some(Membership::Known(member_of)) = found.remove(user) else {
            return Ok(Granted::default());
        };
        let mut called: BTreeSet<String> = member_of.iter().map(|g| g.0.clone()).collect();
        if self.by_name {
            let groups = self.directory.groups().await?;
            called.extend(
                groups
                    .into_iter()
                    .filter(|g| member_of.contains(&g.id))
                    .map(|g| g.name),
            );
        }
        let permissions = self
            .lists
            .iter()
            .filter(|(_, groups)| groups.iter().any(|g| called.contains(g)))
            .map(|(name, _)| (*name).to_owned())
            .collect();
        Ok(Granted {
            permissions,
            banned: false,
        })
    }
}

/// What several sources grant together.
#[derive(Clone)]
pub struct AllOf(pub Vec<Arc<dyn Permissions>>);

#[async_trait]
impl Permissions for AllOf {
    async fn of_user(&self, user: &UserId) -> Result<Granted, StoreError> {
        let mut granted = Granted::default();
        for source in &self.0 {
            granted = granted.and(source.of_user(user).await?);
        }
        Ok(granted)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rolecall_core::ports::Group;

    use super::*;

    struct Fixed;

    #[async_trait]
    impl Directory for Fixed {
        async fn groups_of(&self, users: &[UserId]) -> Result<BTreeMap<UserId, Membership>, StoreError> {
            let of = |user: &UserId| match user.as_str() {
                "ada" => Membership::Known(["g1".into()].into()),
                _ => Membership::Unknown,
            };
            Ok(users.iter().map(|u| (u.clone(), of(u))).collect())
        }
        async fn groups(&self) -> Result<Vec<Group>, StoreError> {
            Ok(vec![Group {
                id: "g1".into(),
                name: "Directors".to_owned(),
                description: None,
            }])
        }
        fn describe(&self) -> String {
            "fixed".to_owned()
        }
    }

    async fn of(user: &str, listed: &str, by_name: bool) -> bool {
        let lists = vec![(permission::ADMIN, vec![listed.to_owned()])];
        let permissions = GroupPermissions::new(Arc::new(Fixed), lists, by_name);
        permissions
            .of_user(&user.into())
            .await
            .unwrap()
            .any_of(&[permission::SYNC])
    }

    #[tokio::test]
    async fn a_listed_group_counts_by_id_and_by_name_only_where_names_are_ours() {
        assert!(of("ada", "g1", false).await && of("ada", "g1", true).await);
        assert!(of("ada", "Directors", true).await && !of("ada", "Directors", false).await);
        assert!(!of("eve", "g1", true).await && !of("ada", "g2", true).await);
    }
}
