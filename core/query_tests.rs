//! Queries as people write them.

use proptest::prelude::*;
use uuid::Uuid;

use crate::ids::{DiscordId, EndpointId, GuildId, RoleId, UserId};
use crate::job::JobState;
use crate::ports::JobFilter;
use crate::query::{Pasted, from_arguments, held, parse, write};
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn filter(text: &str) -> JobFilter {
    parse(text, NOW).unwrap().filter
}

#[test]
fn words_narrow_the_query_and_what_is_left_is_looked_for_in_messages() {
    let read = filter("guild:5 kind:add_role state:discarded,retryable code:50013 since:2h is \"above the\"");
    assert_eq!(read.guild_id, GuildId::new(5));
    assert_eq!(read.kind.as_deref(), Some("add_role"));
    assert_eq!(read.states, [JobState::Retryable, JobState::Discarded]);
    assert_eq!(read.error_code.as_deref(), Some("50013"));
    assert_eq!(read.since, Some(Timestamp(NOW.0 - 7_200_000)));
    assert_eq!(read.text.as_deref(), Some("is above the"));
}

#[test]
fn what_people_paste_is_understood() {
    assert_eq!(filter("<@123>").discord_id, DiscordId::new(123));
    assert_eq!(filter("<@!123>").discord_id, DiscordId::new(123));
    assert_eq!(filter("<@&77>").role_id, RoleId::new(77));
    assert_eq!(filter("role:<@&77>").role_id, RoleId::new(77));
    let id = "019a0000-0000-7000-8000-000000000001";
    assert_eq!(parse(id, NOW).unwrap().job, id.parse().ok());
    assert_eq!(
        parse("1412345678901234567", NOW).unwrap().snowflake,
        Some(1_412_345_678_901_234_567)
    );
    assert_eq!(filter("50013").text.as_deref(), Some("50013"));
}

#[test]
fn what_holds_white_space_may_be_pasted_without_quotes() {
    let cause = "add_role|PUT /guilds/{guild}/members/{user}|403|50013";
    let read = filter(&format!("state:discarded fingerprint:{cause} above"));
    assert_eq!(read.fingerprint.as_deref(), Some(cause));
    assert_eq!(read.text.as_deref(), Some("above"));
    let read = filter("since:2026-11-30 00:09:04 until:2026-12-01 10:00 above");
    assert_eq!(read.since, Timestamp::from_rfc3339("2026-11-30T00:09:04Z"));
    assert_eq!(read.until, Timestamp::from_rfc3339("2026-12-01T10:00:00Z"));
    assert_eq!(
        filter("since:2026-11-30T00:09").since,
        filter("since:\"2026-11-30 00:09\"").since
    );
    assert_eq!(filter("kind:add_role 10:00").text.as_deref(), Some("10:00"));
}

#[test]
fn of_two_things_of_a_kind_none_is_chosen_silently() {
    for text in [
        "1412345678901234567 1412345678901234568",
        "019a0000-0000-7000-8000-000000000001 019a0000-0000-7000-8000-000000000002",
        "since:1h until:2h",
        "\"\"",
    ] {
        assert_eq!(parse(text, NOW).unwrap_err().len(), 1, "{text}");
    }
    let (one, other) = (GuildId::new(5).unwrap(), GuildId::new(6).unwrap());
    let named = parse("guild:5 1412345678901234567", NOW).unwrap();
    assert!(
        named
            .clone()
            .with(Pasted::Guild(other))
            .unwrap_err()
            .contains("guild")
    );
    assert_eq!(
        named.clone().with(Pasted::Guild(one)).unwrap().guild_id,
        Some(one)
    );
    let role = RoleId::new(9).unwrap();
    assert_eq!(named.with(Pasted::Role(role)).unwrap().role_id, Some(role));
}

#[test]
fn an_age_of_any_size_is_a_moment_that_can_be_written() {
    for text in ["since:4294967295w", "since:3000w", "since:0s"] {
        let read = filter(text);
        assert_eq!(filter(&write(&read)), read, "{text}");
    }
}

#[test]
fn arguments_are_values_and_phrases_as_the_shell_quoted_them() {
    for (arguments, query) in [
        (
            &["guild:5", "Missing Permissions"][..],
            "guild:5 Missing Permissions",
        ),
        (&["text:is above", "guild:5"], "text:\"is above\" guild:5"),
        (&["guild:5 code:50013 since:2h"], "guild:5 code:50013 since:2h"),
        (&["cause:a|PUT /b|403"], "cause:\"a|PUT /b|403\""),
        (&["Discord said: no"], "\"Discord said: no\""),
        (&["\"in quotes: here\""], "\"in quotes: here\""),
        (&[" "], "\"\""),
    ] {
        let arguments: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        assert_eq!(from_arguments(&arguments), query);
    }
}

#[test]
fn everything_that_is_wrong_is_said() {
    let wrong = parse(
        "state:dead guild:x since:soon colour:red kind: role:1 role:2",
        NOW,
    )
    .unwrap_err();
    assert_eq!(wrong.len(), 6, "{wrong:?}");
    assert!(wrong[0].contains("discarded") && wrong[3].contains("fingerprint"));
}

#[test]
fn a_pause_is_made_of_four_words() {
    let read = parse("queue:bulk guild:5", NOW).unwrap();
    assert_eq!(held(&read).unwrap().to_string(), "queue:bulk guild:5");
    assert!(held(&parse("state:discarded", NOW).unwrap()).is_err());
    assert!(held(&parse("guild:5 above", NOW).unwrap()).is_err());
}

fn any_filter() -> impl Strategy<Value = JobFilter> {
    let text = || {
        proptest::option::of("[a-zA-Z\"\\\\ :|äß_-]{1,12}".prop_filter("no blank ends", |t| t.trim() == t))
    };
    let word = || proptest::option::of("[a-z_|-]{1,9}");
    let id = || proptest::option::of(1u64..u64::from(u32::MAX));
    (
        (
            proptest::sample::subsequence(JobState::ALL.to_vec(), 0..=7),
            word(),
            id(),
            text(),
            id(),
            id(),
        ),
        (
            word(),
            word(),
            text(),
            proptest::option::of(0i64..4_000_000_000_000),
            id(),
        ),
    )
        .prop_map(
            |((states, kind, guild, user, account, role), (fingerprint, code, text, since, endpoint))| {
                JobFilter {
                    states,
                    kind,
                    guild_id: guild.and_then(GuildId::new),
                    user_id: user.map(UserId),
                    discord_id: account.and_then(DiscordId::new),
                    role_id: role.and_then(RoleId::new),
                    webhook_id: endpoint.map(|id| EndpointId(Uuid::from_u128(id.into()))),
                    fingerprint,
                    error_code: code,
                    text,
                    since: since.map(Timestamp),
                    ..JobFilter::default()
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_written_filter_reads_back(filter in any_filter()) {
        prop_assert_eq!(parse(&write(&filter), NOW).unwrap().filter, filter);
    }

    #[test]
    fn no_text_breaks_it(text in "\\PC{0,60}") {
        let _ = parse(&text, NOW);
    }
}
