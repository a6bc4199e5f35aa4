//! Six guilds, in each of which jobs fail for a cause of its own.

use rolecall_simulator::{BotIn, Fault, FaultKind, NewGuild, NewRole, Simulator, SimulatorConfig};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::ground::Ground;
use crate::support::process::Installation;

const SPEED: f64 = 60.0;
const TOKEN: &str = "tour.bot.token";
const OTHER_TOKEN: &str = "tour.other-bot.token";
/// The page names this one.
pub(super) const FIRST_GUILD: u64 = 123_456_789_012_345_678;
/// Writes to members.
pub(super) const KINDS: [&str; 2] = ["add_role", "set_member_roles"];

/// Why the jobs of a guild fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The role went above the bot's: 50013.
    Above,
    /// The bot was thrown out of the guild.
    Left,
    /// The bot's token does not work any more.
    Token,
    /// Discord answers 503.
    Storm,
    /// What is stored of the job is no JSON.
    Poison,
    /// The role was deleted: 10011.
    Deleted,
}

impl Why {
    pub(super) const ALL: [Self; 6] = [
        Self::Above,
        Self::Left,
        Self::Token,
        Self::Storm,
        Self::Poison,
        Self::Deleted,
    ];

    /// What `rolecall jobs show` says of it: what happened, and what to do.
    pub(super) const fn told(self) -> &'static [&'static str] {
        match self {
            Self::Above => &["50013", "is above the bot's highest role"],
            Self::Left => &["50001", "Invite the bot to the guild"],
            Self::Token => &["401", "make a new one in Discord's developer portal"],
            Self::Storm => &["503", "when it is well again"],
            Self::Poison => &["undecodable", "ask for the change again"],
            Self::Deleted => &["10011", "point its mapping at another role"],
        }
    }

    fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// A guild of the stage.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) why: Why,
    pub(super) guild: u64,
    role: u64,
    bot: u64,
}

/// See the module.
pub(super) struct Stage {
    pub(super) simulator: Simulator,
    pub(super) places: Vec<Place>,
    /// Linked members of each guild.
    pub(super) members: usize,
    url: String,
    people: String,
    _stop: DropGuard,
}

impl Stage {
    pub(super) async fn start(members: usize) -> Self {
        let simulator = Simulator::new(SimulatorConfig {
            speed: SPEED,
            ..SimulatorConfig::default()
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/v10", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let (served, stopped) = (simulator.clone(), stop.clone());
        tokio::spawn(async move { served.serve(listener, stopped.cancelled_owned()).await });
        let mut people = "user_id,name,groups,discord_id\n".to_owned();
        let mut places = Vec::new();
        for why in Why::ALL {
            let token = if why == Why::Token { OTHER_TOKEN } else { TOKEN };
            let bot = BotIn {
                position: Some(9),
                ..BotIn::with_token(token)
            };
            let guild = simulator.add_guild(NewGuild {
                id: (why == Why::Above).then_some(FIRST_GUILD),
                name: why.name(),
                roles: vec![NewRole::at("Pilot", 1)],
                bots: vec![bot],
                ..NewGuild::default()
            });
            let roles = simulator.guild_roles(guild);
            let role = roles.iter().find(|(_, name, _)| name == "Pilot").unwrap().0;
            let accounts = simulator.add_users(&why.name(), members);
            for (n, account) in accounts.iter().enumerate() {
                let name = why.name();
                people.push_str(&format!("{name}-{n},Member {n},{name},{account}\n"));
            }
            simulator.add_members(guild, accounts.into_iter().map(|a| (a, Vec::new())));
            let bot = simulator.add_bot(token);
            places.push(Place {
                why,
                guild,
                role,
                bot,
            });
        }
        Self {
            simulator,
            places,
            members,
            url,
            people,
            _stop: stop.drop_guard(),
        }
    }

    pub(super) fn place(&self, why: Why) -> Place {
        *self.places.iter().find(|place| place.why == why).unwrap()
    }

    /// All guilds configured, nothing synced yet.
    pub(super) fn installed(&self, ground: &Ground, port: u16) -> Installation {
        let installation = ground
            .installation()
            .set("DISCORD_API_BASE_URL", &self.url)
            .set("ROLECALL_SIMULATOR_SPEED", SPEED)
            .set("HOST", "127.0.0.1")
            .set("PORT", port)
            .set("BOT_TOKEN", TOKEN)
            .set("OTHER_BOT_TOKEN", OTHER_TOKEN);
        let file = installation.path("people.csv");
        std::fs::write(&file, &self.people).unwrap();
        installation
            .run(&["directory", "import", file.to_str().unwrap()])
            .ok();
        for place in &self.places {
            let (id, role, name) = (place.guild.to_string(), place.role.to_string(), place.why.name());
            let token = if place.why == Why::Token {
                "OTHER_BOT_TOKEN"
            } else {
                "BOT_TOKEN"
            };
            let guild = [
                "guild",
                "add",
                "--id",
                &id,
                "--name",
                &name,
                "--bot-token-env",
                token,
            ];
            installation.run(&guild).ok();
            let mapping = [
                "mapping", "add", "--guild", &id, "--group", &name, "--role", &role,
            ];
            installation.run(&mapping).ok();
        }
        installation.nothing_by_the_clock();
        installation
    }

    /// Everything goes wrong. The jobs are stored, and wait.
    pub(super) async fn goes_wrong(&self, ground: &Ground, installation: &Installation) {
        for place in &self.places {
            let guild = place.guild.to_string();
            match place.why {
                Why::Above => assert!(self.simulator.move_role(place.guild, place.role, 200)),
                Why::Left => assert!(self.simulator.kick_bot(place.guild, place.bot)),
                Why::Token => self.fault(Fault::new(FaultKind::Unauthorized).for_token(OTHER_TOKEN)),
                Why::Storm => {
                    let fault = Fault::new(FaultKind::Status { status: 503 });
                    self.fault(fault.in_guild(place.guild));
                    // Twelve tries take hours: all but one job have the last one left.
                    assert_eq!(ground.last_try(installation, &guild).await, self.members);
                }
                Why::Poison => assert_eq!(ground.poison(installation, &guild).await, self.members),
                Why::Deleted => assert!(self.simulator.delete_role(place.guild, place.role)),
            }
        }
    }

    fn fault(&self, fault: Fault) {
        self.simulator.faults().add(fault);
    }

    /// The role goes below the bot's again.
    pub(super) fn moves_the_role_down(&self) {
        let place = self.place(Why::Above);
        assert!(self.simulator.move_role(place.guild, place.role, 1));
    }

    /// How many members of the guild have its role.
    pub(super) fn with_role(&self, why: Why) -> usize {
        let place = self.place(why);
        let all = self.simulator.all_roles(place.guild);
        all.into_iter()
            .filter(|(_, roles)| roles.contains(&place.role))
            .count()
    }
}
