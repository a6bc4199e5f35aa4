//! What can happen to the data file, and to the disk below it: a sentence and an exit code, never a silent new database.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use crate::support::disk::{Disk, fill};
use crate::support::free_port;
use crate::support::http::Api;
use crate::support::process::Installation;
use crate::support::wait_for;
use crate::support::world::World;

/// The exit code for a store that cannot be used.
const STORE: i32 = 4;

/// An installation that was used, and its database, all of it in the one file.
fn used() -> (Installation, PathBuf) {
    let installation = Installation::embedded()
        .set("PORT", free_port())
        .set("HOST", "127.0.0.1");
    let people = installation.path("people.csv");
    let rows: String = (0..500)
        .map(|n| format!("user-{n},Name of {n},pilots;scouts,{}\n", 900_000 + n))
        .collect();
    std::fs::write(&people, format!("user_id,name,groups,discord_id\n{rows}")).unwrap();
    installation
        .run(&["directory", "import", people.to_str().unwrap()])
        .ok();
    let file = installation.path("data").join("rolecall.db");
    checkpointed(&file);
    (installation, file)
}

fn checkpointed(file: &Path) {
    let db = Connection::open(file).unwrap();
    let busy: i64 = db
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .unwrap();
    assert_eq!(busy, 0);
}

#[test]
fn a_damaged_file_is_told_and_left_as_it_is() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage, &[&str]); 6] = [
        (
            "its header",
            |file| file[..100].fill(b'x'),
            &["is not a data file of rolecall"],
        ),
        (
            "its first page",
            |file| file[100..1_000].fill(0x5a),
            &["is damaged", ".recover"],
        ),
        (
            "its end is gone",
            |file| file.truncate(file.len() / 2),
            &["is damaged", "backup"],
        ),
        (
            "no database",
            |file| *file = b"Dear Ada,\n".repeat(900),
            &["is not a data file of rolecall"],
        ),
        (
            "of a newer rolecall",
            |file| file[60..64].copy_from_slice(&[0, 0, 0, 99]),
            &["newer rolecall", "99"],
        ),
        ("empty", Vec::clear, &["is empty", "encryption-keys", "backup"]),
    ];
    for (what, damage, words) in damages {
        let (installation, file) = used();
        let mut bytes = std::fs::read(&file).unwrap();
        damage(&mut bytes);
        std::fs::write(&file, &bytes).unwrap();
        for args in [["guild", "list"].as_slice(), &["all"]] {
            let ended = installation.run(args);
            eprintln!("{what}: {}", ended.err.lines().last().unwrap_or_default());
            ended.refused(STORE, words);
            assert_eq!(std::fs::read(&file).unwrap(), bytes, "{what}");
        }
    }
}

#[test]
fn a_page_that_is_damaged_in_the_middle_stops_a_process_before_it_begins() {
    let (installation, file) = used();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2 / 4_096 * 4_096;
    bytes[middle..middle + 4_096].fill(0x5a);
    std::fs::write(&file, &bytes).unwrap();
    for process in ["all", "web", "worker"] {
        installation
            .run(&[process])
            .refused(STORE, &["is damaged", "backup"]);
    }
    let doctor = installation.run(&["doctor"]);
    assert_eq!(doctor.code, Some(2), "{doctor:#?}");
}

#[test]
fn a_log_that_is_damaged_before_its_end_is_told_and_left_as_it_is() {
    let (installation, file) = used();
    let db = Connection::open(&file).unwrap();
    db.execute_batch("PRAGMA wal_autocheckpoint=0").unwrap();
    for n in 0..5 {
        db.execute(
            "UPDATE discord_users SET user_id = ?1 WHERE discord_id = '900001'",
            [format!("u{n}")],
        )
        .unwrap();
    }
    let log = file.with_file_name("rolecall.db-wal");
    let (database, mut bytes) = (std::fs::read(&file).unwrap(), std::fs::read(&log).unwrap());
    drop(db);
    bytes[32 + 24 + 1_000] ^= 1;
    std::fs::write(&file, database).unwrap();
    std::fs::write(&log, &bytes).unwrap();
    let words = [
        "-wal is damaged",
        "commits behind the damage would be lost",
        "wal_checkpoint",
    ];
    installation.run(&["guild", "list"]).refused(STORE, &words);
    assert_eq!(std::fs::read(&log).unwrap(), bytes);
}

#[test]
fn a_database_that_is_gone_is_not_replaced_where_there_was_one() {
    let (installation, file) = used();
    std::fs::remove_file(&file).unwrap();
    let words = ["is missing", "encryption-keys", "backup"];
    installation.run(&["guild", "list"]).refused(STORE, &words);
    assert!(!file.exists());

    // A disk that is not mounted leaves nothing at all; only the operator knows that there should be something.
    let careful = Installation::embedded().set("ROLECALL_NEW_DATABASE", "refuse");
    let data = careful.path("data");
    careful
        .run(&["guild", "list"])
        .refused(STORE, &["is missing", "ROLECALL_NEW_DATABASE"]);
    assert!(!data.exists());
    let told = Installation::embedded();
    std::fs::create_dir(told.path("data")).unwrap();
    let first = told.run(&["guild", "list"]).ok();
    assert!(first.err.contains("a new, empty one is made"), "{first:#?}");
    let second = told.run(&["guild", "list"]).ok();
    assert!(!second.err.contains("a new, empty one is made"), "{second:#?}");
}

#[test]
fn a_file_that_another_process_keeps_locked_is_named() {
    let (installation, file) = used();
    let db = Connection::open(&file).unwrap();
    db.execute_batch(
        "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE discord_users SET user_id = user_id; COMMIT",
    )
    .unwrap();
    let words = ["another process keeps", "rolecall.db", "locked"];
    installation.run(&["guild", "list"]).refused(STORE, &words);
    drop(db);
    installation.run(&["guild", "list"]).ok();
}

#[test]
fn a_folder_that_may_only_be_read_is_named() {
    if !Disk::can_be_made() {
        return;
    }
    let (installation, _) = used();
    let disk = Disk::ReadOnly(installation.path("data"));
    let ended = installation.run_on(&disk, &["guild", "list"]);
    ended.refused(STORE, &["cannot be written", "rolecall.db"]);
}

/// A process goes on after its disk was full: what it had accepted is done, by the same process.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing_and_work_goes_on_when_there_is_room() {
    if !Disk::can_be_made() {
        return;
    }
    let mut world = World::start(60.0, 40, 20).await;
    let port = free_port();
    let installation = world.embedded(port);
    world.set_up(&installation);
    let token = installation
        .run(&["token", "--user", "tester", "--admin"])
        .ok()
        .out;
    let small = installation.path("small");
    std::fs::create_dir(&small).unwrap();
    let disk = Disk::Small("12m", small.clone(), installation.path("data"));
    let installation = installation.set("ROLECALL_DATA_DIR", small.display());
    let mut all = installation.start_on(&disk, "all", &["all"]);
    let api = Api::new(port, token.trim());
    api.ready().await;
    let first = api.sync().await;
    assert_eq!(api.finished(&first).await["state"], "completed");

    let mut accepted = Vec::new();
    let filler = fill(&all.sees(&small));
    let refused = wait_for("a refusal", Duration::from_secs(60), || async {
        let body = serde_json::json!({ "guild_ids": [world.guild.to_string()] });
        let answer = api.post("/v1/runs", Some(body)).await;
        Some(answer).filter(|answer| answer.status() != 202 && answer.status() != 200)
    });
    let refused = refused.await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    let problem: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(
        (&problem["code"], &problem["retryable"]),
        (&"store_unavailable".into(), &true.into())
    );
    wait_for("the readiness to turn red", Duration::from_secs(30), || async {
        let answer = api.request(reqwest::Method::GET, "/readyz").send().await.ok()?;
        (answer.status() == 503).then_some(())
    })
    .await;
    let full = "the disk that holds the data file is full";
    wait_for("a word in the log", Duration::from_secs(30), || async {
        all.log().contains(full).then_some(())
    })
    .await;
    let doctor = all.command_beside(&installation, &["doctor"]);
    assert_ne!(doctor.code, Some(0));
    assert!(doctor.out.contains("FAIL store"), "{}", doctor.out);
    assert!(doctor.out.contains(full), "{}", doctor.out);
    for run in api.get("/v1/runs?limit=50").await["runs"].as_array().unwrap() {
        accepted.push(run["id"].as_str().unwrap().to_owned());
    }

    std::fs::remove_file(filler).unwrap();
    api.ready().await;
    for run in &accepted {
        assert_eq!(api.finished(run).await["state"], "completed");
    }
    world.assert_equal();
    world.change(5);
    let file = installation.path("directory.csv");
    world.write_csv(&file);
    let imported = all.command_beside(&installation, &["directory", "import", file.to_str().unwrap()]);
    imported.ok();
    let last = api.sync().await;
    assert_eq!(api.finished(&last).await["state"], "completed");
    world.assert_equal();
    assert!(all.is_running());
}

#[test]
fn a_store_that_cannot_be_used_ends_every_command_of_operators_with_4() {
    let installation = Installation::embedded();
    let file = installation.path("a-file");
    std::fs::write(&file, "not a folder").unwrap();
    let below = file.join("data").display().to_string();
    let installation = installation.set("ROLECALL_DATA_DIR", &below);
    for command in [
        &["jobs", "list"][..],
        &[
            "jobs",
            "bulk",
            "--action",
            "retry",
            "state:discarded",
            "--dry-run",
        ],
        &["runs", "list"],
        &["dead-letters", "list"],
        &["pauses", "list"],
        &["schedules", "list"],
        &["queues", "list"],
        &["workers", "list"],
        &["audit", "list"],
    ] {
        for more in [&[][..], &["--json"]] {
            let ended = installation.run(&[command, more].concat()).refused(4, &[&below]);
            assert_eq!(ended.out, "", "{ended:#?}");
        }
    }
}
