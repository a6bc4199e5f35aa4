//! How a login ends: a stable code for the frontend's query and for the log, and a sentence.

use rolecall_adapters::metered::table::OAUTH_LOGINS;
use rolecall_core::ports::{CallError, CallFailure};

/// Why a login failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The person pressed Cancel at Discord.
    AccessDenied,
    /// Discord sent another error back.
    DiscordError,
    /// No code came.
    CodeMissing,
    /// No state came.
    StateMissing,
    /// It was never given out, or is forgotten.
    StateUnknown,
    /// It was given out too long ago.
    StateExpired,
    /// It was used before.
    StateReused,
    /// It was given out to another browser.
    StateForeign,
    /// It was given out to another user than is signed in now.
    UserForeign,
    /// Discord does not accept the code.
    CodeRefused,
    /// Discord does not accept our redirect address.
    RedirectRefused,
    /// Discord does not accept our credentials.
    ClientRefused,
    /// Discord does not answer.
    DiscordUnavailable,
    /// Discord's limits are used up.
    DiscordRateLimited,
    /// Discord refused something else.
    DiscordRefused,
    /// Logins are not configured.
    NotConfigured,
    /// Nobody is signed in, and the account belongs to nobody.
    AccountUnknown,
    /// The account belongs to another user.
    AccountTaken,
    /// The user is banned.
    Banned,
    /// The browser's address asked too often.
    RateLimited,
    /// The store does not answer.
    StoreUnavailable,
    /// Our own fault.
    InternalError,
}

impl Reason {
    /// The code. Frontends know it: never change one.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::DiscordError => "discord_error",
            Self::CodeMissing => "code_missing",
            Self::StateMissing => "state_missing",
            Self::StateUnknown => "state_unknown",
            Self::StateExpired => "state_expired",
            Self::StateReused => "state_reused",
            Self::StateForeign => "state_foreign",
            Self::UserForeign => "user_foreign",
            Self::CodeRefused => "code_refused",
            Self::RedirectRefused => "redirect_refused",
            Self::ClientRefused => "client_refused",
            Self::DiscordUnavailable => "discord_unavailable",
            Self::DiscordRateLimited => "discord_rate_limited",
            Self::DiscordRefused => "discord_refused",
            Self::NotConfigured => "not_configured",
            Self::AccountUnknown => "account_unknown",
            Self::AccountTaken => "account_taken",
            Self::Banned => "banned",
            Self::RateLimited => "rate_limited",
            Self::StoreUnavailable => "store_unavailable",
            Self::InternalError => "internal_error",
        }
    }

    /// What the person is told.
    pub(super) const fn sentence(self) -> &'static str {
        match self {
            Self::AccessDenied => "You cancelled at Discord; nothing was changed.",
            Self::DiscordError => "Discord ended the login; try again.",
            Self::CodeMissing | Self::StateMissing => "The login came back incomplete; begin anew.",
            Self::StateUnknown => "This login is not known; begin anew.",
            Self::StateExpired => "The login took too long; begin anew.",
            Self::StateReused => "This login was finished before; if nothing happened, begin anew.",
            Self::StateForeign => "This login was begun in another browser; begin anew in this one.",
            Self::UserForeign => "This login was begun by another user; begin anew.",
            Self::CodeRefused => "Discord does not accept the login any more; begin anew.",
            Self::RedirectRefused | Self::ClientRefused | Self::NotConfigured => {
                "Logins at Discord are not set up; tell the operator."
            }
            Self::DiscordUnavailable => "Discord does not answer at present; try again later.",
            Self::DiscordRateLimited => "Discord is busy at present; try again in a minute.",
            Self::DiscordRefused => "Discord refused the login; try again.",
            Self::AccountUnknown => "This Discord account is linked to nobody; sign in first, then link it.",
            Self::AccountTaken => "This Discord account is linked to another user; unlink it there first.",
            Self::Banned => "You are banned; no account was linked.",
            Self::RateLimited => "Too many requests came from you; begin anew in a minute.",
            Self::StoreUnavailable => "The account could not be stored at present; try again in a moment.",
            Self::InternalError => "Something went wrong; tell the operator.",
        }
    }
}

/// Begins the counts of logins that fail by our own fault: Prometheus sees the first one only if it saw none before.
pub(crate) fn begin_logins() {
    let ours = [
        Reason::ClientRefused,
        Reason::RedirectRefused,
        Reason::NotConfigured,
        Reason::StoreUnavailable,
        Reason::InternalError,
    ];
    for reason in ours {
        OAUTH_LOGINS.begin(&[reason.code()]);
    }
}

/// Why a login failed, with words for the log that hold no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) reason: Reason,
    pub(super) cause: String,
}

impl Failed {
    pub(super) fn because(reason: Reason, cause: impl Into<String>) -> Self {
        Self {
            reason,
            cause: cause.into(),
        }
    }
}

impl From<Reason> for Failed {
    fn from(reason: Reason) -> Self {
        Self::because(reason, "")
    }
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Self {
        let reason = match (&error.failure, error.did_nothing()) {
            (CallFailure::Wait(_), true) => Reason::DiscordRateLimited,
            (CallFailure::Wait(_) | CallFailure::Transient, _) => Reason::DiscordUnavailable,
            _ => Reason::DiscordRefused,
        };
        Self::because(reason, error.message)
    }
}

impl From<rolecall_core::error::StoreError> for Failed {
    fn from(error: rolecall_core::error::StoreError) -> Self {
        Self::because(Reason::StoreUnavailable, error.to_string())
    }
}
