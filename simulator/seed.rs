//! A small world to look at.

use crate::Simulator;
use crate::building::{BotIn, NewGuild, NewRole};

/// Token of the bot in the small world.
const BOT_TOKEN: &str = "simulator-bot-token";

/// Names of its roles, lowest first. The last stands above the bot, so that one mapping can be seen to fail.
const ROLES: [&str; 6] = ["Guest", "Member", "Pilot", "Scout", "Fleet Commander", "Director"];

/// Position of the bot's own role: above all but `Director`.
const BOT_POSITION: i64 = 6;

const MEMBERS: [&str; 20] = [
    "Ada",
    "Alan",
    "Barbara",
    "Dennis",
    "Donald",
    "Edsger",
    "Frances",
    "Grace",
    "Hedy",
    "Ivan",
    "Jean",
    "John",
    "Katherine",
    "Leslie",
    "Margaret",
    "Niklaus",
    "Radia",
    "Shafi",
    "Tim",
    "Vint",
];

/// What the small world holds.
#[derive(Clone, Debug)]
pub struct SmallWorld {
    pub bot_token: String,
    pub bot_id: u64,
    pub guild_id: u64,
    pub channel_id: u64,
    /// Names and ids, lowest first.
    pub roles: Vec<(String, u64)>,
    /// Names and ids of the members that are no bots and do not own the guild.
    pub members: Vec<(String, u64)>,
    pub client_id: String,
    pub client_secret: String,
}

impl Simulator {
    /// Makes one bot, one guild, six roles and twenty members with some of them.
    pub fn seed_small_world(&self) -> SmallWorld {
        let mut roles: Vec<NewRole> = ROLES
            .iter()
            .zip(1..)
            .map(|(name, position)| NewRole::at(name, position))
            .collect();
        if let Some(director) = roles.last_mut() {
            director.position = Some(BOT_POSITION + 1);
        }
        let bot = BotIn {
            position: Some(BOT_POSITION),
            ..BotIn::with_token(BOT_TOKEN)
        };
        let guild_id = self.add_guild(NewGuild {
            name: "Small World".into(),
            roles,
            bots: vec![bot],
            ..NewGuild::default()
        });
        let known = self.guild_roles(guild_id);
        let id_of = |name: &str| known.iter().find(|role| role.1 == name).map_or(0, |role| role.0);
        let roles: Vec<(String, u64)> = ROLES
            .iter()
            .map(|name| ((*name).to_owned(), id_of(name)))
            .collect();
        let mut members = Vec::new();
        for (index, name) in MEMBERS.iter().enumerate() {
            let user = self.add_user(name);
            // Everybody is at least a guest; the first half holds one role more.
            let extra = (index < MEMBERS.len() / 2).then(|| roles[1 + index % 4].1);
            let held: Vec<u64> = std::iter::once(roles[0].1).chain(extra).collect();
            self.add_member(guild_id, user, &held);
            members.push(((*name).to_owned(), user));
        }
        SmallWorld {
            bot_token: BOT_TOKEN.into(),
            bot_id: self.add_bot(BOT_TOKEN),
            guild_id,
            channel_id: self.channel_of(guild_id).unwrap_or_default(),
            roles,
            members,
            client_id: self.config().client_id.clone(),
            client_secret: self.config().client_secret.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Simulator, SimulatorConfig};

    #[test]
    fn the_small_world_has_what_it_says() {
        let simulator = Simulator::new(SimulatorConfig::default());
        let world = simulator.seed_small_world();
        assert_eq!((world.roles.len(), world.members.len()), (6, 20));
        assert_eq!(
            simulator.all_roles(world.guild_id).len(),
            22,
            "with the owner and the bot"
        );
        assert_eq!(world.bot_id.to_string(), world.client_id);
    }
}
