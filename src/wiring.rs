//! Makes the ports real, as the configuration says. A new store or delivery is registered here, in one line.

use std::sync::Arc;

use rolecall_adapters::clock::SystemClock;
use rolecall_adapters::delivery::Slots;
use rolecall_adapters::delivery::memory::MemoryDelivery;
use rolecall_adapters::delivery::redis::{RedisDelivery, RedisSettings};
use rolecall_adapters::directory::{Chosen, Setting};
use rolecall_adapters::discord::{DiscordClient, DiscordSettings};
use rolecall_adapters::limiter::{LimiterSettings, MemoryLimiter, RedisLimiter};
use rolecall_adapters::metered::MeteredLedger;
use rolecall_adapters::permissions::{AllOf, GoFalconPermissions, GroupPermissions};
use rolecall_adapters::store::mongo::MongoStore;
use rolecall_core::ports::{
    Accounts, ApiKeys, Audit, CauseMarks, Clock, Delivery, Directory, Guilds, Import, JobControl, JobMinutes,
    Ledger, Limiter, Links, Mappings, NoSchedulerTasks, OAuthClient, OAuthStates, Pauses, Permissions,
    Refreshes, Replies, Retention, RetiredGuilds, Runs, SchedulerTasks, Schedules, SealedFields, StoreHealth,
    Workers,
};
use rolecall_jobs::kernel::guilds::GuildCache;
use rolecall_jobs::kernel::queue::Queue;
use rolecall_jobs::kernel::services::{Services, Settings};
use rolecall_jobs::kernel::steering::Steering;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::app::App;
use crate::config::{Config, DirectoryChoice, MIN_JWT_SECRET, Store};
use crate::data_folder;
use crate::keys;
use crate::secret_files::{random_hex, read_or_make};
use crate::telemetry::{Gauges, JobObserver};

/// Name of the file with the key of the JWTs.
pub(crate) const JWT_FILE: &str = "jwt-secret";
/// Envelopes that may wait in a lane: a small multiple of the slots, so that Redis stays small and a big run cannot
/// fill it.
const WINDOW_PER_SLOT: usize = 4;

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

/// All that one store implements.
struct Stored {
    ledger: Arc<dyn Ledger>,
    runs: Arc<dyn Runs>,
    schedules: Arc<dyn Schedules>,
    control: Arc<dyn JobControl>,
    pauses: Arc<dyn Pauses>,
    workers: Arc<dyn Workers>,
    job_minutes: Arc<dyn JobMinutes>,
    cause_marks: Arc<dyn CauseMarks>,
    guilds: Arc<dyn Guilds>,
    retired_guilds: Arc<dyn RetiredGuilds>,
    mappings: Arc<dyn Mappings>,
    links: Arc<dyn Links>,
    accounts: Arc<dyn Accounts>,
    api_keys: Arc<dyn ApiKeys>,
    oauth_states: Arc<dyn OAuthStates>,
    audit: Arc<dyn Audit>,
    refreshes: Arc<dyn Refreshes>,
    replies: Arc<dyn Replies>,
    sealed_fields: Arc<dyn SealedFields>,
    retention: Arc<dyn Retention>,
    scheduler_tasks: Arc<dyn SchedulerTasks>,
    health: Arc<dyn StoreHealth>,
    clock: Arc<dyn Clock>,
    directory: Arc<dyn Directory>,
    import: Arc<dyn Import>,
    /// What go-falcon grants, where its collections are.
    granted: Option<Arc<dyn Permissions>>,
}

impl Stored {
    /// What this store and this directory implement.
    fn of<S, D>(store: &Arc<S>, directory: Arc<D>, granted: Option<Arc<dyn Permissions>>) -> Self
    where
        S: Ledger
            + JobControl
            + Pauses
            + CauseMarks
            + Runs
            + Schedules
            + Guilds
            + RetiredGuilds
            + Mappings
            + Links
            + Accounts
            + OAuthStates
            + Audit
            + StoreHealth
            + ApiKeys
            + Refreshes
            + Replies
            + SealedFields
            + Workers
            + JobMinutes
            + Retention,
        D: Directory + Import,
    {
        Self {
            ledger: Arc::clone(store) as _,
            runs: Arc::clone(store) as _,
            schedules: Arc::clone(store) as _,
            control: Arc::clone(store) as _,
            pauses: Arc::clone(store) as _,
            workers: Arc::clone(store) as _,
            job_minutes: Arc::clone(store) as _,
            cause_marks: Arc::clone(store) as _,
            guilds: Arc::clone(store) as _,
            retired_guilds: Arc::clone(store) as _,
            mappings: Arc::clone(store) as _,
            links: Arc::clone(store) as _,
            accounts: Arc::clone(store) as _,
            api_keys: Arc::clone(store) as _,
            oauth_states: Arc::clone(store) as _,
            audit: Arc::clone(store) as _,
            refreshes: Arc::clone(store) as _,
            replies: Arc::clone(store) as _,
            sealed_fields: Arc::clone(store) as _,
            retention: Arc::clone(store) as _,
            scheduler_tasks: Arc::new(NoSchedulerTasks),
            health: Arc::clone(store) as _,
            clock: Arc::new(SystemClock),
            directory: Arc::clone(&directory) as _,
            import: directory,
            granted,
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
        links: stored.links,
        accounts: stored.accounts,
        oauth_states: stored.oauth_states,
        audit: stored.audit,
        refreshes: stored.refreshes,
        replies: stored.replies,
        sealed_fields: stored.sealed_fields,
        retention: stored.retention,
        scheduler_tasks: stored.scheduler_tasks,
        directory: stored.directory,
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
        steering: Steering {
            services: Arc::clone(&services),
            queue: queue.clone(),
            registry: Arc::clone(&registry),
        },
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

fn settings(config: &Config) -> Settings {
    Settings {
        guard: config.guard,
        token_refresh_threshold: config.discord.token_refresh_threshold,
        retention: config.upkeep.retention.clone(),
        ..Settings::default()
    }
}

/// Processes that share a Redis keep Discord's limits together: commands and the API call Discord, too.
fn limiter(config: &Config, instance: &str) -> Result<Arc<dyn Limiter>, StartError> {
    let settings = LimiterSettings {
        speed: config.discord.speed,
        min_spacing: config.discord.rate_limit_delay,
        ..LimiterSettings::default()
    };
    let Some(url) = redis_url(config) else {
        return Ok(Arc::new(MemoryLimiter::new(settings)));
    };
    let limiter = RedisLimiter::new(url.expose_secret(), &config.installation, instance, settings)
        .map_err(|e| StartError::new(format!("{e}; check REDIS_URL")))?;
    Ok(Arc::new(limiter))
}

/// Where processes meet, if they do.
const fn redis_url(config: &Config) -> Option<&SecretString> {
    match &config.store {
        Store::Distributed { redis, .. } => redis.as_ref(),
        Store::Embedded => None,
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

async fn embedded(config: &Config, purpose: Purpose) -> Result<(Stored, bool), StartError> {
    let (store, is_new) = data_folder::open(config, purpose).await?;
    let store = Arc::new(store);
    Ok((Stored::of(&store, Arc::clone(&store), None), is_new))
}

async fn distributed(config: &Config, uri: &SecretString, database: &str) -> Result<Stored, StartError> {
    let store = MongoStore::connect(uri.expose_secret(), database)
        .await
        .map_err(|e| StartError::of_store(format!("{e}; check MONGODB_URI and that MongoDB runs")))?;
    let setting = match config.directory {
        DirectoryChoice::Auto => Setting::Auto,
        DirectoryChoice::GoFalcon => Setting::GoFalcon,
        DirectoryChoice::Imported => Setting::Imported,
    };
    let granted: Option<Arc<dyn Permissions>> = match config.directory {
        DirectoryChoice::Imported => None,
        _ => Some(Arc::new(GoFalconPermissions::new(store.clone()))),
    };
    let directory = Arc::new(Chosen::new(store.clone(), setting));
    let store = Arc::new(store);
    let mut stored = Stored::of(&store, directory, granted);
    stored.clock = Arc::new(store.server_clock());
    if config.upkeep.scheduler_tasks {
        stored.scheduler_tasks = store;
    }
    Ok(stored)
}

/// What go-falcon grants, and what the settings give to groups. A group's name counts only where nobody but the
/// operator gives names: in an imported directory.
fn permissions(config: &Config, stored: &Stored) -> Arc<dyn Permissions> {
    let by_name = matches!(config.store, Store::Embedded) || config.directory == DirectoryChoice::Imported;
    let listed = GroupPermissions::new(Arc::clone(&stored.directory), config.api.groups.clone(), by_name);
    let mut sources: Vec<Arc<dyn Permissions>> = vec![Arc::new(listed)];
    sources.extend(stored.granted.clone());
    Arc::new(AllOf(sources))
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

/// The machine, the container or the dyno, as the platform names it.
pub(crate) fn host() -> String {
    let named = ["DYNO", "HOSTNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok());
    let kernels = || rustix::system::uname().nodename().to_string_lossy().into_owned();
    named
        .filter(|name| !name.trim().is_empty())
        .unwrap_or_else(kernels)
}

/// Name of this process, new with every start.
fn instance() -> String {
    let host: String = host()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' || c == '.' {
                c
            } else {
                '-'
            }
        })
        .collect();
    let random = Uuid::new_v4().simple().to_string();
    format!("{host}-{}-{}", std::process::id(), &random[..8])
}

async fn delivery(
    config: &Config,
    purpose: Purpose,
    instance: &str,
) -> Result<Option<Arc<dyn Delivery>>, StartError> {
    match (carried_by_redis(config), purpose) {
        (_, Purpose::Command) | (false, Purpose::Serve) => Ok(None),
        (false, Purpose::Work) => Ok(Some(Arc::new(MemoryDelivery::new(
            window(config),
            Slots::shared(config.slots),
            config.shutdown_grace,
        )))),
        (true, Purpose::Serve | Purpose::Work) => {
            let delivery = redis_delivery(config, instance).await?;
            Ok(delivery.map(|delivery| Arc::new(delivery) as _))
        }
    }
}

fn carried_by_redis(config: &Config) -> bool {
    redis_url(config).is_some()
}

fn window(config: &Config) -> usize {
    (config.slots * WINDOW_PER_SLOT).clamp(16, 1_000)
}

/// The delivery through Redis, where one carries the jobs.
///
/// # Errors
/// Settings that can never work.
pub(crate) async fn redis_delivery(
    config: &Config,
    instance: &str,
) -> Result<Option<RedisDelivery>, StartError> {
    let Some(url) = redis_url(config) else {
        return Ok(None);
    };
    let settings = RedisSettings {
        url: url.expose_secret().to_owned(),
        installation: config.installation.clone(),
        instance: instance.to_owned(),
        window: window(config),
        slots: Slots::shared(config.slots),
        grace: config.shutdown_grace,
    };
    let delivery = RedisDelivery::connect(settings)
        .await
        .map_err(|e| StartError::new(format!("{e}; check REDIS_URL")))?;
    Ok(Some(delivery))
}
