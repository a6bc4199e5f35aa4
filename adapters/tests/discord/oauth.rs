//! Refreshing a user's token.

use std::time::Duration;

use rolecall_core::ports::{CallFailure, Discord, OAuthClient, RefreshError, TokenPair};
use secrecy::ExposeSecret;

use crate::stub::{Reply, Stage, options, reply};

async fn refresh(reply: Reply) -> (Result<TokenPair, RefreshError>, Stage) {
    let stage = Stage::with([reply]).await;
    let client = OAuthClient {
        id: "123".to_owned(),
        secret: "s3cr3t".into(),
    };
    let result = stage
        .client
        .refresh(&client, &"old&token".into(), &options())
        .await;
    (result, stage)
}

#[tokio::test]
async fn a_refresh_is_a_form_with_basic_authentication() {
    let body = r#"{"access_token":"a","refresh_token":"r","expires_in":604800,"scope":"identify guilds.join",
                   "token_type":"Bearer"}"#;
    let (result, stage) = refresh(reply(200, body)).await;
    let pair = result.unwrap();
    assert_eq!(
        (pair.access.expose_secret(), pair.refresh.expose_secret()),
        ("a", "r")
    );
    assert_eq!(
        (pair.expires_in, pair.scope.as_str()),
        (Duration::from_secs(604_800), "identify guilds.join")
    );
    let seen = stage.seen();
    assert_eq!(seen[0].uri.path(), "/api/v10/oauth2/token");
    assert_eq!(
        seen[0].header("content-type"),
        "application/x-www-form-urlencoded"
    );
    assert_eq!(seen[0].header("authorization"), "Basic MTIzOnMzY3IzdA==");
    assert_eq!(
        &seen[0].body[..],
        b"grant_type=refresh_token&refresh_token=old%26token"
    );
    assert_eq!(stage.answers().len(), 1);
}

#[tokio::test]
async fn a_dead_refresh_token_is_refused_in_both_forms() {
    for body in [
        r#"{"error":"invalid_grant","error_description":"Invalid \"refresh_token\" in request."}"#,
        r#"{"error":"invalid_grant"}"#,
        r#"{"error":"invalid_request","error_description":"Invalid \"refresh_token\" in request."}"#,
    ] {
        let (result, _) = refresh(reply(400, body)).await;
        assert_eq!(result.unwrap_err(), RefreshError::Refused, "{body}");
    }
}

#[tokio::test]
async fn other_failures_do_not_blame_the_user() {
    let cases = [
        (
            reply(401, r#"{"error":"invalid_client"}"#),
            CallFailure::Refused,
            "DISCORD_CLIENT_SECRET",
        ),
        (
            reply(401, r#"{"message":"401: Unauthorized","code":0}"#),
            CallFailure::Refused,
            "DISCORD_CLIENT_ID",
        ),
        (
            reply(400, r#"{"error":"unsupported_grant_type"}"#),
            CallFailure::Refused,
            "unsupported_grant_type",
        ),
        (
            reply(400, r#"{"error":"invalid_request"}"#),
            CallFailure::Refused,
            "invalid_request",
        ),
        (reply(502, "<html>"), CallFailure::Transient, "502"),
        (reply(200, "<html>"), CallFailure::Transient, "unreadable"),
        (
            reply(200, r#"{"refresh_token":"r"}"#),
            CallFailure::Transient,
            "unreadable",
        ),
    ];
    for (reply, failure, words) in cases {
        let (result, _) = refresh(reply).await;
        let Err(RefreshError::Call(error)) = result else {
            panic!("{result:?}")
        };
        assert_eq!(error.failure, failure, "{error}");
        assert!(
            error.message.contains(words) && !error.message.contains("s3cr3t"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_revocation_is_done_whatever_the_body_says() {
    // RFC 7009, section 2.2: the content of the answer is ignored.
    for (answer, done) in [
        (reply(200, ""), true),
        (reply(200, "{}"), true),
        (reply(204, ""), true),
        (reply(200, "<html>Log in to the Wi-Fi</html>"), false),
    ] {
        let stage = Stage::with([answer]).await;
        let client = OAuthClient {
            id: "123".to_owned(),
            secret: "s3cr3t".into(),
        };
        let result = stage.client.revoke(&client, &"t".into(), &options()).await;
        assert_eq!(result.is_ok(), done, "{result:?}");
    }
}

#[tokio::test]
async fn the_life_and_the_scopes_of_a_token_are_read_in_any_form() {
    for (life, scope) in [
        ("604800", r#""identify guilds.join""#),
        ("604800.5", r#""identify guilds.join""#),
        (r#""604800""#, r#"["identify","guilds.join"]"#),
        (r#""604800.0""#, r#""identify guilds.join""#),
    ] {
        let body =
            format!(r#"{{"access_token":"a","refresh_token":"r","expires_in":{life},"scope":{scope}}}"#);
        let pair = refresh(reply(200, body)).await.0.unwrap();
        assert_eq!(pair.expires_in, Duration::from_secs(604_800), "{life}");
        assert_eq!(pair.scope, "identify guilds.join");
    }
}
