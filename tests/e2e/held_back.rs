//! What a pause holds back, as somebody sees it who waits, or who pulled the brake.

use crate::operators::{PATIENCE, installed};
use crate::support::free_port;
use crate::support::wait_for;
use crate::support::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_sync_that_is_paused_is_told_and_it_goes_on_when_the_pause_ends() {
    let world = World::start(60.0, 12, 10).await;
    let installation = installed(&world, free_port());
    let guild = format!("guild:{}", world.guild);
    let pause = installation
        .run(&["pauses", "add", &guild, "--reason", "the bot is moved", "--json"])
        .ok()
        .json();
    let id = pause["id"].as_str().unwrap();
    let mut sync = installation.start("sync", &["sync", "--wait"], &[]);
    let told =
        format!("waits for the end of the pause of {guild} (the bot is moved); `rolecall pauses end {id}`");
    wait_for("the pause to be told", PATIENCE, || async {
        sync.log().contains(&told).then_some(())
    })
    .await;
    assert!(sync.is_running(), "{}", sync.log());
    installation.run(&["pauses", "end", id]).ok();
    assert!(sync.ended(PATIENCE).await.success(), "{}", sync.log());
    world.assert_equal();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slip_in_a_pause_is_no_pause() {
    let world = World::start(60.0, 3, 3).await;
    let installation = installed(&world, free_port());
    let pause =
        |query: &str| installation.run(&["pauses", "add", query, "--reason", "the import looks wrong"]);
    pause("kind:remove_roles").refused(2, &["remove_roles", "no kind of job", "remove_role,"]);
    let none = installation.run(&["pauses", "list", "--json"]).ok().json();
    assert_eq!(none["pauses"], serde_json::json!([]));
    pause("kind:remove_role").ok();
    let other = pause("guild:1").ok();
    assert!(other.err.contains("no guild 1 is configured"), "{other:?}");
    assert!(
        !pause(&format!("guild:{}", world.guild))
            .ok()
            .err
            .contains("configured")
    );
}
