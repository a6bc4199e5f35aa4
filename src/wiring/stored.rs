//! What is kept: everything that one store implements, and the directory beside it.

use std::sync::Arc;

use rolecall_adapters::clock::SystemClock;
use rolecall_adapters::directory::{Chosen, Setting};
use rolecall_adapters::permissions::{AllOf, GoFalconPermissions, GroupPermissions};
use rolecall_adapters::store::mongo::MongoStore;
use rolecall_core::ports::{
    Accounts, Alarms, ApiKeys, Audit, CauseMarks, Clock, Directory, Guilds, Import, JobControl, JobMinutes,
    Ledger, Links, Mappings, NoSchedulerTasks, OAuthStates, Pauses, Permissions, Refreshes, Replies,
    Retention, RetiredGuilds, Runs, SchedulerTasks, Schedules, SealedFields, StoreHealth, Webhooks, Workers,
};
use secrecy::{ExposeSecret, SecretString};

use super::{Purpose, StartError};
use crate::config::{Config, DirectoryChoice, Store};
use crate::data_folder;

/// All that one store implements.
pub(super) struct Stored {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) runs: Arc<dyn Runs>,
    pub(super) schedules: Arc<dyn Schedules>,
    pub(super) control: Arc<dyn JobControl>,
    pub(super) pauses: Arc<dyn Pauses>,
    pub(super) workers: Arc<dyn Workers>,
    pub(super) job_minutes: Arc<dyn JobMinutes>,
    pub(super) cause_marks: Arc<dyn CauseMarks>,
    pub(super) guilds: Arc<dyn Guilds>,
    pub(super) retired_guilds: Arc<dyn RetiredGuilds>,
    pub(super) mappings: Arc<dyn Mappings>,
    pub(super) links: Arc<dyn Links>,
    pub(super) accounts: Arc<dyn Accounts>,
    pub(super) api_keys: Arc<dyn ApiKeys>,
    pub(super) oauth_states: Arc<dyn OAuthStates>,
    pub(super) audit: Arc<dyn Audit>,
    pub(super) refreshes: Arc<dyn Refreshes>,
    pub(super) replies: Arc<dyn Replies>,
    pub(super) sealed_fields: Arc<dyn SealedFields>,
    pub(super) retention: Arc<dyn Retention>,
    pub(super) scheduler_tasks: Arc<dyn SchedulerTasks>,
    pub(super) webhooks: Arc<dyn Webhooks>,
    pub(super) alarms: Arc<dyn Alarms>,
    pub(super) health: Arc<dyn StoreHealth>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) directory: Arc<dyn Directory>,
    pub(super) import: Arc<dyn Import>,
    /// What go-falcon grants, where its collections are.
    pub(super) granted: Option<Arc<dyn Permissions>>,
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
            + Webhooks
            + Alarms
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
            webhooks: Arc::clone(store) as _,
            alarms: Arc::clone(store) as _,
            health: Arc::clone(store) as _,
            clock: Arc::new(SystemClock),
            directory: Arc::clone(&directory) as _,
            import: directory,
            granted,
        }
    }
}

pub(super) async fn embedded(config: &Config, purpose: Purpose) -> Result<(Stored, bool), StartError> {
    let (store, is_new) = data_folder::open(config, purpose).await?;
    let store = Arc::new(store);
    Ok((Stored::of(&store, Arc::clone(&store), None), is_new))
}

pub(super) async fn distributed(
    config: &Config,
    uri: &SecretString,
    database: &str,
) -> Result<Stored, StartError> {
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
pub(super) fn permissions(config: &Config, stored: &Stored) -> Arc<dyn Permissions> {
    let by_name = matches!(config.store, Store::Embedded) || config.directory == DirectoryChoice::Imported;
    let listed = GroupPermissions::new(Arc::clone(&stored.directory), config.api.groups.clone(), by_name);
    let mut sources: Vec<Arc<dyn Permissions>> = vec![Arc::new(listed)];
    sources.extend(stored.granted.clone());
    Arc::new(AllOf(sources))
}
