//! What a run did, as it is sent.

use std::collections::BTreeMap;

use rolecall_core::run::{RunError, RunResults};
use serde::Serialize;
use utoipa::ToSchema;

/// What a run did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResultsView {
    /// Linked members that were decided about.
    users_processed: u64,
    /// Of these, those without a failed job.
    users_succeeded: u64,
    /// Those with a failed job.
    users_failed: u64,
    /// Roles given.
    roles_added: u64,
    /// Roles taken.
    roles_removed: u64,
    /// Accounts joined to a guild.
    joined: u64,
    /// Linked members who already had what they should.
    unchanged: u64,
    /// Guilds that were planned.
    guilds_processed: u64,
    /// What was left alone, by reason.
    skipped: BTreeMap<String, u64>,
    /// Jobs by state.
    jobs: BTreeMap<String, u64>,
    /// Planned numbers; a dry run stops there.
    planned: BTreeMap<String, u64>,
    /// What went wrong, the first hundred.
    errors: Vec<ErrorView>,
    /// Why removals were held back, one sentence a guild.
    held: Vec<String>,
    /// What else people should know, such as changes that a guild's cap left for the next sync.
    notes: Vec<String>,
}

/// One thing that went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorView {
    /// The user, if it is about one.
    user_id: Option<String>,
    /// The account, if it is about one.
    discord_id: Option<String>,
    /// The guild, if it is about one.
    guild_id: Option<String>,
    /// In words.
    error: String,
    /// When.
    occurred_at: String,
}

impl From<&RunError> for ErrorView {
    fn from(error: &RunError) -> Self {
        Self {
            user_id: error.user_id.as_ref().map(ToString::to_string),
            discord_id: error.discord_id.map(|id| id.to_string()),
            guild_id: error.guild_id.map(|id| id.to_string()),
            error: error.error.clone(),
            occurred_at: error.occurred_at.to_rfc3339(),
        }
    }
}

impl From<&RunResults> for ResultsView {
    fn from(results: &RunResults) -> Self {
        Self {
            users_processed: results.users_processed,
            users_succeeded: results.users_succeeded,
            users_failed: results.users_failed,
            roles_added: results.roles_added,
            roles_removed: results.roles_removed,
            joined: results.joined,
            unchanged: results.unchanged,
            guilds_processed: results.guilds_processed,
            skipped: results.skipped.clone(),
            jobs: results.jobs.clone(),
            planned: results.planned.clone(),
            errors: results.errors.iter().map(ErrorView::from).collect(),
            held: results.held.clone(),
            notes: results.notes.clone(),
        }
    }
}
