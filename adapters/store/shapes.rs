//! The shapes of the lists that people ask for, for the tests that look whether an index serves them.

use rolecall_core::ports::JobFilter;
use rolecall_core::query;
use rolecall_core::time::Timestamp;
use uuid::Uuid;

/// Jobs are stored from then on, one each second.
pub(super) const BEGIN_MS: i64 = 1_700_000_000_000;
pub(super) const FINGERPRINT: &str = "add_role|PUT /guilds/{guild}/members/{user}/roles/{role}|403|50013";

/// What people ask for, as they write it; a fingerprint is added.
const QUERIES: [&str; 29] = [
    "",
    "kind:add_role",
    "queue:bulk",
    "guild:1000000000000000003",
    "user:user-3",
    "account:2000000000000000003",
    "role:3000000000000000003",
    "run:00000000-0000-7000-8000-000000000003",
    "parent:00000000-0000-7000-8000-000000000003",
    "webhook:00000000-0000-7000-8000-000000000003",
    "code:50013",
    "code:discord_missing_permissions",
    "missing",
    "since:2023-11-15",
    "until:2023-11-15",
    "state:discarded guild:1000000000000000003",
    "state:discarded missing",
    "kind:add_role missing",
    "guild:1000000000000000003 missing",
    "kind:add_role queue:bulk state:completed,available",
    "state:discarded,available run:00000000-0000-7000-8000-000000000003",
    "state:completed guild:1000000000000000003 kind:add_role since:2023-11-15",
    "state:scheduled",
    "state:available",
    "state:running",
    "state:retryable",
    "state:completed",
    "state:cancelled",
    "state:discarded",
];

/// The id that ends so.
pub(super) fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0000 + n)
}

/// Each query and what it means.
pub(super) fn filters() -> Vec<(String, JobFilter)> {
    let cause = format!("fingerprint:\"{FINGERPRINT}\"");
    let queries = QUERIES.into_iter().chain([cause.as_str()]);
    let read = |text: &str| query::parse(text, Timestamp(BEGIN_MS)).unwrap().filter;
    queries.map(|text| (format!("{text:?}"), read(text))).collect()
}
