//! An installation as a newcomer makes it: a guild, its people, and a mapping for each group.

use super::process::Installation;
use super::servers::{Mongo, Redis};
use super::world::{BOT_TOKEN, GROUPS, World};

/// A secret for tokens that all processes know.
pub(crate) const SECRET: &str = "an-e2e-secret-that-is-long-enough-0123456789";

impl Installation {
    /// The same, distributed over these servers, which are made ready.
    pub(crate) fn over(self, mongo: &Mongo, redis: &Redis) -> Self {
        let installation = self
            .set("MONGODB_URI", &mongo.uri)
            .set("MONGODB_DATABASE", &mongo.database)
            .set("REDIS_URL", &redis.url)
            .set("JWT_SECRET", SECRET);
        installation.run(&["release"]).ok();
        installation
    }

    /// Switches all schedules off: for tests that count what is asked for, whatever the clock says when they run.
    pub(crate) fn nothing_by_the_clock(&self) {
        let listed = self.run(&["schedules", "list", "--json"]).ok().json();
        for schedule in listed["schedules"].as_array().unwrap() {
            let name = schedule["name"].as_str().unwrap();
            self.run(&["schedules", "disable", name]).ok();
        }
    }
}

impl World {
    /// Embedded, with this little Discord.
    pub(crate) fn embedded(&self, port: u16) -> Installation {
        Installation::embedded()
            .set("DISCORD_API_BASE_URL", &self.url)
            .set("ROLECALL_SIMULATOR_SPEED", self.speed)
            .set("HOST", "127.0.0.1")
            .set("PORT", port)
    }

    /// Adds the guild, imports the directory, and maps each of [`GROUPS`] to its role. Says the mappings' ids.
    pub(crate) fn set_up(&self, installation: &Installation) -> Vec<String> {
        let guild = self.guild.to_string();
        // The token comes on standard input.
        installation
            .run_with(&["guild", "add", "--id", &guild, "--name", "Testers"], BOT_TOKEN)
            .ok();
        self.import(installation);
        let map = |(group, role): (&&str, &u64)| {
            let role = role.to_string();
            let add = [
                "mapping", "add", "--guild", &guild, "--group", group, "--role", &role, "--json",
            ];
            let added = installation.run(&add).ok().json();
            added["mapping"]["id"].as_str().unwrap().to_owned()
        };
        GROUPS.iter().zip(&self.roles).map(map).collect()
    }

    /// Imports the directory as it is now.
    pub(crate) fn import(&self, installation: &Installation) {
        let file = installation.path("directory.csv");
        self.write_csv(&file);
        installation
            .run(&["directory", "import", file.to_str().unwrap()])
            .ok();
    }
}
