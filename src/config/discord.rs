//! How Discord is reached, and as whom.

use std::time::Duration;

use secrecy::SecretString;

use super::reader::Reader;
use crate::schedules::on_the_clock;

/// See the module.
#[derive(Debug, Clone)]
pub struct DiscordConfig {
    /// Base of all calls.
    pub base_url: String,
    /// Token of the bot of guilds that are added without one.
    pub default_bot_token: Option<SecretString>,
    /// The application's id, for token refreshes.
    pub client_id: Option<String>,
    /// The application's secret.
    pub client_secret: Option<SecretString>,
    /// Shortest time between two calls of one budget.
    pub rate_limit_delay: Duration,
    /// How much faster Discord's clock runs; 1 unless it is the simulator.
    pub speed: f64,
    /// How often all guilds are synced, as it was asked for; see [`on_the_clock`].
    pub sync_interval: Duration,
    /// Tokens that end within this time are refreshed.
    pub token_refresh_threshold: Duration,
}

impl DiscordConfig {
    /// Reads the variables.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let base_url = reader
            .text("DISCORD_API_BASE_URL")
            .unwrap_or_else(|| "https://discord.com/api/v10".to_owned());
        if !base_url.starts_with("http://") && !base_url.starts_with("https://") {
            reader.problem(
                "DISCORD_API_BASE_URL",
                "is no address: it has to begin with https:// (or http://)",
            );
        }
        let client_id = reader.text("DISCORD_CLIENT_ID");
        let client_secret = reader.secret("DISCORD_CLIENT_SECRET");
        match (&client_id, &client_secret) {
            (Some(_), None) => reader.problem(
                "DISCORD_CLIENT_SECRET",
                "is not set, but DISCORD_CLIENT_ID is; set both",
            ),
            (None, Some(_)) => reader.problem(
                "DISCORD_CLIENT_ID",
                "is not set, but DISCORD_CLIENT_SECRET is; set both",
            ),
            _ => {}
        }
        let speed = reader.factor("ROLECALL_SIMULATOR_SPEED", 1.0);
        if (speed - 1.0).abs() > f64::EPSILON && base_url.contains("discord.com") {
            reader.problem(
                "ROLECALL_SIMULATOR_SPEED",
                "is only for a simulator whose clock runs faster; Discord's own clock does not: remove it",
            );
        }
        let sync_interval = reader.duration("DISCORD_SYNC_INTERVAL", Duration::from_secs(15 * 60));
        if sync_interval < Duration::from_secs(60) {
            reader.problem(
                "DISCORD_SYNC_INTERVAL",
                "is shorter than a minute; use at least 1m",
            );
        }
        Self {
            base_url,
            default_bot_token: reader.secret("DISCORD_DEFAULT_BOT_TOKEN"),
            client_id,
            client_secret,
            rate_limit_delay: reader.duration("DISCORD_RATE_LIMIT_DELAY", Duration::ZERO),
            speed,
            sync_interval,
            token_refresh_threshold: reader
                .duration("DISCORD_TOKEN_REFRESH_THRESHOLD", Duration::from_secs(24 * 3600)),
        }
    }

    /// What is kept in another way than it was asked for.
    pub(super) fn oddity(&self) -> Option<String> {
        let (asked, kept) = (self.sync_interval, on_the_clock(self.sync_interval));
        (asked != kept).then(|| {
            format!(
                "DISCORD_SYNC_INTERVAL is {} min, but syncs begin on the clock: all guilds are synced every {} min; set \
                 minutes that divide an hour (10m, 20m, 30m) or hours that divide a day (2h, 6h, 24h)",
                asked.as_secs().div_ceil(60),
                kept.as_secs() / 60
            )
        })
    }
}
