//! Signals, as terminals and platforms send them.

use std::net::TcpListener;
use std::time::Duration;

use super::support::http::Api;
use super::support::process::Installation;
use super::support::{free_port, wait_for};

const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_goes_away_ends_a_process_in_order_unless_nohup_started_it() {
    let port = free_port();
    let installation = Installation::embedded()
        .set("HOST", "127.0.0.1")
        .set("PORT", port);
    let api = Api::new(port, "");
    // Whoever runs the tests may ignore the signal, and children inherit that.
    let mut listening = installation.start_by(&["env", "--default-signal=HUP"], "listening", &["all"]);
    api.ready().await;
    listening.signal("HUP");
    let ended = listening.ended(PATIENCE).await;
    assert!(ended.success(), "{ended}: {}", listening.log());
    assert!(listening.log().contains("SIGHUP"), "{}", listening.log());

    let mut left_alone = installation.start_by(&["nohup"], "left-alone", &["all"]);
    api.ready().await;
    left_alone.signal("HUP");
    left_alone.terminate();
    assert!(left_alone.ended(PATIENCE).await.success(), "{}", left_alone.log());
    assert!(!left_alone.log().contains("SIGHUP"), "{}", left_alone.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_still_waits_for_its_store_can_be_stopped() {
    // Takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let installation = Installation::embedded()
        .set("HOST", "127.0.0.1")
        .set("PORT", free_port())
        .set("JWT_SECRET", "0123456789abcdef0123456789abcdef")
        .set("MONGODB_URI", format!("mongodb://{address}"));
    let mut web = installation.start("web", &["web"], &[]);
    silent.set_nonblocking(true).unwrap();
    let _connection = wait_for("it to ask its store", PATIENCE, || async { silent.accept().ok() }).await;
    web.terminate();
    let ended = web.ended(PATIENCE).await;
    // Waiting to the end is a failure of the store, with another code.
    assert!(ended.success(), "{ended}: {}", web.log());
}
