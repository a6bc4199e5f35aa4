//! What the suite needs of a store under test.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rolecall_core::ports::{
    Accounts, ApiKeys, Audit, CauseMarks, Directory, Guilds, Import, JobControl, JobMinutes, Ledger, Links,
    Mappings, OAuthStates, Pauses, Refreshes, Replies, Retention, RetiredGuilds, Runs, Schedules,
    SealedFields, StoreHealth, Workers,
};

/// One handle on a store, as its ports.
#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) control: Arc<dyn JobControl>,
    pub(crate) pauses: Arc<dyn Pauses>,
    pub(crate) cause_marks: Arc<dyn CauseMarks>,
    pub(crate) guilds: Arc<dyn Guilds>,
    pub(crate) mappings: Arc<dyn Mappings>,
    pub(crate) links: Arc<dyn Links>,
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) api_keys: Arc<dyn ApiKeys>,
    pub(crate) oauth_states: Arc<dyn OAuthStates>,
    pub(crate) audit: Arc<dyn Audit>,
    pub(crate) retired_guilds: Arc<dyn RetiredGuilds>,
    pub(crate) runs: Arc<dyn Runs>,
    pub(crate) schedules: Arc<dyn Schedules>,
    pub(crate) sealed_fields: Arc<dyn SealedFields>,
    pub(crate) retention: Arc<dyn Retention>,
    pub(crate) refreshes: Arc<dyn Refreshes>,
    pub(crate) workers: Arc<dyn Workers>,
    pub(crate) job_minutes: Arc<dyn JobMinutes>,
    pub(crate) replies: Arc<dyn Replies>,
    pub(crate) health: Arc<dyn StoreHealth>,
    pub(crate) directory: Option<(Arc<dyn Directory>, Arc<dyn Import>)>,
}

impl Stores {
    /// All ports of one store.
    pub(crate) fn of<S>(store: &S) -> Self
    where
        S: Ledger
            + JobControl
            + Pauses
            + CauseMarks
            + Guilds
            + Mappings
            + Links
            + Accounts
            + ApiKeys
            + OAuthStates
            + Audit
            + Runs
            + Schedules
            + StoreHealth
            + SealedFields
            + Retention
            + Refreshes
            + Replies
            + RetiredGuilds
            + Workers
            + JobMinutes
            + Clone,
    {
        Self {
            ledger: Arc::new(store.clone()),
            control: Arc::new(store.clone()),
            pauses: Arc::new(store.clone()),
            cause_marks: Arc::new(store.clone()),
            guilds: Arc::new(store.clone()),
            mappings: Arc::new(store.clone()),
            links: Arc::new(store.clone()),
            accounts: Arc::new(store.clone()),
            api_keys: Arc::new(store.clone()),
            oauth_states: Arc::new(store.clone()),
            audit: Arc::new(store.clone()),
            retired_guilds: Arc::new(store.clone()),
            runs: Arc::new(store.clone()),
            schedules: Arc::new(store.clone()),
            sealed_fields: Arc::new(store.clone()),
            retention: Arc::new(store.clone()),
            refreshes: Arc::new(store.clone()),
            workers: Arc::new(store.clone()),
            job_minutes: Arc::new(store.clone()),
            replies: Arc::new(store.clone()),
            health: Arc::new(store.clone()),
            directory: None,
        }
    }

    /// With the store's own directory.
    pub(crate) fn with_directory<S: Directory + Import + Clone>(mut self, store: &S) -> Self {
        self.directory = Some((Arc::new(store.clone()), Arc::new(store.clone())));
        self
    }

    pub(crate) fn directory(&self) -> &Arc<dyn Directory> {
        &self.directory.as_ref().expect("a store with a directory").0
    }

    pub(crate) fn import(&self) -> &Arc<dyn Import> {
        &self.directory.as_ref().expect("a store with a directory").1
    }
}

/// A fresh, empty store for one test; what it took goes away with it.
#[async_trait]
pub(crate) trait Fixture: Sized + Send + Sync + 'static {
    /// How many random cases are played against the model.
    const MODEL_CASES: u32;
    /// How many commands such a case has at most.
    const MODEL_COMMANDS: usize;

    /// An empty store. `None`: this kind of store is not configured here; say so on stderr.
    async fn fresh() -> Option<Self>;

    /// The store.
    fn stores(&self) -> &Stores;

    /// The same store, opened again, as another process would.
    async fn again(&self) -> Stores;

    /// Moves the store's clock, where that can be done. `false`: it cannot, and the time has to be waited for.
    fn advance(&self, _by: Duration) -> bool {
        false
    }

    /// Lets this much of the store's time pass.
    async fn pass(&self, time: Duration) {
        if !self.advance(time) {
            tokio::time::sleep(time).await;
        }
    }
}
