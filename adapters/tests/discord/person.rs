//! What is asked with a person's token, the exchange of its code, and messages.

use std::time::Duration;

use rolecall_core::ids::ChannelId;
use rolecall_core::ports::{CallFailure, Discord, ExchangeError, OAuthClient, TokenPair};
use secrecy::ExposeSecret;

use crate::stub::{Reply, Stage, options, reply, token};

fn application() -> OAuthClient {
    OAuthClient {
        id: "123".to_owned(),
        secret: "s3cr3t".into(),
    }
}

async fn exchange(reply: Reply) -> (Result<TokenPair, ExchangeError>, Stage) {
    let stage = Stage::with([reply]).await;
    let back = "https://app.example/callback?a=1";
    let result = stage
        .client
        .exchange(
            &application(),
            &"c0de".into(),
            back,
            &"ver1fier".into(),
            &options(),
        )
        .await;
    (result, stage)
}

#[tokio::test]
async fn a_code_is_exchanged_with_address_and_verifier() {
    let body = r#"{"access_token":"a","refresh_token":"r","expires_in":604800,"scope":"identify guilds"}"#;
    let (result, stage) = exchange(reply(200, body)).await;
    let pair = result.unwrap();
    assert_eq!(
        (pair.access.expose_secret(), pair.refresh.expose_secret()),
        ("a", "r")
    );
    assert_eq!(
        (pair.expires_in, pair.scope.as_str()),
        (Duration::from_secs(604_800), "identify guilds")
    );
    let seen = stage.seen();
    assert_eq!(seen[0].uri.path(), "/api/v10/oauth2/token");
    assert_eq!(seen[0].header("authorization"), "Basic MTIzOnMzY3IzdA==");
    assert_eq!(
        std::str::from_utf8(&seen[0].body).unwrap(),
        "grant_type=authorization_code&code=c0de&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback%3Fa%3D1&\
         code_verifier=ver1fier"
    );
}

#[tokio::test]
async fn what_is_wrong_with_an_exchange_is_told_apart() {
    let refused = r#"{"error":"invalid_grant","error_description":"Invalid \"code\" in request."}"#;
    let older = r#"{"error":"invalid_request","error_description":"Invalid \"code\" in request."}"#;
    for body in [refused, older] {
        let (result, _) = exchange(reply(400, body)).await;
        assert_eq!(result.unwrap_err(), ExchangeError::Refused, "{body}");
    }
    for body in [
        r#"{"error":"invalid_client"}"#,
        r#"{"message":"401: Unauthorized","code":0}"#,
    ] {
        let (result, _) = exchange(reply(401, body)).await;
        assert_eq!(result.unwrap_err(), ExchangeError::InvalidClient, "{body}");
    }
    for error in ["invalid_grant", "invalid_request"] {
        let body =
            format!(r#"{{"error":"{error}","error_description":"Invalid \"redirect_uri\" in request."}}"#);
        let (result, _) = exchange(reply(400, body.clone())).await;
        assert_eq!(result.unwrap_err(), ExchangeError::RedirectMismatch, "{body}");
    }
    let mut limited = reply(429, r#"{"message":"slow","retry_after":1.5,"global":false}"#);
    limited.headers = vec![("retry-after", "2")];
    for (reply, transient) in [
        (reply(502, "<html>"), true),
        (reply(200, "{}"), true),
        (limited, false),
    ] {
        let (result, _) = exchange(reply).await;
        let Err(ExchangeError::Call(error)) = result else {
            panic!("{result:?}")
        };
        assert_eq!(error.failure == CallFailure::Transient, transient, "{error}");
        assert!(!error.message.contains("c0de") && !error.message.contains("s3cr3t"));
    }
}

#[tokio::test]
async fn a_profile_has_the_guilds_only_if_they_are_asked_for() {
    let me = r#"{"id":"175928847299117063","username":"ada","global_name":"Ada","avatar":null,"extra":1}"#;
    let guilds = r#"[{"id":"5","name":"Five","permissions":"268435456"},{"id":6,"name":null}]"#;
    let stage = Stage::with([reply(200, me), reply(200, guilds), reply(200, me)]).await;
    let (id, profile) = stage
        .client
        .profile(&"acc3ss".into(), true, &options())
        .await
        .unwrap();
    assert_eq!(id.get(), 175_928_847_299_117_063);
    assert_eq!(
        (profile.username.as_str(), profile.global_name.as_deref()),
        ("ada", Some("Ada"))
    );
    assert_eq!((profile.guilds.len(), profile.avatar), (2, None));
    assert_eq!(profile.guilds[0].permissions.as_deref(), Some("268435456"));
    let (_, without) = stage
        .client
        .profile(&"acc3ss".into(), false, &options())
        .await
        .unwrap();
    assert!(without.guilds.is_empty());
    let seen = stage.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[1].uri.path(), "/api/v10/users/@me/guilds");
    assert!(seen.iter().all(|s| s.header("authorization") == "Bearer acc3ss"));
}

#[tokio::test]
async fn no_guilds_at_all_and_a_dead_token() {
    let me = r#"{"id":"9","username":"ada"}"#;
    let stage = Stage::with([
        reply(200, me),
        reply(200, "null"),
        reply(401, r#"{"message":"401: Unauthorized","code":0}"#),
    ])
    .await;
    let access = "acc3ss".into();
    assert!(
        stage
            .client
            .profile(&access, true, &options())
            .await
            .unwrap()
            .1
            .guilds
            .is_empty()
    );
    let error = stage
        .client
        .profile(&access, false, &options())
        .await
        .unwrap_err();
    assert_eq!(error.failure, CallFailure::Unauthorized);
    assert!(!error.message.contains("acc3ss"));
}

#[tokio::test]
async fn a_token_says_whose_it_is() {
    let body = r#"{"application":{"id":"42","name":"x"},"scopes":["identify"],"expires":"2999-01-01T00:00:00+00:00"}"#;
    let stage = Stage::with([reply(200, body), reply(200, r#"{"application":{}}"#)]).await;
    let told = stage.client.authorization(&"a".into(), &options()).await.unwrap();
    assert_eq!(
        (told.application_id.as_str(), &*told.scopes),
        ("42", &["identify".to_owned()][..])
    );
    assert!(told.expires_in > 1_000_000);
    assert!(stage.client.authorization(&"a".into(), &options()).await.is_err());
    assert_eq!(stage.seen()[0].uri.path(), "/api/v10/oauth2/@me");
}

#[tokio::test]
async fn a_revocation_of_a_dead_token_is_done() {
    let dead = r#"{"error":"invalid_request","error_description":"Invalid \"token\" in request."}"#;
    let stage = Stage::with([reply(200, "{}"), reply(400, dead), reply(503, "<html>")]).await;
    for expected in [true, true, false] {
        let result = stage
            .client
            .revoke(&application(), &"t0ken".into(), &options())
            .await;
        assert_eq!(result.is_ok(), expected, "{result:?}");
    }
    let seen = stage.seen();
    assert_eq!(seen[0].uri.path(), "/api/v10/oauth2/token/revoke");
    assert_eq!(&seen[0].body[..], b"token=t0ken");
}

#[tokio::test]
async fn a_message_pings_nobody_and_is_posted_once() {
    let stage = Stage::with([reply(200, r#"{"id":"1"}"#)]).await;
    let channel = ChannelId::new(8).unwrap();
    let text = format!("@everyone {}", "ä".repeat(3_000));
    stage
        .client
        .post_message(
            &token(),
            channel,
            &text,
            "run-0123456789-0123456789-0123",
            &options(),
        )
        .await
        .unwrap();
    let seen = stage.seen();
    assert_eq!(seen[0].uri.path(), "/api/v10/channels/8/messages");
    let body: serde_json::Value = serde_json::from_slice(&seen[0].body).unwrap();
    assert_eq!(body["allowed_mentions"]["parse"], serde_json::json!([]));
    assert_eq!(body["enforce_nonce"], true);
    assert_eq!(body["nonce"].as_str().unwrap().len(), 25);
    assert_eq!(body["content"].as_str().unwrap().chars().count(), 2_000);
}
