//! The demo's world: guilds in the simulator, groups and mappings in the store, and what should come out.

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::conditions::Conditions;
use rolecall_core::guild::{GuildConfig, GuildSettings};
use rolecall_core::mapping::Mapping;
use rolecall_core::ports::{ImportRow, NewGuild as StoredGuild};
use rolecall_core::{DiscordId, GuildId, MappingId, RoleId, UserId};
use rolecall_jobs::kernel::guilds::token_place;
use rolecall_simulator::{BotIn, NewGuild, NewRole, Simulator};
use secrecy::SecretString;
use uuid::Uuid;

use super::bound::{self, GuildWork};
use super::report::Comparison;
use crate::app::App;

const BOT_TOKEN: &str = "demo.bot.token";
/// Groups, and how likely somebody is in each.
const GROUPS: [(&str, f64); 5] = [
    ("Members", 0.8),
    ("Pilots", 0.45),
    ("Scouts", 0.25),
    ("Officers", 0.1),
    ("Directors", 0.03),
];
/// Roles that nobody maps.
const UNMANAGED: [&str; 2] = ["Music fan", "Announcements"];

/// How big.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Members of each guild.
    pub members: usize,
    /// Of these, how many are linked.
    pub linked: usize,
    /// Guilds.
    pub guilds: usize,
    /// Memberships that change between the syncs.
    pub changes: usize,
    /// Makes it repeatable.
    pub seed: u64,
}

impl Size {
    /// # Errors
    /// A sentence, if it makes no sense.
    pub fn check(self) -> Result<(), String> {
        if self.members == 0 || self.guilds == 0 {
            return Err("--members and --guilds have to be at least 1".to_owned());
        }
        if self.linked > self.members {
            return Err(format!(
                "--linked {} is more than --members {}",
                self.linked, self.members
            ));
        }
        if self.changes > self.linked {
            return Err(format!(
                "--changes {} is more than --linked {}: each change is another user's",
                self.changes, self.linked
            ));
        }
        Ok(())
    }
}

struct Guild {
    id: u64,
    /// Group → mapped role, in the order of [`GROUPS`].
    mapped: Vec<u64>,
    /// What members held before the first sync, by account.
    before: BTreeMap<u64, BTreeSet<u64>>,
}

/// See the module.
pub(super) struct World {
    dice: fastrand::Rng,
    guilds: Vec<Guild>,
    /// Linked account → indexes of its groups.
    groups: BTreeMap<u64, BTreeSet<usize>>,
}

fn user_id(account: u64) -> UserId {
    UserId(format!("user-{account}"))
}

impl World {
    /// Makes it.
    pub(super) async fn build(app: &App, simulator: &Simulator, size: Size) -> Result<Self, String> {
        let mut dice = fastrand::Rng::with_seed(size.seed);
        let bot = simulator.add_bot(BOT_TOKEN);
        let accounts = simulator.add_users("Member", size.members);
        let mut linked = accounts.clone();
        dice.shuffle(&mut linked);
        linked.truncate(size.linked);
        let groups: BTreeMap<u64, BTreeSet<usize>> = linked
            .iter()
            .map(|a| {
                (
                    *a,
                    (0..GROUPS.len()).filter(|i| dice.f64() < GROUPS[*i].1).collect(),
                )
            })
            .collect();
        let mut world = Self {
            dice,
            guilds: Vec::new(),
            groups,
        };
        world.import(app, world.groups.keys().copied().collect()).await?;
        for n in 1..=size.guilds {
            let guild = world.add_guild(simulator, n, &accounts);
            store_guild(app, &guild, n, bot).await?;
            world.guilds.push(guild);
        }
        Ok(world)
    }

    fn add_guild(&mut self, simulator: &Simulator, n: usize, accounts: &[u64]) -> Guild {
        let mut roles: Vec<NewRole> = UNMANAGED
            .iter()
            .zip(1..)
            .map(|(name, p)| NewRole::at(name, p))
            .collect();
        roles.extend(GROUPS.iter().zip(10..).map(|((name, _), p)| NewRole::at(name, p)));
        let id = simulator.add_guild(NewGuild {
            name: format!("Demo guild {n}"),
            roles,
            bots: vec![BotIn {
                position: Some(50),
                ..BotIn::with_token(BOT_TOKEN)
            }],
            ..NewGuild::default()
        });
        let named: BTreeMap<String, u64> = simulator
            .guild_roles(id)
            .into_iter()
            .map(|(id, name, _)| (name, id))
            .collect();
        let mapped: Vec<u64> = GROUPS
            .iter()
            .filter_map(|(name, _)| named.get(*name))
            .copied()
            .collect();
        let unmanaged: Vec<u64> = UNMANAGED
            .iter()
            .filter_map(|name| named.get(*name))
            .copied()
            .collect();
        let mut before = BTreeMap::new();
        for account in accounts {
            let mut held: BTreeSet<u64> = unmanaged
                .iter()
                .copied()
                .filter(|_| self.dice.f64() < 0.2)
                .collect();
            if let Some(groups) = self.groups.get(account) {
                // One in ten is right already, one in twenty has a role too many.
                if self.dice.f64() < 0.1 {
                    held.extend(groups.iter().map(|i| mapped[*i]));
                } else if self.dice.f64() < 0.05 {
                    held.insert(mapped[self.dice.usize(..mapped.len())]);
                }
            }
            before.insert(*account, held);
        }
        simulator.add_members(id, before.iter().map(|(a, r)| (*a, r.iter().copied().collect())));
        Guild { id, mapped, before }
    }

    async fn import(&self, app: &App, accounts: Vec<u64>) -> Result<(), String> {
        let rows: Vec<ImportRow> = accounts
            .into_iter()
            .map(|account| ImportRow {
                user_id: user_id(account),
                name: format!("Member {account}"),
                groups: self.groups[&account]
                    .iter()
                    .map(|i| GROUPS[*i].0.to_owned())
                    .collect(),
                discord_id: DiscordId::new(account),
            })
            .collect();
        match app.import.import(&rows, false).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(rows)) => Err(format!("the demo's own directory was refused: {rows:?}")),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Changes one membership of each of so many users.
    pub(super) async fn change(&mut self, app: &App, changes: usize) -> Result<(), String> {
        let mut accounts: Vec<u64> = self.groups.keys().copied().collect();
        self.dice.shuffle(&mut accounts);
        accounts.truncate(changes);
        for account in &accounts {
            let group = self.dice.usize(..GROUPS.len());
            let groups = self.groups.entry(*account).or_default();
            if !groups.remove(&group) {
                groups.insert(group);
            }
        }
        self.import(app, accounts).await
    }

    fn wanted(&self, guild: &Guild, account: u64) -> BTreeSet<u64> {
        self.groups
            .get(&account)
            .into_iter()
            .flatten()
            .map(|i| guild.mapped[*i])
            .collect()
    }

    /// The least time that Discord's limits allow for what is to be done now, in its seconds.
    pub(super) fn bound_seconds(&self, simulator: &Simulator) -> f64 {
        let work: Vec<GuildWork> = self
            .guilds
            .iter()
            .map(|guild| {
                let mapped: BTreeSet<u64> = guild.mapped.iter().copied().collect();
                let all = simulator.all_roles(guild.id);
                let members = all.len();
                let deltas = all
                    .into_iter()
                    .filter(|(account, _)| self.groups.contains_key(account))
                    .map(|(account, roles)| {
                        let held: BTreeSet<u64> = roles.into_iter().filter(|r| mapped.contains(r)).collect();
                        held.symmetric_difference(&self.wanted(guild, account)).count()
                    })
                    .filter(|d| *d > 0)
                    .collect();
                GuildWork { members, deltas }
            })
            .collect();
        bound::seconds(&work)
    }

    /// Compares what the simulator has with what should be.
    pub(super) fn compare(&self, simulator: &Simulator) -> Comparison {
        let mut out = Comparison::default();
        for guild in &self.guilds {
            let mapped: BTreeSet<u64> = guild.mapped.iter().copied().collect();
            for (account, roles) in simulator.all_roles(guild.id) {
                let Some(before) = guild.before.get(&account) else {
                    continue;
                };
                let (ours, foreign): (BTreeSet<u64>, BTreeSet<u64>) =
                    roles.into_iter().partition(|r| mapped.contains(r));
                let right = if self.groups.contains_key(&account) {
                    self.wanted(guild, account)
                } else {
                    before.intersection(&mapped).copied().collect()
                };
                out.members += 1;
                out.wrong += u64::from(ours != right);
                let foreign_before: BTreeSet<u64> = before.difference(&mapped).copied().collect();
                out.unmanaged_touched += u64::from(foreign != foreign_before);
            }
            out.unmanaged_touched += simulator
                .touched_roles(guild.id)
                .into_iter()
                .filter(|r| !mapped.contains(r))
                .count() as u64;
        }
        out
    }
}

async fn store_guild(app: &App, guild: &Guild, n: usize, bot: u64) -> Result<(), String> {
    let services = &app.services;
    let guild_id = GuildId::new(guild.id).ok_or("the simulator made a guild without an id")?;
    let now = services.clock.now();
    let sealed = services
        .vault
        .seal(&SecretString::from(BOT_TOKEN.to_owned()), &token_place(guild_id))
        .map_err(|e| e.to_string())?;
    let config = GuildConfig {
        guild_id,
        guild_name: format!("Demo guild {n}"),
        is_enabled: true,
        bot_user_id: DiscordId::new(bot),
        settings: GuildSettings::default(),
        health: None,
        created_by: None,
        created_at: now,
        updated_at: now,
    };
    services
        .guilds
        .put(StoredGuild {
            config,
            sealed_token: Some(sealed),
        })
        .await
        .map_err(|e| e.to_string())?;
    for ((name, _), role) in GROUPS.iter().zip(&guild.mapped) {
        let group = app.import.ensure_group(name).await.map_err(|e| e.to_string())?;
        let mapping = Mapping {
            id: MappingId(Uuid::new_v4().simple().to_string()[..24].to_owned()),
            guild_id,
            group_id: group.id,
            group_name: group.name,
            role_id: RoleId::new(*role).ok_or("the simulator made a role without an id")?,
            role_name: (*name).to_owned(),
            priority: 0,
            conditions: Conditions::default(),
            is_active: true,
            created_by: None,
            created_at: now,
            updated_at: now,
            last_sync: None,
            sync_count: 0,
        };
        services
            .mappings
            .add(mapping)
            .await
            .map_err(|e| e.to_string())?
            .map_err(|m| format!("the demo maps {} twice", m.group_name))?;
    }
    Ok(())
}
