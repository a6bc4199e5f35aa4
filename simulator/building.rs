//! Building and changing guilds, roles and bots by hand. Nothing here counts as a call to the API.

use serde::Deserialize;

use crate::Simulator;
use crate::guild::{Guild, Member, Role};
use crate::ids;
use crate::permissions;
use crate::world::{Channel, World};

/// A role of a new guild.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct NewRole {
    /// A fresh id unless given.
    #[serde(default, with = "ids::option")]
    pub id: Option<u64>,
    pub name: String,
    /// Place in the order; above the roles listed before it unless given.
    #[serde(default)]
    pub position: Option<i64>,
    /// Belongs to an integration, so that no API call can give or take it.
    #[serde(default)]
    pub managed: bool,
    /// Bits, see [`permissions`](crate::permissions).
    #[serde(default)]
    pub permissions: u64,
    /// Colour as `0xRRGGBB`; 0: none.
    #[serde(default)]
    pub color: u32,
    /// Its members are shown apart from the others.
    #[serde(default)]
    pub hoist: bool,
    /// Everybody may mention it.
    #[serde(default)]
    pub mentionable: bool,
}

impl NewRole {
    /// An ordinary role without permissions, at the given position.
    #[must_use]
    pub fn at(name: &str, position: i64) -> Self {
        Self {
            name: name.into(),
            position: Some(position),
            ..Self::default()
        }
    }
}

/// A bot that is installed in a new guild.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct BotIn {
    /// The bot is made if the token is new.
    pub token: String,
    /// Place of the bot's own managed role; above all others unless given.
    #[serde(default)]
    pub position: Option<i64>,
    /// Bits of that role; [`permissions::BOT_DEFAULT`] unless given.
    #[serde(default)]
    pub permissions: Option<u64>,
}

impl BotIn {
    /// The bot with its role above all others and the usual permissions.
    #[must_use]
    pub fn with_token(token: &str) -> Self {
        Self {
            token: token.into(),
            ..Self::default()
        }
    }
}

/// A guild to make.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct NewGuild {
    #[serde(default, with = "ids::option")]
    pub id: Option<u64>,
    pub name: String,
    /// A fresh user unless given.
    #[serde(default, with = "ids::option")]
    pub owner_id: Option<u64>,
    /// 1 asks for two-factor authentication.
    #[serde(default)]
    pub mfa_level: u8,
    #[serde(default)]
    pub roles: Vec<NewRole>,
    #[serde(default)]
    pub bots: Vec<BotIn>,
}

impl Simulator {
    /// The bot with this token, made if it is new: GUILD_MEMBERS intent on, owner with two-factor
    /// authentication. The first bot belongs to the main application and has its id.
    pub fn add_bot(&self, token: &str) -> u64 {
        self.with(|state| state.world.bot(token))
    }

    /// Switches the GUILD_MEMBERS intent of a bot in the portal.
    pub fn set_members_intent(&self, bot: u64, on: bool) {
        self.with(|state| {
            if let Some(app) = state.world.apps.get_mut(&bot) {
                app.members_intent = on;
            }
        });
    }

    /// Says whether the owner of the bot's application has two-factor authentication.
    pub fn set_owner_2fa(&self, bot: u64, on: bool) {
        self.with(|state| {
            if let Some(app) = state.world.apps.get_mut(&bot) {
                app.owner_has_2fa = on;
            }
        });
    }

    /// Makes a guild with its roles, its owner, its bots and one channel. Returns its id.
    pub fn add_guild(&self, new: NewGuild) -> u64 {
        let unix_ms = self.clock().unix_ms();
        self.with(|state| add_guild(&mut state.world, new, unix_ms))
    }

    /// Installs one more bot. Returns the bot's id, or nothing if there is no such guild.
    pub fn add_bot_to(&self, guild: u64, bot: &BotIn) -> Option<u64> {
        let unix_ms = self.clock().unix_ms();
        self.with(|state| {
            let mut found = state.world.guilds.remove(&guild)?;
            let id = install_bot(&mut state.world, &mut found, bot, unix_ms);
            state.world.guilds.insert(guild, found);
            Some(id)
        })
    }

    /// Adds a role. Returns its id, or nothing if there is no such guild.
    pub fn add_role(&self, guild: u64, new: NewRole) -> Option<u64> {
        self.with(|state| {
            let World { ids, guilds, .. } = &mut state.world;
            guilds
                .get_mut(&guild)
                .map(|guild| insert_role(guild, new, || ids.next()))
        })
    }

    /// The guild's roles as (id, name, position), highest first; @everyone is the last.
    #[must_use]
    pub fn guild_roles(&self, guild: u64) -> Vec<(u64, String, i64)> {
        self.with_guild(guild, |guild| {
            let mut ids: Vec<u64> = guild.roles.keys().copied().collect();
            ids.sort_by_key(|id| std::cmp::Reverse(guild.rank(*id)));
            let role = |id: u64| {
                guild
                    .roles
                    .get(&id)
                    .map(|role| (id, role.name.clone(), role.position))
            };
            ids.into_iter().filter_map(role).collect()
        })
        .unwrap_or_default()
    }

    /// The guild's notification channel.
    #[must_use]
    pub fn channel_of(&self, guild: u64) -> Option<u64> {
        self.with_guild(guild, |guild| guild.channel_id)
    }

    /// Contents of the messages in a channel, oldest first.
    #[must_use]
    pub fn messages(&self, channel: u64) -> Vec<String> {
        self.with(|state| {
            let channel = state.world.channels.get(&channel);
            channel.map(|channel| {
                channel
                    .messages
                    .iter()
                    .map(|message| message.content.clone())
                    .collect()
            })
        })
        .unwrap_or_default()
    }

    /// Whom the messages in a channel pinged, oldest first: `@everyone`, `<@1>`, `<@&2>`.
    #[must_use]
    pub fn pings(&self, channel: u64) -> Vec<String> {
        self.with(|state| {
            let channel = state.world.channels.get(&channel);
            let messages = channel.into_iter().flat_map(|channel| &channel.messages);
            messages.flat_map(|message| message.pings.clone()).collect()
        })
    }

    /// Deletes a channel with its messages. Says whether it was there.
    pub fn delete_channel(&self, channel: u64) -> bool {
        self.with(|state| state.world.channels.remove(&channel).is_some())
    }

    /// Throws a bot out; its own role goes with it. Says whether it was there.
    pub fn kick_bot(&self, guild: u64, bot: u64) -> bool {
        self.with_guild(guild, |guild| {
            let own = guild
                .roles
                .iter()
                .find(|(_, role)| role.bot_id == Some(bot))
                .map(|(id, _)| *id);
            if let Some(own) = own {
                guild.delete_role(own);
            }
            guild.remove_member(bot)
        })
        .unwrap_or(false)
    }

    /// Puts a role at another place. Others keep theirs, so two roles may stand at one position.
    pub fn move_role(&self, guild: u64, role: u64, position: i64) -> bool {
        self.with_guild(guild, |guild| {
            guild.roles.get_mut(&role).map(|role| role.position = position)
        })
        .flatten()
        .is_some()
    }

    /// Deletes a role, off every member too. Says whether it was there.
    pub fn delete_role(&self, guild: u64, role: u64) -> bool {
        self.with_guild(guild, |guild| guild.delete_role(role))
            .unwrap_or(false)
    }

    /// Sets the guild's two-factor requirement (0 or 1).
    pub fn set_mfa_level(&self, guild: u64, level: u8) {
        self.with_guild(guild, |guild| guild.mfa_level = level);
    }
}

fn add_guild(world: &mut World, new: NewGuild, unix_ms: u64) -> u64 {
    let id = new.id.unwrap_or_else(|| world.ids.next());
    let owner_id = new
        .owner_id
        .unwrap_or_else(|| world.add_user(&format!("owner of {}", new.name)));
    world.ensure_user(owner_id);
    let channel_id = world.ids.next();
    world.channels.insert(
        channel_id,
        Channel {
            guild: id,
            ..Channel::default()
        },
    );
    let mut guild = Guild::default();
    (guild.id, guild.name) = (id, new.name);
    (guild.owner_id, guild.mfa_level, guild.channel_id) = (owner_id, new.mfa_level, channel_id);
    let everyone = Role {
        name: "@everyone".into(),
        position: 0,
        permissions: permissions::EVERYONE_DEFAULT,
        ..Role::default()
    };
    guild.roles.insert(id, everyone);
    for role in new.roles {
        insert_role(&mut guild, role, || world.ids.next());
    }
    guild.members.insert(
        owner_id,
        Member {
            joined_unix_ms: unix_ms,
            ..Member::default()
        },
    );
    for bot in &new.bots {
        install_bot(world, &mut guild, bot, unix_ms);
    }
    world.guilds.insert(id, guild);
    id
}

fn insert_role(guild: &mut Guild, new: NewRole, next_id: impl FnOnce() -> u64) -> u64 {
    let id = new.id.unwrap_or_else(next_id);
    let position = new.position.unwrap_or_else(|| highest_position(guild) + 1);
    let NewRole {
        name,
        managed,
        permissions,
        color,
        hoist,
        mentionable,
        ..
    } = new;
    guild.roles.insert(
        id,
        Role {
            name,
            position,
            permissions,
            managed,
            color,
            hoist,
            mentionable,
            bot_id: None,
        },
    );
    id
}

fn highest_position(guild: &Guild) -> i64 {
    guild.roles.values().map(|role| role.position).max().unwrap_or(0)
}

/// Makes the bot a member, with a managed role of its own.
pub(crate) fn install_bot(world: &mut World, guild: &mut Guild, bot: &BotIn, unix_ms: u64) -> u64 {
    let bot_id = world.bot(&bot.token);
    if guild.members.contains_key(&bot_id) {
        return bot_id;
    }
    let role_id = world.ids.next();
    let role = Role {
        name: format!("{} (bot)", guild.name),
        position: bot.position.unwrap_or_else(|| highest_position(guild) + 1),
        permissions: bot.permissions.unwrap_or(permissions::BOT_DEFAULT),
        managed: true,
        bot_id: Some(bot_id),
        ..Role::default()
    };
    guild.roles.insert(role_id, role);
    let member = Member {
        roles: [role_id].into(),
        joined_unix_ms: unix_ms,
        ..Member::default()
    };
    guild.members.insert(bot_id, member);
    bot_id
}
