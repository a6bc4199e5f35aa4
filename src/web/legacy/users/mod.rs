//! Linked accounts: `/discord/users`.

pub(crate) mod get;
pub(crate) mod list;
