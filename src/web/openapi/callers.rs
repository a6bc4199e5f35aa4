//! Who may ask, for the description of an operation. The permissions are those of `auth/right.rs`.

pub(super) const ANYBODY: &str = "Needs no token.";
pub(super) const VISITOR: &str = "Works without a token, too; a valid one says who is signed in.";
pub(super) const SELF: &str = "Needs a valid token: it is about the caller's own data.";
pub(super) const GUILDS: &str = "Needs the permission `discord:guilds:manage` or `discord:admin:full`.";
pub(super) const ADMIN: &str = "Needs the permission `discord:admin:full`.";
pub(super) const SELF_OR_ADMIN: &str =
    "One's own needs a valid token, that of others the permission `discord:admin:full`.";
pub(super) const SYNCS: &str = "Needs the permission `discord:sync:manage` or `discord:admin:full`, unless the operator opened syncs \
     with `ROLECALL_SYNC_NEEDS_PERMISSION=false`.";
pub(super) const OWN_SYNC: &str = "One's own needs a valid token, that of others the permission `discord:sync:manage` or \
     `discord:admin:full`, unless the operator opened syncs with `ROLECALL_SYNC_NEEDS_PERMISSION=false`.";
pub(super) const RUNS: &str = "Needs the permission `jobs:read`, `discord:sync:manage` or `discord:admin:full`, unless the operator \
     opened runs with `ROLECALL_SYNC_NEEDS_PERMISSION=false`.";
pub(super) const OWN_RUN: &str = "The run of one's own sync needs a valid token, others the permission `jobs:read`, \
     `discord:sync:manage` or `discord:admin:full`, unless the operator opened runs with \
     `ROLECALL_SYNC_NEEDS_PERMISSION=false`.";
pub(super) const JOBS: &str = "Needs the permission `jobs:read` or `discord:admin:full`, unless the operator opened jobs with \
     `ROLECALL_SYNC_NEEDS_PERMISSION=false`.";

pub(super) const METRICS: &str = "Needs the permission `jobs:read` or `discord:admin:full`. At `ROLECALL_METRICS_ADDR`, where that is \
     set, it needs no token.";
pub(super) const AUDIT: &str = "Needs the permission `jobs:manage` or `discord:admin:full`.";
pub(super) const MANAGE_JOBS: &str = "Needs the permission `jobs:manage` or `discord:admin:full`.";
