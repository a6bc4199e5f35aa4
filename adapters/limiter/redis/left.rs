//! What is left of the limits, as Redis knows it.

use rolecall_core::ids::GuildId;
use rolecall_core::ports::{Barrier, Budget, DeliveryError, FullBucket, Keeper};
use serde::{Deserialize, Serialize};

use super::scripts::LEFT;
use super::{Inner, lock};
use crate::limiter::budget::{INVALID_MOST, INVALID_WINDOW};
use crate::limiter::words::real;

/// The script is about no bot.
#[derive(Serialize)]
struct Question {
    principal: &'static str,
    most: usize,
}

/// What the script answers. Times are Discord seconds from now. A list that is empty is left out, because Lua cannot tell it
/// from an empty object.
#[derive(Deserialize)]
struct Left {
    processes: u64,
    invalid: u64,
    edge: f64,
    global: f64,
    open: f64,
    #[serde(default)]
    waiting: Vec<Full>,
}

#[derive(Deserialize)]
struct Full {
    /// The group and the guild; 0 for none.
    slot: String,
    places: u64,
    next: f64,
    last: f64,
    barrier: String,
}

impl Full {
    fn told(self, speed: f64) -> FullBucket {
        let (bucket, guild) = self.slot.rsplit_once('/').unwrap_or((&self.slot, "0"));
        FullBucket {
            bucket: bucket.to_owned(),
            guild: guild.parse().ok().and_then(GuildId::new),
            barrier: Barrier::named(&self.barrier),
            places: self.places,
            next: real(self.next, speed),
            last: real(self.last, speed),
        }
    }
}

impl Left {
    fn told(self, speed: f64) -> Budget {
        let stops = [
            (Barrier::Edge, self.edge),
            (Barrier::Global, self.global),
            (Barrier::Invalid, self.open),
        ];
        Budget {
            keeper: Keeper::Redis,
            processes: self.processes,
            invalid: self.invalid,
            invalid_most: INVALID_MOST as u64,
            invalid_window: real(INVALID_WINDOW, speed),
            stops: stops
                .into_iter()
                .filter(|(_, left)| *left > 0.0)
                .map(|(barrier, left)| (barrier, real(left, speed)))
                .collect(),
            waiting: self.waiting.into_iter().map(|full| full.told(speed)).collect(),
        }
    }
}

impl Inner {
    pub(super) async fn left(&self) -> Budget {
        let speed = self.settings.speed();
        match self.ask_what_is_left().await {
            Ok(left) => left.told(speed),
            Err(error) => {
                tracing::debug!(%error, "Redis does not tell what is left of Discord's limits");
                let own = lock(&self.shares).current().map(|share| share.limiter.left());
                let unused = || Budget {
                    invalid_most: INVALID_MOST as u64,
                    invalid_window: real(INVALID_WINDOW, speed),
                    ..Budget::default()
                };
                Budget {
                    keeper: Keeper::Part,
                    ..own.unwrap_or_else(unused)
                }
            }
        }
    }

    async fn ask_what_is_left(&self) -> Result<Left, DeliveryError> {
        let question = Question {
            principal: "",
            most: Budget::MOST_WAITING,
        };
        let answer: String = self.run(&LEFT, &question).await?;
        serde_json::from_str(&answer).map_err(|e| DeliveryError(e.to_string()))
    }
}
