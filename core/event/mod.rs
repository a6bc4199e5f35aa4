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

/// Whether Discord may ban the address, which had so many refused calls lately. A danger lasts until they are fewer than
/// half of the limit: the first call that goes on after a pause may be refused as well, and that is no new danger.
pub fn is_ban_risk(was: bool, refused: u64, limit: u64) -> bool {
    if was {
        refused >= limit / 2
    } else {
        refused >= limit
    }
}

#[cfg(test)]
mod tests;
