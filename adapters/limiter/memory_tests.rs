//! The rules of the limiter, one by one.

use std::sync::Arc;
use std::time::Duration;

use rolecall_core::job::Lane;
use rolecall_core::ports::{Answer, Limiter, Permission, RateHeaders, RateScope};
use tokio::time::{Instant, advance, sleep};

use super::model::{job, route};
use super::{LimiterSettings, MemoryLimiter};

const NO_TIME: Duration = Duration::ZERO;

fn limiter() -> Arc<MemoryLimiter> {
    Arc::new(MemoryLimiter::new(LimiterSettings::default()))
}

fn headers(limit: u32, remaining: u32, reset_after: f64) -> RateHeaders {
    RateHeaders {
        bucket: Some("abc".to_owned()),
        limit: Some(limit),
        remaining: Some(remaining),
        reset_after: Some(reset_after),
    }
}

fn ok(headers: RateHeaders) -> Answer {
    Answer::Status { status: 204, headers }
}

async fn go(limiter: &MemoryLimiter, bucket: &'static str, lane: Lane) -> Option<u64> {
    match limiter.acquire(&route(bucket, 1), lane, None, NO_TIME).await {
        Permission::Go { ticket } => Some(ticket),
        Permission::Wait(_) => None,
    }
}

async fn wait(limiter: &MemoryLimiter, bucket: &'static str, n: u64) -> f64 {
    match limiter
        .acquire(&route(bucket, 1), Lane::Normal, job(n), NO_TIME)
        .await
    {
        Permission::Go { .. } => 0.0,
        Permission::Wait(wait) => wait.as_secs_f64(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_fresh_bucket_admits_one_call_until_its_first_answer() {
    let limiter = limiter();
    let first = go(&limiter, "role-write", Lane::Normal).await.unwrap();
    assert_eq!(go(&limiter, "role-write", Lane::Interactive).await, None);
    assert!(
        go(&limiter, "member-edit", Lane::Normal).await.is_some(),
        "another bucket is free"
    );
    limiter.complete(first, &ok(headers(10, 9, 10.0)));
    sleep(Duration::from_secs(6)).await;
    let mut admitted = 0;
    while go(&limiter, "role-write", Lane::Interactive).await.is_some() {
        admitted += 1;
    }
    assert_eq!(admitted, 9);
}

#[tokio::test(start_paused = true)]
async fn routes_without_headers_are_limited_by_the_global_window_only() {
    let limiter = limiter();
    let first = go(&limiter, "guild", Lane::Normal).await.unwrap();
    limiter.complete(first, &ok(RateHeaders::default()));
    let mut tickets = Vec::new();
    while let Some(ticket) = go(&limiter, "guild", Lane::Normal).await {
        tickets.push(ticket);
    }
    assert_eq!(tickets.len(), 44, "45 with the first one");
    for _ in 0..5 {
        tickets.push(go(&limiter, "guild", Lane::Interactive).await.unwrap());
    }
    assert_eq!(go(&limiter, "guild", Lane::Interactive).await, None);
    for ticket in tickets {
        limiter.complete(ticket, &ok(RateHeaders::default()));
    }
    sleep(Duration::from_millis(999)).await;
    assert_eq!(go(&limiter, "guild", Lane::Interactive).await, None);
    sleep(Duration::from_millis(2)).await;
    assert!(go(&limiter, "guild", Lane::Normal).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_server_teaches_nothing_about_the_route() {
    let limiter = limiter();
    let first = go(&limiter, "guild", Lane::Normal).await.unwrap();
    limiter.complete(
        first,
        &Answer::Status {
            status: 502,
            headers: RateHeaders::default(),
        },
    );
    assert!(go(&limiter, "guild", Lane::Normal).await.is_some());
    assert_eq!(go(&limiter, "guild", Lane::Normal).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_shared_429_blocks_for_its_retry_after_and_its_other_headers_are_ignored() {
    let limiter = limiter();
    let ticket = go(&limiter, "role-write", Lane::Normal).await.unwrap();
    limiter.complete(ticket, &ok(headers(10, 9, 10.0)));
    let ticket = go(&limiter, "role-write", Lane::Normal).await.unwrap();
    let answer = Answer::Limited {
        retry_after: 3.0,
        scope: RateScope::Shared,
        headers: headers(10, 7, 500.0),
    };
    limiter.complete(ticket, &answer);
    let told = wait(&limiter, "role-write", 1).await;
    assert!((3.0..3.3).contains(&told), "{told}");
    assert!(go(&limiter, "member-edit", Lane::Normal).await.is_some());
    sleep(Duration::from_secs_f64(told)).await;
    assert!(wait(&limiter, "role-write", 1).await == 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_global_429_stops_the_principal_and_nobody_else() {
    let limiter = limiter();
    let ticket = go(&limiter, "role-write", Lane::Normal).await.unwrap();
    let answer = Answer::Limited {
        retry_after: 7.5,
        scope: RateScope::Global,
        headers: RateHeaders::default(),
    };
    limiter.complete(ticket, &answer);
    let told = wait(&limiter, "member-get", 1).await;
    assert!((7.5..7.6).contains(&told), "{told}");
    assert_eq!(limiter.waiting_for().unwrap(), "Discord's global limit (8 s)");
    let mut other = route("role-write", 1);
    other.principal = 2;
    let permission = limiter.acquire(&other, Lane::Normal, None, NO_TIME).await;
    assert!(matches!(permission, Permission::Go { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_page_of_the_edge_stops_everything_for_ten_minutes() {
    let limiter = limiter();
    let ticket = go(&limiter, "role-write", Lane::Normal).await.unwrap();
    let answer = Answer::Limited {
        retry_after: 5.0,
        scope: RateScope::Edge,
        headers: RateHeaders::default(),
    };
    limiter.complete(ticket, &answer);
    let mut other = route("me", 1);
    other.principal = 2;
    let Permission::Wait(told) = limiter.acquire(&other, Lane::Interactive, None, NO_TIME).await else {
        panic!("admitted");
    };
    assert!(told >= Duration::from_secs(600));
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed_whatever_its_size() {
    for retry_after in [0.3, 2.0, 64.57, 86_400.0] {
        let limiter = limiter();
        let ticket = go(&limiter, "role-write", Lane::Normal).await.unwrap();
        let headers = headers(10, 0, retry_after);
        limiter.complete(
            ticket,
            &Answer::Limited {
                retry_after,
                scope: RateScope::User,
                headers,
            },
        );
        let told = wait(&limiter, "role-write", 1).await;
        assert!(
            told > retry_after && told < retry_after * 1.02 + 0.2,
            "{retry_after}: {told}"
        );
        advance(Duration::from_secs_f64(retry_after)).await;
        assert!(
            go(&limiter, "role-write", Lane::Interactive).await.is_none(),
            "{retry_after}"
        );
        sleep(Duration::from_secs_f64(retry_after * 0.02 + 0.2)).await;
        assert!(
            go(&limiter, "role-write", Lane::Interactive).await.is_some(),
            "{retry_after}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn every_job_that_has_to_wait_gets_a_time_of_its_own_and_is_admitted_at_it() {
    let limiter = limiter();
    let ticket = go(&limiter, "role-write", Lane::Normal).await.unwrap();
    limiter.complete(ticket, &ok(headers(10, 0, 10.0)));
    let mut times = Vec::new();
    for n in 0..35 {
        times.push((n, wait(&limiter, "role-write", n).await));
    }
    assert!(times.windows(2).all(|w| w[0].1 < w[1].1), "{times:?}");
    assert!(
        times[9].1 < 10.3 && times[10].1 > 20.0 && times[34].1 < 41.0,
        "{times:?}"
    );
    let start = Instant::now();
    for (n, time) in times {
        let at = start + Duration::from_secs_f64(time);
        tokio::time::sleep_until(at).await;
        // A newcomer never gets in before the job whose time it is.
        if n < 10 {
            assert!(wait(&limiter, "role-write", 1000 + n).await > 0.0, "{n}");
        }
        let permission = limiter
            .acquire(
                &route("role-write", 1),
                Lane::Normal,
                job(n),
                Duration::from_secs(2),
            )
            .await;
        let Permission::Go { ticket } = permission else {
            panic!("job {n} was sent away again: {permission:?}")
        };
        limiter.complete(
            ticket,
            &ok(headers(10, 9 - (n as u32 % 10), 10.0 - (n % 10) as f64 * 0.01)),
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_interactive_caller_takes_the_next_permit_before_waiting_bulk() {
    let limiter = limiter();
    let ticket = go(&limiter, "role-write", Lane::Normal).await.unwrap();
    limiter.complete(ticket, &ok(headers(1, 0, 1.0)));
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for (name, lane) in [
        ("bulk", Lane::Bulk),
        ("normal", Lane::Normal),
        ("interactive", Lane::Interactive),
    ] {
        let (limiter, order) = (Arc::clone(&limiter), Arc::clone(&order));
        tasks.push(tokio::spawn(async move {
            let patience = Duration::from_secs(30);
            let permission = limiter
                .acquire(&route("role-write", 1), lane, None, patience)
                .await;
            let Permission::Go { ticket } = permission else {
                panic!("{name}: {permission:?}")
            };
            order.lock().unwrap().push(name);
            limiter.complete(ticket, &ok(headers(1, 0, 1.0)));
        }));
        sleep(Duration::from_millis(10)).await;
    }
    futures::future::join_all(tasks).await;
    assert_eq!(*order.lock().unwrap(), ["interactive", "normal", "bulk"]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_caller_leaves_no_trace() {
    let limiter = limiter();
    let ticket = go(&limiter, "role-write", Lane::Normal).await.unwrap();
    let waiter = {
        let limiter = Arc::clone(&limiter);
        tokio::spawn(async move {
            limiter
                .acquire(
                    &route("role-write", 1),
                    Lane::Normal,
                    job(1),
                    Duration::from_secs(60),
                )
                .await
        })
    };
    sleep(Duration::from_millis(100)).await;
    assert!(
        limiter
            .waiting_for()
            .unwrap()
            .starts_with("role-write of guild 1 (")
    );
    waiter.abort();
    let _ = waiter.await;
    assert_eq!(limiter.waiting_for(), None);
    limiter.complete(ticket, &Answer::Lost);
    assert!(go(&limiter, "role-write", Lane::Normal).await.is_some());
}

/// As many calls as stop all but interactive ones.
async fn refuse(limiter: &MemoryLimiter) {
    for _ in 0..1000 {
        let ticket = loop {
            match go(limiter, "role-write", Lane::Normal).await {
                Some(ticket) => break ticket,
                None => sleep(Duration::from_millis(50)).await,
            }
        };
        limiter.complete(
            ticket,
            &Answer::Status {
                status: 403,
                headers: RateHeaders::default(),
            },
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_invalid_requests_stop_all_but_interactive_calls() {
    let limiter = limiter();
    refuse(&limiter).await;
    assert!(wait(&limiter, "member-edit", 1).await > 500.0);
    sleep(Duration::from_secs(2)).await;
    assert!(go(&limiter, "member-edit", Lane::Interactive).await.is_some());
    sleep(Duration::from_secs(600)).await;
    assert!(go(&limiter, "me", Lane::Normal).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn interactive_calls_share_with_nobody_while_the_others_may_not_call() {
    let limiter = limiter();
    refuse(&limiter).await;
    let first = go(&limiter, "member-edit", Lane::Interactive).await.unwrap();
    limiter.complete(first, &ok(headers(10, 0, 10.0)));
    for n in 0..40 {
        assert!(wait(&limiter, "member-edit", n).await > 500.0);
    }
    for n in 0..20 {
        let route = route("member-edit", 1);
        let told = limiter
            .acquire(&route, Lane::Interactive, job(100 + n), NO_TIME)
            .await;
        let Permission::Wait(told) = told else {
            panic!("nothing is left")
        };
        let window = if n < 10 { 10.0..11.0 } else { 20.0..22.0 };
        assert!(window.contains(&told.as_secs_f64()), "{n}: {told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_one_bucket_keep_their_distance() {
    let settings = LimiterSettings {
        min_spacing: Duration::from_millis(500),
        ..LimiterSettings::default()
    };
    let limiter = MemoryLimiter::new(settings);
    let ticket = go(&limiter, "role-write", Lane::Normal).await.unwrap();
    limiter.complete(ticket, &ok(headers(10, 9, 10.0)));
    assert_eq!(go(&limiter, "role-write", Lane::Normal).await, None);
    sleep(Duration::from_millis(501)).await;
    assert!(go(&limiter, "role-write", Lane::Normal).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn groups_that_turn_out_to_be_one_bucket_share_its_budget() {
    let limiter = limiter();
    let put = go(&limiter, "role-write", Lane::Normal).await.unwrap();
    limiter.complete(put, &ok(headers(3, 2, 10.0)));
    let edit = go(&limiter, "member-edit", Lane::Normal).await.unwrap();
    limiter.complete(edit, &ok(headers(3, 1, 10.0)));
    let last = go(&limiter, "role-write", Lane::Normal).await;
    assert!(last.is_some());
    assert_eq!(go(&limiter, "member-edit", Lane::Normal).await, None);
    assert_eq!(go(&limiter, "role-write", Lane::Normal).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_got_a_429_is_no_newcomer_when_it_comes_back() {
    let limiter = limiter();
    let route = route("role-write", 1);
    let Permission::Go { ticket } = limiter.acquire(&route, Lane::Bulk, job(1), NO_TIME).await else {
        panic!("not admitted");
    };
    for n in 2..50 {
        assert!(matches!(
            limiter.acquire(&route, Lane::Bulk, job(n), NO_TIME).await,
            Permission::Wait(_)
        ));
    }
    let headers = headers(10, 0, 10.0);
    limiter.complete(
        ticket,
        &Answer::Limited {
            retry_after: 10.0,
            scope: RateScope::User,
            headers,
        },
    );
    sleep(Duration::from_secs_f64(10.2)).await;
    assert!(matches!(
        limiter.acquire(&route, Lane::Bulk, job(1), NO_TIME).await,
        Permission::Go { .. }
    ));
}
