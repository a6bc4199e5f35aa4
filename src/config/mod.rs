//! The configuration: read once, at the start, into one typed structure.
//!
//! Everything comes from environment variables. All mistakes are reported together, each with what is wrong and what
//! to do. The names are in [`settings`], which `.env.example` is compared with.

mod accounts;
mod api;
mod discord;
mod durations;
mod environment;
mod reader;
pub mod settings;
mod telemetry;
mod upkeep;
mod webhooks;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use chrono_tz::Tz;
use rolecall_core::guard::Limits;
use secrecy::{ExposeSecret, SecretString};

pub use accounts::AccountsConfig;
pub use api::{ApiConfig, MOST_SYNC_WAIT, RateLimit};
pub use discord::DiscordConfig;
pub use durations::parse as parse_duration;
use reader::Reader;
pub use telemetry::{TelemetryConfig, TracesConfig};
pub use upkeep::UpkeepConfig;
pub use webhooks::WebhooksConfig;

/// Something wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The variable.
    pub variable: String,
    /// What is wrong and what to do.
    pub sentence: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.sentence)
    }
}

/// Where everything is kept.
#[derive(Debug, Clone)]
pub enum Store {
    /// One `SQLite` file in the data folder.
    Embedded,
    /// `MongoDB`, and Redis if there is more than one process.
    Distributed {
        /// `MONGODB_URI`. May hold a password.
        uri: SecretString,
        /// The database's name.
        database: String,
        /// `REDIS_URL`. May hold a password.
        redis: Option<SecretString>,
    },
}

/// Where groups come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectoryChoice {
    /// The imported file if there was an import, else go-falcon's collections (embedded: the imported file).
    Auto,
    /// go-falcon's own collections.
    GoFalcon,
    /// The imported file.
    Imported,
}

/// How lines are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people on a terminal, JSON otherwise.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// All of it.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where everything is kept.
    pub store: Store,
    /// Folder of the embedded store and of generated secrets.
    pub data_dir: PathBuf,
    /// Name of this installation, part of every Redis key.
    pub installation: String,
    /// Address to listen on.
    pub host: String,
    /// Port to listen on.
    pub port: u16,
    /// Further prefix of the legacy paths, such as `/api`.
    pub api_prefix: String,
    /// Key of the JWTs.
    pub jwt_secret: Option<SecretString>,
    /// Keys that stored secrets are sealed with.
    pub encryption_keys: Option<SecretString>,
    /// What concerns Discord.
    pub discord: DiscordConfig,
    /// What concerns people who link accounts.
    pub accounts: AccountsConfig,
    /// Who may use the HTTP interface, from where, and how often.
    pub api: ApiConfig,
    /// What is kept, for how long, and what go-falcon is told.
    pub upkeep: UpkeepConfig,
    /// What others are told of the process itself.
    pub telemetry: TelemetryConfig,
    /// What operators are told of.
    pub webhooks: WebhooksConfig,
    /// Where groups come from.
    pub directory: DirectoryChoice,
    /// How much a run may take away in one guild.
    pub guard: Limits,
    /// The zone of the times at which something happens by the clock.
    pub time_zone: Tz,
    /// Jobs that one process runs at once.
    pub slots: usize,
    /// How long running jobs may take to end after a stop was asked for.
    pub shutdown_grace: Duration,
    /// How lines are logged.
    pub log_format: LogFormat,
    /// What is logged.
    pub log_filter: String,
    /// Port for the health routes of a worker.
    pub health_port: Option<u16>,
    /// What is odd about the variables and may be meant so, in sentences.
    pub oddities: Vec<String>,
}

/// Shortest secret for JWTs: 256 bits, as RFC 7518 section 3.2 demands for HS256.
pub const MIN_JWT_SECRET: usize = 32;

impl Config {
    /// Reads the variables. A variable that is empty counts as not set. `read_file` reads the files that `*_FILE`
    /// variables name.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn load(
        vars: &BTreeMap<String, String>,
        read_file: &dyn Fn(&str) -> std::io::Result<String>,
    ) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::new(vars, read_file);
        let store = store(&mut reader);
        let data_dir = reader
            .text("ROLECALL_DATA_DIR")
            .map_or_else(|| default_data_dir(vars), PathBuf::from);
        let discord = DiscordConfig::read(&mut reader);
        let accounts = AccountsConfig::read(&mut reader);
        let api = ApiConfig::read(&mut reader);
        let default_installation = match &store {
            Store::Embedded => "rolecall".to_owned(),
            Store::Distributed { database, .. } => database.clone(),
        };
        let (jwt_secret, encryption_keys) = keys(&mut reader, &store);
        let mut config = Self {
            store,
            data_dir,
            installation: reader
                .name("ROLECALL_INSTALLATION")
                .unwrap_or(default_installation),
            host: host(reader.text("HOST")),
            port: reader.number("PORT", 8080),
            api_prefix: prefix(reader.text("API_PREFIX")),
            jwt_secret,
            encryption_keys,
            discord,
            accounts,
            api,
            upkeep: UpkeepConfig::read(&mut reader),
            telemetry: TelemetryConfig::read(&mut reader),
            webhooks: WebhooksConfig::read(&mut reader),
            directory: reader.one_of(
                "ROLECALL_DIRECTORY",
                &[
                    ("auto", DirectoryChoice::Auto),
                    ("go-falcon", DirectoryChoice::GoFalcon),
                    ("imported", DirectoryChoice::Imported),
                ],
            ),
            guard: Limits {
                share: reader.share("ROLECALL_MAX_REMOVAL_SHARE", Limits::default().share),
                floor: reader.number("ROLECALL_MAX_REMOVAL_FLOOR", Limits::default().floor),
            },
            time_zone: reader.zone("ROLECALL_TIME_ZONE"),
            slots: reader.positive("ROLECALL_WORKER_SLOTS", 64),
            shutdown_grace: Duration::from_secs(reader.number("SHUTDOWN_GRACE_SECS", 25)),
            log_format: reader.one_of(
                "LOG_FORMAT",
                &[
                    ("auto", LogFormat::Auto),
                    ("json", LogFormat::Json),
                    ("pretty", LogFormat::Pretty),
                ],
            ),
            log_filter: reader.text("RUST_LOG").unwrap_or_else(|| "info".to_owned()),
            health_port: reader.optional_number("HEALTH_PORT"),
            oddities: environment::oddities(vars),
        };
        config.oddities.extend(config.discord.oddity());
        if matches!(config.store, Store::Embedded) && config.directory == DirectoryChoice::GoFalcon {
            reader.problem(
                "ROLECALL_DIRECTORY",
                "is go-falcon, but MONGODB_URI is not set: go-falcon's groups are in its MongoDB; set MONGODB_URI",
            );
        }
        reader.finish(config)
    }

    /// The configuration as lines of `NAME = value`, without secrets.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let set = |secret: bool| if secret { "(set)" } else { "(not set)" }.to_owned();
        let (store, redis) = match &self.store {
            Store::Embedded => (
                format!("embedded, in {}", self.data_dir.display()),
                "(not set)".to_owned(),
            ),
            Store::Distributed { database, redis, .. } => {
                (format!("MongoDB, database {database}"), set(redis.is_some()))
            }
        };
        let mut lines = vec![
            ("store", store),
            ("REDIS_URL", redis),
            ("ROLECALL_DATA_DIR", self.data_dir.display().to_string()),
            ("ROLECALL_INSTALLATION", self.installation.clone()),
            ("HOST", self.host.clone()),
            ("PORT", self.port.to_string()),
            ("API_PREFIX", self.api_prefix.clone()),
            ("CORS_ALLOWED_ORIGINS", self.api.cors_origins.join(", ")),
            ("GO_FALCON_COMPAT_ANY_JWT", self.api.any_jwt.to_string()),
            ("JWT_SECRET", set(self.jwt_secret.is_some())),
            ("ROLECALL_ENCRYPTION_KEYS", set(self.encryption_keys.is_some())),
            ("DISCORD_API_BASE_URL", self.discord.base_url.clone()),
            (
                "DISCORD_CLIENT_ID",
                self.discord
                    .client_id
                    .clone()
                    .unwrap_or_else(|| "(not set)".to_owned()),
            ),
            ("DISCORD_CLIENT_SECRET", set(self.discord.client_secret.is_some())),
            (
                "DISCORD_SYNC_INTERVAL",
                format!("{:?}", self.discord.sync_interval),
            ),
            ("ROLECALL_DIRECTORY", format!("{:?}", self.directory)),
            ("ROLECALL_TIME_ZONE", self.time_zone.to_string()),
            ("ROLECALL_WORKER_SLOTS", self.slots.to_string()),
            ("SHUTDOWN_GRACE_SECS", self.shutdown_grace.as_secs().to_string()),
        ];
        lines.extend(self.upkeep.describe());
        lines.extend(self.telemetry.describe());
        lines.extend(self.webhooks.describe());
        lines
    }
}

/// `JWT_SECRET` and `ROLECALL_ENCRYPTION_KEYS`.
fn keys(reader: &mut Reader<'_>, store: &Store) -> (Option<SecretString>, Option<SecretString>) {
    let jwt_secret = reader.secret("JWT_SECRET");
    if let Some(secret) = &jwt_secret {
        check_jwt_secret(secret, reader);
    }
    let encryption_keys = reader.secret("ROLECALL_ENCRYPTION_KEYS");
    if matches!(store, Store::Distributed { .. }) && jwt_secret.is_none() && encryption_keys.is_none() {
        reader.problem(
            "JWT_SECRET",
            "is not set; all processes need the same one: at least 32 random characters, such as the output of \
             `openssl rand -hex 32` (the application that issues the tokens has to use the same)",
        );
    }
    (jwt_secret, encryption_keys)
}

fn store(reader: &mut Reader<'_>) -> Store {
    let uri = reader.first_secret(&["MONGODB_URI", "MONGO_URL", "MONGODB_URL"]);
    let redis = reader.first_secret(&["REDIS_URL", "REDIS_TLS_URL"]);
    let database = reader
        .name("MONGODB_DATABASE")
        .unwrap_or_else(|| "falcon".to_owned());
    reader.check_scheme("REDIS_URL", redis.as_ref(), &["redis://", "rediss://"]);
    reader.check_scheme("MONGODB_URI", uri.as_ref(), &["mongodb://", "mongodb+srv://"]);
    match uri {
        Some(uri) => Store::Distributed { uri, database, redis },
        None => {
            if redis.is_some() {
                reader.problem(
                    "REDIS_URL",
                    "is set, but MONGODB_URI is not: Redis only carries hints, the jobs themselves need a database \
                     that all processes share; set MONGODB_URI, too, or remove REDIS_URL to run embedded in one \
                     process",
                );
            }
            Store::Embedded
        }
    }
}

fn check_jwt_secret(secret: &SecretString, reader: &mut Reader<'_>) {
    let length = secret.expose_secret().len();
    if length < MIN_JWT_SECRET {
        reader.problem(
            "JWT_SECRET",
            &format!(
                "has {length} characters; a shorter one than {MIN_JWT_SECRET} can be guessed: use the output of \
                 `openssl rand -hex 32`"
            ),
        );
    }
}

/// An address of IPv6 may be in brackets, as it is where a port follows.
fn host(text: Option<String>) -> String {
    let text = text.unwrap_or_else(|| "0.0.0.0".to_owned());
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    bare.map(str::to_owned).unwrap_or(text)
}

fn prefix(text: Option<String>) -> String {
    match text.unwrap_or_default().trim_matches('/') {
        "" => String::new(),
        trimmed => format!("/{trimmed}"),
    }
}

/// `$XDG_DATA_HOME/rolecall`, `~/.local/share/rolecall`, or `rolecall-data` in the current folder.
fn default_data_dir(vars: &BTreeMap<String, String>) -> PathBuf {
    let var = |name: &str| vars.get(name).filter(|v| !v.is_empty());
    if let Some(base) = var("XDG_DATA_HOME") {
        return PathBuf::from(base).join("rolecall");
    }
    match var("HOME") {
        Some(home) => PathBuf::from(home).join(".local/share/rolecall"),
        None => PathBuf::from("rolecall-data"),
    }
}

#[cfg(test)]
mod tests;
