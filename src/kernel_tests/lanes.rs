//! Lanes do not wait for each other, and guilds of one lane take turns.

use rolecall_core::job::{JobState, Lane, Subject};
use rolecall_core::{GuildId, JobId};

use super::kinds::{GATE, Plain, Waits};
use super::{SLOTS, Workshop, forged, new};

/// Of a big run.
const MANY: u32 = 10_000;

/// By counts: the bulk jobs hold all slots of their lane and none of them ends, so nothing but slots of their own lets
/// the others start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_ten_thousand_jobs_of_a_run_wait_an_interactive_one_starts_at_once() {
    let workshop = Workshop::open(|kinds| {
        kinds.add::<Plain>();
        kinds.add::<Waits>();
    })
    .await;
    let bulk = |number| new(&Waits { number }).in_lane(Lane::Bulk);
    let big = GuildId::new(1);
    let of = |guild| Subject {
        guild_id: guild,
        ..Subject::default()
    };
    let many = (0..MANY).map(|n| forged(bulk(n), |job| job.subject = of(big)));
    workshop.queue.insert(many.collect()).await.unwrap();
    let all_slots = SLOTS.of(Lane::Bulk) as u64;
    while workshop.count("waits", JobState::Running).await < all_slots {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    for lane in [Lane::Interactive, Lane::Normal] {
        let ids = many_of(&workshop, lane).await;
        for id in ids {
            assert_eq!(workshop.ended(id).await.state, JobState::Completed);
        }
    }
    assert_eq!(workshop.count("waits", JobState::Completed).await, 0);
    assert_eq!(workshop.count("waits", JobState::Running).await, all_slots);

    // A small guild's job of the same lane is among the next that are sent, and not the last of ten thousand.
    let small = forged(bulk(MANY), |job| job.subject = of(GuildId::new(2)));
    let small = workshop.store(small).await;
    GATE.add_permits(all_slots as usize);
    workshop.ended(small).await;
    let done = workshop.count("waits", JobState::Completed).await;
    assert!(
        done < u64::from(MANY) / 10,
        "{done} jobs of the big guild went first"
    );
    GATE.close();
    workshop.close().await;
}

/// More than the lane has slots.
async fn many_of(workshop: &Workshop, lane: Lane) -> Vec<JobId> {
    let jobs: Vec<_> = (0..20)
        .map(|number| new(&Plain { number }).in_lane(lane))
        .collect();
    let ids = jobs.iter().map(|job| job.0.id).collect();
    workshop.queue.insert(jobs).await.unwrap();
    ids
}
