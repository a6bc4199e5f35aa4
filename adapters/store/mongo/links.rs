//! Linked accounts: `discord_users`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::TryStreamExt as _;
use mongodb::Collection;
use mongodb::bson::{Bson, Document, doc};
use rolecall_core::error::StoreError;
use rolecall_core::ids::{DiscordId, UserId};
use rolecall_core::link::{ActiveLink, Link, SealedTokens};
use rolecall_core::ports::Links;
use rolecall_core::time::Timestamp;

use super::MongoStore;
use super::documents::{DIGITS, Fields, all, cursor, date};
use super::errors::{is_duplicate, store_error};
use super::guilds::order;
use super::refreshes::{AT, REASON, SINCE};

/// The name of the collection.
pub(super) const LINKS: &str = "discord_users";
/// How often an account is tried to be claimed that others change at the same moment.
const CLAIMS: usize = 8;

impl MongoStore {
    fn links(&self) -> Collection<Document> {
        self.collection(LINKS)
    }

    /// Old databases may hold an account twice: the document that was changed last counts.
    pub(super) async fn link(&self, account: DiscordId) -> Result<Option<Document>, StoreError> {
        let found = self.links().find_one(by_account(account)).sort(newest()).await;
        found.map_err(store_error)
    }

    /// Stores the link of an account that has none. `false`: somebody was quicker.
    async fn first_link(&self, link: &Link, update: &Document) -> Result<bool, StoreError> {
        let mut whole = Document::new();
        for part in ["$setOnInsert", "$set"] {
            whole.extend(update.get_document(part).cloned().unwrap_or_default());
        }
        let insert = doc! { "$setOnInsert": whole };
        let links = self.links();
        let answer = links
            .update_one(by_account(link.discord_id), insert)
            .upsert(true)
            .await;
        match answer {
            Ok(answer) => Ok(answer.upserted_id.is_some()),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(store_error(error)),
        }
    }

    /// The documents that count among those that match.
    pub(super) async fn newest_links(&self, filter: Document) -> Result<Vec<Link>, StoreError> {
        let shape = doc! {
            "user_id": 1, "discord_id": 1, "username": 1, "is_active": 1, "access_token": 1, "token_expiry": 1,
            "needs_consent": 1, "linked_at": 1, "updated_at": 1,
        };
        let mut found = cursor(self.links().find(filter).projection(shape)).await?;
        let mut links: BTreeMap<DiscordId, ((Timestamp, String), Link)> = BTreeMap::new();
        while let Some(doc) = found.try_next().await.map_err(store_error)? {
            if Fields::new(LINKS, &doc).is_of_nothing("discord_id") {
                continue;
            }
            let (link, age) = (read(&doc)?, order(&doc));
            match links.get(&link.discord_id) {
                Some((other, _)) if *other > age => {}
                _ => {
                    links.insert(link.discord_id, (age, link));
                }
            }
        }
        Ok(links.into_values().map(|(_, link)| link).collect())
    }
}

fn newest() -> Document {
    doc! { "updated_at": -1, "_id": -1 }
}

/// All documents of an account.
pub(super) fn by_account(account: DiscordId) -> Document {
    doc! { "discord_id": account.to_string() }
}

fn has_token(f: Fields<'_>) -> Result<bool, StoreError> {
    Ok(f.opt_text("access_token")?.is_some_and(|t| !t.is_empty()))
}

pub(super) fn read(doc: &Document) -> Result<Link, StoreError> {
    let f = Fields::new(LINKS, doc);
    let updated_at = f.opt_at("updated_at")?;
    let has_token = has_token(f)?;
    let token_expiry = f.opt_at("token_expiry")?;
    Ok(Link {
        user_id: UserId(f.id("user_id")?),
        discord_id: f.parsed("discord_id")?,
        username: f.opt_text("username")?.unwrap_or_default(),
        is_active: f.flag(&["is_active", "enabled"])?.unwrap_or(true),
        has_token,
        token_expiry: token_expiry.filter(|_| has_token),
        needs_consent: f.flag(&["needs_consent"])?.unwrap_or(false),
        linked_at: f.opt_at("linked_at")?.or(updated_at).unwrap_or_default(),
        updated_at: updated_at.unwrap_or_default(),
    })
}

/// Everything but the tokens.
pub(super) fn written(link: &Link) -> Document {
    doc! {
        "user_id": link.user_id.as_str(),
        "username": &link.username,
        "is_active": link.is_active,
        "needs_consent": link.needs_consent,
        "linked_at": date(link.linked_at),
        "updated_at": date(link.updated_at),
    }
}

/// What stores a link: with tokens, these, too.
fn update(link: &Link, tokens: Option<SealedTokens>) -> Document {
    let mut set = written(link);
    let mut once = no_tokens();
    let mut over = Document::new();
    if !link.needs_consent {
        over.insert(REASON, "");
    }
    if let Some(tokens) = tokens {
        over.insert(SINCE, "");
        over.insert(AT, "");
        set.insert("access_token", tokens.access);
        set.insert("refresh_token", tokens.refresh);
        set.insert("token_expiry", date(tokens.expiry));
        once.remove("access_token");
        once.remove("refresh_token");
    }
    let mut update = doc! { "$set": set, "$setOnInsert": once };
    if !over.is_empty() {
        update.insert("$unset", over);
    }
    update
}

fn changed_meanwhile(account: DiscordId) -> StoreError {
    StoreError::Unavailable(format!(
        "the link of account {account} changed while it was stored"
    ))
}

/// What go-falcon expects of a link without tokens.
pub(super) fn no_tokens() -> Document {
    doc! { "access_token": "", "refresh_token": "", "global_name": Bson::Null, "avatar": Bson::Null }
}

#[async_trait]
impl Links for MongoStore {
    async fn of_user(&self, user: &UserId) -> Result<Vec<Link>, StoreError> {
        // Of an account that is there twice, the document that counts may belong to somebody else.
        let mine = self.newest_links(doc! { "user_id": user.as_str() }).await?;
        let accounts: Vec<String> = mine.iter().map(|l| l.discord_id.to_string()).collect();
        if accounts.is_empty() {
            return Ok(mine);
        }
        let mut links = self
            .newest_links(doc! { "discord_id": { "$in": accounts } })
            .await?;
        links.retain(|l| l.user_id == *user);
        Ok(links)
    }

    async fn of_account(&self, account: DiscordId) -> Result<Option<Link>, StoreError> {
        self.link(account).await?.as_ref().map(read).transpose()
    }

    async fn active(&self) -> Result<Vec<ActiveLink>, StoreError> {
        // All documents and not only the active ones: of duplicates the newest counts, active or not.
        let links = self.newest_links(doc! {}).await?;
        let active = links.into_iter().filter(|l| l.is_active).map(|l| ActiveLink {
            can_join: l.has_token && !l.needs_consent,
            discord_id: l.discord_id,
            user_id: l.user_id,
        });
        Ok(active.collect())
    }

    async fn count_active(&self) -> Result<u64, StoreError> {
        let newest = doc! { "at": "$updated_at", "id": "$_id", "off": { "$or": [
            { "$eq": [{ "$ifNull": ["$is_active", true] }, false] },
            { "$and": [
                { "$eq": [{ "$ifNull": ["$is_active", "absent"] }, "absent"] },
                { "$eq": [{ "$ifNull": ["$enabled", true] }, false] },
            ] },
        ] } };
        // What is about nothing at Discord is no link.
        let of_something = doc! { "$or": [
            { "discord_id": { "$regex": DIGITS } },
            { "discord_id": { "$type": "number" } },
        ] };
        let pipeline = [
            doc! { "$match": of_something },
            doc! { "$group": { "_id": "$discord_id", "newest": { "$max": newest } } },
            doc! { "$match": { "newest.off": false } },
            doc! { "$count": "links" },
        ];
        let cursor = self.links().aggregate(pipeline).await;
        let counted = cursor
            .map_err(store_error)?
            .try_next()
            .await
            .map_err(store_error)?;
        // No document at all: nothing to count.
        counted.map_or(Ok(0), |doc| Fields::new(LINKS, &doc).number("links"))
    }

    async fn put(&self, link: &Link, tokens: Option<SealedTokens>) -> Result<(), StoreError> {
        let update = update(link, tokens);
        for attempt in 0..2 {
            let answer = self
                .links()
                .find_one_and_update(by_account(link.discord_id), update.clone())
                .sort(newest())
                .projection(doc! { "_id": 1 })
                .upsert(true)
                .await;
            match answer {
                Ok(_) => return Ok(()),
                // Somebody stored the same account at once: now it is there to be changed.
                Err(error) if attempt == 0 && is_duplicate(&error) => {}
                Err(error) => return Err(store_error(error)),
            }
        }
        Err(changed_meanwhile(link.discord_id))
    }

    async fn claim(&self, link: &Link, tokens: Option<SealedTokens>) -> Result<bool, StoreError> {
        let update = update(link, tokens);
        for _ in 0..CLAIMS {
            let stored = match self.link(link.discord_id).await? {
                None => self.first_link(link, &update).await?,
                Some(found) => {
                    let held = read(&found)?;
                    if held.is_active && held.user_id != link.user_id {
                        return Ok(false);
                    }
                    let unchanged = |field: &str| found.get(field).cloned().unwrap_or(Bson::Null);
                    // Null finds what is absent, too.
                    let same = doc! {
                        "_id": unchanged("_id"), "user_id": unchanged("user_id"), "is_active": unchanged("is_active"),
                    };
                    let answer = self.links().update_one(same, update.clone()).await;
                    answer.map_err(store_error)?.matched_count == 1
                }
            };
            if stored {
                return Ok(true);
            }
        }
        Err(changed_meanwhile(link.discord_id))
    }

    async fn tokens(&self, account: DiscordId) -> Result<Option<SealedTokens>, StoreError> {
        let Some(doc) = self.link(account).await? else {
            return Ok(None);
        };
        let f = Fields::new(LINKS, &doc);
        if !has_token(f)? {
            return Ok(None);
        }
        Ok(Some(SealedTokens {
            access: f.text("access_token")?,
            refresh: f.opt_text("refresh_token")?.unwrap_or_default(),
            expiry: f.opt_at("token_expiry")?.unwrap_or_default(),
        }))
    }

    async fn mark_needs_consent(&self, account: DiscordId) -> Result<(), StoreError> {
        let update = doc! { "$set": { "needs_consent": true } };
        let answer = self.links().update_many(by_account(account), update).await;
        answer.map(drop).map_err(store_error)
    }

    async fn expiring(&self, before: Timestamp, limit: usize) -> Result<Vec<Link>, StoreError> {
        let filter = doc! {
            "token_expiry": { "$lt": date(before) },
            "refresh_token": { "$nin": ["", Bson::Null] },
            "access_token": { "$nin": ["", Bson::Null] },
            "needs_consent": { "$ne": true },
            "is_active": { "$ne": false },
        };
        // Some of them may be duplicates that do not count.
        let twice = i64::try_from(limit.saturating_mul(2)).unwrap_or(i64::MAX).max(1);
        let links = self.links();
        let query = links
            .find(filter)
            .sort(doc! { "token_expiry": 1, "_id": 1 })
            .limit(twice);
        let found = all(query).await?;
        let found = found.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let accounts: Vec<String> = found.iter().map(|l| l.discord_id.to_string()).collect();
        let counting = self
            .newest_links(doc! { "discord_id": { "$in": accounts } })
            .await?;
        let counting: BTreeMap<DiscordId, Link> = counting.into_iter().map(|l| (l.discord_id, l)).collect();
        let mut expiring: Vec<Link> = Vec::new();
        for link in found {
            let repeated = expiring.iter().any(|l| l.discord_id == link.discord_id);
            if link.is_active && !repeated && counting.get(&link.discord_id) == Some(&link) {
                expiring.push(link);
            }
        }
        expiring.truncate(limit);
        Ok(expiring)
    }
}
