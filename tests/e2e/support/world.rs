//! A guild in the simulator, groups in a file, and what should come out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use rolecall_simulator::{BotIn, NewGuild, NewRole, Simulator, SimulatorConfig};
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) const BOT_TOKEN: &str = "e2e.bot.token";
pub(crate) const GROUPS: [&str; 3] = ["pilots", "scouts", "officers"];

/// A little Discord of this test.
pub(crate) struct World {
    pub(crate) simulator: Simulator,
    pub(crate) speed: f64,
    pub(crate) guild: u64,
    /// Roles of [`GROUPS`].
    pub(crate) roles: Vec<u64>,
    pub(crate) unmanaged: u64,
    /// Linked account → indexes of its groups.
    pub(crate) groups: BTreeMap<u64, BTreeSet<usize>>,
    pub(crate) url: String,
    before: BTreeMap<u64, BTreeSet<u64>>,
    dice: fastrand::Rng,
    _stop: DropGuard,
}

impl World {
    pub(crate) async fn start(speed: f64, members: usize, linked: usize) -> Self {
        // A write takes some time, so that two at once would be seen.
        let config = SimulatorConfig {
            speed,
            write_latency_ms: 2,
            ..SimulatorConfig::default()
        };
        let simulator = Simulator::new(config);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/v10", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let (served, stopped) = (simulator.clone(), stop.clone());
        tokio::spawn(async move { served.serve(listener, stopped.cancelled_owned()).await });

        let mut dice = fastrand::Rng::with_seed(7);
        let (guild, named) = add_guild(&simulator);
        let unmanaged = named["music"];
        let accounts = simulator.add_users("member", members);
        let before: BTreeMap<u64, BTreeSet<u64>> = accounts
            .iter()
            .map(|a| {
                (
                    *a,
                    if dice.bool() {
                        [unmanaged].into()
                    } else {
                        BTreeSet::new()
                    },
                )
            })
            .collect();
        simulator.add_members(
            guild,
            before.iter().map(|(a, r)| (*a, r.iter().copied().collect())),
        );
        let groups = accounts
            .into_iter()
            .take(linked)
            .map(|a| (a, (0..GROUPS.len()).filter(|_| dice.f64() < 0.45).collect()))
            .collect();
        let roles = GROUPS.iter().map(|g| named[*g]).collect();
        Self {
            simulator,
            speed,
            guild,
            roles,
            unmanaged,
            groups,
            url,
            before,
            dice,
            _stop: stop.drop_guard(),
        }
    }

    /// The bot comes back, after it was kicked.
    pub(crate) fn invite_bot(&self) {
        self.simulator.add_bot_to(self.guild, &bot()).unwrap();
    }

    /// The directory as a file.
    pub(crate) fn write_csv(&self, path: &Path) {
        let mut text = "user_id,name,groups,discord_id\n".to_owned();
        for (account, groups) in &self.groups {
            let names: Vec<&str> = groups.iter().map(|i| GROUPS[*i]).collect();
            writeln!(
                text,
                "user-{account},Member {account},{},{account}",
                names.join(";")
            )
            .unwrap();
        }
        std::fs::write(path, text).unwrap();
    }

    /// Changes one membership of each of so many users.
    pub(crate) fn change(&mut self, changes: usize) {
        let accounts: Vec<u64> = self.groups.keys().copied().collect();
        for account in accounts.into_iter().take(changes) {
            let group = self.dice.usize(..GROUPS.len());
            let groups = self.groups.get_mut(&account).unwrap();
            if !groups.remove(&group) {
                groups.insert(group);
            }
        }
    }

    /// Every member has exactly the roles that its groups give; everybody else and every other role is as before; and
    /// no two writes to one member overlapped.
    #[track_caller]
    pub(crate) fn assert_equal(&self) {
        for (account, roles) in self.simulator.all_roles(self.guild) {
            let Some(before) = self.before.get(&account) else {
                continue;
            };
            let mut right = before.clone();
            right.extend(
                self.groups
                    .get(&account)
                    .into_iter()
                    .flatten()
                    .map(|i| self.roles[*i]),
            );
            let roles: BTreeSet<u64> = roles.into_iter().collect();
            assert_eq!(roles, right, "roles of account {account}");
        }
        let touched = self.simulator.touched_roles(self.guild);
        assert!(
            !touched.contains(&self.unmanaged),
            "an unmanaged role was touched"
        );
        let counters = self.simulator.counters();
        assert_eq!((counters.lost_updates, counters.overlapping_writes), (0, 0));
    }
}

fn bot() -> BotIn {
    BotIn {
        position: Some(20),
        ..BotIn::with_token(BOT_TOKEN)
    }
}

fn add_guild(simulator: &Simulator) -> (u64, BTreeMap<String, u64>) {
    simulator.add_bot(BOT_TOKEN);
    let mut roles = vec![NewRole::at("music", 1)];
    roles.extend(
        GROUPS
            .iter()
            .zip(2..)
            .map(|(name, position)| NewRole::at(name, position)),
    );
    let bot = bot();
    let guild = simulator.add_guild(NewGuild {
        name: "Testers".into(),
        roles,
        bots: vec![bot],
        ..NewGuild::default()
    });
    (
        guild,
        simulator
            .guild_roles(guild)
            .into_iter()
            .map(|(id, name, _)| (name, id))
            .collect(),
    )
}
