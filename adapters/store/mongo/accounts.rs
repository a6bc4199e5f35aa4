//! Linked accounts as people see them: `discord_users`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use mongodb::bson::{Bson, Document, doc};
use rolecall_core::account::{LinkedAccount, Profile, ProfileGuild};
use rolecall_core::error::StoreError;
use rolecall_core::ids::{DiscordId, GuildId};
use rolecall_core::link::Link;
use rolecall_core::ports::{AccountFilter, Accounts, Links as _};
use rolecall_core::time::Timestamp;

use super::MongoStore;
use super::documents::{Fields, all, date};
use super::errors::store_error;
use super::guilds::order;
use super::links::{LINKS, by_account, read as read_link};
use super::refreshes::REASON;

impl MongoStore {
    /// The links that the filter lets through. Of an account that is there twice, the document that counts is asked.
    async fn filtered(&self, filter: &AccountFilter) -> Result<Vec<Link>, StoreError> {
        let mut links = match (filter.discord_id, &filter.user_id) {
            (Some(account), _) => self.of_account(account).await?.into_iter().collect(),
            (None, Some(user)) => self.of_user(user).await?,
            (None, None) => self.newest_links(doc! {}).await?,
        };
        links.retain(|link| {
            filter.is_active.is_none_or(|active| link.is_active == active)
                && filter.user_id.as_ref().is_none_or(|user| link.user_id == *user)
        });
        if let Some(guild) = filter.guild_id {
            let members = self.said_to_be_in(guild).await?;
            links.retain(|link| members.contains(&link.discord_id.to_string()));
        }
        Ok(links)
    }

    /// Accounts of which Discord told that they are in this guild. What it tells is written to all documents of an account.
    async fn said_to_be_in(&self, guild: GuildId) -> Result<BTreeSet<String>, StoreError> {
        let users = self.collection(LINKS);
        let found = users
            .distinct("discord_id", doc! { "guilds.id": guild.to_string() })
            .await;
        let texts = found.map_err(store_error)?.into_iter();
        Ok(texts.filter_map(|id| id.as_str().map(str::to_owned)).collect())
    }

    /// The whole accounts of these ids.
    async fn accounts(&self, ids: &[DiscordId]) -> Result<BTreeMap<DiscordId, LinkedAccount>, StoreError> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let users = self.collection(LINKS);
        // The tokens stay where they are; whether there are some, and when they end, the links say.
        let shape = doc! { "access_token": 0, "refresh_token": 0 };
        let mut found = all(users
            .find(doc! { "discord_id": { "$in": ids } })
            .projection(shape))
        .await?;
        found.sort_by_key(order);
        let mut accounts = BTreeMap::new();
        for doc in &found {
            let account = read(doc)?;
            accounts.insert(account.discord_id, account);
        }
        Ok(accounts)
    }

    async fn change_account(&self, account: DiscordId, set: Document) -> Result<(), StoreError> {
        let users = self.collection(LINKS);
        let answer = users.update_many(by_account(account), doc! { "$set": set }).await;
        answer.map(drop).map_err(store_error)
    }
}

/// Everything but when the token ends.
fn read(doc: &Document) -> Result<LinkedAccount, StoreError> {
    let (f, link) = (Fields::new(LINKS, doc), read_link(doc)?);
    Ok(LinkedAccount {
        id: f.id("_id")?,
        user_id: link.user_id,
        discord_id: link.discord_id,
        profile: profile(f, link.username)?,
        is_active: link.is_active,
        needs_consent: link.needs_consent,
        linked_at: link.linked_at,
        updated_at: link.updated_at,
        token_expiry: None,
        last_sync: f.opt_at("last_sync")?,
        consent_reason: f.opt_text(REASON)?,
    })
}

fn profile(f: Fields<'_>, username: String) -> Result<Profile, StoreError> {
    let known = |field| f.opt_text(field).map(|text| text.filter(|text| !text.is_empty()));
    let guilds = f.documents("guilds")?.into_iter().map(|guild| {
        Ok(ProfileGuild {
            id: guild.parsed("id")?,
            name: guild.opt_text("name")?.unwrap_or_default(),
            permissions: guild.opt_parsed("permissions")?,
        })
    });
    Ok(Profile {
        username,
        global_name: known("global_name")?,
        avatar: known("avatar")?,
        scopes: f.words("scopes")?,
        guilds: guilds.collect::<Result<_, StoreError>>()?,
    })
}

fn written(profile: &Profile) -> Document {
    let guild = |guild: &ProfileGuild| {
        let guild = doc! {
            "id": guild.id.to_string(),
            "name": &guild.name,
            "permissions": guild.permissions.as_deref(),
        };
        Bson::Document(guild)
    };
    doc! {
        "username": &profile.username,
        "global_name": profile.global_name.as_deref(),
        "avatar": profile.avatar.as_deref(),
        "scopes": profile.scopes.clone(),
        "guilds": profile.guilds.iter().map(guild).collect::<Vec<_>>(),
    }
}

#[async_trait]
impl Accounts for MongoStore {
    async fn list(
        &self,
        filter: &AccountFilter,
        skip: u64,
        limit: usize,
    ) -> Result<(Vec<LinkedAccount>, u64), StoreError> {
        let mut links = self.filtered(filter).await?;
        // Here and not on the server, where ids are texts and do not sort as numbers.
        links.sort_unstable_by_key(|link| Reverse((link.linked_at, link.discord_id)));
        let total = links.len() as u64;
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let page: Vec<Link> = links.into_iter().skip(skip).take(limit).collect();
        if page.is_empty() {
            return Ok((Vec::new(), total));
        }
        let ids: Vec<DiscordId> = page.iter().map(|link| link.discord_id).collect();
        let mut accounts = self.accounts(&ids).await?;
        // One that was removed in between is left out.
        let whole = page.into_iter().filter_map(|link| {
            let account = accounts.remove(&link.discord_id)?;
            Some(LinkedAccount {
                token_expiry: link.token_expiry,
                ..account
            })
        });
        Ok((whole.collect(), total))
    }

    async fn set_profile(&self, account: DiscordId, profile: &Profile) -> Result<(), StoreError> {
        self.change_account(account, written(profile)).await
    }

    async fn set_last_sync(&self, account: DiscordId, at: Timestamp) -> Result<(), StoreError> {
        self.change_account(account, doc! { "last_sync": date(at) }).await
    }

    async fn set_last_sync_of_all(&self, at: Timestamp) -> Result<(), StoreError> {
        // As a link is read: one that says nothing about it counts as active.
        let active = doc! { "is_active": { "$ne": false } };
        let update = doc! { "$set": { "last_sync": date(at) } };
        let noted = self.collection(LINKS).update_many(active, update).await;
        noted.map(drop).map_err(store_error)
    }

    async fn remove(&self, account: DiscordId) -> Result<bool, StoreError> {
        // All of them: of duplicates, one that stayed would count from now on.
        let removed = self.collection(LINKS).delete_many(by_account(account)).await;
        Ok(removed.map_err(store_error)?.deleted_count > 0)
    }
}
