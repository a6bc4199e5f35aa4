//! Makes the ports real, as the configuration says. A new store or delivery is registered here, in one line.

mod instance;
mod shared;
mod stored;

use std::sync::Arc;

use rolecall_adapters::discord::{DiscordClient, DiscordSettings};
use rolecall_adapters::metered::{MeteredAccounts, MeteredDirectory, MeteredLedger, MeteredLinks};
use rolecall_adapters::webhook::HttpSender;
use rolecall_core::ports::{Ledger, Limiter, OAuthClient};
use rolecall_jobs::kernel::guilds::GuildCache;
use rolecall_jobs::kernel::queue::Queue;
use rolecall_jobs::kernel::registry::Registry;
use rolecall_jobs::kernel::services::{Services, Settings};
use rolecall_jobs::kernel::steering::Steering;
use secrecy::{ExposeSecret, SecretString};

use self::instance::instance;
use self::shared::{delivery, limiter};
use self::stored::{distributed, embedded, permissions};
use crate::app::App;
use crate::config::{Config, MIN_JWT_SECRET, Store};
use crate::keys;
use crate::secret_files::{random_hex, read_or_make};
use crate::telemetry::{Gauges, JobObserver};

pub(crate) use self::instance::host;
pub(crate) use self::shared::redis_delivery;

/// Name of the file with the key of the JWTs.
pub(crate) const JWT_FILE: &str = "jwt-secret";
/// What the application is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A command: stores, and leaves the sending to a running process.
    Command,
    /// The API: stores, and sends at once where Redis carries the jobs.
    Serve,
    /// A process that works.
    Work,
}

/// Why the application could not be built: a sentence, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub struct StartError {
    sentence: String,
    /// Whether the store is what cannot be used.
    pub is_store: bool,
}

impl StartError {
    pub(crate) fn new(sentence: impl ToString) -> Self {
        Self {
            sentence: sentence.to_string(),
            is_store: false,
        }
    }

    /// The store cannot be used.
    pub(crate) fn of_store(sentence: impl ToString) -> Self {
        Self {
            is_store: true,
            ..Self::new(sentence)
        }
    }
}

/// Builds the application.
///
/// # Errors
/// A sentence that says what is wrong and what to do.
pub async fn connect(config: Config, purpose: Purpose) -> Result<App, StartError> {
    let (stored, is_new) = match &config.store {
        Store::Embedded => embedded(&config, purpose).await?,
        Store::Distributed { uri, database, .. } => (distributed(&config, uri, database).await?, false),
    };
    let clock = Arc::clone(&stored.clock);
    let ledger: Arc<dyn Ledger> = Arc::new(MeteredLedger::new(Arc::clone(&stored.ledger)));
    let jwt_secret = jwt_secret(&config)?;
    let vault = keys::vault(&config, jwt_secret.as_ref(), is_new)?;
    let instance = instance();
    let delivery = delivery(&config, purpose, &instance).await?;
    let limiter = limiter(&config, &instance)?;
    let discord = discord(&config, &limiter)?;
    warn(&config, purpose);
    let permissions = permissions(&config, &stored);
    let services = Services {
        ledger: Arc::clone(&ledger),
        control: stored.control,
        runs: stored.runs,
        pauses: stored.pauses,
        workers: stored.workers,
        job_minutes: stored.job_minutes,
        cause_marks: stored.cause_marks,
        guilds: stored.guilds,
        retired_guilds: stored.retired_guilds,
        mappings: stored.mappings,
        links: Arc::new(MeteredLinks(stored.links)),
        accounts: Arc::new(MeteredAccounts(stored.accounts)),
        oauth_states: stored.oauth_states,
        audit: stored.audit,
        refreshes: stored.refreshes,
        replies: stored.replies,
        sealed_fields: stored.sealed_fields,
        webhooks: stored.webhooks,
        alarms: stored.alarms,
        webhook_sender: sender(&config),
        retention: stored.retention,
        scheduler_tasks: stored.scheduler_tasks,
        directory: Arc::new(MeteredDirectory(stored.directory)),
        discord: Arc::new(discord),
        vault,
        clock: Arc::clone(&clock),
        oauth: oauth(&config),
        settings: settings(&config),
        observer: Arc::new(JobObserver),
        cache: Arc::new(GuildCache::default()),
    };
    let services = Arc::new(services);
    let queue = Queue::new(ledger, delivery.clone(), clock);
    let registry = Arc::new(rolecall_workflows::registry());
    Ok(App {
        steering: steering(&services, &queue, &registry),
        registry,
        queue,
        services,
        store: stored.health,
        import: stored.import,
        permissions,
        schedules: stored.schedules,
        api_keys: stored.api_keys,
        delivery,
        limiter,
        gauges: Gauges::default(),
        instance,
        jwt_secret,
        config,
    })
}

fn sender(config: &Config) -> Arc<HttpSender> {
    Arc::new(HttpSender {
        reach: config.webhooks.reach,
    })
}

fn steering(services: &Arc<Services>, queue: &Queue, registry: &Arc<Registry>) -> Steering {
    Steering {
        services: Arc::clone(services),
        queue: queue.clone(),
        registry: Arc::clone(registry),
    }
}

fn settings(config: &Config) -> Settings {
    Settings {
        guard: config.guard,
        token_refresh_threshold: config.discord.token_refresh_threshold,
        retention: config.upkeep.retention.clone(),
        queue_late_after: config.webhooks.queue_late_after,
        ..Settings::default()
    }
}

fn discord(config: &Config, limiter: &Arc<dyn Limiter>) -> Result<DiscordClient, StartError> {
    let settings = DiscordSettings {
        base_url: config.discord.base_url.clone(),
        speed: config.discord.speed,
        ..DiscordSettings::default()
    };
    DiscordClient::new(&settings, Arc::clone(limiter))
        .map_err(|e| StartError::new(format!("DISCORD_API_BASE_URL: {e}")))
}

fn warn(config: &Config, purpose: Purpose) {
    for sentence in &config.oddities {
        tracing::warn!("{sentence}");
    }
    if purpose != Purpose::Command {
        for sentence in config.api.warnings() {
            tracing::warn!("discord_api: {sentence}");
        }
    }
}

fn oauth(config: &Config) -> Option<OAuthClient> {
    match (&config.discord.client_id, &config.discord.client_secret) {
        (Some(id), Some(secret)) => Some(OAuthClient {
            id: id.clone(),
            secret: secret.clone(),
        }),
        _ => None,
    }
}

fn jwt_secret(config: &Config) -> Result<Option<SecretString>, StartError> {
    match (&config.jwt_secret, &config.store) {
        (Some(secret), _) => Ok(Some(secret.clone())),
        (None, Store::Distributed { .. }) => Ok(None),
        (None, Store::Embedded) => {
            let secret = read_or_make(&config.data_dir, JWT_FILE, random_hex).map_err(StartError::new)?;
            let length = secret.expose_secret().len();
            if length < MIN_JWT_SECRET {
                return Err(StartError::new(format!(
                    "the file {} holds {length} characters; a shorter secret than {MIN_JWT_SECRET} can be guessed: \
                     remove the file, and a new secret is made",
                    config.data_dir.join(JWT_FILE).display()
                )));
            }
            Ok(Some(secret))
        }
    }
}
