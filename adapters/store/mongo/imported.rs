//! The directory of those who have no go-falcon: `rolecall_directory_users` and `rolecall_directory_groups`.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use futures::TryStreamExt as _;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, doc};
use rolecall_core::desired::Membership;
use rolecall_core::error::StoreError;
use rolecall_core::ids::{DiscordId, GroupId, UserId};
use rolecall_core::link::Link;
use rolecall_core::ports::{Directory, Group, Import, ImportReport, ImportRow};

use super::MongoStore;
use super::documents::{Fields, date};
use super::errors::store_error;
use super::links::{LINKS, no_tokens, written};

const USERS: &str = "rolecall_directory_users";
const GROUPS: &str = "rolecall_directory_groups";
const META: &str = "rolecall_meta";
/// The document of `rolecall_meta` that says that there was an import.
const MARKER: &str = "directory_import";

type Known = BTreeMap<UserId, (String, BTreeSet<GroupId>)>;

impl MongoStore {
    /// Whether an import was ever done.
    pub(crate) async fn was_imported(&self) -> Result<bool, StoreError> {
        let marker = self.collection(META).find_one(doc! { "_id": MARKER }).await;
        Ok(marker.map_err(store_error)?.is_some())
    }

    async fn known_users(&self, filter: Document) -> Result<Known, StoreError> {
        let mut found = self.collection(USERS).find(filter).await.map_err(store_error)?;
        let mut users = Known::new();
        while let Some(doc) = found.try_next().await.map_err(store_error)? {
            let f = Fields::new(USERS, &doc);
            let groups = f.texts("groups")?.into_iter().map(GroupId).collect();
            users.insert(
                UserId(f.id("_id")?),
                (f.opt_text("name")?.unwrap_or_default(), groups),
            );
        }
        Ok(users)
    }

    /// Makes what is missing of these; answers with all of them, and how many were new.
    async fn groups_named(
        &self,
        names: &BTreeSet<&str>,
    ) -> Result<(BTreeMap<String, GroupId>, u64), StoreError> {
        let mut pairs = Vec::new();
        let known: BTreeSet<String> = self.groups().await?.into_iter().map(|g| g.name).collect();
        let missing: Vec<&&str> = names.iter().filter(|n| !known.contains(**n)).collect();
        for name in &missing {
            let id =
                doc! { "$setOnInsert": { "_id": ObjectId::new().to_hex(), "created_at": DateTime::now() } };
            pairs.push((doc! { "name": **name }, id));
        }
        self.update_each(GROUPS, true, pairs).await?;
        let groups = self.groups().await?.into_iter().map(|g| (g.name, g.id));
        Ok((groups.collect(), missing.len() as u64))
    }
}

#[async_trait]
impl Directory for MongoStore {
    async fn groups_of(&self, users: &[UserId]) -> Result<BTreeMap<UserId, Membership>, StoreError> {
        let mut answer: BTreeMap<UserId, Membership> =
            users.iter().map(|u| (u.clone(), Membership::Unknown)).collect();
        for chunk in users.chunks(1_000) {
            let ids: Vec<&str> = chunk.iter().map(UserId::as_str).collect();
            let known = self.known_users(doc! { "_id": { "$in": ids } }).await?;
            for (user, (_, groups)) in known {
                answer.insert(user, Membership::Known(groups));
            }
        }
        Ok(answer)
    }

    async fn groups(&self) -> Result<Vec<Group>, StoreError> {
        let mut found = self.collection(GROUPS).find(doc! {}).await.map_err(store_error)?;
        let mut groups = Vec::new();
        while let Some(doc) = found.try_next().await.map_err(store_error)? {
            let f = Fields::new(GROUPS, &doc);
            groups.push(Group {
                id: GroupId(f.id("_id")?),
                name: f.text("name")?,
                description: None,
            });
        }
        groups.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        Ok(groups)
    }

    fn describe(&self) -> String {
        "imported".to_owned()
    }
}

/// All is checked before anything is written. The writes are not one transaction (a standalone server has none): each
/// user changes in one piece, and an import that broke off is finished by importing the same file again. Whether the
/// directory in use is the imported one is not asked here, but by [`crate::directory::Chosen`].
#[async_trait]
impl Import for MongoStore {
    async fn import(
        &self,
        rows: &[ImportRow],
        replace: bool,
    ) -> Result<Result<ImportReport, Vec<(usize, String)>>, StoreError> {
        let accounts: Vec<String> = rows
            .iter()
            .filter_map(|r| r.discord_id)
            .map(|id| id.to_string())
            .collect();
        let links = self
            .newest_links(doc! { "discord_id": { "$in": accounts } })
            .await?;
        let links: BTreeMap<DiscordId, Link> = links.into_iter().map(|l| (l.discord_id, l)).collect();
        let problems = problems(rows, &links);
        if !problems.is_empty() {
            return Ok(Err(problems));
        }
        let known = self.known_users(doc! {}).await?;
        let names: BTreeSet<&str> = rows.iter().flat_map(|r| &r.groups).map(String::as_str).collect();
        let (groups, groups_added) = self.groups_named(&names).await?;
        let (mut report, mut pairs) = changes(rows, &known, &groups);
        report.groups_added = groups_added;
        pairs.extend(others(rows, &known, replace, &mut report));
        self.update_each(USERS, true, pairs).await?;

        let pairs = new_links(rows, &links, self.clock().await?);
        report.links_added = pairs.len() as u64;
        self.update_each(LINKS, true, pairs).await?;
        // Last, so that a directory that is only half there is not the one that counts.
        let marker = doc! { "$currentDate": { "imported_at": true } };
        self.update_each(META, true, vec![(doc! { "_id": MARKER }, marker)])
            .await?;
        Ok(Ok(report))
    }

    async fn ensure_group(&self, name: &str) -> Result<Group, StoreError> {
        let (groups, _) = self.groups_named(&[name].into()).await?;
        let id = groups.get(name).cloned();
        let id =
            id.ok_or_else(|| StoreError::Unavailable(format!("group {name} was removed while it was made")))?;
        Ok(Group {
            id,
            name: name.to_owned(),
            description: None,
        })
    }
}

/// What contradicts the rows: each other, or a link to somebody else.
fn problems(rows: &[ImportRow], links: &BTreeMap<DiscordId, Link>) -> Vec<(usize, String)> {
    let (mut users, mut accounts) = (BTreeSet::new(), BTreeSet::new());
    let mut problems = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        if !users.insert(&row.user_id) {
            problems.push((number, format!("user {} is named twice", row.user_id)));
            continue;
        }
        let Some(account) = row.discord_id else { continue };
        let other = links.get(&account).filter(|l| l.user_id != row.user_id);
        if let Some(other) = other {
            problems.push((
                number,
                format!(
                    "account {account} is linked to user {}, and not to {}",
                    other.user_id, row.user_id
                ),
            ));
        } else if !accounts.insert(account) {
            problems.push((number, format!("account {account} is named twice")));
        }
    }
    problems
}

/// Updates for the users that the rows name.
fn changes(
    rows: &[ImportRow],
    known: &Known,
    groups: &BTreeMap<String, GroupId>,
) -> (ImportReport, Vec<(Document, Document)>) {
    let mut report = ImportReport::default();
    let mut pairs = Vec::new();
    for row in rows {
        let wanted: BTreeSet<GroupId> = row
            .groups
            .iter()
            .filter_map(|name| groups.get(name))
            .cloned()
            .collect();
        match known.get(&row.user_id) {
            Some((name, has)) if *name == row.name && *has == wanted => {
                report.users_unchanged += 1;
                continue;
            }
            Some(_) => report.users_changed += 1,
            None => report.users_added += 1,
        }
        let ids: Vec<Bson> = wanted.into_iter().map(|g| Bson::String(g.0)).collect();
        let update = doc! { "$set": { "name": &row.name, "groups": ids } };
        pairs.push((doc! { "_id": row.user_id.as_str() }, update));
    }
    (report, pairs)
}

/// Updates for those that no row names.
fn others(
    rows: &[ImportRow],
    known: &Known,
    replace: bool,
    report: &mut ImportReport,
) -> Vec<(Document, Document)> {
    let named: BTreeSet<&UserId> = rows.iter().map(|r| &r.user_id).collect();
    let mut pairs = Vec::new();
    for (user, (_, groups)) in known.iter().filter(|(user, _)| !named.contains(user)) {
        if replace && !groups.is_empty() {
            report.users_emptied += 1;
            let nothing: Vec<Bson> = Vec::new();
            pairs.push((
                doc! { "_id": user.as_str() },
                doc! { "$set": { "groups": nothing } },
            ));
        } else {
            report.users_kept += 1;
        }
    }
    pairs
}

/// Updates for accounts that are not linked yet, or no longer.
fn new_links(
    rows: &[ImportRow],
    links: &BTreeMap<DiscordId, Link>,
    now: rolecall_core::Timestamp,
) -> Vec<(Document, Document)> {
    let mut pairs = Vec::new();
    for row in rows {
        let Some(account) = row.discord_id else { continue };
        let update = match links.get(&account) {
            Some(link) if link.is_active => continue,
            Some(_) => doc! { "$set": { "is_active": true, "updated_at": date(now) } },
            None => {
                let link = Link {
                    user_id: row.user_id.clone(),
                    discord_id: account,
                    username: String::new(),
                    is_active: true,
                    has_token: false,
                    token_expiry: None,
                    needs_consent: false,
                    linked_at: now,
                    updated_at: now,
                };
                let mut once = written(&link);
                once.extend(no_tokens());
                doc! { "$setOnInsert": once }
            }
        };
        pairs.push((doc! { "discord_id": account.to_string() }, update));
    }
    pairs
}
