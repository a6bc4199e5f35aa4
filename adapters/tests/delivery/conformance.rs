//! What every delivery must do.

use std::time::{Duration, Instant};

use rolecall_core::job::Lane;

use crate::support::{LONG, Recorder, Way, Worker, envelope, envelopes, of_kind, until};

/// One test for each way.
macro_rules! both_ways {
    ($($name:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(crate::support::Way::Memory).await })+
        }
        mod redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(crate::support::Way::Redis).await })+
        }
    };
}

both_ways!(
    an_envelope_reaches_a_handler_in_every_lane,
    the_window_bounds_what_waits,
    a_window_that_was_full_empties_and_takes_more,
    a_panicking_handler_harms_nobody,
    a_stop_without_work_does_not_wait_for_the_grace,
    a_stop_waits_for_work_in_hand_and_takes_no_more,
    a_stop_ends_with_the_grace_even_if_a_job_does_not,
    a_full_bulk_lane_does_not_block_the_interactive_one,
    jobs_at_work_are_bounded_by_the_slots,
);

async fn an_envelope_reaches_a_handler_in_every_lane(way: Way) {
    let (delivery, handler) = (way.build(10, LONG).await, Recorder::new());
    delivery.ping().await.unwrap();
    let worker = Worker::start(&delivery, &handler);
    for lane in Lane::ALL {
        let sent = envelope();
        assert_eq!(delivery.push(lane, std::slice::from_ref(&sent)).await, Ok(1));
        until("it is handed over", async || handler.has(&sent)).await;
    }
    worker.stop().await;
    assert_eq!(handler.finished(), 3);
}

async fn the_window_bounds_what_waits(way: Way) {
    let delivery = way.build(10, LONG).await;
    assert_eq!(delivery.window(), 10);
    assert_eq!(delivery.push(Lane::Normal, &[]).await, Ok(0));
    assert_eq!(delivery.push(Lane::Normal, &envelopes(7)).await, Ok(7));
    assert_eq!(delivery.push(Lane::Normal, &envelopes(7)).await, Ok(3));
    assert_eq!(delivery.push(Lane::Normal, &envelopes(7)).await, Ok(0));
    assert_eq!(delivery.depth(Lane::Normal).await, Ok(10));
    assert_eq!(delivery.depth(Lane::Bulk).await, Ok(0));
    // Nothing may be left on a shared server.
    Worker::start(&delivery, &Recorder::new())
        .stop_when_empty(&delivery)
        .await;
}

async fn a_window_that_was_full_empties_and_takes_more(way: Way) {
    let (delivery, handler) = (way.build(1_000, LONG).await, Recorder::new());
    let all = envelopes(1_500);
    assert_eq!(delivery.push(Lane::Bulk, &all).await, Ok(1_000));
    assert_eq!(delivery.depth(Lane::Bulk).await, Ok(1_000));
    let worker = Worker::start(&delivery, &handler);
    let mut rest = &all[1_000..];
    until("the rest is taken", async || {
        rest = &rest[delivery.push(Lane::Bulk, rest).await.unwrap()..];
        rest.is_empty()
    })
    .await;
    until("all are handed over", async || handler.finished() == 1_500).await;
    assert_eq!(delivery.depth(Lane::Bulk).await, Ok(0));
    worker.stop().await;
    let (mut started, mut sent) = (
        handler.started(),
        all.iter().map(|e| e.job_id).collect::<Vec<_>>(),
    );
    started.sort();
    sent.sort();
    assert_eq!(started, sent);
}

async fn a_panicking_handler_harms_nobody(way: Way) {
    let (delivery, handler) = (way.build(100, LONG).await, Recorder::new());
    let worker = Worker::start(&delivery, &handler);
    // More than there are slots, so that a slot lost to a panic would show.
    for _ in 0..10 {
        delivery
            .push(Lane::Normal, &[of_kind("panic"), envelope()])
            .await
            .unwrap();
    }
    until("the others are done", async || handler.finished() == 10).await;
    until("all were started", async || handler.started().len() == 20).await;
    assert!(!worker.is_over());
    worker.stop().await;
    assert_eq!(
        handler.started().len(),
        20,
        "a panicking envelope is acknowledged like any other"
    );
}

async fn a_stop_without_work_does_not_wait_for_the_grace(way: Way) {
    let (delivery, handler) = (way.build(10, LONG * 2).await, Recorder::new());
    let worker = Worker::start(&delivery, &handler);
    delivery.push(Lane::Normal, &[envelope()]).await.unwrap();
    until("it has worked", async || handler.finished() == 1).await;
    worker.stop().await; // within half the grace
}

async fn a_stop_waits_for_work_in_hand_and_takes_no_more(way: Way) {
    let (delivery, handler) = (way.build(10, LONG).await, Recorder::new());
    let worker = Worker::start(&delivery, &handler);
    delivery
        .push(Lane::Normal, &[of_kind("hold"), of_kind("hold")])
        .await
        .unwrap();
    until("both are in hand", async || handler.started().len() == 2).await;
    worker.tell_to_stop();
    tokio::task::yield_now().await;
    assert!(!worker.is_over());
    assert_eq!(handler.finished(), 0);
    handler.open_gate();
    worker.stop().await;
    assert_eq!(handler.finished(), 2);
    // Pushed with nobody at work: waits for the next worker.
    let late = envelope();
    assert_eq!(
        delivery.push(Lane::Normal, std::slice::from_ref(&late)).await,
        Ok(1)
    );
    assert!(!handler.has(&late));
    let next = Worker::start(&delivery, &handler);
    until("the next worker takes it", async || handler.has(&late)).await;
    next.stop().await;
}

async fn a_stop_ends_with_the_grace_even_if_a_job_does_not(way: Way) {
    let grace = Duration::from_millis(200);
    let (delivery, handler) = (way.build(10, grace).await, Recorder::new());
    let worker = Worker::start(&delivery, &handler);
    delivery.push(Lane::Normal, &[of_kind("hold")]).await.unwrap();
    until("it is in hand", async || handler.started().len() == 1).await;
    let told = Instant::now();
    worker.stop().await;
    assert!(told.elapsed() >= grace);
    assert_eq!(handler.finished(), 0);
    // The job was not dropped: it ends if the process lets it.
    handler.open_gate();
    until("it ends after all", async || handler.finished() >= 1).await;
    Worker::start(&delivery, &handler)
        .stop_when_empty(&delivery)
        .await;
}

async fn a_full_bulk_lane_does_not_block_the_interactive_one(way: Way) {
    let (delivery, handler) = (way.build(20, LONG).await, Recorder::new());
    let worker = Worker::start(&delivery, &handler);
    let bulk: Vec<_> = (0..20).map(|_| of_kind("hold")).collect();
    delivery.push(Lane::Bulk, &bulk).await.unwrap();
    until("all bulk slots are taken", async || handler.started().len() == 4).await;
    until("the bulk lane is full", async || {
        delivery.push(Lane::Bulk, &[of_kind("hold")]).await == Ok(0)
    })
    .await;
    let urgent = envelope();
    assert_eq!(
        delivery
            .push(Lane::Interactive, std::slice::from_ref(&urgent))
            .await,
        Ok(1)
    );
    until("the urgent one is handed over", async || handler.has(&urgent)).await;
    handler.open_gate();
    worker.stop_when_empty(&delivery).await;
}

async fn jobs_at_work_are_bounded_by_the_slots(way: Way) {
    let (delivery, handler) = (way.build(50, LONG).await, Recorder::new());
    let worker = Worker::start(&delivery, &handler);
    let held: Vec<_> = (0..12).map(|_| of_kind("hold")).collect();
    delivery.push(Lane::Normal, &held).await.unwrap();
    until("the slots are taken", async || handler.started().len() == 4).await;
    // What a fifth would need has long happened in the other lane.
    for _ in 0..20 {
        let other = envelope();
        delivery
            .push(Lane::Bulk, std::slice::from_ref(&other))
            .await
            .unwrap();
        until("the other lane moves", async || handler.has(&other)).await;
    }
    assert_eq!(handler.started().len(), 4 + 20);
    handler.open_gate();
    until("all are done", async || handler.finished() == 12 + 20).await;
    worker.stop().await;
}
