//! What every limiter must do, whether its callers are in one process or in several.
//!
//! The clock of Discord runs twenty times faster here. The shared server is named by `TEST_REDIS_URL`; tests that
//! break a server start their own.

#![expect(clippy::unwrap_used, reason = "the helpers are tests too")]

mod conformance;
#[path = "../../limiter/model.rs"]
#[expect(
    dead_code,
    reason = "shared with the tests of the limiter of one process, which use more of it"
)]
mod model;
mod outage;
#[path = "../delivery/server.rs"]
#[expect(
    dead_code,
    reason = "shared with the tests of the delivery, which use more of it"
)]
mod server;
#[path = "../delivery/support.rs"]
#[expect(
    dead_code,
    reason = "shared with the tests of the delivery, which use more of it"
)]
mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rolecall_adapters::limiter::{FileLimiter, LimiterSettings, MemoryLimiter, RedisLimiter};
use rolecall_core::ids::JobId;
use rolecall_core::job::Lane;
use rolecall_core::ports::{Answer, Budget, Limiter, Permission, RateHeaders, Route};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const SPEED: f64 = 20.0;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Memory,
    File,
    Redis,
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::Memory, Self::File, Self::Redis];

    /// Two ways to the same limits: one limiter twice, or those of two processes.
    pub(crate) fn pair(self, global_per_second: u32) -> [Arc<dyn Limiter>; 2] {
        match self {
            Self::Memory => {
                let one: Arc<dyn Limiter> = Arc::new(MemoryLimiter::new(settings(global_per_second)));
                [Arc::clone(&one), one]
            }
            Self::File => {
                let folder = Arc::new(TempDir::new().unwrap());
                file_pair(&folder.path().join("limits"), global_per_second).map(|limiter| {
                    let folder = Arc::clone(&folder);
                    Arc::new(InFolder {
                        limiter,
                        _folder: folder,
                    }) as Arc<dyn Limiter>
                })
            }
            Self::Redis => redis_pair(&support::shared_url(), global_per_second),
        }
    }
}

fn settings(global_per_second: u32) -> LimiterSettings {
    LimiterSettings {
        speed: SPEED,
        global_per_second,
        ..LimiterSettings::default()
    }
}

pub(crate) fn redis_pair(url: &str, global_per_second: u32) -> [Arc<dyn Limiter>; 2] {
    let installation = format!("test-{}", Uuid::now_v7().simple());
    ["one", "two"].map(|process| {
        let limiter = RedisLimiter::new(url, &installation, process, settings(global_per_second));
        Arc::new(limiter.unwrap()) as Arc<dyn Limiter>
    })
}

/// A limiter whose folder goes with it.
struct InFolder {
    limiter: Arc<dyn Limiter>,
    _folder: Arc<TempDir>,
}

#[async_trait]
impl Limiter for InFolder {
    async fn acquire(&self, route: &Route, lane: Lane, job: Option<JobId>, patience: Duration) -> Permission {
        self.limiter.acquire(route, lane, job, patience).await
    }

    fn complete(&self, ticket: u64, answer: &Answer) {
        self.limiter.complete(ticket, answer);
    }

    fn waiting_for(&self) -> Option<String> {
        self.limiter.waiting_for()
    }

    async fn budget(&self) -> Budget {
        self.limiter.budget().await
    }
}

pub(crate) fn file_pair(path: &Path, global_per_second: u32) -> [Arc<dyn Limiter>; 2] {
    ["one", "two"].map(|process| {
        let limiter = FileLimiter::new(path.to_owned(), process, settings(global_per_second));
        Arc::new(limiter) as Arc<dyn Limiter>
    })
}

/// A permit, if there is one now. Without a job, so that no place is kept.
pub(crate) async fn go(
    limiter: &Arc<dyn Limiter>,
    bucket: &'static str,
    lane: Lane,
) -> Result<u64, Duration> {
    match limiter
        .acquire(&model::route(bucket, 1), lane, None, Duration::ZERO)
        .await
    {
        Permission::Go { ticket } => Ok(ticket),
        Permission::Wait(wait) => Err(wait),
    }
}

pub(crate) fn ok(limit: u32, remaining: u32, reset_after: f64) -> Answer {
    Answer::Status {
        status: 204,
        headers: headers(limit, remaining, reset_after),
    }
}

pub(crate) fn headers(limit: u32, remaining: u32, reset_after: f64) -> RateHeaders {
    RateHeaders {
        bucket: Some("abc".to_owned()),
        limit: Some(limit),
        remaining: Some(remaining),
        reset_after: Some(reset_after),
    }
}
