//! What operators order about jobs, in the words of the command line, the API and the records of who did what.

use serde::{Deserialize, Serialize};

use crate::ids::JobId;
use crate::job::JobState;
use crate::ports::{JobFilter, Ordered};
use crate::time::Timestamp;

/// An order about one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Ends it.
    Cancel,
    /// Runs it again, with all its tries.
    Retry,
    /// Makes a dead letter of it.
    Discard,
    /// Gives it another time.
    Reschedule(Timestamp),
}

impl Order {
    /// The name in records of who did what. Stored: never change one.
    pub const fn recorded(self) -> &'static str {
        match self {
            Self::Cancel => "job.cancelled",
            Self::Retry => "job.redriven",
            Self::Discard => "job.discarded",
            Self::Reschedule(_) => "job.rescheduled",
        }
    }

    /// What was done to a job, to be said after it.
    const fn done(self) -> &'static str {
        match self {
            Self::Cancel => "cancelled",
            Self::Retry => "will run again",
            Self::Discard => "discarded",
            Self::Reschedule(_) => "rescheduled",
        }
    }

    /// States of jobs to which it means something.
    pub const fn states(self) -> &'static [JobState] {
        use JobState::{Available, Cancelled, Discarded, Retryable, Running, Scheduled};
        match self {
            Self::Retry => &[Cancelled, Discarded],
            Self::Cancel => &[Scheduled, Available, Running, Retryable],
            Self::Discard | Self::Reschedule(_) => &[Scheduled, Available, Retryable],
        }
    }

    /// To which jobs it means something.
    const fn means(self) -> &'static str {
        match self {
            Self::Cancel => "only a job that is not over can be cancelled",
            Self::Retry => "only a cancelled or discarded job can be run again",
            Self::Discard => "only a waiting job can be discarded; cancel a running one",
            Self::Reschedule(_) => "only a waiting job can be given another time",
        }
    }

    /// What would come of it for a job in this state; `None`: there is no such job. Whether a job that would run again has
    /// a live twin is known only when it is tried.
    pub fn would(self, state: Option<JobState>) -> Ordered {
        match state {
            None => Ordered::Unknown,
            Some(state) if !self.states().contains(&state) => Ordered::Not(state),
            Some(JobState::Running) => Ordered::Asked,
            Some(_) => Ordered::Done,
        }
    }

    /// What [`Self::would`] says, in a sentence.
    pub fn foretold(self, id: JobId, would: Ordered) -> String {
        match would {
            Ordered::Done => match self {
                Self::Cancel => format!("Job {id} would end at once."),
                Self::Retry => {
                    format!("Job {id} would run again, unless another that does the same is at work.")
                }
                Self::Discard => format!("Job {id} would become a dead letter."),
                Self::Reschedule(at) => format!("Job {id} would run at {}.", at.to_rfc3339()),
            },
            Ordered::Asked => {
                format!("Job {id} is running: it would end before its next call to Discord.")
            }
            refused => self.told(id, refused),
        }
    }

    /// What came of it, in a sentence.
    pub fn told(self, id: JobId, ordered: Ordered) -> String {
        match ordered {
            Ordered::Done => format!("Job {id} {}.", self.done()),
            Ordered::Asked => format!(
                "Job {id} is running: it ends before its next call to Discord, unless it is done before that."
            ),
            Ordered::Twin(twin) => {
                format!("Job {id} was left alone: job {twin} does the same, and is at work.")
            }
            Ordered::Not(state) => format!("Job {id} is {state}: {}.", self.means()),
            Ordered::Unknown => format!("There is no job {id}; `rolecall jobs list` shows them."),
        }
    }
}

/// An order about many jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BulkAction {
    /// See [`Order::Retry`].
    Retry,
    /// See [`Order::Cancel`].
    Cancel,
    /// See [`Order::Discard`].
    Discard,
}

impl BulkAction {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Retry, Self::Cancel, Self::Discard];

    /// The written name. Stored: never change one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::Discard => "discard",
        }
    }

    /// The action with this written name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.as_str() == name)
    }

    /// The order that each job gets.
    pub const fn order(self) -> Order {
        match self {
            Self::Retry => Order::Retry,
            Self::Cancel => Order::Cancel,
            Self::Discard => Order::Discard,
        }
    }

    /// The jobs of a filter to which it means something. Only those that were stored before `asked_at`: what is stored
    /// while it is carried out was not meant. `None`: there can be none.
    pub fn meant(self, filter: &JobFilter, asked_at: Timestamp) -> Option<JobFilter> {
        let asked = |s: &&JobState| filter.states.is_empty() || filter.states.contains(s);
        let states: Vec<JobState> = self.order().states().iter().filter(asked).copied().collect();
        if states.is_empty() {
            return None;
        }
        Some(JobFilter {
            states,
            until: Some(filter.until.map_or(asked_at, |until| until.min(asked_at))),
            ..filter.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_come_of_an_order_is_told_without_giving_it() {
        let id = JobId(uuid::Uuid::from_u128(1));
        for (order, state, words) in [
            (Order::Cancel, Some(JobState::Running), "before its next call"),
            (Order::Cancel, Some(JobState::Completed), "is completed"),
            (Order::Retry, Some(JobState::Discarded), "would run again"),
            (Order::Discard, Some(JobState::Available), "dead letter"),
            (Order::Reschedule(Timestamp(0)), Some(JobState::Scheduled), "1970"),
            (Order::Retry, None, "no job"),
        ] {
            let told = order.foretold(id, order.would(state));
            assert!(told.contains(words), "{told}");
        }
    }

    #[test]
    fn a_bulk_order_means_only_jobs_that_it_can_change_and_that_were_there() {
        let none = JobFilter::default();
        let meant = BulkAction::Retry.meant(&none, Timestamp(5)).unwrap();
        assert_eq!(meant.states, [JobState::Cancelled, JobState::Discarded]);
        assert_eq!(meant.until, Some(Timestamp(5)));
        let dead = JobFilter {
            states: vec![JobState::Completed, JobState::Discarded],
            until: Some(Timestamp(3)),
            ..JobFilter::default()
        };
        let meant = BulkAction::Retry.meant(&dead, Timestamp(5)).unwrap();
        assert_eq!(
            (meant.states, meant.until),
            (vec![JobState::Discarded], Some(Timestamp(3)))
        );
        // An empty list of states would mean all.
        assert_eq!(BulkAction::Cancel.meant(&dead, Timestamp(5)), None);
    }

    #[test]
    fn what_came_of_an_order_says_what_would_help() {
        let id: JobId = "019a0000-0000-7000-8000-000000000001".parse().unwrap();
        let told = Order::Retry.told(id, Ordered::Not(JobState::Running));
        assert!(
            told.contains("is running: only a cancelled or discarded"),
            "{told}"
        );
        let told = Order::Discard.told(id, Ordered::Twin(id));
        assert!(told.contains("does the same"), "{told}");
        for action in BulkAction::ALL {
            assert_eq!(BulkAction::from_name(action.as_str()), Some(action));
        }
    }
}
