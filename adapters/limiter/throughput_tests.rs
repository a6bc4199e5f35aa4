//! No 429, and nearly all of the budget used: against a model of Discord, with random latency.

use std::sync::Arc;
use std::time::Duration;

use rolecall_core::job::Lane;
use rolecall_core::ports::{Answer, Limiter, Permission};
use tokio::time::{Instant, sleep, timeout};

use super::model::{Kind, Model, by_lane, first_done, job, route, run_job};
use super::{LimiterSettings, MemoryLimiter};

pub(super) async fn all_jobs(
    limiters: &[Arc<dyn Limiter>],
    model: &Arc<Model>,
    calls: u64,
    seed: u64,
) -> Duration {
    let started = Instant::now();
    let jobs = (0..calls).map(|n| {
        let limiter = Arc::clone(&limiters[n as usize % limiters.len()]);
        tokio::spawn(run_job(
            limiter,
            Arc::clone(model),
            route("role-write", 1),
            Lane::Bulk,
            n,
            seed,
        ))
    });
    futures::future::join_all(jobs).await;
    started.elapsed()
}

fn limiter() -> Arc<dyn Limiter> {
    Arc::new(MemoryLimiter::new(LimiterSettings::default()))
}

#[tokio::test(start_paused = true)]
async fn one_process_never_gets_a_429_and_uses_nine_tenths_of_the_budget() {
    for (kind, limit, window) in [
        (Kind::Fixed, 10, 10.0),
        (Kind::Sliding, 10, 10.0),
        (Kind::Fixed, 5, 5.0),
        (Kind::Sliding, 5, 7.5),
    ] {
        for seed in 0..3 {
            let model = Model::new(kind, limit, window);
            let took = all_jobs(&[limiter()], &model, 500, seed).await;
            assert_eq!(model.counts(), (500, 0), "{kind:?} {limit} seed {seed}");
            let ideal = (500.0 / f64::from(limit) - 1.0) * window;
            let share = ideal / took.as_secs_f64();
            assert!(share > 0.9, "{kind:?} {limit}/{window}: {share}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn few_workers_use_the_budget_as_well_as_many() {
    for kind in [Kind::Fixed, Kind::Sliding] {
        let model = Model::new(kind, 10, 10.0);
        let limiter = limiter();
        let started = Instant::now();
        let workers = (0..3).map(|worker| {
            let (limiter, model) = (Arc::clone(&limiter), Arc::clone(&model));
            tokio::spawn(async move {
                for n in 0..60 {
                    let n = worker * 1000 + n;
                    let (limiter, model) = (Arc::clone(&limiter), Arc::clone(&model));
                    run_job(limiter, model, route("role-write", 1), Lane::Normal, n, 7).await;
                }
            })
        });
        futures::future::join_all(workers).await;
        assert_eq!(model.counts(), (180, 0), "{kind:?}");
        let share = 170.0 / started.elapsed().as_secs_f64();
        assert!(share > 0.9, "{kind:?}: {share}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_faster_simulator_is_used_just_as_well() {
    let speed = 20.0;
    for kind in [Kind::Fixed, Kind::Sliding] {
        let model = Model::at_speed(kind, 10, 10.0, speed);
        let settings = LimiterSettings {
            speed,
            ..LimiterSettings::default()
        };
        let took = all_jobs(&[Arc::new(MemoryLimiter::new(settings))], &model, 500, 1).await;
        assert_eq!(model.counts(), (500, 0), "{kind:?}");
        // Margins and timers are real time, so they weigh more here.
        let share = 490.0 / (took.as_secs_f64() * speed);
        assert!(share > 0.8, "{kind:?}: {share}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_processes_that_share_a_budget_get_few_429() {
    for kind in [Kind::Fixed, Kind::Sliding] {
        let model = Model::new(kind, 10, 10.0);
        let took = all_jobs(&[limiter(), limiter()], &model, 300, 3).await;
        let (accepted, rejected) = model.counts();
        assert_eq!(accepted, 300);
        assert!(rejected <= 40, "{kind:?}: {rejected}");
        assert!(took.as_secs_f64() < 450.0, "{kind:?}: {took:?}");
    }
}

/// A job that is impatient, dies, or loses its answer, now and then.
async fn unlucky_job(limiter: Arc<dyn Limiter>, model: Arc<Model>, n: u64, seed: u64) {
    let mut dice = fastrand::Rng::with_seed(seed ^ n.wrapping_mul(0x9E37_79B9));
    sleep(Duration::from_millis(dice.u64(0..60_000))).await;
    let lane = Lane::ALL[dice.usize(0..3)];
    let route = route("role-write", 1);
    for _ in 0..dice.u32(1..40) {
        let patience = Duration::from_millis(dice.u64(0..4_000));
        let asking = limiter.acquire(&route, lane, job(n), patience);
        let Ok(permission) = timeout(Duration::from_millis(dice.u64(1..5_000)), asking).await else {
            continue;
        };
        match permission {
            Permission::Wait(_) if dice.u8(0..10) == 0 => return,
            Permission::Wait(wait) => sleep(wait + Duration::from_millis(dice.u64(0..3_000))).await,
            Permission::Go { ticket } => {
                let up = Duration::from_millis(dice.u64(0..1_500));
                let answer = model.call(up, Duration::from_millis(dice.u64(0..1_500))).await;
                let lost = dice.u8(0..10) == 0;
                limiter.complete(ticket, if lost { &Answer::Lost } else { &answer });
                return;
            }
        }
    }
}

pub(super) async fn unlucky_jobs(limiters: &[Arc<dyn Limiter>], model: &Arc<Model>, seed: u64) {
    let jobs = (0..300).map(|n| {
        let limiter = Arc::clone(&limiters[n as usize % limiters.len()]);
        tokio::spawn(unlucky_job(limiter, Arc::clone(model), n, seed))
    });
    for done in futures::future::join_all(jobs).await {
        done.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn lost_answers_dropped_callers_and_dead_jobs_cause_no_429() {
    for (kind, limit, window) in [
        (Kind::Fixed, 10, 10.0),
        (Kind::Sliding, 10, 10.0),
        (Kind::Fixed, 5, 1.0),
        (Kind::Sliding, 5, 1.0),
    ] {
        for seed in 0..5 {
            let model = Model::new(kind, limit, window);
            let limiter = Arc::new(MemoryLimiter::new(LimiterSettings::default()));
            unlucky_jobs(&[Arc::clone(&limiter) as Arc<dyn Limiter>], &model, seed).await;
            let (accepted, rejected) = model.counts();
            assert_eq!(rejected, 0, "{kind:?} {limit}/{window} seed {seed}: {accepted}");
            assert!(
                accepted > 150,
                "{kind:?} {limit}/{window} seed {seed}: {accepted}"
            );
            assert_eq!(limiter.in_flight(), 0);
        }
    }
}

const URGENT: Lane = Lane::Interactive;

#[tokio::test(start_paused = true)]
async fn lanes_that_all_want_more_get_six_to_three_to_one_whoever_came_first() {
    let orders = [
        vec![(URGENT, 300), (Lane::Normal, 300), (Lane::Bulk, 300)],
        vec![(Lane::Bulk, 300), (Lane::Normal, 300), (URGENT, 300)],
        [(Lane::Normal, 1), (Lane::Bulk, 1), (URGENT, 1)].repeat(300),
    ];
    for (kind, limit) in [
        (Kind::Fixed, 10),
        (Kind::Sliding, 10),
        (Kind::Fixed, 50),
        (Kind::Sliding, 50),
    ] {
        for (order, seed) in orders.iter().zip(0..) {
            let model = Model::new(kind, limit, 10.0);
            let started = Instant::now();
            let done = first_done(&[limiter()], &model, order, 400, seed).await;
            let what = format!("{kind:?} {limit} seed {seed}");
            assert_eq!(model.counts().1, 0, "{what}");
            let most = started.elapsed().as_secs_f64() * f64::from(limit) / 10.0 + f64::from(limit);
            let least = if limit > 10 { 0.75 } else { 0.9 };
            assert!(400.0 / most > least, "{what}: {most}");
            // What is left of the first window goes to those that come first: nobody else wants it yet.
            for part in done[limit as usize..].windows(100) {
                let [urgent, normal, bulk] = by_lane(part);
                let what = format!("{what}: {urgent} : {normal} : {bulk}");
                // Within a burst they overtake each other by their latency.
                let most = if limit > 10 { 3 } else { 1 };
                assert!(urgent.abs_diff(60) <= 6 * most, "{what}");
                assert!(normal.abs_diff(30) <= 6 * most, "{what}");
                assert!(bulk.abs_diff(10) <= 4 * most && bulk > 2, "{what}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_interactive_call_at_a_time_is_always_next() {
    let model = Model::new(Kind::Fixed, 10, 10.0);
    let limiter: Arc<dyn Limiter> = limiter();
    let flood = {
        let (limiter, model) = (Arc::clone(&limiter), Arc::clone(&model));
        let lanes = [(Lane::Bulk, 1), (Lane::Normal, 1)].repeat(500);
        tokio::spawn(async move { first_done(&[limiter], &model, &lanes, 400, 5).await })
    };
    let mut dice = fastrand::Rng::with_seed(9);
    for n in 5_000..5_020 {
        sleep(Duration::from_secs_f64(1.0 + 15.0 * dice.f64())).await;
        let asked = Instant::now();
        run_job(
            Arc::clone(&limiter),
            Arc::clone(&model),
            route("role-write", 1),
            URGENT,
            n,
            5,
        )
        .await;
        // The budget is full again after ten seconds at the latest, and then this one goes.
        let took = asked.elapsed().as_secs_f64();
        assert!(took < 10.8, "{n}: {took}");
    }
    assert_eq!(model.counts().1, 0);
    flood.abort();
}
