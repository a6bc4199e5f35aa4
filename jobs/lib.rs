//! The kernel that runs jobs (registry, runner, relay, rescuer), and one file per job kind that is a single step.
//!
//! Stories of several steps are in the crate `rolecall-workflows`. Both see ports only; drivers are not among their
//! dependencies, so the build proves it.

pub mod add_role;
pub mod await_jobs;
pub mod bulk_order;
pub mod cancel_run;
pub mod finish_run;
pub mod forget_account;
pub mod forget_guild;
pub mod join_guild;
pub mod kernel;
pub mod note_syncs;
pub mod notify_channel;
pub mod refresh_token;
pub mod remove_role;
pub mod retention;
pub mod run_report;
pub mod seal_secrets;
pub mod set_member_roles;
pub mod take_mapped_roles;
pub mod take_retired_roles;

use kernel::registry::Registry;

/// Registers the kinds of this crate.
pub fn register(registry: &mut Registry) {
    registry.add::<add_role::AddRole>();
    registry.add::<await_jobs::AwaitJobs>();
    registry.add::<bulk_order::BulkOrder>();
    registry.add::<cancel_run::CancelRun>();
    registry.add::<finish_run::FinishRun>();
    registry.add::<forget_account::ForgetAccount>();
    registry.add::<forget_guild::ForgetGuild>();
    registry.add::<join_guild::JoinGuild>();
    registry.add::<notify_channel::NotifyChannel>();
    registry.add::<refresh_token::RefreshToken>();
    registry.add::<remove_role::RemoveRole>();
    registry.add::<retention::Retention>();
    registry.add::<seal_secrets::SealSecrets>();
    registry.add::<set_member_roles::SetMemberRoles>();
    registry.add::<take_mapped_roles::TakeMappedRoles>();
    registry.add::<take_retired_roles::TakeRetiredRoles>();
}
