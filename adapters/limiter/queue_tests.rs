//! The order at one bucket.

use proptest::prelude::*;
use rolecall_core::ids::JobId;
use rolecall_core::job::Lane;

use super::queue::{Patience, Queue, Rank};

fn job(n: u128) -> Option<JobId> {
    Some(JobId(uuid::Uuid::from_u128(n)))
}
const PATIENCE: Patience = Patience {
    hold: 5.0,
    memory: 60.0,
};

fn held(queue: &Queue, rank: Rank, horizon: f64) -> usize {
    queue.held(rank, &Lane::ALL, horizon).iter().sum()
}

#[test]
fn a_job_that_comes_back_has_its_old_rank() {
    let mut queue = Queue::default();
    let rank = queue.arrive(Lane::Normal, job(1), 1);
    assert_eq!(queue.reserve(rank, 10.0, 0.1), 10.0);
    let newcomer = queue.arrive(Lane::Normal, job(2), 2);
    assert_eq!(queue.ahead(newcomer, &Lane::ALL), 1);
    assert_eq!(queue.arrive(Lane::Normal, job(1), 3), rank);
}

#[test]
fn a_late_job_holds_nothing_back_but_is_still_ahead_of_newcomers() {
    let mut queue = Queue::default();
    let rank = queue.arrive(Lane::Bulk, job(1), 1);
    queue.reserve(rank, 10.0, 0.1);
    let newcomer = queue.arrive(Lane::Bulk, job(2), 2);
    assert_eq!(held(&queue, newcomer, 12.0), 1);
    queue.expire(16.0, PATIENCE, 10);
    assert_eq!(held(&queue, newcomer, 16.0), 0);
    assert!(queue.arrive(Lane::Bulk, job(1), 3) < newcomer);
}

#[test]
fn an_interactive_caller_does_not_wait_for_bulk_reservations() {
    let mut queue = Queue::default();
    let bulk = queue.arrive(Lane::Bulk, job(1), 1);
    queue.reserve(bulk, 10.0, 0.1);
    let urgent = queue.arrive(Lane::Interactive, job(2), 2);
    assert_eq!(
        (queue.ahead(urgent, &Lane::ALL), held(&queue, urgent, 99.0)),
        (0, 0)
    );
}

#[test]
fn places_are_void_when_a_burst_of_jobs_stayed_away() {
    let mut queue = Queue::default();
    for n in 0..100 {
        let rank = queue.arrive(Lane::Bulk, job(n), n as u64);
        queue.reserve(rank, n as f64, 0.1);
    }
    queue.expire(7.0, PATIENCE, 10);
    assert_eq!(queue.absent(), 98);
    queue.expire(30.0, PATIENCE, 10);
    assert_eq!(queue.absent(), 0);
}

#[test]
fn times_differ_within_and_across_lanes() {
    let mut queue = Queue::default();
    let mut times = Vec::new();
    for n in 0..30_u64 {
        let lane = Lane::ALL[(n % 3) as usize];
        let rank = queue.arrive(lane, job(u128::from(n)), n);
        times.push(queue.reserve(rank, 10.0, 0.1));
    }
    times.sort_by(f64::total_cmp);
    assert!(times.windows(2).all(|w| w[1] - w[0] > 1e-6), "{times:?}");
}

/// Everybody that waits, in the order in which they are served: the one with nobody before it is next.
fn serve_all(queue: &mut Queue, mut waiting: Vec<Rank>) -> Vec<Lane> {
    let mut served = Vec::new();
    while !waiting.is_empty() {
        let next: Vec<usize> = (0..waiting.len())
            .filter(|n| queue.ahead(waiting[*n], &Lane::ALL) == 0)
            .collect();
        assert_eq!(next.len(), 1, "one of them is next");
        let rank = waiting.swap_remove(next[0]);
        let held = queue.held(rank, &Lane::ALL, f64::MAX);
        queue.serve(rank, held);
        served.push(rank.0);
    }
    served
}

fn lanes() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(0..3_usize, 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn in_any_order_of_arrival_lanes_that_wait_get_six_to_three_to_one(arrivals in lanes(), sent_away: bool) {
        let mut queue = Queue::default();
        let mut waiting = Vec::new();
        for (n, lane) in arrivals.iter().enumerate() {
            let rank = queue.arrive(Lane::ALL[*lane], job(n as u128), n as u64);
            if sent_away {
                queue.reserve(rank, n as f64, 0.1);
            }
            waiting.push(rank);
        }
        let mut left = Lane::ALL.map(|lane| waiting.iter().filter(|r| r.0 == lane).count());
        let served = serve_all(&mut queue, waiting);
        // While all of them wait, no ten calls in a row are divided otherwise.
        for ten in served.windows(10) {
            for lane in Lane::ALL {
                let l = usize::from(lane.rank());
                let got = ten.iter().filter(|s| **s == lane).count();
                if left.iter().all(|n| *n >= 10) {
                    prop_assert!(got.abs_diff([6, 3, 1][l]) <= 1, "{lane}: {got} of {ten:?}");
                }
            }
            left[usize::from(ten[0].rank())] -= 1;
        }
        prop_assert!(queue.is_empty());
    }

    #[test]
    fn one_interactive_caller_is_next_whatever_waits(arrivals in lanes(), served in 0..100_usize) {
        let mut queue = Queue::default();
        let mut waiting = Vec::new();
        for (n, lane) in arrivals.iter().enumerate() {
            waiting.push(queue.arrive(Lane::ALL[*lane % 2 + 1], job(n as u128), n as u64));
        }
        for _ in 0..served.min(waiting.len() - 1) {
            waiting.sort_by_key(|rank| queue.turn(*rank));
            queue.serve(waiting.remove(0), [0; 3]);
        }
        let urgent = queue.arrive(Lane::Interactive, job(1_000), 1_000);
        prop_assert_eq!(queue.ahead(urgent, &Lane::ALL), 0);
    }

    #[test]
    fn a_caller_counts_those_ahead_as_they_are_served(arrivals in lanes()) {
        let mut queue = Queue::default();
        let mut waiting: Vec<Rank> = arrivals
            .iter()
            .enumerate()
            .map(|(n, lane)| queue.arrive(Lane::ALL[*lane], job(n as u128), n as u64))
            .collect();
        waiting.sort_by_key(|rank| queue.turn(*rank));
        for (n, rank) in waiting.iter().enumerate() {
            prop_assert_eq!(queue.ahead(*rank, &Lane::ALL), n);
        }
    }
}

#[test]
fn a_lane_that_waits_in_vain_crowds_nobody_out_when_it_can_go_on() {
    let mut queue = Queue::default();
    for n in 0..500 {
        let rank = queue.arrive(Lane::Bulk, job(n), n as u64);
        queue.reserve(rank, 10_000.0 + n as f64, 0.1);
    }
    // No permit is held for jobs whose time is so far away, so others have all of them meanwhile.
    for n in 500..1_000 {
        let rank = queue.arrive(Lane::Normal, job(n), n as u64);
        let held = queue.held(rank, &Lane::ALL, 100.0);
        queue.serve(rank, held);
    }
    let next = queue.arrive(Lane::Normal, job(1_000), 1_000);
    assert!(queue.ahead(next, &Lane::ALL) <= 1);
}

#[test]
fn the_only_job_of_a_lane_keeps_its_turn_when_it_comes_back() {
    let mut queue = Queue::default();
    let bulk = queue.arrive(Lane::Bulk, job(0), 0);
    queue.reserve(bulk, 10.0, 0.1);
    for n in 1..50 {
        let rank = queue.arrive(Lane::Normal, job(n), n as u64);
        if n < 4 {
            let held = queue.held(rank, &Lane::ALL, 20.0);
            queue.serve(rank, held);
        }
    }
    let back = queue.arrive(Lane::Bulk, job(0), 50);
    assert_eq!((back, queue.ahead(back, &Lane::ALL)), (bulk, 0));
}
