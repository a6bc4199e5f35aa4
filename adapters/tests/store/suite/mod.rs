//! What the ports promise, one subject a file. Volumes stay small: some servers under test are slow.

pub(crate) mod accounts;
pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod cause_marks;
pub(crate) mod claim;
pub(crate) mod control;
pub(crate) mod directory;
pub(crate) mod due;
pub(crate) mod guilds;
pub(crate) mod health;
pub(crate) mod insert;
pub(crate) mod links;
pub(crate) mod list;
pub(crate) mod mappings;
pub(crate) mod model;
pub(crate) mod oauth_states;
pub(crate) mod pauses;
pub(crate) mod refreshes;
pub(crate) mod rescue;
pub(crate) mod retention;
pub(crate) mod retired_guilds;
pub(crate) mod runs;
pub(crate) mod sealed_fields;
pub(crate) mod settle;
