//! What the client makes of answers.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use rolecall_core::ids::{DiscordId, GuildId, RoleId};
use rolecall_core::ports::{Answer, CallError, CallFailure, Discord, Joined, RateScope};

use crate::stub::{Reply, Stage, TOKEN, options, reply, token};

fn guild() -> GuildId {
    GuildId::new(5).unwrap()
}
fn user() -> DiscordId {
    DiscordId::new(6).unwrap()
}
fn role() -> RoleId {
    RoleId::new(7).unwrap()
}

async fn adding(reply: Reply) -> (Result<(), CallError>, Stage) {
    let stage = Stage::with([reply]).await;
    let result = stage
        .client
        .add_role(&token(), guild(), user(), role(), &options())
        .await;
    (result, stage)
}

#[tokio::test]
async fn a_429_of_discord_waits_for_the_larger_time_and_tells_the_limiter() {
    let mut limited = reply(429, r#"{"message":"x","retry_after":1.337,"global":false}"#);
    limited.headers = vec![
        ("retry-after", "2"),
        ("x-ratelimit-scope", "shared"),
        ("x-ratelimit-bucket", "b"),
    ];
    let (result, stage) = adding(limited).await;
    let error = result.unwrap_err();
    assert_eq!(error.failure, CallFailure::Wait(Duration::from_secs(2)));
    assert_eq!(
        (error.status, error.error_code()),
        (Some(429), "discord_rate_limited")
    );
    assert!(error.did_nothing());
    let answers = stage.answers();
    let [
        Answer::Limited {
            retry_after,
            scope,
            headers,
        },
    ] = answers.as_slice()
    else {
        panic!("{answers:?}")
    };
    assert_eq!(
        (*retry_after, *scope, headers.bucket.as_deref()),
        (2.0, RateScope::Shared, Some("b"))
    );
}

#[tokio::test]
async fn a_429_page_of_the_edge_stops_for_ten_minutes() {
    let (result, stage) = adding(reply(429, "<html>error code: 1015</html>")).await;
    assert_eq!(
        result.unwrap_err().failure,
        CallFailure::Wait(Duration::from_secs(600))
    );
    assert!(matches!(
        stage.answers()[..],
        [Answer::Limited {
            scope: RateScope::Edge,
            ..
        }]
    ));
}

#[tokio::test]
async fn a_server_error_that_names_a_time_is_not_asked_again_before() {
    let mut busy = reply(503, "upstream connect error");
    busy.headers = vec![("retry-after", "30")];
    let (result, stage) = adding(busy).await;
    let error = result.unwrap_err();
    assert_eq!(error.failure, CallFailure::Wait(Duration::from_secs(30)));
    assert_eq!(
        (error.status, error.error_code()),
        (Some(503), "discord_unavailable")
    );
    assert!(
        !error.did_nothing(),
        "an answer of a server on the way tells nothing of the work"
    );
    assert!(
        error.message.contains("503") && error.message.contains("wait 30 s"),
        "{error}"
    );
    assert_eq!(
        stage.answers(),
        [Answer::Busy {
            status: 503,
            retry_after: 30.0
        }]
    );
}

#[tokio::test]
async fn the_code_tells_what_is_unknown() {
    for (status, code, failure) in [
        (404, 10004, CallFailure::UnknownGuild),
        (404, 10007, CallFailure::UnknownMember),
        (404, 10011, CallFailure::UnknownRole),
        (404, 10013, CallFailure::UnknownUser),
        (404, 0, CallFailure::Refused),
        (403, 50013, CallFailure::Forbidden),
        (403, 10008, CallFailure::Transient),
        (401, 0, CallFailure::Unauthorized),
        (400, 50035, CallFailure::Refused),
        (503, 0, CallFailure::Transient),
    ] {
        let (result, stage) = adding(reply(status, format!(r#"{{"code":{code},"message":"Why"}}"#))).await;
        let error = result.unwrap_err();
        assert_eq!(error.failure, failure, "{status} {code}");
        assert!(error.message.contains(&status.to_string()) && !error.message.contains(TOKEN));
        assert!(matches!(stage.answers()[..], [Answer::Status { status: told, .. }] if told == status));
    }
}

#[tokio::test]
async fn a_page_instead_of_an_answer_may_pass() {
    for page in [
        reply(200, "<html>Log in to the Wi-Fi</html>"),
        reply(404, "<html></html>"),
        reply(200, ""),
    ] {
        let (result, _) = adding(page).await;
        assert_eq!(result.unwrap_err().failure, CallFailure::Transient);
    }
}

#[tokio::test]
async fn half_an_answer_may_pass_and_its_headers_still_count() {
    let half = Reply {
        status: 200,
        headers: vec![("x-ratelimit-limit", "5"), ("x-ratelimit-remaining", "3")],
        body: r#"[{"user":{"id":"1"},"#.into(),
        breaks_off: true,
        ..Reply::default()
    };
    let stage = Stage::with([half]).await;
    let error = stage
        .client
        .members(&token(), guild(), None, &options())
        .await
        .unwrap_err();
    assert_eq!(error.failure, CallFailure::Transient);
    let answers = stage.answers();
    let [Answer::Status { headers, .. }] = answers.as_slice() else {
        panic!("{answers:?}")
    };
    assert_eq!(headers.remaining, Some(3));
}

#[tokio::test]
async fn a_page_that_ends_early_but_properly_is_no_page() {
    let stage = Stage::with([reply(200, r#"[{"user":{"id":"1"}},{"us"#)]).await;
    let error = stage
        .client
        .members(&token(), guild(), None, &options())
        .await
        .unwrap_err();
    assert_eq!(error.failure, CallFailure::Transient);
    assert!(error.message.contains("unreadable"), "{error}");
}

#[tokio::test]
async fn a_slow_answer_is_lost_when_its_time_is_up() {
    let stage = Stage::with([Reply {
        delay: Duration::from_secs(30),
        ..reply(204, "")
    }])
    .await;
    let mut options = options();
    options.timeout = Duration::from_millis(200);
    let error = stage
        .client
        .add_role(&token(), guild(), user(), role(), &options)
        .await
        .unwrap_err();
    assert_eq!(error.failure, CallFailure::Transient);
    assert_eq!(stage.answers(), [Answer::Lost]);
}

#[tokio::test]
async fn a_call_whose_future_is_dropped_gives_its_permit_back_as_lost() {
    let stage = Stage::with([Reply {
        delay: Duration::from_secs(30),
        ..reply(204, "")
    }])
    .await;
    {
        let (token, options) = (token(), options());
        let call = stage.client.add_role(&token, guild(), user(), role(), &options);
        let _ = tokio::time::timeout(Duration::from_millis(200), call).await;
    }
    assert_eq!(stage.answers(), [Answer::Lost]);
}

#[tokio::test]
async fn no_connection_may_pass_and_is_lost() {
    let stage = Stage::with([]).await;
    let settings = rolecall_adapters::discord::DiscordSettings {
        base_url: "http://127.0.0.1:1".to_owned(),
        ..Default::default()
    };
    let client = rolecall_adapters::discord::DiscordClient::new(&settings, stage.notes.clone()).unwrap();
    let error = client.me(&token(), &options()).await.unwrap_err();
    assert_eq!(error.failure, CallFailure::Transient);
    assert!(
        error.message.contains("no connection") && !error.message.contains("127.0.0.1"),
        "{error}"
    );
    assert_eq!(stage.answers(), [Answer::Lost]);
}

#[tokio::test]
async fn without_a_permit_nothing_is_sent() {
    let stage = Stage::with([]).await;
    *stage.notes.refuse.lock().unwrap() = Some(Duration::from_secs(9));
    let error = stage.client.me(&token(), &options()).await.unwrap_err();
    assert_eq!(error.failure, CallFailure::Wait(Duration::from_secs(9)));
    assert!(stage.seen().is_empty() && stage.answers().is_empty());
}

#[tokio::test]
async fn a_page_of_members_is_read_with_numbers_and_nulls_and_put_in_order() {
    let page = r#"[{"user":{"id":30,"bot":true,"flags":{"x":1}},"roles":null,"joined_at":"?"},
                   {"user":{"id":"20","bot":null},"roles":["5",7,"8"],"nick":null}]"#;
    let stage = Stage::with([reply(200, page)]).await;
    let members = stage
        .client
        .members(&token(), guild(), DiscordId::new(10), &options())
        .await
        .unwrap();
    assert_eq!(members.iter().map(|m| m.id.get()).collect::<Vec<_>>(), [20, 30]);
    assert_eq!(
        members[0].roles,
        [RoleId::new(7).unwrap(), RoleId::new(8).unwrap()],
        "without @everyone"
    );
    assert!(members[1].bot && members[1].roles.is_empty());
    let seen = stage.seen();
    assert_eq!(
        seen[0].uri.to_string(),
        "/api/v10/guilds/5/members?limit=1000&after=10"
    );
}

#[tokio::test]
async fn pages_that_would_mislead_are_refused() {
    for page in [
        r#"[{"user":{"id":"10"},"roles":[]}]"#,
        r#"[{"user":{"id":"11"},"roles":[]},{"user":{"id":"11"},"roles":[]}]"#,
        r#"[{"roles":[]}]"#,
        r#"[{"user":{"id":"11"},"roles":["x"]}]"#,
        "null",
    ] {
        let stage = Stage::with([reply(200, page)]).await;
        let error = stage
            .client
            .members(&token(), guild(), DiscordId::new(10), &options())
            .await
            .unwrap_err();
        assert_eq!(error.failure, CallFailure::Transient, "{page}");
        assert!(
            error.message.contains("Discord answered something unreadable"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_guild_without_roles_in_it_is_asked_for_them() {
    let stage = Stage::with([
        reply(200, r#"{"id":5,"name":"G","owner_id":"9","mfa_level":99}"#),
        reply(
            200,
            r#"[{"id":"5","name":"@everyone"},{"id":"7","permissions":"268435456","position":3}]"#,
        ),
    ])
    .await;
    let info = stage.client.guild(&token(), guild(), &options()).await.unwrap();
    assert_eq!(info.owner_id, DiscordId::new(9));
    assert_eq!(
        (
            info.roles.len(),
            info.roles[1].permissions,
            info.roles[1].position
        ),
        (2, 268_435_456, 3)
    );
    let asked: Vec<_> = stage
        .notes
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|r| r.bucket)
        .collect();
    assert_eq!(asked, ["guild", "guild-roles"]);
}

#[tokio::test]
async fn a_join_tells_apart_who_was_there_already() {
    for (answer, expected) in [
        (reply(201, r#"{"user":{"id":"6"},"roles":[]}"#), Some(Joined::Now)),
        (reply(204, ""), Some(Joined::Already)),
        (reply(200, "<html>"), None),
    ] {
        let stage = Stage::with([answer]).await;
        let access = "access".into();
        let roles = [role()].into();
        let joined = stage
            .client
            .join(&token(), guild(), user(), &access, &roles, &options())
            .await;
        assert_eq!(joined.ok(), expected);
        let seen = stage.seen();
        assert_eq!(&seen[0].body[..], br#"{"access_token":"access","roles":["7"]}"#);
    }
}

#[tokio::test]
async fn whoever_comes_in_with_a_bots_token_is_a_bot_unless_it_says_no() {
    for (body, expected) in [
        (r#"{"id":"6","username":"x"}"#, true),
        (r#"{"id":"6","username":"x","bot":null}"#, true),
        (r#"{"id":"6","username":"x","bot":true}"#, true),
        (r#"{"id":"6","username":"x","bot":false}"#, false),
    ] {
        let stage = Stage::with([reply(200, body)]).await;
        let account = stage.client.me(&token(), &options()).await.unwrap();
        assert_eq!(account.bot, expected, "{body}");
    }
}

#[tokio::test]
async fn a_compressed_answer_is_read() {
    // Whoever says nothing about compression gets it from some servers all the same.
    let packed = BASE64_STANDARD.decode("H4sIAAAAAAACA6tWykxRslIyU9JRKi1OLcpLzE0FciuUagHT/D+MGQAAAA==");
    let stage = Stage::with([Reply {
        headers: vec![("content-encoding", "gzip")],
        body: packed.unwrap().into(),
        ..reply(200, "")
    }])
    .await;
    let account = stage.client.me(&token(), &options()).await.unwrap();
    assert_eq!(account.id, user());
}
