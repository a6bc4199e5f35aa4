//! The shapes of the lists that people ask for, for the tests that look whether an index serves them.

use rolecall_core::ids::{DiscordId, GuildId, JobId, RoleId, RunId, UserId};
use rolecall_core::job::{JobState, Lane};
use rolecall_core::ports::JobFilter;
use rolecall_core::time::Timestamp;
use uuid::Uuid;

/// Jobs are stored from then on, one each second.
pub(super) const BEGIN_MS: i64 = 1_700_000_000_000;
pub(super) const FINGERPRINT: &str = "add_role|PUT /guilds/{guild}/members/{user}/roles/{role}|403|50013";

pub(super) fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0000 + n)
}

/// What people filter by, alone and together.
pub(super) fn filters() -> Vec<(String, JobFilter)> {
    let all = JobFilter::default;
    let guild = GuildId::new(1_000_000_000_000_000_003);
    let states = |states: &[JobState]| states.to_vec();
    let day = Some(Timestamp(BEGIN_MS + 5_000_000));
    let mut filters = vec![
        ("everything".to_owned(), all()),
        (
            "kind".to_owned(),
            JobFilter {
                kind: Some("add_role".to_owned()),
                ..all()
            },
        ),
        (
            "queue".to_owned(),
            JobFilter {
                lane: Some(Lane::Bulk),
                ..all()
            },
        ),
        (
            "guild".to_owned(),
            JobFilter {
                guild_id: guild,
                ..all()
            },
        ),
        (
            "user".to_owned(),
            JobFilter {
                user_id: Some(UserId("user-3".to_owned())),
                ..all()
            },
        ),
        (
            "account".to_owned(),
            JobFilter {
                discord_id: DiscordId::new(2_000_000_000_000_000_003),
                ..all()
            },
        ),
        (
            "role".to_owned(),
            JobFilter {
                role_id: RoleId::new(3_000_000_000_000_000_003),
                ..all()
            },
        ),
        (
            "run".to_owned(),
            JobFilter {
                run_id: Some(RunId(uuid(3))),
                ..all()
            },
        ),
        (
            "parent".to_owned(),
            JobFilter {
                parent_id: Some(JobId(uuid(3))),
                ..all()
            },
        ),
        (
            "fingerprint".to_owned(),
            JobFilter {
                fingerprint: Some(FINGERPRINT.to_owned()),
                ..all()
            },
        ),
        (
            "code of Discord".to_owned(),
            JobFilter {
                error_code: Some("50013".to_owned()),
                ..all()
            },
        ),
        (
            "code by name".to_owned(),
            JobFilter {
                error_code: Some("discord_missing_permissions".to_owned()),
                ..all()
            },
        ),
        (
            "text".to_owned(),
            JobFilter {
                text: Some("missing".to_owned()),
                ..all()
            },
        ),
        ("since".to_owned(), JobFilter { since: day, ..all() }),
        ("until".to_owned(), JobFilter { until: day, ..all() }),
        (
            "dead letters of a guild".to_owned(),
            JobFilter {
                guild_id: guild,
                states: states(&[JobState::Discarded]),
                ..all()
            },
        ),
        (
            "a kind in a guild, done, since".to_owned(),
            JobFilter {
                guild_id: guild,
                kind: Some("add_role".to_owned()),
                states: states(&[JobState::Completed]),
                since: day,
                ..all()
            },
        ),
        (
            "failed and waiting of a run".to_owned(),
            JobFilter {
                run_id: Some(RunId(uuid(3))),
                states: states(&[JobState::Discarded, JobState::Available]),
                ..all()
            },
        ),
        (
            "dead letters that say".to_owned(),
            JobFilter {
                text: Some("missing".to_owned()),
                states: states(&[JobState::Discarded]),
                ..all()
            },
        ),
    ];
    filters.extend(JobState::ALL.map(|state| {
        (
            format!("state {state}"),
            JobFilter {
                states: vec![state],
                ..all()
            },
        )
    }));
    filters
}
