//! Looks up a kind by its written name.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::BoxFuture;
use rolecall_core::backoff::ExponentialBackoff;
use rolecall_core::cost::Calls;
use rolecall_core::error::JobError;
use rolecall_core::job::Subject;
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
    /// What one of it calls at Discord.
    pub calls: Calls,
    read: fn(&Value) -> Result<Reading, String>,
    run: fn(Value, Context) -> BoxFuture<'static, Result<Outcome, Failure>>,
}

/// What a stored payload means to this binary.
#[derive(Debug, PartialEq, Eq)]
pub struct Reading {
    /// The payload, as this binary would write it.
    pub written: Value,
    /// While a live job has this key, no other job gets it.
    pub unique_key: Option<String>,
    /// While a job with this key runs, no other with it may start.
    pub concurrency_key: Option<String>,
    /// What it is about.
    pub subject: Subject,
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
        self.read(payload).ok()?.unique_key
    }

    /// Reads the payload, and runs nothing.
    ///
    /// # Errors
    /// If it cannot be read: why, in words.
    pub fn read(&self, payload: &Value) -> Result<Reading, String> {
        (self.read)(payload)
    }

    /// Reads the payload and runs the job.
    pub fn run(&self, payload: Value, context: Context) -> BoxFuture<'static, Result<Outcome, Failure>> {
        (self.run)(payload, context)
    }
}

fn read<J: Job>(payload: &Value) -> Result<Reading, String> {
    let job = J::deserialize(payload).map_err(|e| e.to_string())?;
    Ok(Reading {
        written: serde_json::to_value(&job).map_err(|e| e.to_string())?,
        unique_key: job.unique_key(),
        concurrency_key: job.concurrency_key(),
        subject: job.subject(),
    })
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
                calls: J::CALLS,
                read: read::<J>,
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
