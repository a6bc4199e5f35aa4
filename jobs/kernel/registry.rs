//! Looks up a kind by its written name.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::BoxFuture;
use rolecall_core::backoff::ExponentialBackoff;
use rolecall_core::error::JobError;
use rolecall_core::outcome::Outcome;
use serde_json::Value;

use super::context::Context;
use super::job::Job;

/// A registered kind.
#[derive(Clone)]
pub struct Kind {
    /// Newest version of the payload that this binary can read.
    pub version: u16,
    /// Longest time that one attempt may take.
    pub timeout: Duration,
    /// When it is tried again.
    pub backoff: ExponentialBackoff,
    unique_key: fn(&Value) -> Option<String>,
    run: fn(Value, Context) -> BoxFuture<'static, Result<Outcome, Failure>>,
}

/// Why a job did not run to its end.
#[derive(Debug)]
pub enum Failure {
    /// Its payload could not be read.
    Undecodable(String),
    /// It ran, and failed.
    Job(JobError),
}

impl Kind {
    /// The key by which a live job with this payload is the only one. `None`, too, if the payload cannot be read.
    pub fn unique_key(&self, payload: &Value) -> Option<String> {
        (self.unique_key)(payload)
    }

    /// Reads the payload and runs the job.
    pub fn run(&self, payload: Value, context: Context) -> BoxFuture<'static, Result<Outcome, Failure>> {
        (self.run)(payload, context)
    }
}

/// All kinds that this binary can run.
#[derive(Clone, Default)]
pub struct Registry {
    kinds: BTreeMap<&'static str, Kind>,
}

impl Registry {
    /// Registers a kind.
    pub fn add<J: Job>(&mut self) {
        self.kinds.insert(
            J::KIND,
            Kind {
                version: J::VERSION,
                timeout: J::TIMEOUT,
                backoff: J::backoff(),
                unique_key: |payload| J::deserialize(payload).ok()?.unique_key(),
                run: |payload, context| {
                    Box::pin(async move {
                        let job: J = serde_json::from_value(payload)
                            .map_err(|e| Failure::Undecodable(e.to_string()))?;
                        job.run(&context).await.map_err(Failure::Job)
                    })
                },
            },
        );
    }

    /// The kind of this name.
    pub fn get(&self, kind: &str) -> Option<&Kind> {
        self.kinds.get(kind)
    }

    /// The names of all kinds.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.kinds.keys().copied()
    }
}
