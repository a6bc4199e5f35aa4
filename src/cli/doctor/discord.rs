//! Does Discord answer? Then each guild, and the application of each bot.

use std::collections::BTreeSet;

use rolecall_core::DiscordId;
use rolecall_core::ports::CallFailure;
use secrecy::SecretString;

use super::report::Report;
use super::{application, guild};
use crate::app::App;
use crate::cli::reach::{self, Blind};

/// Discord and all guilds.
pub(super) async fn look(app: &App, report: &mut Report) {
    let services = &app.services;
    let found = async {
        let guilds = services.guilds.list().await?;
        let mappings = services.mappings.list(None).await?;
        let groups = services.directory.groups().await?;
        Ok::<_, rolecall_core::error::StoreError>((guilds, mappings, groups))
    };
    let (guilds, mappings, groups) = match found.await {
        Ok(found) => found,
        Err(error) => {
            report.fail(
                "guilds",
                error.to_string(),
                "the configured guilds",
                "See the store's line above.",
            );
            return;
        }
    };
    guild::left_over(app, report).await;
    if guilds.is_empty() {
        answers_nobody(app, report).await;
        report.warn(
            "guilds",
            "none is configured",
            "at least one",
            "Add one with `rolecall guild add --id …`.",
        );
        return;
    }
    let known: BTreeSet<_> = groups.into_iter().map(|g| g.id).collect();
    let mut told = Told::default();
    for config in &guilds {
        let mappings: Vec<_> = mappings
            .iter()
            .filter(|m| m.guild_id == config.guild_id)
            .collect();
        let asked = guild::asked(config);
        if !config.is_enabled {
            report.warn(
                &asked,
                "disabled: it is neither read nor written",
                "enabled",
                "Enable it, or remove it with `rolecall guild remove`.",
            );
            continue;
        }
        guild::groups(&asked, &mappings, &known, report);
        // One guild that waited in vain is enough: the others would wait as long.
        if told.silent {
            report.fail(&asked, "not looked at, as Discord is silent", "", "");
            continue;
        }
        let seen = reach::look_at_stored(services, config).await;
        told.discord(app, &seen, report);
        guild::judge(app, &asked, &mappings, &seen, report);
        if let Ok(seen) = &seen
            && told.bots.insert(seen.bot.id)
        {
            application::look(app, config, &seen.bot.username, report).await;
        }
    }
}

/// Discord itself gets one line.
#[derive(Default)]
struct Told {
    answers: bool,
    silent: bool,
    /// Those whose application was asked for.
    bots: BTreeSet<DiscordId>,
}

impl Told {
    fn discord(&mut self, app: &App, seen: &Result<reach::Seen, Blind>, report: &mut Report) {
        match seen {
            Err(Blind::Unreachable(sentence)) => {
                self.silent = true;
                fail(app, sentence, report);
            }
            Ok(_) if !self.answers => {
                self.answers = true;
                report.ok(asked(app), "answers");
            }
            _ => {}
        }
    }
}

fn asked(app: &App) -> String {
    format!("Discord ({})", app.config.discord.base_url)
}

fn fail(app: &App, sentence: &str, report: &mut Report) {
    report.fail(
        &asked(app),
        sentence,
        "an answer",
        "Check DISCORD_API_BASE_URL and that this machine reaches it; https://discordstatus.com tells of outages.",
    );
}

/// Without a guild there is no token, and a call without one is refused: an answer all the same.
async fn answers_nobody(app: &App, report: &mut Report) {
    let nobody = SecretString::from("doctor");
    match app.services.discord.me(&nobody, &reach::options()).await {
        Err(error) if matches!(error.failure, CallFailure::Transient | CallFailure::Wait(_)) => {
            fail(app, &error.message, report);
        }
        Ok(_) | Err(_) => report.ok(asked(app), "answers"),
    }
}
