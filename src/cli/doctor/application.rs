//! The application at Discord that a bot belongs to: is it the one of the logins, and does it know their address?

use rolecall_core::guild::GuildConfig;
use rolecall_core::ports::Application;

use super::report::Report;
use crate::app::App;
use crate::cli::reach::{self, Blind};

/// What the logins are configured with.
struct Logins<'a> {
    client_id: Option<&'a str>,
    redirect_uri: Option<&'a str>,
}

/// Asks Discord for the application of a guild's bot.
pub(super) async fn look(app: &App, guild: &GuildConfig, bot: &str, report: &mut Report) {
    let asked = format!("application of the bot {bot}");
    let services = &app.services;
    let found = async {
        let token = reach::stored_token(services, guild.guild_id).await?;
        let application = services.discord.application(&token, &reach::options()).await;
        Ok::<_, Blind>(application?)
    };
    let logins = Logins {
        client_id: services.oauth.as_ref().map(|client| client.id.as_str()),
        redirect_uri: app.config.accounts.redirect_uri.as_deref(),
    };
    match found.await {
        Ok(application) => judge(&asked, &logins, &application, report),
        Err(blind) => report.warn(
            &asked,
            blind.sentence(),
            "its id and name",
            "Nothing, if syncs go well; run `rolecall doctor` again.",
        ),
    }
}

fn judge(asked: &str, logins: &Logins<'_>, found: &Application, report: &mut Report) {
    let named = format!("{} ({})", found.name, found.id);
    let Some(client) = logins.client_id else {
        report.ok(asked, named);
        return;
    };
    if found.id != client {
        report.warn(
            asked,
            format!("{named} is not the one of DISCORD_CLIENT_ID ({client}), so this bot can join nobody"),
            "the application of the logins",
            "Set DISCORD_CLIENT_ID and DISCORD_CLIENT_SECRET to those of the bot's application, or use its own bot.",
        );
        return;
    }
    report.ok(asked, format!("{named}, the one of DISCORD_CLIENT_ID"));
    let (Some(known), Some(ours)) = (&found.redirect_uris, logins.redirect_uri) else {
        return;
    };
    let asked = format!("{asked}, redirects");
    if known.iter().any(|uri| uri == ours) {
        report.ok(asked, format!("{ours} is among them"));
    } else {
        report.fail(
            &asked,
            format!("{ours} is not among them, so every login is refused"),
            "DISCORD_REDIRECT_URI, letter by letter",
            "Add it on the page OAuth2 of the application in Discord's developer portal.",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "https://app.example/callback";

    fn judged(client_id: Option<&str>, redirect_uris: Option<Vec<String>>) -> (u8, String) {
        let found = Application {
            id: "42".to_owned(),
            name: "Rolecall".to_owned(),
            redirect_uris,
        };
        let logins = Logins {
            client_id,
            redirect_uri: Some(OURS),
        };
        let mut report = Report::default();
        judge("application", &logins, &found, &mut report);
        (report.exit() as u8, report.text(false))
    }

    #[test]
    fn the_application_is_told_and_has_to_be_the_one_of_the_logins_and_to_know_their_address() {
        for (client, uris, exit, words) in [
            (None, None, 0, "Rolecall (42)"),
            (Some("42"), None, 0, "the one of DISCORD_CLIENT_ID"),
            (Some("42"), Some(vec![OURS.to_owned()]), 0, "is among them"),
            (Some("43"), None, 1, "can join nobody"),
            (Some("42"), Some(vec![format!("{OURS}/")]), 2, "not among them"),
        ] {
            let (code, text) = judged(client, uris);
            assert_eq!(code, exit, "{text}");
            assert!(text.contains(words), "{text}");
        }
    }
}
