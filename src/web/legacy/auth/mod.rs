//! Accounts: logging in at Discord, linking and unlinking. A login begins with [`login`] and ends with [`callback`].

pub(crate) mod account_view;
pub(crate) mod auth_status;
pub(crate) mod callback;
mod cookies;
mod exchange;
pub(crate) mod link;
pub(crate) mod login;
mod outcome;
mod redirect;
mod secret;
pub(crate) mod unlink;
pub(crate) mod user_profile;
mod visitor;

pub(crate) use outcome::begin_logins;
