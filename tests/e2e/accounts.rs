//! Logging in at the simulator's consent page, as a browser does it.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::browser::{Browser, FRONTEND, outcome, sync_id};
use crate::support::http::{Api, json as body_of};
use crate::support::metrics::{scrape, sum};
use crate::support::process::{Installation, Running};
use crate::support::world::{BOT_TOKEN, GROUPS, World};
use crate::support::{free_port, wait_for};

const CLIENT: (&str, &str) = ("1190000000000000001", "simulator-client-secret");

pub(crate) struct Served {
    pub(crate) world: World,
    pub(crate) installation: Installation,
    pub(crate) api: Api,
    /// Of somebody who may look at runs.
    pub(crate) operator: Api,
    pub(crate) all: Running,
}

/// Everything, with the users `ada` and `bob`, who are pilots and have no account yet.
async fn served(settings: &[(&'static str, &str)]) -> Served {
    served_at(free_port(), |_| {
        settings.iter().map(|(n, v)| (*n, (*v).to_owned())).collect()
    })
    .await
}

/// The same at a given port, with settings that depend on the address of the consent page.
pub(crate) async fn served_at(
    port: u16,
    settings: impl FnOnce(&str) -> Vec<(&'static str, String)>,
) -> Served {
    let world = World::start(4.0, 5, 2).await;
    let mut installation = Installation::embedded()
        .set("DISCORD_API_BASE_URL", &world.url)
        .set("DISCORD_AUTHORIZE_URL", page(&world))
        .set("DISCORD_CLIENT_ID", CLIENT.0)
        .set("DISCORD_CLIENT_SECRET", CLIENT.1)
        .set(
            "DISCORD_REDIRECT_URI",
            format!("http://127.0.0.1:{port}/discord/auth/callback"),
        )
        .set("FRONTEND_URL", FRONTEND)
        .set("ROLECALL_SIMULATOR_SPEED", world.speed)
        .set("HOST", "127.0.0.1")
        .set("PORT", port);
    for (name, value) in settings(&page(&world)) {
        installation = installation.set(name, value);
    }
    let guild = world.guild.to_string();
    installation
        .run_with(&["guild", "add", "--id", &guild, "--name", "Testers"], BOT_TOKEN)
        .ok();
    let file = installation.path("directory.csv");
    world.write_csv(&file);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + "ada,Ada,pilots,\nbob,Bob,pilots,\n").unwrap();
    installation
        .run(&["directory", "import", file.to_str().unwrap()])
        .ok();
    let role = world.roles[0].to_string();
    let group = GROUPS[0];
    installation
        .run(&[
            "mapping", "add", "--guild", &guild, "--group", group, "--role", &role,
        ])
        .ok();
    let all = installation.start("all", &["all"], &[]);
    let token = installation.run(&["token", "--user", "ada"]).ok().out;
    let api = Api::new(port, token.trim());
    api.ready().await;
    let token = installation
        .run(&["token", "--user", "operator", "--admin"])
        .ok()
        .out;
    let operator = Api::new(port, token.trim());
    Served {
        world,
        installation,
        api,
        operator,
        all,
    }
}

fn page(world: &World) -> String {
    world.url.replace("/api/v10", "/oauth2/authorize")
}

impl Served {
    pub(crate) fn token(&self, user: &str) -> String {
        let out = self.installation.run(&["token", "--user", user]).ok().out;
        out.trim().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_links_joins_and_gives_roles_and_an_unlink_takes_them_again() {
    let served = served(&[]).await;
    let account = served.world.simulator.add_user("ada");
    let roles = || served.world.simulator.member_roles(served.world.guild, account);
    let token = served.token("ada");
    let mut browser = Browser::new(&served.api.base, Some(&token));
    let auth_url = browser.login("?link=true").await;
    for part in [
        "code_challenge_method=S256",
        "scope=identify%20guilds%20guilds.join",
        "client_id=",
    ] {
        assert!(auth_url.contains(part), "{auth_url}");
    }
    let back = browser.decide(&auth_url, account, "authorize").await;
    let end = browser.back(&back).await;
    assert_eq!(outcome(&end), "linked");
    served.operator.finished(&sync_id(&end)).await;
    assert_eq!(roles(), Some(vec![served.world.roles[0]]));
    let status = browser.json("/api/discord/auth/status").await;
    assert_eq!(
        (&status["authenticated"], &status["is_linked"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(status["discord_user"]["discord_user_id"], account.to_string());
    let profile = browser.json("/discord/user/profile").await;
    for scope in ["identify", "guilds", "guilds.join"] {
        assert!(profile["scopes"].as_array().unwrap().contains(&json!(scope)));
    }
    assert_eq!(profile["user_id"], "ada");

    // Another browser, in which nobody is signed in: the account is known.
    let mut other = Browser::new(&served.api.base, None);
    assert_eq!(outcome(&other.whole("", account).await), "signed_in");
    assert_eq!(other.json("/discord/auth/status").await["user_id"], "ada");

    let path = format!("/discord/auth/unlink/{account}");
    let delete = |token: String| {
        served
            .api
            .request(Method::DELETE, &path)
            .bearer_auth(token)
            .send()
    };
    assert_eq!(
        delete(served.token("bob")).await.unwrap().status(),
        StatusCode::FORBIDDEN
    );
    let unlinked = body_of(delete(token.clone()).await.unwrap(), StatusCode::OK, "unlink").await;
    assert_eq!(browser.json("/discord/auth/status").await["is_linked"], false);
    served
        .operator
        .finished(unlinked["sync_id"].as_str().unwrap())
        .await;
    assert_eq!(roles(), Some(vec![]));
    assert_eq!(delete(token).await.unwrap().status(), StatusCode::NOT_FOUND);
    let revoked = |call: &rolecall_simulator::Call| call.route.contains("revoke");
    assert!(served.world.simulator.calls(1_000).iter().any(revoked));
}

async fn each_outcome_was_counted(address: &str) {
    let (series, text) = scrape(address).await;
    for (outcome, times) in [
        ("linked", 2.0),
        ("access_denied", 2.0),
        ("state_missing", 2.0),
        ("state_unknown", 2.0),
        ("state_reused", 1.0),
        ("code_refused", 1.0),
        ("account_taken", 1.0),
        ("signed_in", 0.0),
    ] {
        let label = format!("outcome=\"{outcome}\"");
        let counted = sum(&series, "rolecall_oauth_logins_total", &[&label]);
        assert!((counted - times).abs() < 0.5, "{outcome}: {counted}\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_fail_ends_with_a_redirect_and_its_own_code() {
    let open = format!("127.0.0.1:{}", free_port());
    let mut served = served(&[("ROLECALL_METRICS_ADDR", &open)]).await;
    let (ada, stranger) = (
        served.world.simulator.add_user("ada"),
        served.world.simulator.add_user("stranger"),
    );
    let token = served.token("ada");
    let mut browser = Browser::new(&served.api.base, Some(&token));
    let callback = "/discord/auth/callback";

    let cancelled = browser.login("").await;
    let cancelled = browser.decide(&cancelled, ada, "cancel").await;
    assert_eq!(outcome(&browser.back(&cancelled).await), "access_denied");
    // Three logins of one browser live at once.
    let (first, second) = (browser.login("").await, browser.login("").await);
    let second = browser.decide(&second, ada, "authorize").await;
    let first = browser.decide(&first, ada, "authorize").await;
    assert_eq!(outcome(&browser.back(&first).await), "linked");
    assert_eq!(outcome(&browser.back(&first).await), "state_reused");
    assert_eq!(outcome(&browser.back(&second).await), "linked");

    let state = "0".repeat(64);
    for (query, code) in [
        (String::new(), "state_missing"),
        ("?error=access_denied".to_owned(), "access_denied"),
        ("?code=x".to_owned(), "state_missing"),
        ("?code=x&state=y".to_owned(), "state_unknown"),
        (format!("?code=x&state={state}"), "state_unknown"),
        (format!("?error=server_error&state={state}"), "discord_error"),
    ] {
        assert_eq!(
            outcome(&browser.back(&format!("{callback}{query}")).await),
            code,
            "{query}"
        );
    }
    let begun = browser.json("/discord/auth/login").await["state"].clone();
    let begun = format!("{callback}?state={}", begun.as_str().unwrap());
    assert_eq!(outcome(&browser.back(&begun).await), "code_missing");
    let begun = browser.json("/discord/auth/login").await["state"].clone();
    let begun = format!("{callback}?code=wrong&state={}", begun.as_str().unwrap());
    assert_eq!(outcome(&browser.back(&begun).await), "code_refused");

    let auth_url = browser.login("").await;
    let back = browser.decide(&auth_url, ada, "authorize").await;
    let mut foreign = Browser::new(&served.api.base, Some(&token));
    assert_eq!(outcome(&foreign.back(&back).await), "state_foreign");
    let auth_url = browser.login("").await;
    let back = browser.decide(&auth_url, ada, "authorize").await;
    browser.bearer = Some(served.token("bob"));
    assert_eq!(outcome(&browser.back(&back).await), "user_foreign");
    assert_eq!(outcome(&browser.whole("", ada).await), "account_taken");
    let mut nobody = Browser::new(&served.api.base, None);
    assert_eq!(outcome(&nobody.whole("", stranger).await), "account_unknown");

    each_outcome_was_counted(&open).await;

    let log = served.all.log();
    for word in ["discord_oauth", "state_reused", "code_refused", "account_taken"] {
        assert!(log.contains(word), "{word} is missing in the log");
    }
    let code = back.split("code=").nth(1).unwrap().split('&').next().unwrap();
    assert!(!log.contains(code), "a code is in the log");
    assert!(served.all.is_running());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_took_too_long_and_a_discord_that_is_away() {
    let served = served(&[("DISCORD_STATE_EXPIRY", "3s")]).await;
    let account = served.world.simulator.add_user("ada");
    let token = served.token("ada");
    let mut browser = Browser::new(&served.api.base, Some(&token));
    let auth_url = browser.login("").await;
    let back = browser.decide(&auth_url, account, "authorize").await;
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    assert_eq!(outcome(&browser.back(&back).await), "state_expired");
    assert_eq!(outcome(&browser.whole("", account).await), "linked");

    // Discord goes away: the link ends all the same, and a login is told why it cannot go on.
    let Served {
        world,
        installation,
        api,
        all,
        ..
    } = served;
    drop(world);
    let state = browser.json("/discord/auth/login").await["state"].clone();
    let back = format!("/discord/auth/callback?code=x&state={}", state.as_str().unwrap());
    assert_eq!(outcome(&browser.back(&back).await), "discord_unavailable");
    let path = format!("/discord/auth/unlink/{account}");
    let answer = api
        .request(Method::DELETE, &path)
        .bearer_auth(&token)
        .send()
        .await;
    assert_eq!(answer.unwrap().status(), StatusCode::OK);
    wait_for("the link to end", Duration::from_secs(10), || async {
        let request = api
            .request(Method::GET, "/discord/auth/status")
            .bearer_auth(&token);
        let status: Value = request.send().await.ok()?.json().await.ok()?;
        (status["is_linked"] == false).then_some(())
    })
    .await;
    drop((all, installation));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_linked_only_if_it_was_made_for_us() {
    let served = served(&[]).await;
    let simulator = &served.world.simulator;
    let account = simulator.add_user("ada");
    let other_app = simulator.add_bot("another.bot.token");
    let scopes = ["identify", "guilds", "guilds.join"];
    let foreign = simulator.grant_token_for(other_app, account, &scopes);
    let ours = simulator.grant_token(account, &scopes);
    for (token, code) in [
        (foreign.access_token.as_str(), "discord_token_foreign"),
        ("nonsense", "discord_token_invalid"),
    ] {
        let body = json!({ "access_token": token, "refresh_token": "" });
        let answer = served.api.post("/discord/auth/link", Some(body)).await;
        let problem = body_of(answer, StatusCode::UNPROCESSABLE_ENTITY, code).await;
        assert_eq!(problem["code"], code);
        assert!(!problem.to_string().contains(token));
    }
    let body = json!({ "access_token": ours.access_token, "refresh_token": ours.refresh_token });
    for path in ["/discord/auth/link", "/discord/link"] {
        let answer = served.api.post(path, Some(body.clone())).await;
        let linked = body_of(answer, StatusCode::OK, path).await;
        assert_eq!(linked["message"], "Discord account linked successfully");
        served
            .operator
            .finished(linked["sync_id"].as_str().unwrap())
            .await;
    }
    let joined = simulator.member_roles(served.world.guild, account);
    assert_eq!(joined, Some(vec![served.world.roles[0]]));
    assert!(!served.all.log().contains(&ours.access_token));
    let bob = served.token("bob");
    let request = served
        .api
        .request(Method::POST, "/discord/auth/link")
        .bearer_auth(bob);
    let taken = request.json(&body).send().await.unwrap();
    assert_eq!(
        body_of(taken, StatusCode::CONFLICT, "taken").await["code"],
        "account_taken"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_token_is_nobody_and_a_login_ends_only_where_it_may() {
    let served = served(&[("ROLECALL_REDIRECT_ALLOW", "http://tools.example/x")]).await;
    let mut browser = Browser::new(&served.api.base, Some("nonsense"));
    let status = browser.json("/discord/auth/status").await;
    assert_eq!(
        (&status["authenticated"], &status["is_linked"]),
        (&json!(false), &json!(false))
    );
    for (query, status) in [
        ("?link=true", 401),
        ("?link=maybe", 422),
        ("?redirect_url=http://evil.example/", 422),
        ("?scopes=email", 422),
        ("?redirect_url=http://tools.example/x/y", 200),
        ("", 200),
    ] {
        let answer = browser.get(&format!("/discord/auth/login{query}")).await;
        assert_eq!(answer.status().as_u16(), status, "{query}");
    }
    let account = served.world.simulator.add_user("ada");
    browser.bearer = Some(served.token("ada"));
    let end = browser
        .whole("?redirect_url=/settings?tab=discord", account)
        .await;
    assert!(
        end.starts_with(&format!("{FRONTEND}/settings?tab=discord&discord=linked&")),
        "{end}"
    );
}
