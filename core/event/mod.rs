//! What operators are told of without asking: the events, their names, and what each of them says.

mod kind;
mod occasion;

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

pub use self::kind::EventType;
pub use self::occasion::{Example, Occasion};
use crate::ids::JobId;
use crate::time::Timestamp;

/// An event: an occasion, and when it began.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What.
    pub occasion: Occasion,
    /// Since when.
    pub at: Timestamp,
}

impl Event {
    /// Its id: the same whoever notices it, and however often.
    pub fn id(&self) -> Uuid {
        let mut name = format!("rolecall:{}:{}", self.occasion.kind(), self.occasion.subject());
        if self.occasion.recurs() {
            name.push_str(&format!(":{}", self.at.0));
        }
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
    }

    /// The id of its delivery to one endpoint.
    pub fn delivery(&self, endpoint: Uuid) -> JobId {
        JobId(JobId(self.id()).child(&format!("endpoint:{endpoint}")))
    }

    /// What is sent: `{"type", "timestamp", "data"}`, as Standard Webhooks recommends.
    pub fn body(&self) -> Value {
        json!({
            "type": self.occasion.kind(),
            "timestamp": self.at.to_rfc3339(),
            "data": self.occasion.data(),
        })
    }
}

/// Whether a lane is late. One that was stays so until its first job waits for less than half of the limit: a lane that
/// swings around the limit is one event.
pub fn is_late(was_late: bool, waited: Duration, limit: Duration) -> bool {
    if was_late {
        waited >= limit / 2
    } else {
        waited > limit
    }
}

#[cfg(test)]
mod tests;
