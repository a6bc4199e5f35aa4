//! What operators say of a cause of dead letters, and what that means when it comes back.

use crate::time::Timestamp;

/// What somebody said of a cause. Stored, one a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The cause.
    pub fingerprint: String,
    /// What was said.
    pub said: Said,
    /// When.
    pub at: Timestamp,
    /// Who: as in [`crate::cause::Cause`].
    pub by: String,
    /// Why, in words.
    pub reason: String,
}

/// What can be said of a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It is mended.
    Resolved,
    /// Nobody needs to look at it before this moment; `None`: ever.
    Ignored(Option<Timestamp>),
}

impl Said {
    /// The written name of "resolved". Stored.
    pub const RESOLVED: &'static str = "resolved";
    /// The written name of "ignored". Stored.
    pub const IGNORED: &'static str = "ignored";

    /// The written name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resolved => Self::RESOLVED,
            Self::Ignored(_) => Self::IGNORED,
        }
    }

    /// What is written as this name and time.
    pub fn from_parts(name: &str, until: Option<Timestamp>) -> Option<Self> {
        match name {
            Self::RESOLVED => Some(Self::Resolved),
            Self::IGNORED => Some(Self::Ignored(until)),
            _ => None,
        }
    }
}

/// How a group of dead letters stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Somebody has to look at it.
    Open,
    /// Somebody said that it is mended, and it did not come back.
    Resolved(Mark),
    /// Somebody said that nobody needs to look at it now.
    Ignored(Mark),
    /// Somebody said that it is mended, or that it may wait until a moment; it came back after that.
    Reopened(Mark),
}

impl Standing {
    /// The names of all.
    pub const NAMES: [&'static str; 4] = ["open", "resolved", "ignored", "reopened"];

    /// The name that is meant, also as people write it. `None`: there is no such standing.
    pub fn name_of(text: &str) -> Option<&'static str> {
        let plain = text.trim().to_ascii_lowercase().replace('-', "");
        Self::NAMES.into_iter().find(|name| *name == plain)
    }

    /// The written name.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved(_) => "resolved",
            Self::Ignored(_) => "ignored",
            Self::Reopened(_) => "reopened",
        }
    }

    /// Whether somebody has to look at it.
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Open | Self::Reopened(_))
    }

    /// What was said of it.
    pub const fn mark(&self) -> Option<&Mark> {
        match self {
            Self::Open => None,
            Self::Resolved(mark) | Self::Ignored(mark) | Self::Reopened(mark) => Some(mark),
        }
    }

    /// In a sentence.
    pub fn told(&self) -> String {
        let who = |mark: &Mark| {
            let reason = match mark.reason.as_str() {
                "" => String::new(),
                reason => format!(" ({reason})"),
            };
            format!("{} at {}{reason}", mark.by, mark.at.to_rfc3339())
        };
        match self {
            Self::Open => "Nobody has said anything of it yet.".to_owned(),
            Self::Resolved(mark) => format!("Resolved by {}; it has not come back.", who(mark)),
            Self::Ignored(mark) => match mark.said {
                Said::Ignored(Some(until)) => {
                    format!("Ignored by {}, until {}.", who(mark), until.to_rfc3339())
                }
                _ => format!("Ignored by {}.", who(mark)),
            },
            Self::Reopened(mark) => match mark.said {
                Said::Resolved => format!(
                    "Open again: resolved by {}, and it came back after that.",
                    who(mark)
                ),
                Said::Ignored(_) => format!("Open again: ignored by {}, and that time is over.", who(mark)),
            },
        }
    }
}

/// How a group stands of which the last job failed at `last`.
///
/// A job that failed in the same millisecond as it was called mended counts as failed before.
pub fn standing(mark: Option<&Mark>, last: Timestamp, now: Timestamp) -> Standing {
    let Some(mark) = mark else { return Standing::Open };
    let mark = mark.clone();
    match mark.said {
        Said::Resolved if last > mark.at => Standing::Reopened(mark),
        Said::Resolved => Standing::Resolved(mark),
        Said::Ignored(Some(until)) if now >= until => Standing::Reopened(mark),
        Said::Ignored(_) => Standing::Ignored(mark),
    }
}

/// What a failure of this fingerprint has in common with those that other kinds of jobs met at other calls: the code, as
/// `code:` of a query finds it. `None`: its cause is one of its own (a payload, a worker that died).
pub fn code_of(fingerprint: &str) -> Option<&str> {
    match fingerprint.split('|').collect::<Vec<_>>()[..] {
        [_, _, _, code] if !code.is_empty() => Some(code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mark(said: Said) -> Mark {
        Mark {
            fingerprint: "add_role|x".to_owned(),
            said,
            at: Timestamp(100),
            by: "user:eve".to_owned(),
            reason: "moved the bot up".to_owned(),
        }
    }

    #[test]
    fn what_was_resolved_and_comes_back_is_open_again_and_says_so() {
        let resolved = mark(Said::Resolved);
        let of = |last| standing(Some(&resolved), Timestamp(last), Timestamp(1_000));
        assert_eq!((of(100).as_str(), of(101).as_str()), ("resolved", "reopened"));
        assert!(
            of(101).told().contains("came back after that"),
            "{}",
            of(101).told()
        );
        assert!(of(101).is_open() && !of(100).is_open());
    }

    #[test]
    fn one_dead_token_has_one_code_whatever_was_being_done() {
        let of = |kind: &str, route: &str| {
            let mut error = crate::error::JobError::permanent("discord_unauthorized", "401");
            (error.http_status, error.route) = (Some(401), Some(route.to_owned()));
            code_of(&error.fingerprint(kind)).map(ToOwned::to_owned)
        };
        let code = Some("discord_unauthorized".to_owned());
        assert_eq!(of("add_role", "PUT /a"), code);
        assert_eq!(of("sync_guild", "GET /guilds/{guild}"), code);
        for own in ["add_role|undecodable", "add_role|quarantined", "", "a|b|c|"] {
            assert_eq!(code_of(own), None, "{own}");
        }
    }

    #[test]
    fn a_standing_is_read_as_people_write_it() {
        assert_eq!(Standing::name_of("Re-opened"), Some("reopened"));
        assert_eq!(Standing::name_of(" open"), Some("open"));
        assert_eq!(Standing::name_of("closed"), None);
    }

    #[test]
    fn what_is_ignored_is_so_until_its_time_whatever_fails() {
        let until = mark(Said::Ignored(Some(Timestamp(500))));
        let of = |now| standing(Some(&until), Timestamp(400), Timestamp(now));
        assert_eq!((of(499).as_str(), of(500).as_str()), ("ignored", "reopened"));
        let ever = mark(Said::Ignored(None));
        assert_eq!(
            standing(Some(&ever), Timestamp(900), Timestamp(i64::MAX)).as_str(),
            "ignored"
        );
        assert_eq!(standing(None, Timestamp(0), Timestamp(0)), Standing::Open);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_later_failure_never_closes_a_group(last in 0i64..300, later in 0i64..300, now in 0i64..300, until in 0i64..300) {
            for said in [Said::Resolved, Said::Ignored(None), Said::Ignored(Some(Timestamp(until)))] {
                let mark = mark(said);
                let of = |last| standing(Some(&mark), Timestamp(last), Timestamp(now)).is_open();
                prop_assert!(!of(last) || of(last + later));
                prop_assert_eq!(Said::from_parts(said.as_str(), match said {
                    Said::Ignored(until) => until,
                    Said::Resolved => None,
                }), Some(said));
            }
        }
    }
}
