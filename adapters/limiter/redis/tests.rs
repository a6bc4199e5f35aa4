//! The scripts decide what the pure functions decide: both play the same random histories, on one made-up clock.

use redis::aio::MultiplexedConnection;
use rolecall_core::job::Lane;
use rolecall_core::ports::{Answer, CallOptions, Limiter, RateHeaders, RateScope, Refusals};

use super::RedisLimiter;
use super::scripts::{ACQUIRE, Ask, Place, REPORT, Report, Rules};
use super::share::part_of;
use crate::limiter::LimiterSettings;
use crate::limiter::model::{job, route};
use crate::limiter::state::State;

async fn redis() -> MultiplexedConnection {
    let url = std::env::var("TEST_REDIS_URL").expect("run by scripts/test-services, which starts a Redis");
    let client = redis::Client::open(url).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// A call that both sides let go, and that has no answer yet.
struct Call {
    pure: u64,
    place: Place,
    slot: String,
    ticket: String,
}

struct Both {
    seed: u64,
    dice: fastrand::Rng,
    now: f64,
    state: State,
    rules: Rules,
    redis: MultiplexedConnection,
    calls: Vec<Call>,
    asked: u64,
    /// Discord's window, as the answers tell it: its end, and what is left.
    window: (f64, u32),
}

const LIMIT: u32 = 6;
const WINDOW: f64 = 5.0;
const GROUPS: [&str; 3] = ["role-write", "member-get", "guild"];

impl Both {
    async fn new(seed: u64) -> Self {
        let settings = LimiterSettings {
            global_per_second: 12,
            ..LimiterSettings::default()
        };
        Self {
            seed,
            dice: fastrand::Rng::with_seed(seed),
            now: 1_000.0,
            state: State::new(settings.rules()),
            rules: Rules::new(
                format!("rolecall.test-{}.limiter", uuid::Uuid::new_v4()),
                &settings,
            ),
            redis: redis().await,
            calls: Vec::new(),
            asked: 0,
            window: (0.0, 0),
        }
    }

    async fn run<T: redis::FromRedisValue>(&mut self, script: &redis::Script, told: String) -> T {
        self.rules.now = Some(self.now);
        let mut call = script.prepare_invoke();
        call.arg(self.rules.to_json()).arg(told);
        call.invoke_async(&mut self.redis).await.unwrap()
    }

    async fn acquire(&mut self) {
        self.asked += 1;
        let route = route(GROUPS[self.dice.usize(0..3)], 1 + self.dice.u64(0..2));
        let lane = Lane::ALL[self.dice.usize(0..3)];
        let job = job(self.dice.u64(0..40) * 3 + u64::from(lane.rank()));
        let rank = self.state.arrive(&route, lane, job);
        self.state.dispatch(self.now);
        let pure = self.state.take(rank);
        let wait = match pure {
            Some(_) => 0.0,
            None => self.state.send_away(self.now, rank) - self.now,
        };
        let ask = Ask {
            place: Place::of(&route),
            lane: lane.rank(),
            member: format!("j{}", job.unwrap()),
            ticket: self.asked.to_string(),
            patience: 0.0,
            process: "p".to_owned(),
            doubt: false,
        };
        let told = serde_json::to_string(&ask).unwrap();
        let (go, seconds, text, _): (u8, f64, String, usize) = self.run(&ACQUIRE, told).await;
        let what = format!("seed {}: {} {lane} at {}", self.seed, route.bucket, self.now);
        assert_eq!(
            go == 1,
            pure.is_some(),
            "{what}: pure waits {wait}, Redis {seconds} ({text})"
        );
        assert!(
            (wait - seconds).abs() < 0.05,
            "{what}: pure waits {wait}, Redis {seconds} ({text})"
        );
        if let Some(pure) = pure {
            self.calls.push(Call {
                pure,
                place: ask.place,
                slot: text,
                ticket: ask.ticket,
            });
        }
    }

    fn headers(&mut self) -> RateHeaders {
        if self.now >= self.window.0 {
            self.window = (self.now + WINDOW, LIMIT);
        }
        // Now and then somebody else uses the budget, too.
        let used = 1 + u32::from(self.dice.u8(0..12) == 0);
        self.window.1 = self.window.1.saturating_sub(used);
        RateHeaders {
            bucket: Some("abc".to_owned()),
            limit: Some(LIMIT),
            remaining: Some(self.window.1),
            // Now and then it is not told when that ends.
            reset_after: (self.dice.u8(0..12) > 0).then_some(self.window.0 - self.now),
        }
    }

    fn answer(&mut self, group: &str) -> Answer {
        let headers = if group == "guild" {
            RateHeaders::default()
        } else {
            self.headers()
        };
        let headers = RateHeaders {
            bucket: headers.bucket.map(|_| group.to_owned()),
            ..headers
        };
        let scopes = [RateScope::User, RateScope::Shared, RateScope::Global];
        match self.dice.u8(0..20) {
            0 => Answer::Lost,
            1 => Answer::Limited {
                retry_after: self.dice.f64() * 4.0,
                scope: scopes[self.dice.usize(0..3)],
                headers,
            },
            2 => Answer::Busy {
                status: 503,
                retry_after: self.dice.f64() * 4.0,
            },
            3 => Answer::Status {
                status: 502,
                headers: RateHeaders::default(),
            },
            _ => Answer::Status { status: 204, headers },
        }
    }

    async fn complete(&mut self) {
        if self.calls.is_empty() {
            return;
        }
        let call = self.calls.remove(0);
        let group = call.slot.split('/').next().unwrap().to_owned();
        let answer = self.answer(&group);
        self.state.complete(self.now, call.pure, &answer);
        let report = Report::of(call.place, call.slot, call.ticket, &answer);
        let told = serde_json::to_string(&report).unwrap();
        let _: u8 = self.run(&REPORT, told).await;
    }
}

#[tokio::test]
async fn redis_and_the_pure_functions_decide_the_same() {
    for seed in 0..30 {
        let mut both = Both::new(seed).await;
        let mut went = 0;
        for _ in 0..300 {
            both.now += [0.0, 0.006, 0.14, 1.0][both.dice.usize(0..4)] * both.dice.f64();
            if both.dice.u8(0..5) < 3 {
                let before = both.calls.len();
                both.acquire().await;
                went += both.calls.len() - before;
            } else {
                both.complete().await;
            }
        }
        assert!(went > 20, "seed {seed}: {went} calls");
    }
}

#[tokio::test]
async fn a_permit_whose_process_died_lasts_longer_than_any_call_and_ends_before_the_lease_of_its_job() {
    const LEASE: f64 = 15.0;
    let longest = CallOptions::default().timeout.as_secs_f64();
    let mut both = Both::new(0).await;
    let mut goes = Vec::new();
    for (number, at) in [0.0, longest + 1.0, LEASE - 1.0].into_iter().enumerate() {
        both.now = 1_000.0 + at;
        let ask = Ask {
            place: Place::of(&route("role-write", 1)),
            lane: 0,
            member: format!("c{number}"),
            ticket: number.to_string(),
            patience: 0.0,
            process: "p".to_owned(),
            doubt: false,
        };
        let told = serde_json::to_string(&ask).unwrap();
        let (go, ..): (u8, f64, String, usize) = both.run(&ACQUIRE, told).await;
        goes.push(go);
    }
    assert_eq!(goes, [1, 0, 1]);
}

#[tokio::test]
async fn what_an_older_release_left_in_redis_is_gone_on_with() {
    let mut both = Both::new(1).await;
    for _ in 0..60 {
        both.acquire().await;
        both.now += 0.01;
    }
    // Such a release writes the same, but for what lanes were given.
    let older = redis::Script::new(
        "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
             local b = cmsgpack.unpack(redis.call('GET', key))
             b.passes = nil
             redis.call('SET', key, cmsgpack.pack(b), 'KEEPTTL')
         end
         return #redis.call('KEYS', ARGV[1])",
    );
    let keys = format!("{}*:bucket", both.rules.prefix);
    let buckets: usize = older.arg(keys).invoke_async(&mut both.redis).await.unwrap();
    assert!(buckets > 0);
    both.state.forget_shares();
    for _ in 0..200 {
        if both.dice.bool() {
            both.acquire().await;
        } else {
            both.complete().await;
        }
        both.now += 0.2;
    }
}

#[tokio::test]
async fn without_redis_nobody_knows_how_many_calls_were_refused() {
    let url = std::env::var("TEST_REDIS_URL").expect("run by scripts/test-services, which starts a Redis");
    let of = |url: &str| {
        let installation = format!("test-{}", uuid::Uuid::new_v4());
        RedisLimiter::new(url, &installation, "p", LimiterSettings::default()).unwrap()
    };
    let none = Refusals {
        lately: 0,
        limit: 1_000,
    };
    assert_eq!(of(&url).budget().await.refusals(), Some(none));
    // Nothing listens there.
    assert_eq!(of("redis://127.0.0.1:9").budget().await.refusals(), None);
}

#[test]
fn a_part_of_a_bucket_has_at_least_one_call_and_never_more_than_is_left() {
    for parts in 1..20 {
        for limit in 0..30 {
            for remaining in 0..=limit {
                let mut headers = RateHeaders {
                    limit: Some(limit),
                    remaining: Some(remaining),
                    ..RateHeaders::default()
                };
                part_of(&mut headers, parts);
                let (whole, left) = (headers.limit.unwrap(), headers.remaining.unwrap());
                assert!(whole >= 1 && (whole * parts <= limit || whole == 1));
                assert!(left * parts <= remaining && left <= whole);
            }
        }
    }
}
