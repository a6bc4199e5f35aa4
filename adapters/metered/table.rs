//! All metrics. Names, labels and words are written here and nowhere else.

use super::kinds::{Counter, Gauge, Histogram, Kind, Metric};

/// Of what happens within a process and in the store, in seconds.
const QUICK: &[f64] = &[
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// Of what calls over the net, or waits for a turn, in seconds.
const SLOW: &[f64] = &[
    0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1_800.0,
];
/// Of whole runs, in seconds.
const LONG: &[f64] = &[1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0, 10_800.0];

macro_rules! table {
    ($($(#[doc = $help:literal])+ $kind:ident $id:ident $name:literal [$($label:literal),*] $(in $bounds:ident)?;)+) => {
        $(
            $(#[doc = $help])+
            pub static $id: $kind = $kind(Metric {
                name: $name,
                kind: Kind::$kind,
                help: concat!($($help),+).trim_ascii_start(),
                labels: &[$($label),*],
                bounds: table!(@bounds $($bounds)?),
            });
        )+

        /// All of them, in the order of the page.
        pub fn all() -> Vec<Metric> {
            vec![$($id.0),+]
        }
    };
    (@bounds) => { &[] };
    (@bounds $bounds:ident) => { $bounds };
}

table! {
    /// Always 1; the label tells which binary this is.
    Gauge BUILD "rolecall_build_info" ["version"];
    /// Whether the store answered when it was last looked at (1) or not (0).
    Gauge STORE_UP "rolecall_store_up" [];
    /// Whether the delivery (Redis, where it carries the jobs) answered when it was last looked at.
    Gauge DELIVERY_UP "rolecall_delivery_up" [];

    /// Jobs that are in this state now, from the ledger: the same in all processes. Not counted: completed and cancelled ones.
    Gauge JOBS "rolecall_jobs" ["state"];
    /// Age of the oldest job of a lane that is due and that no pause holds back, from the ledger; 0 if there is none.
    Gauge OLDEST_DUE "rolecall_oldest_due_seconds" ["lane"];
    /// Envelopes on their way to workers.
    Gauge DELIVERY_DEPTH "rolecall_delivery_depth" ["lane"];
    /// What operators hold back now.
    Gauge PAUSES "rolecall_pauses" [];
    /// Jobs that this process was to store. `result`: created, repeated (a step that was done again) or duplicate (one like it was live).
    Counter JOBS_STORED "rolecall_jobs_stored_total" ["kind", "result"];
    /// Envelopes that came to this worker. `result`: claimed, busy (its member is at work with another job), gone (somebody else had it: a duplicate) or failed.
    Counter CLAIMS "rolecall_claims_total" ["result"];
    /// Attempts that ended. `result` is that of the attempt in the job's history: applied, unchanged, skipped, retry, snooze, discard, cancel or released; or lost (its lease was).
    Counter ATTEMPTS "rolecall_attempts_total" ["kind", "result"];
    /// Jobs that ended. `outcome`: what they did (applied, unchanged, skipped), or the code of the error.
    Counter JOBS_ENDED "rolecall_jobs_ended_total" ["kind", "state", "outcome"];
    /// Attempts that were told to wait, which uses up none. `cause` is the code of the error, such as discord_rate_limited.
    Counter SNOOZES "rolecall_snoozes_total" ["kind", "cause"];
    /// Jobs taken back from a worker that went away. `state`: available (it runs again) or discarded (quarantined).
    Counter RESCUES "rolecall_rescues_total" ["kind", "state"];
    /// Envelopes sent again, because nobody took the first one.
    Counter REDELIVERIES "rolecall_redeliveries_total" ["lane"];
    /// Workers of the delivery that ended and were started again.
    Counter DELIVERY_RESTARTS "rolecall_delivery_restarts_total" ["lane"];
    /// From when a job was due until an attempt began.
    Histogram JOB_WAIT "rolecall_job_wait_seconds" ["kind", "lane"] in SLOW;
    /// How long attempts took.
    Histogram JOB_RUN "rolecall_job_run_seconds" ["kind"] in SLOW;

    /// Runs (syncs) that ended. `kind`: full, guild, user or mapping; `state`: completed, partial, failed or held.
    Counter RUNS_ENDED "rolecall_runs_ended_total" ["kind", "state"];
    /// How long runs took.
    Histogram RUN_TIME "rolecall_run_seconds" ["kind"] in LONG;
    /// Since the end of the last sync that went well, of the newest 50; missing if none did.
    Gauge LAST_SUCCESS_AGE "rolecall_sync_last_success_age_seconds" [];
    /// Roles given and taken. `change`: granted or revoked.
    Counter ROLE_CHANGES "rolecall_role_changes_total" ["change"];
    /// Attempts to join a person to a guild. `result`: joined, already_a_member, or the reason why not.
    Counter AUTO_JOINS "rolecall_auto_joins_total" ["result"];
    /// Failures of jobs for a permission that the bot lacks. `code` is Discord's, or the name of the error.
    Counter BOT_PERMISSION_ERRORS "rolecall_bot_permission_errors_total" ["guild", "code"];
    /// How a guild was when it was last looked at: 2 healthy, 1 degraded, 0 unhealthy; missing if nobody looked.
    Gauge GUILD_HEALTH "rolecall_guild_health" ["guild"];
    /// Members who joined a guild since the sync before, as a sync of this process saw. Not counted: who left again before the next one.
    Counter MEMBERS_JOINED "rolecall_guild_members_joined_total" ["guild"];
    /// Members who left a guild since the sync before, as a sync of this process saw. Who left and came back counts as both.
    Counter MEMBERS_LEFT "rolecall_guild_members_left_total" ["guild"];
    /// Members of a guild at its newest sync.
    Gauge GUILD_MEMBERS "rolecall_guild_members" ["guild"];
    /// The same of members with a linked account.
    Gauge GUILD_LINKED "rolecall_guild_linked_members" ["guild"];
    /// Linked accounts.
    Gauge LINKED_ACCOUNTS "rolecall_linked_accounts" [];
    /// Logins at Discord that came back. `outcome` is the code that the frontend is told: linked, moved, signed_in, or why it failed.
    Counter OAUTH_LOGINS "rolecall_oauth_logins_total" ["outcome"];

    /// Calls to Discord by template. `status` is the HTTP status, or none if no answer came.
    Counter DISCORD_CALLS "rolecall_discord_calls_total" ["route", "status"];
    /// How long Discord took to answer.
    Histogram DISCORD_TIME "rolecall_discord_call_seconds" ["route"] in SLOW;
    /// Answers 429. `scope`: user, global, shared or edge (the address is banned).
    Counter DISCORD_LIMITED "rolecall_discord_rate_limited_total" ["route", "scope"];
    /// Answers that Discord counts towards a ban of the address, at 10,000 in ten minutes: 401, 403, and 429 but for shared limits.
    Counter DISCORD_INVALID "rolecall_discord_invalid_requests_total" [];
    /// How many such answers are left of 1,000 in ten minutes, until all but interactive calls stop: for all processes that share a Redis or a data folder, else for this one.
    Gauge DISCORD_INVALID_LEFT "rolecall_discord_invalid_requests_left" [];
    /// For how long yet more than one budget is stopped, 0 if it is not. `barrier`: global (a bot's), invalid (too many refused calls; interactive ones go) or edge (the address is banned).
    Gauge DISCORD_STOP "rolecall_discord_stop_seconds" ["barrier"];
    /// What Discord's last answer of a route left of its budget (`X-RateLimit-Remaining`).
    Gauge DISCORD_REMAINING "rolecall_discord_rate_limit_remaining" ["route"];
    /// How long calls waited for a permit of the limiter.
    Histogram LIMITER_WAIT "rolecall_limiter_wait_seconds" ["route"] in SLOW;
    /// Calls and jobs that wait now for a time that the limiter gave them, in the first hundred budgets: for all processes that share a Redis or a data folder, else for this one.
    Gauge LIMITER_WAITING "rolecall_limiter_waiting" [];
    /// Calls that the limiter sent away, to come back at a time of their own.
    Counter LIMITER_DEFERRALS "rolecall_limiter_deferrals_total" ["route"];

    /// How long the store took, by operation: of the ledger, and of linked accounts and the directory, whose names begin with `accounts_`, `links_` and `directory_`.
    Histogram STORE_TIME "rolecall_store_seconds" ["operation"] in QUICK;
    /// Operations of the store that failed, of those.
    Counter STORE_ERRORS "rolecall_store_errors_total" ["operation"];

    /// HTTP requests. `route` is the template, or `(no route)`.
    Counter HTTP_REQUESTS "rolecall_http_requests_total" ["method", "route", "status"];
    /// How long answers took to begin.
    Histogram HTTP_TIME "rolecall_http_request_seconds" ["method", "route"] in SLOW;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_follow_prometheus_customs() {
        let all = all();
        let names: BTreeSet<&str> = all.iter().map(|m| m.name).collect();
        assert_eq!(names.len(), all.len());
        for metric in &all {
            let (name, kind) = (metric.name, metric.kind);
            assert!(name.starts_with("rolecall_"), "{name}");
            assert_eq!(name.ends_with("_total"), kind == Kind::Counter, "{name}");
            assert_eq!(metric.bounds.is_empty(), kind != Kind::Histogram, "{name}");
            assert!(metric.bounds.is_sorted(), "{name}");
            assert!(kind != Kind::Histogram || name.ends_with("_seconds"), "{name}");
            assert!(
                metric.help.ends_with('.') && !metric.help.starts_with(' '),
                "{name}"
            );
        }
    }
}
