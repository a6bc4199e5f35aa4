//! The same process goes on, whatever happens to Redis.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use rolecall_adapters::delivery::redis::{RedisDelivery, RedisSettings};
use rolecall_core::job::Lane;
use rolecall_core::ports::Delivery;

use crate::scene::Scene;
use crate::server::Server;
use crate::support::{Recorder, Worker, of_kind, settings, until, until_it_works_again};

impl Scene {
    /// At work, with two jobs in hand.
    async fn at_work() -> Self {
        let scene = Self::on(Server::start().await).await;
        until_it_works_again(&scene.delivery, &scene.handler).await;
        // These two, and not some that were left over from finding out whether it works.
        let held = [of_kind("hold"), of_kind("hold")];
        scene.delivery.push(Lane::Bulk, &held).await.unwrap();
        until("two jobs are in hand", async || {
            held.iter().all(|e| scene.handler.has(e))
        })
        .await;
        scene
    }

    /// The jobs that were in hand all the time end well, and so does the worker.
    async fn ends_well(self) {
        let before = self.handler.finished();
        self.handler.open_gate();
        until("the jobs in hand end", async || {
            self.handler.finished() >= before + 2
        })
        .await;
        self.worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goes_on_when_all_connections_are_killed() {
    let scene = Scene::at_work().await;
    scene.server.tell("CLIENT KILL TYPE normal SKIPME yes").await;
    scene.server.tell("CLIENT KILL TYPE pubsub").await;
    scene.works_again().await;
    scene.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goes_on_when_everything_is_flushed() {
    let scene = Scene::at_work().await;
    scene.server.tell("FLUSHALL").await;
    scene.works_again().await;
    scene.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goes_on_when_the_scripts_are_flushed() {
    let scene = Scene::at_work().await;
    scene.server.tell("SCRIPT FLUSH").await;
    scene.works_again().await;
    scene.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goes_on_when_redis_is_restarted() {
    let mut scene = Scene::at_work().await;
    scene.server.down();
    until("nobody answers", async || scene.delivery.ping().await.is_err()).await;
    assert!(
        scene
            .delivery
            .push(Lane::Normal, &[of_kind("plain")])
            .await
            .is_err()
    );
    assert!(scene.delivery.depth(Lane::Normal).await.is_err());
    scene.server.up().await;
    scene.works_again().await;
    assert_eq!(scene.delivery.ping().await, Ok(()));
    scene.ends_well().await;
}

/// A process that only accepts asks nothing while Redis is away, so that the first question after it decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_ping_after_redis_came_back_is_answered() {
    let mut server = Server::start().await;
    let delivery = RedisDelivery::connect(settings(&server.url())).await.unwrap();
    server.down();
    until("nobody answers", async || delivery.ping().await.is_err()).await;
    // The driver tries on by itself for a second at most, and nothing tells when it gave up.
    tokio::time::sleep(Duration::from_secs(2)).await;
    server.up().await;
    assert_eq!(delivery.ping().await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_without_redis_and_works_when_it_comes() {
    let mut scene = Scene::on(Server::reserve()).await;
    assert!(scene.delivery.ping().await.is_err());
    assert!(!scene.worker.is_over());
    scene.server.up().await;
    scene.works_again().await;
    scene.worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_with_a_password_that_redis_learns_later() {
    let server = Server::start().await;
    let mut admin = server.client().await;
    let url = server.url().replace("redis://", "redis://:secret@");
    admin_sets_password(&mut admin, "another").await;
    let scene = Scene::reach(server, &url).await;
    assert!(scene.delivery.ping().await.is_err());
    admin_sets_password(&mut admin, "secret").await;
    scene.works_again().await;
    scene.worker.stop().await;
}

async fn admin_sets_password(admin: &mut MultiplexedConnection, password: &str) {
    redis::cmd("CONFIG")
        .arg(&["SET", "requirepass", password])
        .exec_async(admin)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_is_not_waited_for() {
    let server = Server::start().await;
    let settings = RedisSettings {
        grace: Duration::from_millis(100),
        ..settings(&server.url())
    };
    let delivery: Arc<dyn Delivery> = Arc::new(RedisDelivery::connect(settings).await.unwrap());
    let handler = Recorder::new();
    let worker = Worker::start(&delivery, &handler);
    until_it_works_again(&delivery, &handler).await;
    server.hang();
    let began = Instant::now();
    assert!(delivery.push(Lane::Normal, &[of_kind("plain")]).await.is_err());
    assert!(delivery.ping().await.is_err());
    worker.stop().await;
    // Two seconds for each call, one each for burial and sweep, and time for a busy machine.
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs openssl on the path, and a redis-server with TLS"]
async fn works_through_tls() {
    let server = Server::start_with_tls().await;
    // The certificate is signed by nobody.
    assert!(
        RedisDelivery::connect(settings(&server.tls_url()))
            .await
            .unwrap()
            .ping()
            .await
            .is_err()
    );
    let settings = settings(&format!("{}/#insecure", server.tls_url()));
    let delivery: Arc<dyn Delivery> = Arc::new(RedisDelivery::connect(settings).await.unwrap());
    assert_eq!(delivery.ping().await, Ok(()));
    let handler = Recorder::new();
    let worker = Worker::start(&delivery, &handler);
    until_it_works_again(&delivery, &handler).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stops_while_redis_is_down() {
    let mut scene = Scene::at_work().await;
    scene.server.down();
    scene.ends_well().await;
}
