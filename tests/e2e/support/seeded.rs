//! An installation whose guild, role and users have the ids that the documentation of go-falcon uses, so that its lines
//! can be run as they are written.

use rolecall_simulator::{BotIn, NewGuild, NewRole, Simulator, SimulatorConfig};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::free_port;
use super::http::Api;
use super::process::{Installation, Running};
use super::world::BOT_TOKEN;

pub(crate) const GUILD: u64 = 123_456_789_012_345_678;
pub(crate) const ROLE: u64 = 987_654_321_098_765_432;
/// The page that may call with the cookie.
pub(crate) const ORIGIN: &str = "https://react.eveonline.it";
/// Users with an account each; both are pilots.
pub(crate) const USERS: [&str; 2] = ["user-id-123", "user-id"];

/// See the module. The guild is at Discord, and not configured yet.
pub(crate) struct Seeded {
    pub(crate) simulator: Simulator,
    _installation: Installation,
    pub(crate) api: Api,
    /// Of the first user, who is an administrator.
    pub(crate) token: String,
    /// Id of the group of pilots.
    pub(crate) group: String,
    /// Accounts of [`USERS`].
    pub(crate) accounts: Vec<u64>,
    _all: Running,
    _stop: DropGuard,
}

impl Seeded {
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let simulator = Simulator::new(SimulatorConfig {
            speed: 60.0,
            ..SimulatorConfig::default()
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/v10", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let (served, stopped) = (simulator.clone(), stop.clone());
        tokio::spawn(async move { served.serve(listener, stopped.cancelled_owned()).await });
        let accounts = people(&simulator);

        let port = free_port();
        let redirect = format!("http://127.0.0.1:{port}/api/discord/auth/callback");
        let mut installation = Installation::embedded()
            .set("DISCORD_API_BASE_URL", &url)
            .set("DISCORD_CLIENT_ID", "1190000000000000001")
            .set("DISCORD_CLIENT_SECRET", "simulator-client-secret")
            .set("DISCORD_REDIRECT_URI", redirect)
            .set("DISCORD_DEFAULT_BOT_TOKEN", BOT_TOKEN)
            .set("CORS_ALLOWED_ORIGINS", ORIGIN)
            .set("ROLECALL_SIMULATOR_SPEED", 60)
            .set("HOST", "127.0.0.1")
            .set("PORT", port);
        for (name, value) in settings {
            installation = installation.set(name, value);
        }
        let file = installation.path("directory.csv");
        let mut text = "user_id,name,groups,discord_id\n".to_owned();
        for (user, account) in USERS.iter().zip(&accounts) {
            text.push_str(&format!("{user},Ada,pilots,{account}\n"));
        }
        std::fs::write(&file, text).unwrap();
        installation
            .run(&["directory", "import", file.to_str().unwrap()])
            .ok();
        let groups = installation.run(&["directory", "groups", "--json"]).ok().json();
        let group = groups["groups"][0]["id"].as_str().unwrap().to_owned();
        let all = installation.start("all", &["all"], &[]);
        let token = installation
            .run(&["token", "--user", USERS[0], "--admin"])
            .ok()
            .out;
        let token = token.trim().to_owned();
        let api = Api::new(port, &token);
        api.ready().await;
        Self {
            simulator,
            _installation: installation,
            api,
            token,
            group,
            accounts,
            _all: all,
            _stop: stop.drop_guard(),
        }
    }

    /// Roles of the users at Discord.
    pub(crate) fn roles(&self, user: usize) -> Vec<u64> {
        self.simulator
            .member_roles(GUILD, self.accounts[user])
            .unwrap_or_default()
    }
}

fn people(simulator: &Simulator) -> Vec<u64> {
    simulator.add_bot(BOT_TOKEN);
    let pilot = NewRole {
        id: Some(ROLE),
        color: 3_447_003,
        ..NewRole::at("EVE Pilot", 1)
    };
    let bot = BotIn {
        position: Some(20),
        ..BotIn::with_token(BOT_TOKEN)
    };
    simulator.add_guild(NewGuild {
        id: Some(GUILD),
        name: "My Discord Server".into(),
        roles: vec![pilot, NewRole::at("Music", 2)],
        bots: vec![bot],
        ..NewGuild::default()
    });
    let accounts = simulator.add_users("ada", USERS.len());
    simulator.add_members(GUILD, accounts.iter().map(|a| (*a, Vec::new())));
    accounts
}
