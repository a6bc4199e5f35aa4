//! What jobs read of a guild before they act: its configuration, token, rules, and what our bot is in it.
//!
//! Configuration and mappings are kept for two seconds, what the bot is for ten minutes. What the directory
//! knows of a user is never kept: it is what a removal is confirmed by.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use rolecall_core::conditions::Facts;
use rolecall_core::desired::{Membership, Rules};
use rolecall_core::error::{JobError, StoreError};
use rolecall_core::guild::{GuildConfig, GuildInfo};
use rolecall_core::hierarchy::BotStanding;
use rolecall_core::ports::{BotToken, CallError, CallFailure, CallOptions, NewGuild};
use rolecall_core::secrets::SecretKind;
use rolecall_core::{DiscordId, GroupId, GuildId, RoleId, Timestamp, UserId};

use super::services::Services;

/// How long after a refusal nothing like it is tried.
const REFUSED_MS: i64 = 60_000;
/// How long configuration and mappings are kept.
const CONFIG_MS: i64 = 2_000;
/// How long the bot's standing is kept.
const STANDING_MS: i64 = 600_000;

/// Why nothing is done in a guild that is not configured (any more).
pub(super) const NOT_CONFIGURED: &str = "guild_not_configured";

/// Place of a bot token, for the vault.
pub fn token_place(guild: GuildId) -> String {
    SecretKind::BotToken.place(&guild.to_string())
}

/// An enabled guild, ready to be worked on.
#[derive(Clone)]
pub struct ReadyGuild {
    /// Its configuration.
    pub config: GuildConfig,
    /// Its bot's token.
    pub token: BotToken,
    /// Its mappings.
    pub rules: Arc<Rules>,
    /// Names of mapped roles, for people.
    pub role_names: Arc<BTreeMap<RoleId, String>>,
}

impl ReadyGuild {
    /// A role's name, or its id.
    pub fn role_name(&self, role: RoleId) -> String {
        match self.role_names.get(&role) {
            Some(name) if !name.is_empty() => name.clone(),
            _ => role.to_string(),
        }
    }
}

/// Why a guild cannot be worked on.
pub enum NotReady {
    /// It is not configured, or disabled: nothing to do.
    Skip(&'static str),
    /// Something failed.
    Failed(JobError),
}

impl<E: Into<JobError>> From<E> for NotReady {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// What a refusal is about: a guild, or one role of it.
type About = (GuildId, Option<RoleId>);

/// See the module.
#[derive(Default)]
pub struct GuildCache {
    ready: Mutex<HashMap<GuildId, (Timestamp, ReadyGuild)>>,
    info: Mutex<HashMap<GuildId, (Timestamp, Arc<GuildInfo>)>>,
    standing: Mutex<HashMap<GuildId, (Timestamp, BotStanding)>>,
    refused: Mutex<HashMap<About, (Timestamp, JobError)>>,
    looks: Mutex<HashMap<GuildId, LastLook>>,
}

/// When somebody looked last, and what was seen; locked while somebody looks, so that of many refusals at once one does.
type LastLook = Arc<tokio::sync::Mutex<Option<(Timestamp, Option<Look>)>>>;

/// What a guild and our bot in it are, as they were seen after a refusal. `None`: Discord does not tell of the bot.
pub(super) type Look = (Arc<GuildInfo>, Option<BotStanding>);

fn fresh<T: Clone>(
    cache: &Mutex<HashMap<GuildId, (Timestamp, T)>>,
    guild: GuildId,
    now: Timestamp,
    max_ms: i64,
) -> Option<T> {
    let cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
    cache
        .get(&guild)
        .filter(|(at, _)| (0..max_ms).contains(&now.millis_since(*at)))
        .map(|(_, v)| v.clone())
}

fn keep<T>(cache: &Mutex<HashMap<GuildId, (Timestamp, T)>>, guild: GuildId, now: Timestamp, value: T) {
    cache
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(guild, (now, value));
}

impl GuildCache {
    /// Notes that Discord refused a write in this guild (or of this role of it): the next ones would be refused, too, and
    /// Discord bans an address that asks in vain too often.
    pub fn note_refusal(&self, guild: GuildId, role: Option<RoleId>, now: Timestamp, error: JobError) {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((guild, role), (now, error));
    }

    /// What was refused last in this guild, or of this role of it, and when, if that is a moment ago.
    pub fn recent_refusal(
        &self,
        guild: GuildId,
        role: Option<RoleId>,
        now: Timestamp,
    ) -> Option<(Timestamp, JobError)> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = [(guild, None), (guild, role)];
        keys.iter()
            .filter_map(|key| refused.get(key))
            .filter(|(at, _)| (0..REFUSED_MS).contains(&now.millis_since(*at)))
            .max_by_key(|(at, _)| *at)
            .cloned()
    }

    /// The guild as Discord told it lately (ten minutes), for whoever only shows it.
    pub fn recent_info(&self, guild: GuildId, now: Timestamp) -> Option<Arc<GuildInfo>> {
        fresh(&self.info, guild, now, STANDING_MS)
    }

    /// The same, if it was read after this moment: what changed since is not judged by what was read before.
    pub fn info_read_after(
        &self,
        guild: GuildId,
        moment: Timestamp,
        now: Timestamp,
    ) -> Option<Arc<GuildInfo>> {
        fresh(&self.info, guild, now, STANDING_MS.min(now.millis_since(moment)))
    }

    /// Keeps what Discord told of a guild.
    pub fn keep_info(&self, guild: GuildId, now: Timestamp, info: Arc<GuildInfo>) {
        keep(&self.info, guild, now, info);
    }

    /// Forgets a guild, because Discord contradicted what is kept.
    pub fn forget(&self, guild: GuildId) {
        self.ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&guild);
        self.info
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&guild);
        self.standing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&guild);
    }
}

impl Services {
    /// A guild's configuration, token and rules, read after `not_before`: a job that was stored because something changed
    /// never sees the guild as it was before that change.
    pub async fn ready_guild(&self, id: GuildId, not_before: Timestamp) -> Result<ReadyGuild, NotReady> {
        let now = self.clock.now();
        let kept_for = CONFIG_MS.min(now.millis_since(not_before));
        if let Some(ready) = fresh(&self.cache.ready, id, now, kept_for) {
            return Ok(ready);
        }
        let config = self.guilds.get(id).await?.ok_or(NotReady::Skip(NOT_CONFIGURED))?;
        if !config.is_enabled {
            return Err(NotReady::Skip("guild_disabled"));
        }
        let token = self.open_token(id, self.guilds.sealed_token(id).await?)?;
        let mappings = self.mappings.list(Some(id)).await?;
        let known: BTreeSet<GroupId> = self.directory.groups().await?.into_iter().map(|g| g.id).collect();
        let ready = ReadyGuild {
            config,
            token,
            rules: Arc::new(Rules::new(&mappings, Some(&known))),
            role_names: Arc::new(mappings.into_iter().map(|m| (m.role_id, m.role_name)).collect()),
        };
        keep(&self.cache.ready, id, now, ready.clone());
        Ok(ready)
    }

    /// The bot's token from its sealed text.
    pub(super) fn open_token(&self, id: GuildId, sealed: Option<String>) -> Result<BotToken, JobError> {
        let sealed = sealed.filter(|t| !t.is_empty()).ok_or_else(|| {
            JobError::permanent("bot_token_missing", format!("guild {id} has no bot token stored"))
                .with_remedy("Store one with `rolecall guild add --id … --name …`.")
        })?;
        self.vault.open(&sealed, &token_place(id)).map_err(|e| {
            JobError::permanent(
                "bot_token_unreadable",
                format!("the bot token of guild {id}: {e}"),
            )
            .with_remedy("Put the old key back into ROLECALL_ENCRYPTION_KEYS, or store the token again.")
        })
    }

    /// A user's groups, read now.
    pub async fn membership(&self, user: &UserId) -> Result<Membership, JobError> {
        let mut all = self.directory.groups_of(std::slice::from_ref(user)).await?;
        Ok(all.remove(user).unwrap_or(Membership::Unknown))
    }

    /// What the directory knows of a user, read now; `None` if it does not know the user.
    pub async fn facts(&self, user: &UserId) -> Result<Option<Facts>, JobError> {
        let mut all = self.directory.facts_of(std::slice::from_ref(user)).await?;
        Ok(all.remove(user))
    }

    /// The guild as Discord tells it, read now.
    pub async fn read_info(
        &self,
        guild: &ReadyGuild,
        options: &CallOptions,
    ) -> Result<Arc<GuildInfo>, CallError> {
        let id = guild.config.guild_id;
        let info = Arc::new(self.discord.guild(&guild.token, id, options).await?);
        keep(&self.cache.info, id, self.clock.now(), Arc::clone(&info));
        Ok(info)
    }

    /// The guild as Discord told it within the last ten minutes.
    pub async fn recent_info(
        &self,
        guild: &ReadyGuild,
        options: &CallOptions,
    ) -> Result<Arc<GuildInfo>, CallError> {
        match fresh(
            &self.cache.info,
            guild.config.guild_id,
            self.clock.now(),
            STANDING_MS,
        ) {
            Some(info) => Ok(info),
            None => self.read_info(guild, options).await,
        }
    }

    /// The guild and what our bot is in it, read after Discord refused something there: once a minute and guild, whatever is
    /// refused meanwhile. `None`: they cannot be read now.
    pub(super) async fn look_after_refusal(&self, id: GuildId, options: &CallOptions) -> Option<Look> {
        let last = {
            let mut looks = self.cache.looks.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(looks.entry(id).or_default())
        };
        let (mut last, now) = (last.lock().await, self.clock.now());
        if let Some((at, look)) = &*last
            && (0..REFUSED_MS).contains(&now.millis_since(*at))
        {
            return look.clone();
        }
        let look = async {
            let guild = self.ready_guild(id, Timestamp(0)).await.ok()?;
            let info = self.read_info(&guild, options).await.ok()?;
            Some((info, self.read_standing(&guild, options).await.ok()?))
        };
        let look = look.await;
        // Also that nothing could be read: a refusal is not the moment to ask more and more.
        *last = Some((now, look.clone()));
        look
    }

    /// What our bot is in the guild: read at most every ten minutes. `None` if Discord does not tell; then it has the
    /// last word on each write.
    pub async fn standing(
        &self,
        guild: &ReadyGuild,
        options: &CallOptions,
    ) -> Result<Option<BotStanding>, CallError> {
        let id = guild.config.guild_id;
        match fresh(&self.cache.standing, id, self.clock.now(), STANDING_MS) {
            Some(standing) => Ok(Some(standing)),
            None => self.read_standing(guild, options).await,
        }
    }

    /// What our bot is in the guild, read now.
    pub async fn read_standing(
        &self,
        guild: &ReadyGuild,
        options: &CallOptions,
    ) -> Result<Option<BotStanding>, CallError> {
        let id = guild.config.guild_id;
        let now = self.clock.now();
        let bot = match guild.config.bot_user_id {
            Some(bot) => bot,
            None => {
                let bot = self.discord.me(&guild.token, options).await?.id;
                // Only saves a call next time, so a store that fails here is no reason to stop.
                if let Err(error) = self.note_bot(id, bot).await {
                    tracing::debug!(%error, guild.id = %id, "Could not note the bot's account of guild {id}");
                }
                bot
            }
        };
        match self.discord.member(&guild.token, id, bot, options).await {
            Ok(member) => {
                let standing = BotStanding {
                    id: bot,
                    roles: member.roles,
                };
                keep(&self.cache.standing, id, now, standing.clone());
                Ok(Some(standing))
            }
            Err(e) if e.failure == CallFailure::UnknownMember => Ok(None),
            Err(e) => Err(e),
        }
    }
    /// Notes the bot's own account in a guild that is configured: a removed one must not come back by it.
    async fn note_bot(&self, id: GuildId, bot: DiscordId) -> Result<(), StoreError> {
        let Some(stored) = self.guilds.get(id).await? else {
            return Ok(());
        };
        let config = GuildConfig {
            bot_user_id: Some(bot),
            ..stored
        };
        let guild = NewGuild {
            config,
            sealed_token: None,
        };
        self.guilds.put(guild).await.map(drop)
    }
}
