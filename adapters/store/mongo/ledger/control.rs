//! Orders of operators about single jobs: each one conditional write.

use async_trait::async_trait;
use mongodb::bson::{Bson, Document, doc};
use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::ids::JobId;
use rolecall_core::job::{Attempt, JobState, Lane};
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::{JobControl, Ordered, Redrive};
use rolecall_core::time::Timestamp;

use super::document::{JOBS, OUTCOME_FIELDS, attempt_written, outcome_written, rank, state};
use super::literal;
use super::settle::{defer, failure, kept};
use crate::store::mongo::MongoStore;
use crate::store::mongo::documents::{Fields, date, put};
use crate::store::mongo::errors::{is_duplicate, store_error};

/// How often a job may change between the look at it and the write.
const ROUNDS: usize = 8;

impl MongoStore {
    /// Makes the change where the job matches. `false`: it does not.
    async fn ordered(&self, matching: Document, update: Vec<Document>) -> Result<bool, StoreError> {
        let answer = self.jobs().update_one(matching, update).await;
        Ok(answer.map_err(store_error)?.matched_count > 0)
    }

    /// Why an order changed nothing.
    async fn not_ordered(&self, id: JobId) -> Result<Ordered, StoreError> {
        let jobs = self.jobs();
        let found = jobs
            .find_one(doc! { "_id": id.to_string() })
            .projection(doc! { "state": 1 })
            .await
            .map_err(store_error)?;
        found.map_or(Ok(Ordered::Unknown), |doc| {
            state(Fields::new(JOBS, &doc)).map(Ordered::Not)
        })
    }
}

fn waiting(id: JobId) -> Document {
    doc! { "_id": id.to_string(), "waiting_lane": { "$exists": true } }
}

#[async_trait]
impl JobControl for MongoStore {
    async fn cancel(&self, id: JobId, by: &Cause) -> Result<Ordered, StoreError> {
        let by = by.to_string();
        let mut ended = doc! { "state": JobState::Cancelled.as_str(), "finished_at": "$$NOW" };
        for (field, value) in outcome_written(&Outcome::cancelled(&by)) {
            ended.insert(field, literal(value));
        }
        let ended = vec![
            doc! { "$set": ended },
            doc! { "$unset": ["waiting_lane", "unique_key", "sent_at", "cancel_by"] },
        ];
        let running = doc! { "_id": id.to_string(), "state": JobState::Running.as_str() };
        let asked = vec![doc! { "$set": { "cancel_by": literal(by) } }];
        for _ in 0..ROUNDS {
            if self.ordered(waiting(id), ended.clone()).await? {
                return Ok(Ordered::Done);
            }
            if self.ordered(running.clone(), asked.clone()).await? {
                return Ok(Ordered::Asked);
            }
            match self.not_ordered(id).await? {
                Ordered::Not(state) if !state.is_final() => {}
                why => return Ok(why),
            }
        }
        Err(StoreError::Unavailable(format!(
            "job {id} changed each time it was to be cancelled; cancel it again"
        )))
    }

    async fn redrive(&self, id: JobId, how: &Redrive) -> Result<Ordered, StoreError> {
        let unique_key = how.unique_key.as_deref();
        let over = [JobState::Cancelled.as_str(), JobState::Discarded.as_str()];
        let matching = doc! { "_id": id.to_string(), "state": { "$in": over.to_vec() } };
        let lanes: Vec<&str> = Lane::ALL.iter().map(|l| l.as_str()).collect();
        let at = how.at.map_or(Bson::from("$$NOW"), |at| date(at).into());
        let later = how.at.map_or(0, |at| at.0);
        let waiting_lane = how.lane.map_or_else(
            || doc! { "$indexOfArray": [lanes, "$lane"] },
            |lane| literal(rank(lane)),
        );
        let later = doc! { "$gt": [literal(later), { "$toLong": "$$NOW" }] };
        let mut set = doc! {
            "state": { "$cond": [later.clone(), JobState::Scheduled.as_str(), JobState::Available.as_str()] },
            "run_at": { "$cond": [later, at, "$$NOW"] },
            "redriven_at": "$$NOW",
            "waiting_lane": waiting_lane,
            "attempt": literal(0_i32),
            "crashes": literal(0_i32),
            "snoozes": literal(0_i32),
        };
        put(&mut set, "unique_key", unique_key.map(literal));
        put(&mut set, "lane", how.lane.map(|lane| literal(lane.as_str())));
        let mut unset = vec!["finished_at", "cancel_by", "waits", "progress"];
        unset.extend(OUTCOME_FIELDS);
        let update = vec![doc! { "$set": set }, doc! { "$unset": unset }];
        match self.jobs().update_one(matching, update).await {
            Ok(answer) if answer.matched_count > 0 => Ok(Ordered::Done),
            Ok(_) => self.not_ordered(id).await,
            Err(error) if is_duplicate(&error) => {
                let jobs = self.jobs();
                let twin = jobs
                    .find_one(doc! { "unique_key": unique_key })
                    .projection(doc! { "_id": 1 })
                    .await
                    .map_err(store_error)?;
                match twin {
                    Some(doc) => Ok(Ordered::Twin(Fields::new(JOBS, &doc).parsed("_id")?)),
                    None => Err(StoreError::Unavailable(format!(
                        "the job that stood in the way of {id} ended just now; run it again"
                    ))),
                }
            }
            Err(error) => Err(store_error(error)),
        }
    }

    async fn discard(&self, id: JobId, by: &Cause) -> Result<Ordered, StoreError> {
        let found = self.jobs().find_one(waiting(id)).await.map_err(store_error)?;
        let Some(doc) = found else {
            return self.not_ordered(id).await;
        };
        let f = Fields::new(JOBS, &doc);
        let attempt = Attempt::discarded(f.number("attempt")?, by, self.clock().await?);
        let history = doc! { "$concatArrays": [{ "$ifNull": ["$attempts", []] }, [literal(attempt_written(&attempt))]] };
        let cause = format!("{}|discarded", f.text("kind")?);
        let mut set = doc! {
            "state": JobState::Discarded.as_str(),
            "finished_at": "$$NOW",
            "attempts": { "$slice": [history, literal(-kept())] },
            "fingerprint": { "$ifNull": ["$fingerprint", literal(cause)] },
        };
        for (field, value) in failure(&attempt) {
            set.insert(field, literal(value));
        }
        let update = vec![
            doc! { "$set": set },
            doc! { "$unset": ["waiting_lane", "unique_key", "sent_at", "cancel_by"] },
        ];
        match self.ordered(waiting(id), update).await? {
            true => Ok(Ordered::Done),
            false => self.not_ordered(id).await,
        }
    }

    async fn reschedule(&self, id: JobId, at: Timestamp) -> Result<Ordered, StoreError> {
        match defer(self, id, at).await? {
            true => Ok(Ordered::Done),
            false => self.not_ordered(id).await,
        }
    }
}
