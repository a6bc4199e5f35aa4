//! Not a test: figures for the choice of the push. `cargo test -p rolecall-adapters --test delivery -- --ignored
//! --nocapture measure`

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use apalis::prelude::TaskBuilder;
use apalis_redis::queries::push_tasks;
use async_trait::async_trait;
use redis::Script;
use redis::aio::MultiplexedConnection;
use rolecall_adapters::delivery::redis::RedisDelivery;
use rolecall_core::job::Lane;
use rolecall_core::ports::{Delivery, Envelope, EnvelopeHandler, Shutdown};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{client, envelope, envelopes, settings, shared_url};

struct Bench(mpsc::UnboundedSender<Instant>);

#[async_trait]
impl EnvelopeHandler for Bench {
    async fn handle(&self, _: Envelope) {
        self.0.send(Instant::now()).unwrap();
    }
}

/// The same three keys, written by ourselves, straight to the list of what is due, with the bell in the script.
const OWN: &str = r"
for i = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i+1])
  redis.call('HSET', KEYS[3] .. ':' .. ARGV[i], 'attempts', 0, 'max_attempts', 1, 'status', 'Pending')
  redis.call('RPUSH', KEYS[1], ARGV[i])
end
redis.call('PUBLISH', ARGV[1], '1')";

async fn push_own(redis: &mut MultiplexedConnection, queue: &str, batch: &[Envelope]) {
    let config = apalis_redis::Config::default().queue(queue);
    for chunk in batch.chunks(250) {
        let script = Script::new(OWN);
        let mut call = script.key(config.active_jobs_list());
        call.key(config.job_data_hash())
            .key(config.job_meta_hash())
            .arg(format!("{queue}:wake"));
        for envelope in chunk {
            call.arg(Uuid::now_v7().to_string())
                .arg(serde_json::to_vec(envelope).unwrap());
        }
        call.invoke_async::<()>(redis).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures, asserts nothing"]
async fn measure_the_public_push_and_an_own_one() {
    let settings = settings(&shared_url());
    let queue = format!("rolecall.{}.normal", settings.installation);
    let mut redis = client(&settings.url).await;
    let delivery = Arc::new(RedisDelivery::connect(settings).await.unwrap());
    let (sender, mut starts) = mpsc::unbounded_channel();
    let token = CancellationToken::new();
    let told = token.clone();
    let shutdown = Shutdown::new(move || told.clone().cancelled_owned());
    let run = tokio::spawn(Arc::clone(&delivery).run(Arc::new(Bench(sender)), shutdown));
    delivery.push(Lane::Normal, &[envelope()]).await.unwrap();
    starts.recv().await.unwrap();
    for own in [false, true, false, true] {
        let mut latencies = Vec::new();
        for _ in 0..500 {
            let one = envelope();
            let began = Instant::now();
            if own {
                push_own(&mut redis, &queue, &[one]).await;
            } else {
                delivery.push(Lane::Normal, &[one]).await.unwrap();
            }
            latencies.push(starts.recv().await.unwrap() - began);
            tokio::time::sleep(Duration::from_millis(7)).await;
        }
        latencies.sort();
        let batch = envelopes(1_000);
        let began = Instant::now();
        if own {
            push_own(&mut redis, &queue, &batch).await;
        } else {
            assert_eq!(delivery.push(Lane::Normal, &batch).await, Ok(1_000));
        }
        let pushed = began.elapsed();
        for _ in 0..1_000 {
            starts.recv().await.unwrap();
        }
        println!(
            "{} push: start after p50 {:?} p99 {:?} max {:?}; 1,000 pushed in {pushed:?}, all started after {:?}",
            if own { "own" } else { "public" },
            latencies[250],
            latencies[495],
            latencies[499],
            began.elapsed()
        );
    }
    let config = apalis_redis::Config::default().queue(&queue);
    for _ in 0..10 {
        // A pusher whose clock is 60 ms ahead, just before a second is over.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let second = now.as_secs() + 2;
        tokio::time::sleep(Duration::from_secs(second) - now - Duration::from_millis(60)).await;
        let task = TaskBuilder::new(serde_json::to_vec(&envelope()).unwrap())
            .run_at_timestamp(second)
            .build();
        let began = Instant::now();
        push_tasks(&mut redis, &config, &[task]).await.unwrap();
        redis::cmd("PUBLISH")
            .arg(format!("{queue}:wake"))
            .arg("1")
            .exec_async(&mut redis)
            .await
            .unwrap();
        println!(
            "pushed with a clock ahead: start after {:?}",
            starts.recv().await.unwrap() - began
        );
    }
    token.cancel();
    run.await.unwrap();
}
