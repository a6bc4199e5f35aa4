//! Bad input and bad surroundings: each gives a sentence that helps, and the right exit code.

use std::time::Duration;

use crate::support::free_port;
use crate::support::process::Installation;
use crate::support::world::{BOT_TOKEN, World};

#[test]
fn a_wrong_snowflake_is_named_with_how_to_find_the_right_one() {
    let installation = Installation::embedded();
    installation
        .run(&["guild", "add", "--id", "my-guild"])
        .refused(2, &["my-guild", "Copy ID"]);
    installation
        .run(&["sync", "--guild", "12x"])
        .refused(2, &["12x", "Copy ID"]);
}

#[test]
fn an_unknown_guild_user_and_run_are_named() {
    let installation = Installation::embedded();
    installation
        .run(&["guild", "show", "123456789012345678"])
        .refused(1, &["123456789012345678", "guild add"]);
    installation
        .run(&["sync", "--guild", "123456789012345678"])
        .refused(1, &["not configured"]);
    installation.run(&["sync"]).refused(1, &["no enabled guild"]);
    installation
        .run(&["sync", "--user", "nobody"])
        .refused(1, &["nobody"]);
    let nothing = "00000000-0000-7000-8000-000000000000";
    installation
        .run(&["runs", "show", nothing])
        .refused(1, &[nothing]);
    installation.run(&["jobs", "show", "abc"]).refused(2, &["abc"]);
}

#[test]
fn a_missing_bot_token_is_asked_for_and_never_taken_as_an_argument() {
    let installation = Installation::embedded();
    let add = ["guild", "add", "--id", "123456789012345678", "--name", "Corp"];
    installation.run(&add).refused(2, &["token"]);
    let with_variable = [&add[..], &["--bot-token-env", "NOT_SET"]].concat();
    installation.run(&with_variable).refused(2, &["NOT_SET"]);
    let as_argument = [&add[..], &["--bot-token", "abc"]].concat();
    installation.run(&as_argument).refused(2, &["--bot-token"]);
}

#[test]
fn an_unreachable_discord_is_said_to_be_unreachable() {
    let installation = Installation::embedded().set(
        "DISCORD_API_BASE_URL",
        format!("http://127.0.0.1:{}/api/v10", free_port()),
    );
    let add = ["guild", "add", "--id", "123456789012345678", "--name", "Corp"];
    installation
        .run_with(&add, "a.bot.token")
        .refused(1, &["Discord", "--no-check"]);
    let unchecked = [&add[..], &["--no-check"]].concat();
    installation.run_with(&unchecked, "a.bot.token").ok();
    let doctor = installation.run(&["doctor"]);
    assert_eq!(doctor.code, Some(2), "{doctor:#?}");
    assert!(!format!("{doctor:?}").contains("a.bot.token"));
}

#[test]
fn both_half_configured_modes_are_told_apart() {
    let secret = "0123456789abcdef0123456789abcdef";
    let redis_only = Installation::embedded()
        .set("REDIS_URL", "redis://127.0.0.1:1")
        .set("JWT_SECRET", secret);
    redis_only
        .run(&["all"])
        .refused(2, &["REDIS_URL", "set MONGODB_URI"]);
    let dead_mongo = Installation::embedded()
        .set(
            "MONGODB_URI",
            format!("mongodb://user:hunter2@127.0.0.1:{}/", free_port()),
        )
        .set("JWT_SECRET", secret);
    let ended = dead_mongo.run(&["worker"]).refused(4, &["MONGODB_URI"]);
    assert!(!ended.err.contains("hunter2"), "{ended:#?}");
}

#[test]
fn every_wrong_setting_is_listed_at_once() {
    let installation = Installation::embedded()
        .set("PORT", "http")
        .set("DISCORD_SYNC_INTERVAL", "soon")
        .set("JWT_SECRET", "short");
    installation
        .run(&["all"])
        .refused(2, &["PORT", "DISCORD_SYNC_INTERVAL", "JWT_SECRET"]);
    let doctor = installation.run(&["doctor"]);
    assert_eq!(doctor.code, Some(2), "{doctor:#?}");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let installation = Installation::embedded()
        .set("HOST", "127.0.0.1")
        .set("PORT", port);
    installation
        .run(&["all"])
        .refused(1, &[&port.to_string(), "in use", "PORT"]);
}

#[test]
fn a_data_folder_that_cannot_be_used_is_named() {
    let installation = Installation::embedded();
    let file = installation.path("a-file");
    std::fs::write(&file, "not a folder").unwrap();
    // Root may write anywhere, so a read-only folder is played by one below a file, and by the kernel's own tree.
    let below = file.join("data").display().to_string();
    let installation = installation.set("ROLECALL_DATA_DIR", &below);
    installation
        .run(&["guild", "list"])
        .refused(4, &[&below, "ROLECALL_DATA_DIR"]);
    if cfg!(target_os = "linux") {
        let installation = installation.set("ROLECALL_DATA_DIR", "/proc/rolecall");
        installation
            .run(&["guild", "list"])
            .refused(4, &["/proc/rolecall", "ROLECALL_DATA_DIR"]);
    }
}

#[test]
fn a_damaged_store_is_never_replaced_by_a_new_one() {
    let installation = Installation::embedded();
    installation.run(&["guild", "list"]).ok();
    let file = installation.path("data").join("rolecall.db");
    std::fs::write(&file, vec![b'x'; 8_192]).unwrap();
    for name in ["rolecall.db-wal", "rolecall.db-shm"] {
        let _ = std::fs::remove_file(installation.path("data").join(name));
    }
    installation.run(&["guild", "list"]).refused(4, &["rolecall.db"]);
    assert_eq!(std::fs::read(&file).unwrap(), vec![b'x'; 8_192]);
}

#[test]
fn a_malformed_file_is_refused_row_by_row_and_nothing_is_taken() {
    let installation = Installation::embedded();
    let file = installation.path("bad.csv");
    std::fs::write(
        &file,
        "user_id,name,groups,discord_id\nu1,Ada,pilots,1\n,Bob,pilots,2\nu3,Cy,scouts,x3\nu1,Ada,,4\n",
    )
    .unwrap();
    let path = file.to_str().unwrap();
    installation
        .run(&["directory", "import", path])
        .refused(2, &["line 3", "line 4", "line 5"]);
    assert!(
        !installation
            .run(&["directory", "groups"])
            .ok()
            .out
            .contains("pilots")
    );
    let missing = installation.path("no.csv").display().to_string();
    installation
        .run(&["directory", "import", &missing])
        .refused(2, &["no.csv"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_bot_token_fails_the_run_with_what_to_do() {
    let world = World::start(60.0, 20, 10).await;
    let installation = Installation::embedded()
        .set("DISCORD_API_BASE_URL", &world.url)
        .set("ROLECALL_SIMULATOR_SPEED", 60);
    let guild = world.guild.to_string();
    installation
        .run_with(&["guild", "add", "--id", &guild, "--name", "T"], "wrong")
        .refused(1, &["token"]);
    installation
        .run_with(
            &["guild", "add", "--id", &guild, "--name", "T", "--no-check"],
            "wrong",
        )
        .ok();
    let file = installation.path("directory.csv");
    world.write_csv(&file);
    installation
        .run(&["directory", "import", file.to_str().unwrap()])
        .ok();
    let role = world.roles[0].to_string();
    let add = [
        "mapping",
        "add",
        "--guild",
        &guild,
        "--group",
        "pilots",
        "--role",
        &role,
        "--no-check",
    ];
    installation.run(&add).ok();
    let ended = installation.run(&["sync", "--wait"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(format!("{ended:?}").contains("401"), "{ended:#?}");
    assert_eq!(world.simulator.counters().writes, 0);
    // The right token mends it.
    installation
        .run_with(&["guild", "add", "--id", &guild, "--name", "T"], BOT_TOKEN)
        .ok();
    tokio::time::timeout(Duration::from_secs(60), async {
        installation.run(&["sync", "--wait"]).ok()
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_any_more_ends_nothing() {
    let port = free_port();
    let installation = Installation::embedded()
        .set("HOST", "127.0.0.1")
        .set("PORT", port)
        .set("RUST_LOG", "debug");
    let mut all = installation.start_unread(&["all"]);
    let api = crate::support::http::Api::new(port, "");
    api.ready().await;
    for _ in 0..20 {
        api.ready().await;
    }
    assert!(all.is_running());
    all.terminate();
    assert!(all.ended(Duration::from_secs(30)).await.success());
}
