//! Stories of several steps, made of jobs: one file each.
//!
//! A sync is asked for in [`request`], which stores a run and its first job. [`sync_all`] makes one [`sync_guild`] a
//! guild; [`sync_user`] makes one [`sync_member`] an account and guild; these plan, and make one job a write.
//! Changes of mappings and guilds ([`change_mapping`], [`remove_guild`]) are followed by a run ([`follow_up`]) in which
//! [`retire_roles`] takes what nothing gives any more. What a run did so far is told by [`progress`], and of one user by
//! [`user_report`]. How the guilds are is looked at by [`check_guilds`].

pub mod change_mapping;
pub mod check_guild;
pub mod check_guilds;
pub mod follow_up;
#[cfg(test)]
mod golden_tests;
pub mod link_account;
pub mod planner;
pub mod progress;
pub mod refresh_tokens;
pub mod remove_guild;
pub mod request;
pub mod retire_roles;
pub mod schedule;
pub mod sync_all;
pub mod sync_guild;
pub mod sync_member;
pub mod sync_user;
mod turnover;
pub mod unlink_account;
pub mod user_report;

use rolecall_jobs::kernel::registry::Registry;

/// All kinds that this binary can run.
pub fn registry() -> Registry {
    let mut registry = Registry::default();
    rolecall_jobs::register(&mut registry);
    registry.add::<check_guild::CheckGuild>();
    registry.add::<check_guilds::CheckGuilds>();
    registry.add::<refresh_tokens::RefreshTokens>();
    registry.add::<retire_roles::RetireRoles>();
    registry.add::<sync_all::SyncAll>();
    registry.add::<sync_guild::SyncGuild>();
    registry.add::<sync_member::SyncMember>();
    registry.add::<sync_user::SyncUser>();
    registry.add::<unlink_account::UnlinkAccount>();
    registry
}

#[cfg(test)]
mod tests {
    #[test]
    fn kind_names_are_the_ones_already_stored() {
        let names: Vec<_> = super::registry().names().collect();
        assert_eq!(
            names,
            [
                "add_role",
                "await_jobs",
                "bulk_order",
                "cancel_run",
                "check_guild",
                "check_guilds",
                "deliver_webhook",
                "finish_run",
                "forget_account",
                "forget_guild",
                "join_guild",
                "notify_channel",
                "refresh_token",
                "refresh_tokens",
                "remove_role",
                "retention",
                "retire_roles",
                "seal_secrets",
                "set_member_roles",
                "sync_all",
                "sync_guild",
                "sync_member",
                "sync_user",
                "take_mapped_roles",
                "take_retired_roles",
                "unlink_account",
            ]
        );
    }
}
