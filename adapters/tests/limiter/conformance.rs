//! The promises of the port, over all implementations.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rolecall_core::GuildId;
use rolecall_core::job::Lane;
use rolecall_core::ports::{Answer, Barrier, Keeper, Limiter, Permission, RateHeaders, RateScope};

use crate::model::{Kind, Model, by_lane, first_done, job, route, run_job};
use crate::server::Server;
use crate::support::until;
use crate::{SPEED, Way, go, headers, ok, redis_pair};

/// Discord seconds, as real time.
fn discord(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds / SPEED)
}

/// So many jobs, half of them over each handle.
async fn all_jobs(pair: &[Arc<dyn Limiter>; 2], model: &Arc<Model>, jobs: u64) {
    let jobs = (0..jobs).map(|n| {
        let limiter = Arc::clone(&pair[(n % 2) as usize]);
        let lane = Lane::ALL[(n % 3) as usize];
        tokio::spawn(run_job(
            limiter,
            Arc::clone(model),
            route("role-write", 1),
            lane,
            n,
            7,
        ))
    });
    for done in futures::future::join_all(jobs).await {
        done.unwrap();
    }
}

#[tokio::test]
async fn callers_over_two_handles_never_exceed_the_bucket() {
    for way in Way::ALL {
        for kind in [Kind::Fixed, Kind::Sliding] {
            let model = Model::at_speed(kind, 10, 10.0, SPEED);
            all_jobs(&way.pair(50), &model, 80).await;
            assert_eq!(model.counts(), (80, 0), "{way:?} {kind:?}");
        }
    }
}

#[tokio::test]
async fn a_job_costs_few_round_trips_to_redis() {
    let server = Server::start().await;
    let model = Model::at_speed(Kind::Fixed, 10, 10.0, SPEED);
    all_jobs(&redis_pair(&server.url(), 50), &model, 100).await;
    assert_eq!(model.counts(), (100, 0));
    let told: String = redis::cmd("INFO")
        .arg("commandstats")
        .query_async(&mut server.client().await)
        .await
        .unwrap();
    let line = told
        .lines()
        .find(|line| line.starts_with("cmdstat_evalsha:calls="))
        .unwrap();
    let calls: u32 = line.split(['=', ',']).nth(1).unwrap().parse().unwrap();
    // A look that sends it away, one that lets it go, one answer; and some that look again.
    assert!((200..=800).contains(&calls), "{calls} round trips for 100 jobs");
}

#[tokio::test]
async fn a_fresh_bucket_gets_one_call_until_its_answer_came() {
    for way in Way::ALL {
        let [one, two] = way.pair(50);
        let first = go(&one, "role-write", Lane::Normal).await.unwrap();
        assert!(
            go(&two, "role-write", Lane::Interactive).await.is_err(),
            "{way:?}"
        );
        one.complete(first, &ok(10, 9, 100.0));
        until("the bucket is open", async || {
            go(&two, "role-write", Lane::Normal).await.is_ok()
        })
        .await;
        let mut more = 0;
        while go(&one, "role-write", Lane::Normal).await.is_ok() {
            more += 1;
        }
        assert_eq!(more, 8, "{way:?}");
    }
}

#[tokio::test]
async fn a_time_that_one_was_told_is_obeyed_by_the_other() {
    for way in Way::ALL {
        let scopes = [
            RateScope::User,
            RateScope::Shared,
            RateScope::Global,
            RateScope::Edge,
        ];
        let limited = scopes.map(|scope| Answer::Limited {
            retry_after: 400.0,
            scope,
            headers: RateHeaders::default(),
        });
        let busy = Answer::Busy {
            status: 503,
            retry_after: 400.0,
        };
        for answer in limited.into_iter().chain([busy]) {
            let [one, two] = way.pair(50);
            // Another bucket, which is open.
            let other = go(&two, "member-edit", Lane::Normal).await.unwrap();
            let ticket = go(&one, "role-write", Lane::Normal).await.unwrap();
            one.complete(ticket, &answer);
            two.complete(other, &ok(10, 9, 10.0));
            until("the time is known", async || {
                go(&two, "role-write", Lane::Interactive)
                    .await
                    .is_err_and(|wait| wait > discord(380.0))
            })
            .await;
            let stops_all = matches!(
                answer,
                Answer::Limited {
                    scope: RateScope::Global | RateScope::Edge,
                    ..
                }
            );
            until("the other bucket does what it should", async || {
                go(&two, "member-edit", Lane::Interactive).await.is_err() == stops_all
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_thousand_invalid_requests_of_all_stop_what_is_not_interactive() {
    for way in Way::ALL {
        let pair = way.pair(100_000);
        let refused = Answer::Status {
            status: 403,
            headers: RateHeaders::default(),
        };
        let open = Answer::Status {
            status: 200,
            headers: RateHeaders::default(),
        };
        let first = go(&pair[0], "guild", Lane::Normal).await.unwrap();
        pair[0].complete(first, &open);
        for n in 0..1_000 {
            let limiter = &pair[n % 2];
            let mut ticket = None;
            until("the bucket is open", async || {
                ticket = go(limiter, "guild", Lane::Interactive).await.ok();
                ticket.is_some()
            })
            .await;
            limiter.complete(ticket.unwrap(), &refused);
        }
        for limiter in &pair {
            until("the breaker is open", async || {
                go(limiter, "guild", Lane::Bulk).await.is_err()
            })
            .await;
            assert!(go(limiter, "guild", Lane::Interactive).await.is_ok(), "{way:?}");
        }
    }
}

#[tokio::test]
async fn the_global_window_has_a_reserve_for_interactive_callers() {
    for way in Way::ALL {
        let [one, two] = way.pair(50);
        let first = go(&one, "guild", Lane::Normal).await.unwrap();
        let answer = Answer::Status {
            status: 200,
            headers: RateHeaders::default(),
        };
        one.complete(first, &answer);
        let mut others = 0;
        until("nine tenths are used", async || {
            others += usize::from(go(&two, "guild", Lane::Bulk).await.is_ok());
            others >= 44
        })
        .await;
        let mut more = 0;
        while go(&two, "guild", Lane::Bulk).await.is_ok() {
            more += 1;
        }
        assert!(more <= 1, "{way:?}: the first one's second may be over: {more}");
        let mut urgent = 0;
        while go(&one, "guild", Lane::Interactive).await.is_ok() {
            urgent += 1;
        }
        assert!((5..=6).contains(&urgent), "{way:?}: {urgent}");
    }
}

#[tokio::test]
async fn no_two_waiting_jobs_get_the_same_time() {
    for way in Way::ALL {
        let pair = way.pair(50);
        let held = go(&pair[0], "role-write", Lane::Normal).await.unwrap();
        pair[0].complete(held, &ok(10, 0, 1_000.0));
        until("the bucket is used up", async || {
            go(&pair[1], "role-write", Lane::Normal).await.is_err()
        })
        .await;
        let asked = (0..100_u64).map(|n| {
            let limiter = Arc::clone(&pair[(n % 2) as usize]);
            async move {
                let route = route("role-write", 1);
                let before = tokio::time::Instant::now();
                match limiter.acquire(&route, Lane::Bulk, job(n), Duration::ZERO).await {
                    Permission::Wait(wait) => (before + wait, wait),
                    Permission::Go { .. } => panic!("nothing is left"),
                }
            }
        });
        let told = futures::future::join_all(asked).await;
        let times: BTreeSet<_> = told.iter().map(|(at, _)| *at).collect();
        assert_eq!(times.len(), 100, "{way:?}");
        // Ten a window of 1,000 s: the last one is nine windows after the first.
        let last = told.iter().map(|(_, wait)| *wait).max().unwrap();
        assert!(last > discord(9_000.0), "{way:?}: {last:?}");
    }
}

#[tokio::test]
async fn lanes_that_all_want_more_get_six_to_three_to_one() {
    for way in Way::ALL {
        let model = Model::at_speed(Kind::Fixed, 50, 10.0, SPEED);
        let lanes = [(Lane::Bulk, 150), (Lane::Normal, 150), (Lane::Interactive, 150)];
        let done = first_done(&way.pair(50), &model, &lanes, 250, 11).await;
        assert_eq!(model.counts().1, 0, "{way:?}");
        // What is left of the first window goes to those that come first.
        let [urgent, normal, bulk] = by_lane(&done[50..]);
        let what = format!("{way:?}: {urgent} : {normal} : {bulk}");
        assert!(urgent.abs_diff(120) <= 15, "{what}");
        assert!(normal.abs_diff(60) <= 12, "{what}");
        assert!(bulk.abs_diff(20) <= 8, "{what}");
    }
}

#[tokio::test]
async fn an_interactive_caller_is_next_while_the_other_lanes_are_full() {
    for way in Way::ALL {
        let [one, two] = way.pair(50);
        let first = go(&one, "role-write", Lane::Normal).await.unwrap();
        one.complete(first, &ok(10, 0, 40.0));
        until("nothing is left", async || {
            go(&two, "role-write", Lane::Normal).await.is_err()
        })
        .await;
        let route = route("role-write", 1);
        let mut asked = Vec::new();
        for n in 0..60 {
            let lane = if n % 2 == 0 { Lane::Bulk } else { Lane::Normal };
            asked.push(one.acquire(&route, lane, job(n), Duration::ZERO).await);
        }
        assert!(
            asked.iter().all(|told| matches!(told, Permission::Wait(_))),
            "{way:?}"
        );
        // Those have five windows and more; the urgent one the first.
        let told = two
            .acquire(&route, Lane::Interactive, job(99), Duration::ZERO)
            .await;
        let Permission::Wait(wait) = told else {
            panic!("{way:?}: nothing is left")
        };
        assert!(wait < discord(45.0), "{way:?}: {wait:?}");
    }
}

#[tokio::test]
async fn groups_whose_answers_name_one_bucket_share_it() {
    for way in Way::ALL {
        let [one, two] = way.pair(50);
        let first = go(&one, "role-write", Lane::Normal).await.unwrap();
        let second = go(&two, "member-edit", Lane::Normal).await.unwrap();
        one.complete(first, &ok(10, 9, 1_000.0));
        two.complete(
            second,
            &Answer::Status {
                status: 200,
                headers: headers(10, 8, 1_000.0),
            },
        );
        // Two calls at once looked like somebody else's use, so they go one after another for a while.
        let mut more = 0;
        let mut turn = 0;
        while more < 8 {
            let bucket = if turn % 2 == 0 {
                "role-write"
            } else {
                "member-edit"
            };
            turn += 1;
            if let Ok(ticket) = go(&one, bucket, Lane::Normal).await {
                more += 1;
                one.complete(ticket, &ok(10, 8 - more, 1_000.0));
            } else {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        until("both are used up", async || {
            go(&one, "member-edit", Lane::Normal).await.is_err()
                && go(&two, "role-write", Lane::Normal).await.is_err()
        })
        .await;
    }
}

/// A job that gets a place and no permit.
async fn waits(limiter: &Arc<dyn Limiter>, n: u64) {
    let route = route("role-write", 1);
    let told = limiter.acquire(&route, Lane::Bulk, job(n), Duration::ZERO).await;
    assert!(matches!(told, Permission::Wait(_)), "{told:?}");
}

#[tokio::test]
async fn what_is_left_is_told_to_whoever_shares_it() {
    for way in Way::ALL {
        let [one, two] = way.pair(50);
        let fresh = two.budget().await;
        assert_eq!((fresh.invalid, fresh.invalid_left()), (0, 1_000), "{way:?}");
        assert_eq!((fresh.stops.len(), fresh.waiting.len()), (0, 0), "{way:?}");
        let keeper = match way {
            Way::Memory => Keeper::Process,
            Way::File => Keeper::File,
            Way::Redis => Keeper::Redis,
        };
        assert_eq!(fresh.keeper, keeper);

        let refused = go(&one, "guild", Lane::Normal).await.unwrap();
        let answer = Answer::Status {
            status: 401,
            headers: RateHeaders::default(),
        };
        one.complete(refused, &answer);
        until("the refused call counts", async || {
            let left = two.budget().await;
            (left.invalid, left.invalid_left()) == (1, 999)
        })
        .await;

        let first = go(&one, "role-write", Lane::Normal).await.unwrap();
        for n in [1, 2] {
            waits(&one, n).await;
        }
        let left = two.budget().await;
        let [waiting] = left.waiting.as_slice() else {
            panic!("{way:?}: {left:?}");
        };
        assert_eq!(
            (waiting.bucket.as_str(), waiting.guild, waiting.places),
            ("role-write", GuildId::new(1), 2)
        );
        assert_eq!(waiting.barrier, Barrier::Bucket);
        assert!(waiting.next <= waiting.last, "{waiting:?}");

        let stopped = Answer::Limited {
            retry_after: 600.0,
            scope: RateScope::Global,
            headers: RateHeaders::default(),
        };
        one.complete(first, &stopped);
        until("everything stops", async || {
            let left = two.budget().await;
            let stop = left.stops.iter().find(|(barrier, _)| *barrier == Barrier::Global);
            stop.is_some_and(|(_, time)| *time > discord(500.0) && *time < discord(700.0))
        })
        .await;
        waits(&one, 1).await;
        let left = two.budget().await;
        let waiting = left.waiting.iter().find(|w| w.bucket == "role-write").unwrap();
        assert_eq!(waiting.barrier, Barrier::Global, "{way:?}: {left:?}");
        assert!(waiting.last > discord(500.0), "{way:?}: {left:?}");
    }
}
