//! What the ports promise, one subject a file. Volumes stay small: some servers under test are slow.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod claim;
pub(crate) mod directory;
pub(crate) mod due;
pub(crate) mod guilds;
pub(crate) mod health;
pub(crate) mod insert;
pub(crate) mod links;
pub(crate) mod list;
pub(crate) mod mappings;
pub(crate) mod oauth_states;
pub(crate) mod rescue;
pub(crate) mod retired_guilds;
pub(crate) mod runs;
pub(crate) mod settle;
