//! What is old goes, what is young, failed or still running stays.

use mongodb::bson::{DateTime, Document, doc};

use crate::support::process::Installation;
use crate::support::servers::Mongo;
use crate::support::world::{BOT_TOKEN, GROUPS, World};

const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// An installation with three finished runs, one after the other.
fn synced(world: &World, mongo: &Mongo) -> (Installation, [String; 3]) {
    let installation = Installation::embedded()
        .set("MONGODB_URI", &mongo.uri)
        .set("MONGODB_DATABASE", &mongo.database)
        .set("JWT_SECRET", "an-e2e-secret-that-is-long-enough-0123456789")
        .set("DISCORD_API_BASE_URL", &world.url)
        .set("ROLECALL_SIMULATOR_SPEED", world.speed);
    installation.run(&["release"]).ok();
    let (guild, role) = (world.guild.to_string(), world.roles[0].to_string());
    installation
        .run_with(&["guild", "add", "--id", &guild, "--name", "Testers"], BOT_TOKEN)
        .ok();
    let file = installation.path("directory.csv");
    world.write_csv(&file);
    installation
        .run(&["directory", "import", file.to_str().unwrap()])
        .ok();
    let group = GROUPS[0];
    installation
        .run(&[
            "mapping", "add", "--guild", &guild, "--group", group, "--role", &role,
        ])
        .ok();
    let mut worker = installation.start("worker", &["worker"], &[]);
    let runs = ["old", "open", "young"].map(|_| {
        let run = installation.run(&["sync", "--wait", "--json"]).ok().json();
        run["run"]["id"].as_str().unwrap().to_owned()
    });
    worker.kill();
    (installation, runs)
}

fn of(run: &str) -> Document {
    doc! { "run_id": run }
}

/// Makes the first two runs and their jobs old; the first has a job that failed for good, the second is still running.
async fn age(database: &mongodb::Database, runs: &[String; 3]) {
    let jobs = database.collection::<Document>("rolecall_jobs");
    let stored = database.collection::<Document>("discord_sync_status");
    let ago = |days: i64| DateTime::from_millis(DateTime::now().timestamp_millis() - days * DAY_MS);
    for run in &runs[..2] {
        let aged = doc! { "$set": { "finished_at": ago(8), "state": "completed" } };
        assert!(jobs.update_many(of(run), aged).await.unwrap().matched_count > 1);
        let aged = doc! { "$set": { "last_sync_at": ago(91), "started_at": ago(91) } };
        let update = stored.update_one(doc! { "sync_id": run }, aged).await;
        assert_eq!(update.unwrap().matched_count, 1);
    }
    let dead = doc! { "$set": { "state": "discarded" } };
    jobs.update_one(of(&runs[0]), dead).await.unwrap();
    let open = doc! { "$set": { "state": "running", "status": "running" } };
    stored
        .update_one(doc! { "sync_id": &runs[1] }, open)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn old_jobs_and_runs_are_deleted_and_those_of_a_running_run_stay() {
    let world = World::start(20.0, 6, 4).await;
    let mongo = Mongo::fresh();
    let (installation, runs) = synced(&world, &mongo);
    let database = mongo.client().await;
    age(&database, &runs).await;
    let jobs = database.collection::<Document>("rolecall_jobs");
    let count = async |run: &str| jobs.count_documents(of(run)).await.unwrap();
    let before = [
        count(&runs[0]).await,
        count(&runs[1]).await,
        count(&runs[2]).await,
    ];
    let deleted = installation.run(&["prune", "--json"]).ok().json();
    assert_eq!(deleted["deleted"]["jobs"], before[0] - 1, "{deleted}");
    assert_eq!(deleted["deleted"]["runs"], 1, "{deleted}");
    assert_eq!(
        [
            count(&runs[0]).await,
            count(&runs[1]).await,
            count(&runs[2]).await
        ],
        [1, before[1], before[2]]
    );
    let shown = installation.run(&["runs", "list", "--json"]).ok().json();
    let left: Vec<&str> = shown["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["id"].as_str().unwrap())
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(!left.contains(&runs[0].as_str()));
    let again = installation.run(&["prune", "--json"]).ok().json();
    assert_eq!(again["deleted"]["jobs"], 0);
    mongo.forget().await;
}
