//! The application: the ports made real, as every process and command uses them.

use std::sync::Arc;

use rolecall_core::ports::{ApiKeys, Delivery, Import, Limiter, Permissions, StoreHealth};
use rolecall_jobs::kernel::queue::Queue;
use rolecall_jobs::kernel::registry::Registry;
use rolecall_jobs::kernel::services::Services;
use rolecall_jobs::kernel::steering::Steering;
use secrecy::SecretString;

use crate::config::Config;
use crate::telemetry::Gauges;

/// See the module. Built by [`crate::wiring`].
pub struct App {
    /// The configuration.
    pub config: Config,
    /// What jobs may use.
    pub services: Arc<Services>,
    /// The store itself.
    pub store: Arc<dyn StoreHealth>,
    /// Takes imported files.
    pub import: Arc<dyn Import>,
    /// What users may do.
    pub permissions: Arc<dyn Permissions>,
    /// Keys of machines.
    pub api_keys: Arc<dyn ApiKeys>,
    /// How jobs reach workers. `None` in commands that only store: a running process sends.
    pub delivery: Option<Arc<dyn Delivery>>,
    /// Where jobs go.
    pub queue: Queue,
    /// What this binary can run.
    pub registry: Arc<Registry>,
    /// What operators do to jobs.
    pub steering: Steering,
    /// Discord's limits, kept by this process.
    pub limiter: Arc<dyn Limiter>,
    /// What the last look at the ledger for metrics found, and when.
    pub gauges: Gauges,
    /// Name of this process, new with every start: `host-pid-random`.
    pub instance: String,
    /// Key of the JWTs; `None` only in a worker that was started without one.
    pub jwt_secret: Option<SecretString>,
}
