//! A little Discord for the limiter's tests: one bucket, answers with headers, on tokio's clock.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rolecall_core::GuildId;
use rolecall_core::ids::JobId;
use rolecall_core::job::Lane;
use rolecall_core::ports::{Answer, Limiter, Permission, RateHeaders, RateScope, Route};
use tokio::time::{Instant, sleep};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Fixed,
    Sliding,
}

#[derive(Debug, Default)]
struct Inner {
    /// Fixed: end of the window, and calls in it. Sliding: when the bucket is full.
    end: f64,
    used: u32,
    accepted: u32,
    rejected: u32,
}

#[derive(Debug)]
pub(super) struct Model {
    kind: Kind,
    limit: u32,
    window: f64,
    /// Its seconds in a real second.
    speed: f64,
    inner: Mutex<Inner>,
    started: Instant,
}

impl Model {
    pub(super) fn new(kind: Kind, limit: u32, window: f64) -> Arc<Self> {
        Self::at_speed(kind, limit, window, 1.0)
    }

    pub(super) fn at_speed(kind: Kind, limit: u32, window: f64, speed: f64) -> Arc<Self> {
        Arc::new(Self {
            kind,
            limit,
            window,
            speed,
            inner: Mutex::default(),
            started: Instant::now(),
        })
    }

    pub(super) fn counts(&self) -> (u32, u32) {
        let inner = self.inner.lock().unwrap();
        (inner.accepted, inner.rejected)
    }

    fn process(&self) -> Answer {
        let now = self.started.elapsed().as_secs_f64() * self.speed;
        let mut inner = self.inner.lock().unwrap();
        let period = self.window / f64::from(self.limit);
        let (remaining, reset_after, retry_after) = match self.kind {
            Kind::Fixed => {
                if now >= inner.end {
                    inner.end = now + self.window;
                    inner.used = 0;
                }
                let left = self.limit - inner.used;
                inner.used += u32::from(left > 0);
                (left.checked_sub(1), inner.end - now, inner.end - now)
            }
            Kind::Sliding => {
                let full = inner.end.max(now) + period;
                let over = full - now - self.window;
                if over > 1e-9 {
                    (None, inner.end - now, over)
                } else {
                    inner.end = full;
                    let left = ((self.window - (full - now)) / period + 1e-9) as u32;
                    (Some(left), full - now, 0.0)
                }
            }
        };
        let headers = RateHeaders {
            bucket: Some("abc".to_owned()),
            limit: Some(self.limit),
            remaining: Some(remaining.unwrap_or(0)),
            reset_after: Some((reset_after * 1000.0).round() / 1000.0),
        };
        if remaining.is_some() {
            inner.accepted += 1;
            Answer::Status { status: 204, headers }
        } else {
            inner.rejected += 1;
            Answer::Limited {
                retry_after,
                scope: RateScope::User,
                headers,
            }
        }
    }

    pub(super) async fn call(&self, up: Duration, down: Duration) -> Answer {
        sleep(up).await;
        let answer = self.process();
        sleep(down).await;
        answer
    }
}

pub(super) fn route(bucket: &'static str, guild: u64) -> Route {
    Route {
        template: "PUT /x",
        bucket,
        guild: GuildId::new(guild),
        principal: 1,
    }
}

pub(super) fn job(n: u64) -> Option<JobId> {
    Some(JobId(uuid::Uuid::from_u128(u128::from(n))))
}

/// Calls until the model accepted it, as a job does: away for as long as it was told, then back.
pub(super) async fn run_job(
    limiter: Arc<dyn Limiter>,
    model: Arc<Model>,
    route: Route,
    lane: Lane,
    n: u64,
    seed: u64,
) -> Instant {
    let mut dice = fastrand::Rng::with_seed(seed ^ n.wrapping_mul(0x9E37_79B9));
    let latency = |dice: &mut fastrand::Rng| Duration::from_millis(dice.u64(5..120)).div_f64(model.speed);
    loop {
        match limiter
            .acquire(&route, lane, job(n), Duration::from_secs(2))
            .await
        {
            Permission::Wait(wait) => sleep(wait + Duration::from_millis(dice.u64(0..50))).await,
            Permission::Go { ticket } => {
                let answer = model.call(latency(&mut dice), latency(&mut dice)).await;
                limiter.complete(ticket, &answer);
                match answer {
                    Answer::Limited { retry_after, .. } => {
                        sleep(Duration::from_secs_f64(retry_after / model.speed)).await
                    }
                    _ => return Instant::now(),
                }
            }
        }
    }
}

/// So many jobs want calls of one bucket; gives the lanes of the first `count` that were done, in that order.
///
/// `lanes` come one after another, so many of each at a time. What is still open then is given up.
pub(super) async fn first_done(
    limiters: &[Arc<dyn Limiter>],
    model: &Arc<Model>,
    lanes: &[(Lane, usize)],
    count: usize,
    seed: u64,
) -> Vec<Lane> {
    // What is not known yet cannot be divided.
    let first = Arc::clone(&limiters[0]);
    run_job(
        first,
        Arc::clone(model),
        route("role-write", 1),
        Lane::Bulk,
        u64::MAX,
        seed,
    )
    .await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut jobs = tokio::task::JoinSet::new();
    let all = lanes
        .iter()
        .flat_map(|(lane, many)| std::iter::repeat_n(*lane, *many));
    for (n, lane) in all.enumerate() {
        let (limiter, tell) = (Arc::clone(&limiters[n % limiters.len()]), tell.clone());
        let job = run_job(
            limiter,
            Arc::clone(model),
            route("role-write", 1),
            lane,
            n as u64,
            seed,
        );
        jobs.spawn(async move {
            job.await;
            let _ = tell.send(lane);
        });
    }
    let mut done = Vec::new();
    while done.len() < count {
        done.extend(told.recv().await);
    }
    done
}

/// How many of these are of each lane.
pub(super) fn by_lane(done: &[Lane]) -> [usize; 3] {
    Lane::ALL.map(|lane| done.iter().filter(|l| **l == lane).count())
}
