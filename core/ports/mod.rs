//! Ports: what the inside needs from the outside. Adapters implement them; one conformance suite a port runs over
//! every adapter.

mod api_keys;
mod call;
mod clock;
mod control;
mod delivery;
mod directory;
mod discord;
mod ledger;
mod limiter;
mod permissions;
mod replies;
mod repositories;
mod schedules;
mod upkeep;
mod vault;
mod webhooks;
mod workers;

pub use api_keys::ApiKeys;
pub use call::{CallError, CallFailure, CallOptions};
pub use clock::Clock;
pub use control::{CauseMarks, JobControl, Ordered, Pauses, Redrive};
pub use delivery::{Delivery, DeliveryError, Envelope, EnvelopeHandler, Shutdown};
pub use directory::{Character, Directory, Group, Import, ImportReport, ImportRow};
pub use discord::{
    Application, Authorization, BotToken, Discord, ExchangeError, Joined, MEMBER_PAGE, OAuthClient,
    RefreshError, TokenPair,
};
pub use ledger::{
    Claim, DueJob, JobCursor, JobFilter, Ledger, Obstacles, Renewed, Rescued, Settlement, Share, SplitBy,
};
pub use limiter::{
    Answer, Barrier, Budget, FullBucket, Keeper, Limiter, Permission, RateHeaders, RateScope, Refusals, Route,
};
pub use permissions::{Granted, Permissions, permission};
pub use replies::Replies;
pub use repositories::{
    AccountFilter, Accounts, Audit, Guilds, Links, Mappings, NewGuild, OAuthStates, RetiredGuilds, RunFilter,
    Runs, StoreHealth,
};
pub use schedules::Schedules;
pub use upkeep::{
    Begun, NoSchedulerTasks, REFRESH_TAKES, Refreshes, Retention, SchedulerTask, SchedulerTasks,
    SealedFields, TaskEnd, consent,
};
pub use vault::{Vault, VaultError};
pub use webhooks::{Alarms, WebhookAnswer, WebhookError, WebhookMessage, WebhookSender, Webhooks};
pub use workers::{Heard, JobMinutes, Workers};
