//! A little Discord, people in groups, and the roles that they should have at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use rolecall_simulator::{BotIn, NewGuild, NewRole, Simulator, SimulatorConfig};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::case::Wish;
use crate::processes::now_ms;
use crate::stage::Needs;

pub(crate) const BOT_TOKEN: &str = "faults.bot.token-that-nobody-may-see";
pub(crate) const GROUPS: [&str; 3] = ["pilots", "scouts", "officers"];
/// As fast as Discord's clock runs, unless a scenario wants its waits to be longer.
pub(crate) const SPEED: f64 = 20.0;

/// Members who are not linked, and keep what they have.
const STRANGERS: usize = 5;

pub(crate) struct World {
    pub(crate) simulator: Simulator,
    pub(crate) guild: u64,
    /// Roles of [`GROUPS`].
    pub(crate) roles: Vec<u64>,
    pub(crate) unmanaged: u64,
    /// Linked account → its groups.
    groups: BTreeMap<u64, BTreeSet<usize>>,
    /// Groups whose mapping is switched off, and those of which nobody knows.
    off: BTreeSet<usize>,
    unsure: BTreeSet<usize>,
    /// Nobody knows which groups the directory was told.
    pub(crate) unsure_of_all: bool,
    /// What [`Self::demote`] took.
    before: BTreeMap<u64, BTreeSet<usize>>,
    /// All members, and what they should have in the end.
    pub(crate) right: BTreeMap<u64, BTreeSet<u64>>,
    /// All members, and what they had at first.
    pub(crate) held_at_first: BTreeMap<u64, BTreeSet<u64>>,
    address: String,
    _stop: DropGuard,
}

impl World {
    /// One linked member is in one group; of several, each is in one to three.
    pub(crate) async fn start(needs: Needs, seed: u64) -> Result<Self, String> {
        let simulator = Simulator::new(SimulatorConfig {
            speed: needs.speed,
            // Two writes at once have to meet.
            write_latency_ms: needs.write_ms,
            log_size: 100_000,
            // Whoever asks for a pair of tokens gets to know the one that is in use.
            same_token_on_relogin: true,
            ..SimulatorConfig::default()
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(|e| e.to_string())?;
        let address = listener.local_addr().map_err(|e| e.to_string())?.to_string();
        let stop = CancellationToken::new();
        let (served, stopped) = (simulator.clone(), stop.clone());
        tokio::spawn(async move { served.serve(listener, stopped.cancelled_owned()).await });

        simulator.add_bot(BOT_TOKEN);
        let names = ["music"].into_iter().chain(GROUPS);
        let guild = simulator.add_guild(NewGuild {
            name: "Testers".into(),
            roles: names
                .zip(1..)
                .map(|(name, position)| NewRole::at(name, position))
                .collect(),
            bots: vec![BotIn {
                position: Some(20),
                ..BotIn::with_token(BOT_TOKEN)
            }],
            ..NewGuild::default()
        });
        let named: BTreeMap<String, u64> = simulator
            .guild_roles(guild)
            .into_iter()
            .map(|(id, name, _)| (name, id))
            .collect();
        let role = |name: &str| named.get(name).copied().unwrap_or_default();
        let (roles, unmanaged): (Vec<u64>, u64) = (GROUPS.iter().map(|g| role(g)).collect(), role("music"));

        let mut world = Self {
            simulator,
            guild,
            roles,
            unmanaged,
            groups: BTreeMap::new(),
            off: BTreeSet::new(),
            unsure: BTreeSet::new(),
            unsure_of_all: false,
            before: BTreeMap::new(),
            right: BTreeMap::new(),
            held_at_first: BTreeMap::new(),
            address,
            _stop: stop.drop_guard(),
        };
        world.populate(needs, seed);
        Ok(world)
    }

    fn populate(&mut self, needs: Needs, seed: u64) {
        let mut dice = fastrand::Rng::with_seed(seed);
        let accounts = self.simulator.add_users("member", needs.linked + STRANGERS);
        for (n, account) in accounts.into_iter().enumerate() {
            let before = if dice.bool() {
                BTreeSet::from([self.unmanaged])
            } else {
                BTreeSet::new()
            };
            self.simulator
                .add_members(self.guild, [(account, before.iter().copied().collect())]);
            self.held_at_first.insert(account, before.clone());
            let mut right = before;
            if n < needs.linked {
                let how_many = if needs.linked == 1 || needs.one_group_each {
                    1
                } else {
                    dice.usize(1..=GROUPS.len())
                };
                let groups: BTreeSet<usize> = (0..how_many).collect();
                right.extend(groups.iter().map(|i| self.roles[*i]));
                self.groups.insert(account, groups);
            }
            self.right.insert(account, right);
        }
    }

    pub(crate) fn api(&self) -> String {
        format!("http://{}/api/v10", self.address)
    }

    pub(crate) fn control(&self) -> String {
        format!("http://{}/simulator", self.address)
    }

    /// The directory as a file.
    pub(crate) fn write_csv(&self, path: &Path) -> Result<(), String> {
        let mut text = "user_id,name,groups,discord_id\n".to_owned();
        for (account, groups) in &self.groups {
            let names: Vec<&str> = groups.iter().map(|i| GROUPS[*i]).collect();
            let _ = writeln!(
                text,
                "{},Member {account},{},{account}",
                user_of(*account),
                names.join(";")
            );
        }
        std::fs::write(path, text).map_err(|e| e.to_string())
    }

    /// What is wished for as the groups and mappings are now.
    pub(crate) fn wish(&self) -> Wish {
        let given = |groups: &BTreeSet<usize>| groups.difference(&self.off).map(|i| self.roles[*i]).collect();
        let roles = self
            .groups
            .iter()
            .map(|(account, groups)| (*account, given(groups)));
        Wish {
            at: now_ms(),
            roles: roles.collect(),
            unsure: (0..self.roles.len())
                .filter(|i| self.unsure_of_all || self.unsure.contains(i))
                .map(|i| self.roles[i])
                .collect(),
        }
    }

    /// The mapping of this group is switched, or nobody knows whether it was.
    pub(crate) fn switched(&mut self, group: usize, active: bool, is_sure: bool) {
        if active {
            self.off.remove(&group);
        } else {
            self.off.insert(group);
        }
        if is_sure {
            self.unsure.remove(&group);
        } else {
            self.unsure.insert(group);
        }
    }

    /// Who is in which groups.
    pub(crate) fn groups(&self) -> BTreeMap<u64, BTreeSet<usize>> {
        self.groups.clone()
    }

    /// All are in these groups again.
    pub(crate) fn regain(&mut self, groups: BTreeMap<u64, BTreeSet<usize>>) {
        for (account, groups) in &groups {
            let roles = groups.iter().map(|i| self.roles[*i]);
            self.right.entry(*account).or_default().extend(roles);
        }
        self.groups = groups;
    }

    /// Takes so many members out of all groups.
    pub(crate) fn expel(&mut self, members: usize) {
        let managed = &self.roles;
        for (account, groups) in self
            .groups
            .iter_mut()
            .filter(|(_, g)| !g.is_empty())
            .take(members)
        {
            groups.clear();
            self.right
                .entry(*account)
                .or_default()
                .retain(|r| !managed.contains(r));
        }
    }

    /// A member leaves the guild.
    pub(crate) fn leaves(&mut self, account: u64) {
        self.simulator.remove_member(self.guild, account);
        self.right.remove(&account);
    }

    /// Puts everybody into the second group, too.
    pub(crate) fn promote(&mut self) {
        for (account, groups) in &mut self.groups {
            if groups.insert(1) {
                self.right.entry(*account).or_default().insert(self.roles[1]);
            }
        }
    }

    /// The application's name of the nth linked member.
    pub(crate) fn user(&self, nth: usize) -> String {
        let account = self.groups.keys().nth(nth).copied().unwrap_or_default();
        user_of(account)
    }

    /// The nth linked member is in these groups from now on (a bit each).
    pub(crate) fn regroup(&mut self, nth: usize, bits: u8) {
        let Some((account, groups)) = self.groups.iter_mut().nth(nth) else {
            return;
        };
        *groups = (0..GROUPS.len()).filter(|g| bits >> g & 1 == 1).collect();
        let right = self.right.entry(*account).or_default();
        for (group, role) in self.roles.iter().enumerate() {
            if groups.contains(&group) {
                right.insert(*role);
            } else {
                right.remove(role);
            }
        }
    }

    /// The first few lose all their groups. What they should have in the end stays as it is.
    pub(crate) fn demote(&mut self, how_many: usize) {
        for (account, groups) in self.groups.iter_mut().take(how_many) {
            self.before.insert(*account, std::mem::take(groups));
        }
    }

    /// They get them back.
    pub(crate) fn give_back(&mut self) {
        self.groups.append(&mut self.before);
    }

    /// Members who are not linked, and have nothing.
    pub(crate) fn add_crowd(&mut self, how_many: usize) {
        let accounts = self.simulator.add_users("crowd", how_many);
        self.right.extend(accounts.iter().map(|a| (*a, BTreeSet::new())));
        self.simulator
            .add_members(self.guild, accounts.into_iter().map(|a| (a, Vec::new())));
    }

    /// Somebody who is in a group, linked, and not in the guild.
    pub(crate) fn add_newcomer(&mut self) -> u64 {
        let account = self.simulator.add_user("newcomer");
        self.groups.insert(account, [0].into());
        account
    }

    /// Nobody who is linked gets anything: what a job that is put aside leaves.
    pub(crate) fn nobody_gets_anything(&mut self) {
        let managed = &self.roles;
        for roles in self.right.values_mut() {
            roles.retain(|r| !managed.contains(r));
        }
    }
}

/// The application's name of a linked account.
fn user_of(account: u64) -> String {
    format!("user-{account}")
}
