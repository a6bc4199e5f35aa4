//! Logging in at Discord with a real browser: the application at `app.falcon.test`, the API at `go.falcon.test`, and
//! Discord on a site of its own, so that cookies and redirects are under the rules that they meet outside.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rolecall_simulator::{Fault, FaultKind};
use serde_json::json;
use thirtyfour::{SameSite, WebDriver};

use crate::accounts::{Served, served_at};
use crate::support::browser::Browser;
use crate::support::chromium::Chromium;
use crate::support::frontend::{Frontend, Person};
use crate::support::process::Running;
use crate::support::{free_port, wait_for};

const SESSION: &str = "falcon_auth_token";

/// Everything, and a browser to look at it.
struct Stage {
    served: Served,
    frontend: Frontend,
    chromium: Chromium,
    api: String,
}

impl Stage {
    async fn set(state_expiry: &str) -> Self {
        let port = free_port();
        let api = format!("http://go.falcon.test:{port}");
        let frontend = Frontend::start(&api).await;
        let served = served_at(port, |consent| {
            // The page of another site is listed for CORS, too: it may call, but its cookies are not of our site.
            let origins = format!("{},{}", frontend.origin(), frontend.elsewhere());
            vec![
                (
                    "DISCORD_AUTHORIZE_URL",
                    consent.replace("127.0.0.1", "discord.test"),
                ),
                ("DISCORD_REDIRECT_URI", format!("{api}/discord/auth/callback")),
                ("DISCORD_STATE_EXPIRY", state_expiry.to_owned()),
                ("FRONTEND_URL", frontend.origin()),
                ("CORS_ALLOWED_ORIGINS", origins),
                ("COOKIE_DOMAIN", ".falcon.test".to_owned()),
            ]
        })
        .await;
        Self {
            served,
            frontend,
            chromium: Chromium::start().await,
            api,
        }
    }

    /// Somebody with a browser of their own.
    async fn person(&self, profile: &str) -> Person {
        Person {
            tab: self.chromium.browser(profile).await,
            home: self.frontend.origin(),
        }
    }

    /// Where Discord would send somebody who begins a login in this browser and authorizes it: the address that a
    /// reload, or a thief, brings.
    async fn callback(&self, person: &Person, account: u64) -> String {
        person.open(&person.home).await;
        person.link().await;
        let page = person.tab.current_url().await.unwrap().to_string();
        let page = page.replace("discord.test", "127.0.0.1");
        Browser::new(&self.api, None)
            .decide(&page, account, "authorize")
            .await
    }

    fn roles(&self, account: u64) -> Option<Vec<u64>> {
        let world = &self.served.world;
        world.simulator.member_roles(world.guild, account)
    }

    async fn has_roles(&self, account: u64, roles: &[u64]) {
        wait_for("the roles", Duration::from_secs(60), || async {
            (self.roles(account).as_deref() == Some(roles)).then_some(())
        })
        .await;
    }

    /// The process again, with the usual time for a login.
    async fn restart(&mut self) -> Running {
        self.served.all.kill();
        let usual = [("DISCORD_STATE_EXPIRY", "15m".to_owned())];
        let all = self.served.installation.start("again", &["all"], &usual);
        self.served.api.ready().await;
        all
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_links_an_account_in_a_real_browser_and_ends_the_link() {
    let stage = Stage::set("15m").await;
    let account = stage.served.world.simulator.add_user("ada");
    let ada = stage.person("ada").await;
    ada.sign_in(&stage.served.token("ada")).await;
    assert_eq!(ada.status().await["is_linked"], false);

    ada.link().await;
    assert_eq!(ada.decide(account, "cancel").await, "access_denied");
    assert_eq!(ada.status().await["is_linked"], false);

    let fault = Fault::new(FaultKind::ResetBefore).on("POST /oauth2/token");
    let fault = stage.served.world.simulator.faults().add(fault);
    assert_eq!(ada.whole(account).await, "discord_unavailable");
    stage.served.world.simulator.faults().remove(fault);
    assert_eq!(ada.status().await["is_linked"], false);

    // From the page of the failure, as somebody would go on.
    ada.link().await;
    assert_eq!(ada.decide(account, "authorize").await, "linked");
    let status = ada.status().await;
    assert_eq!(
        (&status["user_id"], &status["discord_user"]["discord_user_id"]),
        (&json!("ada"), &json!(account.to_string()))
    );
    stage.has_roles(account, &[stage.served.world.roles[0]]).await;

    // The address of the callback once more: nothing is undone.
    let callback = stage.callback(&ada, account).await;
    ada.open(&callback).await;
    assert_eq!(ada.outcome().await, "linked");
    ada.open(&callback).await;
    assert_eq!(ada.outcome().await, "state_reused");
    assert_eq!(ada.status().await["is_linked"], true);

    ada.press("unlink").await;
    wait_for("the page to show the end", Duration::from_secs(30), || async {
        (ada.status().await["is_linked"] == false).then_some(())
    })
    .await;
    stage.has_roles(account, &[]).await;
    ada.tab.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_click_and_two_tabs_of_one_browser_all_end_linked() {
    let stage = Stage::set("15m").await;
    let account = stage.served.world.simulator.add_user("ada");
    // A member of the guild already, who joined by an invite.
    let guild = stage.served.world.guild;
    stage
        .served
        .world
        .simulator
        .add_members(guild, [(account, vec![])]);
    let ada = stage.person("ada").await;
    ada.sign_in(&stage.served.token("ada")).await;

    ada.link().await;
    let button = ada.choose(account, "authorize").await;
    let twice = ada.tab.action_chain().double_click_element(&button);
    twice.perform().await.unwrap();
    let outcome = ada.outcome().await;
    // Which of the two answers the browser shows is a matter of microseconds.
    assert!(["linked", "state_reused"].contains(&&*outcome), "{outcome}");
    ada.is_linked(true).await;
    stage.has_roles(account, &[stage.served.world.roles[0]]).await;

    ada.open(&ada.home).await;
    ada.link().await;
    let first = ada.tab.window().await.unwrap();
    let second = ada.tab.new_tab().await.unwrap();
    ada.tab.switch_to_window(second).await.unwrap();
    assert_eq!(ada.whole(account).await, "linked");
    ada.tab.switch_to_window(first).await.unwrap();
    assert_eq!(ada.decide(account, "authorize").await, "linked");
    assert_eq!(ada.status().await["is_linked"], true);
    ada.tab.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_counts_only_in_its_own_browser_and_site_and_for_its_own_user() {
    let stage = Stage::set("15m").await;
    let (account, stranger) = (
        stage.served.world.simulator.add_user("ada"),
        stage.served.world.simulator.add_user("stranger"),
    );
    let (ada, bob) = (stage.person("ada").await, stage.person("bob").await);
    ada.sign_in(&stage.served.token("ada")).await;

    // Nobody is signed in, and nobody has the account.
    assert_eq!(bob.whole(stranger).await, "account_unknown");
    assert_eq!(bob.status().await["authenticated"], false);
    assert!(session(&bob.tab).await.is_none());

    // Stolen addresses, brought by a browser with a cookie of its own.
    let stolen = stage.callback(&ada, account).await;
    bob.open(&stolen).await;
    assert_eq!(bob.outcome().await, "state_foreign");
    bob.sign_in(&stage.served.token("ada")).await;
    let stolen = stage.callback(&ada, account).await;
    bob.open(&stolen).await;
    assert_eq!(bob.outcome().await, "state_foreign");
    ada.is_linked(false).await;
    assert_eq!(ada.whole(account).await, "linked");

    // Another user wants the account.
    bob.sign_in(&stage.served.token("bob")).await;
    assert_eq!(bob.whole(account).await, "account_taken");
    assert_eq!(bob.status().await["is_linked"], false);
    ada.is_linked(true).await;

    // Nobody is signed in, and the account is known: who owns it is signed in.
    ada.tab.delete_cookie(SESSION).await.unwrap();
    ada.open(&ada.home).await;
    assert_eq!(ada.status().await["authenticated"], false);
    assert_eq!(ada.whole(account).await, "signed_in");
    let status = ada.status().await;
    assert_eq!(
        (&status["authenticated"], &status["user_id"]),
        (&json!(true), &json!("ada"))
    );
    let cookie = session(&ada.tab).await.unwrap();
    assert_eq!(
        (cookie.domain.as_deref(), cookie.same_site),
        (Some(".falcon.test"), Some(SameSite::Lax))
    );
    let seen = ada.tab.execute("return document.cookie", vec![]).await.unwrap();
    assert_eq!(seen.json(), "", "a script of the page can read a cookie");

    // The same page on another site: the browser keeps the cookies of the API from it.
    ada.open(&stage.frontend.elsewhere()).await;
    assert_eq!(ada.status().await["authenticated"], false);
    ada.link().await;
    assert_eq!(ada.decide(account, "authorize").await, "state_foreign");
    for tab in [ada.tab, bob.tab] {
        tab.quit().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_waited_too_long_leads_to_a_fresh_start() {
    let mut stage = Stage::set("1s").await;
    let account = stage.served.world.simulator.add_user("ada");
    let ada = stage.person("ada").await;
    ada.sign_in(&stage.served.token("ada")).await;
    ada.link().await;
    let shown = Utc::now();
    let expired: DateTime<Utc> = shown + Duration::from_millis(1_001);
    wait_for("the login to expire", Duration::from_secs(10), || async {
        (Utc::now() > expired).then_some(())
    })
    .await;
    assert_eq!(ada.decide(account, "authorize").await, "state_expired");
    assert_eq!(ada.status().await["is_linked"], false);

    let _again = stage.restart().await;
    ada.link().await;
    assert_eq!(ada.decide(account, "authorize").await, "linked");
    ada.tab.quit().await.unwrap();
}

/// The cookie of a session, if the browser would send one to the page in front.
async fn session(tab: &WebDriver) -> Option<thirtyfour::Cookie> {
    let cookies = tab.get_all_cookies().await.unwrap();
    cookies.into_iter().find(|cookie| cookie.name == SESSION)
}
