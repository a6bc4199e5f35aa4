//! go-falcon's own collections: user → characters (`user_profiles`) → `group_memberships` → `groups`.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use futures::TryStreamExt as _;
use mongodb::bson::{Bson, Document, doc};
use rolecall_core::conditions::Facts;
use rolecall_core::desired::Membership;
use rolecall_core::error::StoreError;
use rolecall_core::ids::{GroupId, UserId};
use rolecall_core::ports::{Character, Directory, Group};

use crate::store::mongo::MongoStore;
use crate::store::mongo::documents::{Fields, cursor, id_values};
use crate::store::mongo::errors::store_error;

const PROFILES: &str = "user_profiles";
const MEMBERSHIPS: &str = "group_memberships";
const GROUPS: &str = "groups";
const PERMISSIONS: &str = "group_permissions";
/// Values in one `$in`.
const CHUNK: usize = 1_000;

/// The directory of a go-falcon that uses the same database. It is only read.
///
/// A user's groups are the active groups in which any of its characters is an active member. Whether a profile is valid
/// is not looked at, as go-falcon does not; whether a user is banned is a fact, and changes no group. What go-falcon
/// skips with a line in its log (a document that cannot be decoded, a read that fails for one character) fails the whole
/// answer here, because it would look like "no longer a member".
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

    /// The profiles of these users, one a character.
    async fn profiles(&self, users: &[UserId]) -> Result<Vec<Profile>, StoreError> {
        let ids: Vec<&str> = users.iter().map(UserId::as_str).collect();
        let filter = doc! { "user_id": { "$in": ids } };
        let shape = doc! { "user_id": 1, "character_id": 1, "banned": 1 };
        self.read(PROFILES, filter, shape, |f| {
            Ok(Profile {
                user: UserId(f.text("user_id")?),
                character: character(f)?,
                // go-falcon writes it only when somebody is banned, or no longer.
                banned: f.flag(&["banned"])?.unwrap_or(false),
            })
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

    /// Those of these users whom go-falcon knows, with the active groups of their characters.
    async fn people(&self, users: &[UserId]) -> Result<BTreeMap<UserId, Person>, StoreError> {
        let mut owners: BTreeMap<i64, BTreeSet<UserId>> = BTreeMap::new();
        let mut people: BTreeMap<UserId, Person> = BTreeMap::new();
        for chunk in users.chunks(CHUNK) {
            for profile in self.profiles(chunk).await? {
                let person = people.entry(profile.user.clone()).or_default();
                person.banned |= profile.banned;
                person.characters.entry(profile.character).or_default();
                owners.entry(profile.character).or_default().insert(profile.user);
            }
        }
        if people.is_empty() {
            return Ok(people);
        }
        let active: BTreeSet<GroupId> = self.groups().await?.into_iter().map(|g| g.id).collect();
        let characters: Vec<i64> = owners.keys().copied().collect();
        for chunk in characters.chunks(CHUNK) {
            for (character, group) in self.memberships(chunk).await? {
                if !active.contains(&group) {
                    continue;
                }
                for user in owners.get(&character).into_iter().flatten() {
                    let person = people.entry(user.clone()).or_default();
                    person
                        .characters
                        .entry(character)
                        .or_default()
                        .insert(group.clone());
                }
            }
        }
        Ok(people)
    }

    /// Group → permissions, of the active grants to these groups.
    async fn permissions(
        &self,
        groups: &BTreeSet<GroupId>,
    ) -> Result<BTreeMap<GroupId, BTreeSet<String>>, StoreError> {
        let mut granted: BTreeMap<GroupId, BTreeSet<String>> = BTreeMap::new();
        let ids: Vec<Bson> = groups.iter().flat_map(|g| id_values(g.as_str())).collect();
        for chunk in ids.chunks(CHUNK) {
            let filter = doc! { "group_id": { "$in": chunk.to_vec() } };
            let shape = doc! { "group_id": 1, "permission_id": 1, "is_active": 1 };
            let found = self
                .read(PERMISSIONS, filter, shape, |f| {
                    Ok(is_active(f)?.then_some((GroupId(f.id("group_id")?), f.id("permission_id")?)))
                })
                .await?;
            for (group, permission) in found.into_iter().flatten() {
                granted.entry(group).or_default().insert(permission);
            }
        }
        Ok(granted)
    }
}

/// A profile: go-falcon keeps one a character.
struct Profile {
    user: UserId,
    character: i64,
    banned: bool,
}

/// A user that go-falcon knows.
#[derive(Default)]
struct Person {
    /// The characters, each with its groups.
    characters: BTreeMap<i64, BTreeSet<GroupId>>,
    /// Whether any of the profiles is banned.
    banned: bool,
}

impl Person {
    /// Groups of any character.
    fn groups(&self) -> BTreeSet<GroupId> {
        self.characters.values().flatten().cloned().collect()
    }

    /// Groups of every character.
    fn common_groups(&self) -> BTreeSet<GroupId> {
        let mut each = self.characters.values();
        let first = each.next().cloned().unwrap_or_default();
        each.fold(first, |common, groups| &common & groups)
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
        let people = self.people(users).await?;
        let answer = users.iter().map(|user| {
            let membership = people
                .get(user)
                .map_or(Membership::Unknown, |person| Membership::Known(person.groups()));
            (user.clone(), membership)
        });
        Ok(answer.collect())
    }

    async fn facts_of(&self, users: &[UserId]) -> Result<BTreeMap<UserId, Facts>, StoreError> {
        let people = self.people(users).await?;
        let all_groups: BTreeSet<GroupId> = people.values().flat_map(Person::groups).collect();
        let granted = self.permissions(&all_groups).await?;
        let facts = people.into_iter().map(|(user, person)| {
            let groups = person.groups();
            let permissions = groups.iter().filter_map(|group| granted.get(group)).flatten();
            let facts = Facts {
                common_groups: Some(person.common_groups()),
                characters: Some(u32::try_from(person.characters.len()).unwrap_or(u32::MAX)),
                permissions: Some(permissions.cloned().collect()),
                banned: person.banned,
                groups,
            };
            (user, facts)
        });
        Ok(facts.collect())
    }

    async fn main_character(&self, user: &UserId) -> Result<Option<Character>, StoreError> {
        let shape = doc! { "character_id": 1, "character_name": 1, "scopes": 1, "position": 1 };
        let found = self
            .read(PROFILES, doc! { "user_id": user.as_str() }, shape, |f| {
                let character = Character {
                    id: character(f)?,
                    name: f.opt_text("character_name")?.unwrap_or_default(),
                    scopes: f.words("scopes")?.join(" "),
                };
                // Position 0 is the first; one without a position comes last.
                Ok((f.opt_whole("position")?.unwrap_or(i64::MAX), character))
            })
            .await?;
        let main = found.into_iter().min_by_key(|(position, c)| (*position, c.id));
        Ok(main.map(|(_, character)| character))
    }

    async fn groups(&self) -> Result<Vec<Group>, StoreError> {
        let shape = doc! { "name": 1, "description": 1, "is_active": 1 };
        let found = self
            .read(GROUPS, doc! {}, shape, |f| {
                let group = Group {
                    id: GroupId(f.id("_id")?),
                    name: f.opt_text("name")?.unwrap_or_default(),
                    // For people only: an odd one is no reason to read no group.
                    description: f
                        .opt_text("description")
                        .ok()
                        .flatten()
                        .filter(|text| !text.is_empty()),
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
