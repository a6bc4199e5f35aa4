//! The paths of go-falcon's Discord module, with the union of the field names that its callers send and read.

pub(crate) mod auth;
pub(crate) mod estimate;
pub(crate) mod guilds;
pub(crate) mod manual_request;
pub(crate) mod mappings;
pub(crate) mod recent_run;
pub(crate) mod status;
pub(crate) mod sync_answer;
pub(crate) mod sync_manual;
pub(crate) mod sync_status;
pub(crate) mod sync_user;
pub(crate) mod users;
