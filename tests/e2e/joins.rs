//! People who link an account are joined to the guilds that their groups give, at once or by the clock.

use std::time::Duration;

use rolecall_simulator::{BotIn, JoinTrouble, NewGuild, NewRole};
use serde_json::{Value, json};

use crate::accounts::{Served, served_at};
use crate::support::browser::{Browser, outcome, sync_id};
use crate::support::process::Installation;
use crate::support::world::BOT_TOKEN;
use crate::support::{free_port, wait_for};

const PUT: &str = "PUT /guilds/{guild}/members/{user}";

/// A user's login with an account, to the end of its run; the outcome of the job that joins, if there was one.
async fn login(served: &Served, user: &str, query: &str, account: u64) -> Value {
    let mut browser = Browser::new(&served.api.base, Some(&served.token(user)));
    let end = browser.whole(query, account).await;
    assert_eq!(outcome(&end), "linked");
    let run = sync_id(&end);
    served.operator.finished(&run).await;
    let jobs = served
        .operator
        .get(&format!(
            "/v1/jobs?run={run}&kind=join_guild&discord_id={account}"
        ))
        .await;
    jobs["jobs"][0]["outcome"].clone()
}

fn roles(served: &Served, account: u64) -> Option<Vec<u64>> {
    served.world.simulator.member_roles(served.world.guild, account)
}

/// Calls that join somebody, so far.
fn puts(served: &Served) -> Vec<String> {
    let calls = served.world.simulator.calls(10_000).into_iter();
    calls.filter(|c| c.route == PUT).map(|c| c.path).collect()
}

fn import(installation: &Installation, change: impl Fn(&str) -> String) {
    let file = installation.path("directory.csv");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, change(&text)).unwrap();
    installation
        .run(&["directory", "import", file.to_str().unwrap()])
        .ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_joins_who_could_not_be_joined_and_takes_the_role_of_who_left_the_group() {
    let served = served_at(free_port(), |_| vec![("DISCORD_SYNC_INTERVAL", "1m".to_owned())]).await;
    let simulator = &served.world.simulator;
    let (ada, bob) = (simulator.add_user("ada"), simulator.add_user("bob"));
    let role = served.world.roles[0];
    assert_eq!(login(&served, "bob", "", bob).await["effect"], "applied");
    assert_eq!(roles(&served, bob), Some(vec![role]));

    // The login of somebody who cannot be joined goes well all the same.
    simulator.ban(served.world.guild, ada);
    let told = login(&served, "ada", "", ada).await;
    assert_eq!(told["reason"], "discord_user_banned", "{told:#}");
    assert_eq!(roles(&served, ada), None);

    simulator.unban(served.world.guild, ada);
    import(&served.installation, |text| {
        text.replace("bob,Bob,pilots,", "bob,Bob,,")
    });
    wait_for("the clock", Duration::from_secs(150), || async {
        let done = roles(&served, ada) == Some(vec![role]) && roles(&served, bob) == Some(vec![]);
        done.then_some(())
    })
    .await;
    let runs = served.operator.get("/v1/runs").await.to_string();
    assert!(runs.contains("schedule:discord_role_sync"), "{runs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reason_why_somebody_cannot_be_joined_is_told_in_its_own_words() {
    let served = served_at(free_port(), |_| Vec::new()).await;
    let simulator = &served.world.simulator;
    // Without the scope, Discord is not even asked.
    let account = simulator.add_user("scopeless");
    let told = login(&served, "ada", "?scopes=identify", account).await;
    assert_eq!(told["reason"], "scope_missing", "{told:#}");
    assert!(
        told["notes"][0].as_str().unwrap().contains("guilds.join"),
        "{told:#}"
    );
    assert_eq!(puts(&served), Vec::<String>::new());
    let log = served.all.log();
    assert!(log.contains("auto-join") && log.contains("guilds.join"), "{log}");

    for (trouble, reason) in [
        (JoinTrouble::Unverified, "discord_user_unverified"),
        (JoinTrouble::Blocked, "discord_user_may_not_join"),
    ] {
        let account = simulator.add_user("troubled");
        simulator.set_join_trouble(account, trouble);
        let told = login(&served, "ada", "", account).await;
        assert_eq!(told["reason"], reason, "{told:#}");
        assert!(
            told["notes"][0].as_str().is_some_and(|n| n.len() > 20),
            "{told:#}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_joined_to_a_guild_without_a_mapping_or_to_a_disabled_one_or_by_a_dry_run() {
    let served = served_at(free_port(), |_| Vec::new()).await;
    let simulator = &served.world.simulator;
    let unmapped = simulator.add_guild(NewGuild {
        name: "Unmapped".into(),
        roles: vec![NewRole::at("idle", 1)],
        bots: vec![BotIn::with_token(BOT_TOKEN)],
        ..NewGuild::default()
    });
    let unmapped = unmapped.to_string();
    served
        .installation
        .run_with(
            &["guild", "add", "--id", &unmapped, "--name", "Unmapped"],
            BOT_TOKEN,
        )
        .ok();
    let enable = async |is_enabled: bool| {
        let path = format!("/discord/guilds/{}", served.world.guild);
        let put = served
            .operator
            .put(&path, json!({ "is_enabled": is_enabled }))
            .await;
        assert_eq!(put.status(), 200);
    };

    enable(false).await;
    let account = simulator.add_user("ada");
    let told = login(&served, "ada", "", account).await;
    assert_eq!((told, puts(&served)), (Value::Null, Vec::new()));

    enable(true).await;
    let dry = served
        .installation
        .run(&["sync", "--user", "ada", "--dry-run", "--wait"])
        .ok();
    assert!(
        dry.out.contains(&format!("join user ada (account {account})")),
        "{dry:#?}"
    );
    assert_eq!(puts(&served), Vec::<String>::new());

    served.installation.run(&["sync", "--user", "ada", "--wait"]).ok();
    let only = format!("/guilds/{}/members/{account}", served.world.guild);
    let puts = puts(&served);
    assert!(puts.len() == 1 && puts[0].ends_with(&only), "{puts:?}");
    assert_eq!(roles(&served, account), Some(vec![served.world.roles[0]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_sync_over_http_without_a_body_joins_who_is_absent() {
    let served = served_at(free_port(), |_| Vec::new()).await;
    let simulator = &served.world.simulator;
    let account = simulator.add_user("ada");
    login(&served, "ada", "", account).await;
    let role = served.world.roles[0];
    assert_eq!(roles(&served, account), Some(vec![role]));

    assert!(simulator.remove_member(served.world.guild, account));
    let answer = served.operator.post("/discord/sync/user/ada", None).await;
    let status = answer.status();
    assert!(status == 200 || status == 202, "{status}");
    let body: Value = answer.json().await.unwrap();
    let run = body["sync_id"].as_str().unwrap();
    assert_eq!(served.operator.finished(run).await["state"], "completed");
    assert_eq!(roles(&served, account), Some(vec![role]));
    let log = served.all.log();
    let words = format!("auto-join: account {account} joined guild {}", served.world.guild);
    assert_eq!(log.matches(&words).count(), 2, "{log}");
    assert!(log.contains("discord_sync: run "), "{log}");

    // What an operator looks at before going live: the application of the bot is the one of the logins.
    let doctor = served.installation.run(&["doctor"]);
    assert!(doctor.out.contains("the one of DISCORD_CLIENT_ID"), "{doctor:#?}");
    assert!(doctor.out.contains("Manage Nicknames ok"), "{doctor:#?}");
    assert!(!doctor.out.contains("FAIL"), "{doctor:#?}");
}
