//! Things happen at a little Discord, and `/metrics` tells of them: joins, guilds that fall ill, limits, members who come
//! and go, workers that die.

use std::sync::Arc;
use std::time::Duration;

use rolecall_core::GuildId;
use rolecall_core::error::JobError;
use rolecall_core::job::JobState;
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::{CallFailure, CallOptions};
use rolecall_jobs::join_guild::JoinGuild;
use rolecall_jobs::kernel::context::Context;
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::registry::Registry;
use rolecall_simulator::{Fault, FaultKind, permissions};
use rolecall_workflows::check_guild::CheckGuild;
use rolecall_workflows::sync_guild::SyncGuild;
use serde::{Deserialize, Serialize};

use super::{recorder, scrape};
use crate::app::App;
use crate::join_tests::{BOT, Scene, scene};
use crate::kernel_tests::Workshop;

/// Has nothing to do.
#[derive(Debug, Serialize, Deserialize)]
struct Idle {}

impl Job for Idle {
    const KIND: &'static str = "idle";

    async fn run(&self, _: &Context) -> Result<Outcome, JobError> {
        Ok(Outcome::unchanged())
    }
}

fn everything(registry: &mut Registry) {
    *registry = rolecall_workflows::registry();
}

/// What `/metrics` tells now, as lines.
async fn told(app: &App) -> Vec<String> {
    app.gauges.forget().await;
    scrape(app).await.lines().map(ToOwned::to_owned).collect()
}

/// The same once nobody works any more: a job is counted a moment after its end was stored.
async fn told_at_the_end(workshop: Workshop) -> Vec<String> {
    let app = Arc::clone(&workshop.world.app);
    workshop.close().await;
    told(&app).await
}

/// Waits until it tells all of these.
async fn until(app: &App, lines: &[String]) {
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            let told = told(app).await;
            if lines.iter().all(|line| told.contains(line)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    if waited.await.is_err() {
        panic!("waited in vain for {lines:?}\n{}", told(app).await.join("\n"));
    }
}

#[track_caller]
fn has(told: &[String], line: &str) {
    assert!(told.iter().any(|l| l == line), "{line}\n{}", told.join("\n"));
}

/// The value of a series.
fn value(told: &[String], name: &str) -> f64 {
    let found = told
        .iter()
        .find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    found.unwrap_or_else(|| panic!("{name}\n{}", told.join("\n")))
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_are_counted_by_how_they_went_and_missing_permissions_by_guild_and_code() {
    recorder::handle().unwrap();
    let Scene { world, target, .. } = scene(permissions::MANAGE_ROLES).await;
    let guild = target.guild_id;
    let workshop = Workshop::open_in(world, everything);
    let id = workshop.begin(&JoinGuild { target }).await;
    assert_eq!(workshop.ended(id).await.state, JobState::Discarded);
    let refused = told_at_the_end(workshop).await;
    has(
        &refused,
        "rolecall_auto_joins_total{result=\"bot_lacks_create_invite\"} 1",
    );
    has(
        &refused,
        &format!(
            "rolecall_bot_permission_errors_total{{guild=\"{guild}\",code=\"bot_lacks_create_invite\"}} 1"
        ),
    );

    let Scene { world, target, .. } = scene(permissions::BOT_DEFAULT).await;
    let workshop = Workshop::open_in(world, everything);
    for _ in 0..2 {
        let target = target.clone();
        let id = workshop.begin(&JoinGuild { target }).await;
        assert_eq!(workshop.ended(id).await.state, JobState::Completed);
    }
    let joined = told_at_the_end(workshop).await;
    has(&joined, "rolecall_auto_joins_total{result=\"joined\"} 1");
    has(
        &joined,
        "rolecall_auto_joins_total{result=\"bot_lacks_create_invite\"} 1",
    );
    let joins: f64 = joined
        .iter()
        .filter_map(|line| line.strip_prefix("rolecall_auto_joins_total{")?.split_once("} "))
        .map(|(_, n)| n.parse::<f64>().unwrap())
        .sum();
    assert_eq!(joins, 3.0, "{}", joined.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_that_falls_ill_and_recovers_is_seen() {
    recorder::handle().unwrap();
    let Scene { world, target, .. } = scene(permissions::BOT_DEFAULT).await;
    let guild_id = target.guild_id;
    let faults = world.simulator.faults();
    let workshop = Workshop::open_in(world, everything);
    let health = async || {
        let id = workshop.begin(&CheckGuild { guild_id }).await;
        assert_eq!(workshop.ended(id).await.state, JobState::Completed);
        let series = format!("rolecall_guild_health{{guild=\"{guild_id}\"}}");
        value(&told(&workshop.world.app).await, &series)
    };
    assert_eq!(health().await, 2.0);
    faults.add(Fault::new(FaultKind::Unauthorized));
    assert_eq!(health().await, 0.0);
    faults.clear();
    assert_eq!(health().await, 2.0);
    workshop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scope_of_a_429_is_counted_and_uses_up_the_budget_for_refused_calls() {
    recorder::handle().unwrap();
    let Scene { world, target, .. } = scene(permissions::BOT_DEFAULT).await;
    let faults = world.simulator.faults();
    let workshop = Workshop::closed_in(world);
    let services = &workshop.world.app.services;
    let options = CallOptions {
        patience: Duration::from_secs(10),
        ..CallOptions::default()
    };
    let retry_after = 0.05;
    let code = 20_029;
    // The edge comes last: after that, nothing goes for ten minutes.
    for (scope, kind) in [
        ("user", FaultKind::LimitUser { retry_after }),
        ("shared", FaultKind::LimitShared { retry_after, code }),
        ("global", FaultKind::LimitGlobal { retry_after }),
        ("edge", FaultKind::CloudflarePage),
    ] {
        faults.add(Fault::new(kind).times(1));
        let token = BOT.into();
        let called = services
            .discord
            .member(&token, target.guild_id, target.discord_id, &options);
        let error = called.await.unwrap_err();
        assert!(
            matches!(error.failure, CallFailure::Wait(_)),
            "{scope}: {error:?}"
        );
        let series = format!(
            "rolecall_discord_rate_limited_total{{route=\"GET /guilds/{{guild}}/members/{{user}}\",scope=\"{scope}\"}} 1"
        );
        has(&told(&workshop.world.app).await, &series);
    }
    let told = told(&workshop.world.app).await;
    // Discord does not count the limits that others use, too.
    has(&told, "rolecall_discord_invalid_requests_total 3");
    has(&told, "rolecall_discord_invalid_requests_left 997");
    let edge = value(&told, "rolecall_discord_stop_seconds{barrier=\"edge\"}");
    assert!((500.0..=601.0).contains(&edge), "{edge}");
    assert_eq!(
        value(&told, "rolecall_discord_stop_seconds{barrier=\"invalid\"}"),
        0.0
    );
}

fn turnover(guild: GuildId, joined: u64, left: u64) -> [String; 2] {
    [("joined", joined), ("left", left)]
        .map(|(what, n)| format!("rolecall_guild_members_{what}_total{{guild=\"{guild}\"}} {n}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn members_who_came_and_members_who_left_are_two_counts() {
    recorder::handle().unwrap();
    let Scene {
        world, target, role, ..
    } = scene(permissions::BOT_DEFAULT).await;
    let (guild_id, simulator) = (target.guild_id, world.simulator.clone());
    let guild = guild_id.get();
    simulator.add_member(guild, target.discord_id.get(), &[role.get()]);
    let strangers: Vec<u64> = simulator.add_users("stranger", 5);
    for user in &strangers[..3] {
        simulator.add_member(guild, *user, &[]);
    }
    let workshop = Workshop::open_in(world, everything);
    let counted = async |joined: u64, left: u64| {
        let job = SyncGuild {
            guild_id,
            mapping: None,
            dry_run: false,
            allow_removals: false,
        };
        let id = workshop.begin(&job).await;
        assert_eq!(workshop.ended(id).await.state, JobState::Completed);
        until(&workshop.world.app, &turnover(guild_id, joined, left)).await;
    };
    // Nothing is known of before.
    counted(0, 0).await;
    for user in &strangers[3..] {
        simulator.add_member(guild, *user, &[]);
    }
    simulator.remove_member(guild, strangers[0]);
    counted(2, 1).await;
    // One leaves and comes back, and the number of members stays.
    simulator.remove_member(guild, strangers[1]);
    simulator.add_member(guild, strangers[1], &[]);
    counted(3, 2).await;
    counted(3, 2).await;
    let told = told_at_the_end(workshop).await;
    for line in turnover(guild_id, 3, 2) {
        has(&told, &line);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_worker_died_is_counted_as_rescued() {
    recorder::handle().unwrap();
    let closed = Workshop::closed().await;
    let id = closed.begin(&Idle {}).await;
    let ledger = &closed.world.app.services.ledger;
    ledger
        .claim(id, "a-worker-that-died", Duration::from_millis(1))
        .await
        .unwrap();
    let workshop = Workshop::open_in(closed.world, |registry| registry.add::<Idle>());
    assert_eq!(workshop.ended(id).await.state, JobState::Completed);
    let told = told_at_the_end(workshop).await;
    has(
        &told,
        "rolecall_rescues_total{kind=\"idle\",state=\"available\"} 1",
    );
}
