//! Logins and tokens.

use super::*;

const BACK: &str = "http://localhost/callback";
/// The pair of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn authorize(server: &Served, more: &str) -> String {
    let id = &server.simulator.config().client_id;
    let back = "http%3A%2F%2Flocalhost%2Fcallback";
    format!(
        "/oauth2/authorize?client_id={id}&response_type=code&scope=identify&state=s&redirect_uri={back}{more}"
    )
}

/// Authorizes as Ada. Returns the code.
async fn login(server: &Served, more: &str) -> String {
    let answer = server
        .form(
            &authorize(server, more),
            &[("user_id", &ADA.to_string()), ("decision", "authorize")],
        )
        .await;
    assert_eq!(answer.status, 302);
    let location = answer.header("location");
    let query = location.strip_prefix("http://localhost/callback?").unwrap();
    let code = query
        .strip_prefix("code=")
        .unwrap()
        .strip_suffix("&state=s")
        .unwrap();
    code.to_owned()
}

async fn exchange(server: &Served, code: &str, more: &[(&str, &str)]) -> Answer {
    let config = server.simulator.config();
    let mut fields = vec![
        ("client_id", config.client_id.as_str()),
        ("client_secret", config.client_secret.as_str()),
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", BACK),
    ];
    fields.extend_from_slice(more);
    server.form("/api/v10/oauth2/token", &fields).await
}

#[tokio::test]
async fn a_login_yields_a_token_that_names_the_user() {
    let server = start().await;
    let page = read(
        server
            .http
            .get(format!("{}{}", server.base, authorize(&server, ""))),
    )
    .await
    .unwrap();
    assert!(page.text.contains("Authorize") && page.text.contains("Cancel"));
    let code = login(&server, "").await;
    let pair = exchange(&server, &code, &[]).await.json();
    assert_eq!(
        (&pair["token_type"], &pair["expires_in"]),
        (&"Bearer".into(), &604_800.into())
    );
    let token = pair["access_token"].as_str().unwrap();
    assert_eq!(
        server.bearer(token, "/users/@me").await.json()["id"],
        ADA.to_string()
    );
    assert_eq!(server.bearer(token, "/users/@me/guilds").await.code(), 50026);
    assert_eq!(
        server.bearer(token, "/oauth2/@me").await.json()["scopes"][0],
        "identify"
    );
}

#[tokio::test]
async fn a_code_works_once_and_for_a_hundred_seconds() {
    let server = start().await;
    let code = login(&server, "").await;
    assert_eq!(exchange(&server, &code, &[]).await.status, 200);
    let answer = exchange(&server, &code, &[]).await;
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (400, &"invalid_grant".into())
    );
    let code = login(&server, "").await;
    server.advance(100_000);
    assert_eq!(exchange(&server, &code, &[]).await.status, 400);
}

#[tokio::test]
async fn a_login_with_a_challenge_needs_the_verifier() {
    let server = start().await;
    let more = format!("&code_challenge={CHALLENGE}&code_challenge_method=S256");
    let code = login(&server, &more).await;
    assert_eq!(exchange(&server, &code, &[]).await.status, 400);
    let code = login(&server, &more).await;
    assert_eq!(
        exchange(&server, &code, &[("code_verifier", VERIFIER)])
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_user_who_cancels_comes_back_with_an_error() {
    let server = start().await;
    let answer = server
        .form(&authorize(&server, ""), &[("decision", "cancel")])
        .await;
    assert!(
        answer
            .header("location")
            .starts_with("http://localhost/callback?error=access_denied&")
    );
    assert!(answer.header("location").ends_with("&state=s"));
}

#[tokio::test]
async fn a_refresh_token_works_once() {
    let server = start().await;
    let pair = server.simulator.grant_token(ADA, &["identify"]);
    let config = server.simulator.config();
    let fields = [
        ("client_id", config.client_id.as_str()),
        ("client_secret", config.client_secret.as_str()),
        ("grant_type", "refresh_token"),
        ("refresh_token", pair.refresh_token.as_str()),
    ];
    let first = server.form("/api/v10/oauth2/token", &fields).await;
    assert_eq!(first.status, 200);
    assert_ne!(first.json()["refresh_token"], pair.refresh_token.as_str());
    let second = server.form("/api/v10/oauth2/token", &fields).await;
    assert_eq!(
        (second.status, &second.json()["error"]),
        (400, &"invalid_grant".into())
    );
    assert_eq!(server.bearer(&pair.access_token, "/users/@me").await.status, 401);
}

#[tokio::test]
async fn the_token_endpoint_takes_forms_and_the_right_secret_only() {
    let server = start().await;
    let url = format!("{}/api/v10/oauth2/token", server.base);
    let json = read(
        server
            .http
            .post(&url)
            .json(&serde_json::json!({ "grant_type": "refresh_token" })),
    )
    .await
    .unwrap();
    assert_eq!(
        (json.status, &json.json()["error"]),
        (400, &"unsupported_grant_type".into())
    );
    let id = server.simulator.config().client_id.clone();
    let wrong = read(
        server
            .http
            .post(&url)
            .basic_auth(id, Some("wrong"))
            .form(&[("grant_type", "refresh_token")]),
    );
    let wrong = wrong.await.unwrap();
    assert_eq!(
        (wrong.status, &wrong.json()["error"]),
        (401, &"invalid_client".into())
    );
}

#[tokio::test]
async fn revoking_one_token_ends_them_all() {
    let server = start().await;
    let first = server.simulator.grant_token(ADA, &["identify"]);
    let second = server.simulator.grant_token(ADA, &["identify"]);
    let config = server.simulator.config();
    let url = format!("{}/api/v10/oauth2/token/revoke", server.base);
    let request = server
        .http
        .post(url)
        .basic_auth(&config.client_id, Some(&config.client_secret));
    assert_eq!(
        read(request.form(&[("token", &first.refresh_token)]))
            .await
            .unwrap()
            .status,
        200
    );
    assert_eq!(
        server.bearer(&second.access_token, "/users/@me").await.status,
        401
    );
}
