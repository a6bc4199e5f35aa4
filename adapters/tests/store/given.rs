//! What the tests start from.

use std::time::{Duration, Instant};

use rolecall_core::cause::Cause;
use rolecall_core::conditions::Conditions;
use rolecall_core::guild::{GuildConfig, GuildSettings};
use rolecall_core::ids::{DiscordId, GroupId, GuildId, JobId, MappingId, RoleId, RunId, UserId};
use rolecall_core::job::{Attempt, Job, JobState, Lane, NewJob, Subject};
use rolecall_core::link::Link;
use rolecall_core::mapping::Mapping;
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::{Claim, Ledger, Redrive, Settlement};
use rolecall_core::run::{Run, RunKind, RunState, Scope};
use rolecall_core::time::Timestamp;
use uuid::Uuid;

/// A lease that does not end within a test.
pub(crate) const LONG: Duration = Duration::from_secs(600);
/// A lease that ends within a test.
pub(crate) const SHORT: Duration = Duration::from_millis(50);
/// Jobs wait since this moment.
pub(crate) const PAST: Timestamp = Timestamp(1_700_000_000_000);

pub(crate) fn guild(n: u64) -> GuildId {
    GuildId::new(1_000_000_000_000_000_000 + n).unwrap()
}

pub(crate) fn account(n: u64) -> DiscordId {
    DiscordId::new(2_000_000_000_000_000_000 + n).unwrap()
}

pub(crate) fn role(n: u64) -> RoleId {
    RoleId::new(3_000_000_000_000_000_000 + n).unwrap()
}

/// As go-falcon writes a group's id: 24 hex digits.
pub(crate) fn group(n: u64) -> GroupId {
    GroupId(format!("{:024x}", 0xa000_0000 + n))
}

pub(crate) fn user(n: u64) -> UserId {
    UserId(format!("00000000-0000-4000-8000-{n:012}"))
}

/// Whether this is the id of a record, as go-falcon's are written.
pub(crate) fn is_hex_id(id: &str) -> bool {
    id.len() == 24 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

pub(crate) fn new_id() -> JobId {
    JobId(Uuid::now_v7())
}

pub(crate) fn new_run() -> RunId {
    RunId(Uuid::now_v7())
}

/// A job that is due.
pub(crate) fn job() -> NewJob {
    NewJob {
        id: new_id(),
        kind: "role.add".to_owned(),
        version: 1,
        payload: serde_json::json!({"n": 1}),
        lane: Lane::Normal,
        run_at: PAST,
        max_attempts: 10,
        unique_key: None,
        concurrency: None,
        run_id: None,
        parent_id: None,
        subject: Subject::default(),
        cause: Cause::new("demo", "a test"),
        trace: None,
        sent: false,
    }
}

/// A job that is due, and stored.
pub(crate) async fn stored(ledger: &dyn Ledger, job: NewJob) -> JobId {
    let id = job.id;
    ledger.insert(vec![job]).await.unwrap();
    id
}

pub(crate) async fn claimed(ledger: &dyn Ledger, id: JobId, lease: Duration) -> Job {
    match ledger.claim(id, "worker-a", lease).await.unwrap() {
        Claim::Claimed(job) => *job,
        other => panic!("{id} was not claimed: {other:?}"),
    }
}

pub(crate) async fn read(ledger: &dyn Ledger, id: JobId) -> Job {
    ledger.get(id).await.unwrap().expect("a stored job")
}

pub(crate) fn attempt(number: u32, result: &str) -> Attempt {
    Attempt {
        number,
        worker: "worker-a".to_owned(),
        started_at: PAST,
        ended_at: PAST + SHORT,
        result: result.to_owned(),
        error_class: None,
        error_code: None,
        message: None,
        remedy: None,
        http_status: None,
        discord_code: None,
        route: None,
    }
}

pub(crate) fn settled(state: JobState) -> Settlement {
    Settlement {
        state,
        run_at: None,
        give_back: false,
        outcome: None,
        attempt: None,
        fingerprint: None,
        wait: None,
    }
}

/// Run again now, with this key.
pub(crate) fn again(unique_key: Option<&str>) -> Redrive {
    Redrive {
        unique_key: unique_key.map(ToOwned::to_owned),
        ..Redrive::default()
    }
}

pub(crate) fn completed(outcome: Outcome) -> Settlement {
    Settlement {
        outcome: Some(outcome),
        ..settled(JobState::Completed)
    }
}

/// Claims a job and leaves it so.
pub(crate) async fn ended(ledger: &dyn Ledger, id: JobId, settlement: Settlement) {
    let fence = claimed(ledger, id, LONG).await.fence;
    assert!(ledger.settle(id, fence, settlement).await.unwrap());
}

pub(crate) fn config(n: u64, name: &str) -> GuildConfig {
    GuildConfig {
        guild_id: guild(n),
        guild_name: name.to_owned(),
        is_enabled: true,
        bot_user_id: Some(account(900 + n)),
        settings: GuildSettings::default(),
        health: None,
        created_by: None,
        created_at: PAST,
        updated_at: PAST,
    }
}

pub(crate) fn mapping(n: u64, guild_id: GuildId, group_id: GroupId) -> Mapping {
    Mapping {
        id: MappingId(format!("{n:024x}")),
        guild_id,
        group_id,
        group_name: "Pilots".to_owned(),
        role_id: role(n),
        role_name: "pilot".to_owned(),
        priority: 0,
        conditions: Conditions::default(),
        is_active: true,
        created_by: None,
        created_at: PAST,
        updated_at: PAST,
        last_sync: None,
        sync_count: 0,
    }
}

pub(crate) fn link(n: u64, user_id: UserId) -> Link {
    Link {
        user_id,
        discord_id: account(n),
        username: format!("ada{n}"),
        is_active: true,
        has_token: false,
        token_expiry: None,
        needs_consent: false,
        linked_at: PAST,
        updated_at: PAST,
    }
}

pub(crate) fn run(started_at: Timestamp, guilds: Vec<GuildId>) -> Run {
    Run {
        id: new_run(),
        kind: if guilds.is_empty() {
            RunKind::Full
        } else {
            RunKind::Guild
        },
        scope: Scope {
            guilds,
            ..Scope::default()
        },
        dry_run: false,
        state: RunState::Running,
        cause: Cause::new("demo", "a test"),
        started_at,
        finished_at: None,
        results: None,
    }
}

/// Asks again and again until there is an answer; gives up after 20 s.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "it did not come to be");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
