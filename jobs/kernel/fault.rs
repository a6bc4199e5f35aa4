//! Points at which the fault suite (`make faults`) kills a process, and mechanisms that it takes away to see that it
//! notices.
//!
//! Only with the feature `faults`, which nothing that is shipped has; without it, these functions do nothing and this
//! module reads no environment.

use std::time::Duration;

/// A place in a job's life. What the names stand for, docs/reliability.md says, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// A request was understood; nothing is stored yet.
    K1,
    /// Jobs are stored, and not sent yet.
    K2,
    /// Envelopes are sent, and nobody was told.
    K3,
    /// A job is claimed; nothing was done yet.
    K4,
    /// Right before a call to Discord that changes a member.
    K5,
    /// An attempt ended; its outcome is not written.
    K7,
    /// The outcome is written; the envelope is not acknowledged.
    K8,
    /// A page's follow-up jobs are stored; their planner has not ended.
    K10,
    /// The jobs of dead workers were taken back; nobody was told.
    K12,
    /// A run is added up and told of; it is not closed.
    K13,
    /// Discord made a new pair of tokens; it is not stored.
    K14,
    /// The process was told to stop.
    K15,
    /// One secret of many is sealed anew.
    K16,
}

/// What keeps jobs right; each can be taken away, alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// Only who holds the newest claim of a job may settle it.
    Fence,
    /// One live job for one wish.
    UniqueKey,
    /// One running job for a member.
    SingleFlight,
    /// A job whose worker dies the third time is put aside.
    CrashCount,
    /// The ids of follow-up jobs are derived from their parent's.
    FollowUpIds,
    /// A job that was there when a worker died does not run beside others like it.
    Company,
    /// A running job's lease is renewed.
    Renewal,
    /// A tick's job or run has the tick's own id.
    TickKey,
    /// The wish is read again at the moment a role is taken.
    SecondRead,
    /// Jobs are stored before anyone is told of them.
    StoreFirst,
    /// The jobs of dead workers are taken back.
    Rescuer,
    /// An envelope that nobody took is sent again.
    Resend,
    /// A run whose end nobody noted is closed.
    RunCloser,
}

/// How late a job is stored where it is not stored first.
pub const LATER: Duration = Duration::from_secs(1);

/// Ends this process by SIGKILL, if the suite asked for this passing of this point. `kind`: the job's, if there is one.
#[cfg(not(feature = "faults"))]
#[inline]
pub const fn pass(_point: Point, _kind: &str) {}

/// Whether the suite took this away.
#[cfg(not(feature = "faults"))]
#[inline]
#[must_use]
pub const fn without(_mechanism: Mechanism) -> bool {
    false
}

/// The version of a kind's payload that this release writes, and the newest that it reads: its own, or the one by which the
/// suite makes a newer release of it.
#[cfg(not(feature = "faults"))]
#[inline]
#[must_use]
pub const fn version(_kind: &str, own: u16) -> u16 {
    own
}

#[cfg(feature = "faults")]
pub use armed::{pass, version, without};

#[cfg(feature = "faults")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    use super::{Mechanism, Point};

    /// Where to die: `POINT:n` or `POINT/KIND:n`, at the n-th passing.
    const FAULT: &str = "ROLECALL_FAULT";
    /// Makes a newer release of this one: `KIND:VERSION`, as if the payload of that kind had changed.
    const NEWER_RELEASE: &str = "ROLECALL_NEWER";
    /// The mechanism that is taken away, by its name in [`Mechanism`].
    const WITHOUT: &str = "ROLECALL_WITHOUT";

    struct Order {
        point: String,
        kind: Option<String>,
        left: AtomicU32,
    }

    impl Order {
        fn read() -> Option<Self> {
            let text = std::env::var(FAULT).ok()?;
            let (place, n) = text.split_once(':')?;
            let (point, kind) = match place.split_once('/') {
                Some((point, kind)) => (point, Some(kind.to_owned())),
                None => (place, None),
            };
            Some(Self {
                point: point.to_owned(),
                kind,
                left: AtomicU32::new(n.parse().ok()?),
            })
        }

        fn is_meant(&self, point: Point, kind: &str) -> bool {
            format!("{point:?}") == self.point && self.kind.as_deref().is_none_or(|k| k == kind)
        }
    }

    /// Ends this process by SIGKILL, if the suite asked for this passing of this point.
    pub fn pass(point: Point, kind: &str) {
        static ORDER: OnceLock<Option<Order>> = OnceLock::new();
        let Some(order) = ORDER.get_or_init(Order::read) else {
            return;
        };
        if order.is_meant(point, kind) && order.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let _ = kill_process(getpid(), Signal::KILL);
        }
    }

    /// The version that `ROLECALL_NEWER` names for this kind, or its own.
    pub fn version(kind: &str, own: u16) -> u16 {
        static NEWER: OnceLock<Option<(String, u16)>> = OnceLock::new();
        let read = || {
            let text = std::env::var(NEWER_RELEASE).ok()?;
            let (kind, version) = text.split_once(':')?;
            Some((kind.to_owned(), version.parse().ok()?))
        };
        let newer = NEWER.get_or_init(read).as_ref();
        newer
            .filter(|(of, _)| of == kind)
            .map_or(own, |(_, version)| *version)
    }

    /// Whether the suite took this away.
    pub fn without(mechanism: Mechanism) -> bool {
        static GONE: OnceLock<Option<String>> = OnceLock::new();
        GONE.get_or_init(|| std::env::var(WITHOUT).ok())
            .as_deref()
            .is_some_and(|name| format!("{mechanism:?}") == name)
    }
}
