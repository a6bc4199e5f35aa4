//! Somebody logs in at Discord, as a browser does it: what the login is made of may be seen nowhere afterwards.

use std::time::Duration;

use reqwest::{Method, Url, header};
use serde_json::{Value, json};

use crate::case::Secret;
use crate::catalogue::other;
use crate::processes::wait_for;
use crate::scenarios::{Break, Scenario};
use crate::stage::{Mode, Stage};

/// The address to which Discord sends the browser back; nobody is asked there by its name.
const REDIRECT: &str = "http://127.0.0.1/discord/auth/callback";

/// All of them.
pub(crate) fn all() -> Vec<Scenario> {
    let of = |mode| other("S", "somebody logs in", mode, 6, Break::Login);
    [Mode::Embedded, Mode::Distributed].map(of).into()
}

/// Lets the processes offer logins; the client's secret may be seen nowhere.
pub(crate) fn offer(stage: &mut Stage) {
    let config = stage.world.simulator.config().clone();
    stage.set("DISCORD_CLIENT_ID", &config.client_id);
    stage.set("DISCORD_CLIENT_SECRET", &config.client_secret);
    stage.set("DISCORD_REDIRECT_URI", REDIRECT);
    let page = stage.world.api().replace("/api/v10", "/oauth2/authorize");
    stage.set("DISCORD_AUTHORIZE_URL", &page);
    keep_secret(stage, "the client's secret", &config.client_secret, false);
}

/// From now on this may be seen nowhere; `stored_plain`: but in the database, where the scenario itself put it.
pub(crate) fn keep_secret(stage: &mut Stage, name: &str, text: &str, stored_plain: bool) {
    stage.secrets.push(Secret {
        name: name.to_owned(),
        text: text.to_owned(),
        stored_plain,
    });
}

/// Logs a member of the application in who is not in the guild, lets a sync go, and looks at all that the API tells.
pub(crate) async fn login(mode: Mode, stage: &mut Stage) -> Result<(), String> {
    offer(stage);
    let account = stage.world.add_newcomer();
    let user = format!("user-{account}");
    stage.import().await?;
    let token = stage.program.run(&["token", "--user", &user]).await?;
    stage.start_all(mode, "", &[]);
    stage.ask().await?;
    whole(stage, &token, account).await?;
    // The simulator gives a pair again while it lives, so this is the one that the login brought.
    let pair = stage
        .world
        .simulator
        .grant_token(account, &["identify", "guilds.join"]);
    keep_secret(stage, "the access token of a login", &pair.access_token, false);
    keep_secret(stage, "the refresh token of a login", &pair.refresh_token, false);
    stage.ask().await?;
    stage.quiet().await?;
    look_everywhere(stage).await?;
    let (_, listed) = stage.call(Method::GET, "/discord/users", &Value::Null).await?;
    if !listed.to_string().contains(&account.to_string()) {
        return Err(format!(
            "account {account} logged in, and is not listed: {listed}"
        ));
    }
    Ok(())
}

/// The three requests of a browser.
async fn whole(stage: &mut Stage, token: &str, account: u64) -> Result<(), String> {
    let browser = crate::http::builder().redirect(reqwest::redirect::Policy::none());
    let browser = browser.build().map_err(|e| e.to_string())?;
    let told = |e: reqwest::Error| e.to_string();
    let url = format!("{}/discord/auth/login", stage.base);
    let begun = browser.get(&url).bearer_auth(token).send().await.map_err(told)?;
    let cookies: Vec<String> = begun
        .headers()
        .get_all(header::SET_COOKIE)
        .iter()
        .filter_map(|c| Some(c.to_str().ok()?.split(';').next()?.to_owned()))
        .collect();
    let begun: Value = begun.json().await.map_err(told)?;
    let page = begun["auth_url"]
        .as_str()
        .ok_or_else(|| format!("no login begins: {begun}"))?;
    let form = [
        ("typed_id", account.to_string()),
        ("decision", "authorize".to_owned()),
    ];
    let decided = browser.post(page).form(&form).send().await.map_err(told)?;
    let back = location(&decided)?;
    let back = Url::parse(&back).map_err(|e| format!("{back}: {e}"))?;
    for (name, what) in [("code", "the code of a login"), ("state", "the state of a login")] {
        if let Some((_, text)) = back.query_pairs().find(|(key, _)| key == name) {
            keep_secret(stage, what, &text, false);
        }
    }
    let query = back.query().unwrap_or_default();
    let url = format!("{}/discord/auth/callback?{query}", stage.base);
    let ended = browser.get(&url).header(header::COOKIE, cookies.join("; "));
    let ended = location(&ended.send().await.map_err(told)?)?;
    if ended.contains("discord=linked") {
        Ok(())
    } else {
        Err(format!("the login ended at {ended}"))
    }
}

fn location(answer: &reqwest::Response) -> Result<String, String> {
    let to = answer
        .headers()
        .get(header::LOCATION)
        .and_then(|l| l.to_str().ok());
    to.map(ToOwned::to_owned)
        .ok_or_else(|| format!("no redirect, but {}", answer.status()))
}

/// Has the API say what it knows; all of it is kept, and looked through by the checker.
pub(crate) async fn look_everywhere(stage: &Stage) -> Result<(), String> {
    let paths = [
        "/v1/jobs?limit=200",
        "/v1/runs",
        "/v1/audit?limit=200",
        "/v1/dead-letters",
        "/v1/workers",
        "/v1/schedules",
        "/v1/webhooks",
        "/discord/auth/status",
        "/discord/guilds",
        "/discord/users",
        "/discord/status",
        "/openapi.json",
        "/readyz",
    ];
    for path in paths {
        wait_for(
            &format!("an answer to {path}"),
            Duration::from_secs(10),
            async || {
                let (status, _) = stage.call(Method::GET, path, &json!(null)).await.ok()?;
                (status == 200).then_some(())
            },
        )
        .await?;
    }
    Ok(())
}
