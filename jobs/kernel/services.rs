//! What jobs may use: the ports, and the settings that decisions need.

use std::sync::Arc;
use std::time::Duration;

use rolecall_core::guard::Limits;
use rolecall_core::ports::{
    Accounts, Audit, CauseMarks, Clock, Directory, Discord, Guilds, JobControl, JobMinutes, Ledger, Links,
    Mappings, OAuthClient, OAuthStates, Pauses, Refreshes, Replies, Retention, RetiredGuilds, Runs,
    SchedulerTasks, SealedFields, Vault, Workers,
};
use rolecall_core::retention::Policy;

use super::guilds::GuildCache;
use super::observer::Observer;

/// Numbers that an operator can set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How much a run may take away in one guild.
    pub guard: Limits,
    /// Tokens that end within this time are refreshed.
    pub token_refresh_threshold: Duration,
    /// Tokens refreshed by one sweep.
    pub token_refresh_batch: usize,
    /// How long what is over is kept.
    pub retention: Policy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            guard: Limits::default(),
            token_refresh_threshold: Duration::from_secs(24 * 3600),
            token_refresh_batch: 50,
            retention: Policy::default(),
        }
    }
}

/// The ports. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    /// Jobs.
    pub ledger: Arc<dyn Ledger>,
    /// Orders about jobs.
    pub control: Arc<dyn JobControl>,
    /// Processes.
    pub workers: Arc<dyn Workers>,
    /// How many jobs ended, by minute.
    pub job_minutes: Arc<dyn JobMinutes>,
    /// Runs.
    pub runs: Arc<dyn Runs>,
    /// Guilds.
    pub guilds: Arc<dyn Guilds>,
    /// Removed guilds whose roles are still to be taken.
    pub retired_guilds: Arc<dyn RetiredGuilds>,
    /// Mappings.
    pub mappings: Arc<dyn Mappings>,
    /// What operators hold back.
    pub pauses: Arc<dyn Pauses>,
    /// What operators said of causes of dead letters.
    pub cause_marks: Arc<dyn CauseMarks>,
    /// Linked accounts.
    pub links: Arc<dyn Links>,
    /// Linked accounts, as people see them.
    pub accounts: Arc<dyn Accounts>,
    /// States of OAuth flows.
    pub oauth_states: Arc<dyn OAuthStates>,
    /// Who did what.
    pub audit: Arc<dyn Audit>,
    /// How refreshes of tokens go.
    pub refreshes: Arc<dyn Refreshes>,
    /// Answers that are kept for whoever asks the same once more.
    pub replies: Arc<dyn Replies>,
    /// Stored secrets.
    pub sealed_fields: Arc<dyn SealedFields>,
    /// Deletes what is old.
    pub retention: Arc<dyn Retention>,
    /// Notes for go-falcon's scheduler.
    pub scheduler_tasks: Arc<dyn SchedulerTasks>,
    /// Groups.
    pub directory: Arc<dyn Directory>,
    /// Discord.
    pub discord: Arc<dyn Discord>,
    /// Sealed secrets.
    pub vault: Arc<dyn Vault>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The application's OAuth credentials, if configured.
    pub oauth: Option<OAuthClient>,
    /// Settings.
    pub settings: Settings,
    /// Who counts and traces.
    pub observer: Arc<dyn Observer>,
    /// What was lately read of guilds.
    pub cache: Arc<GuildCache>,
}
