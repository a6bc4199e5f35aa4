//! What apalis leaves in Redis, removed: finished envelopes, ended workers, names of killed ones.
//!
//! apalis has no public call for any of it (its `vacuum` reads the whole queue and leaves the largest set). So these
//! scripts touch its keys. They only ever remove what is finished, and the version of apalis-redis is pinned.

use std::time::{Duration, Instant};

use apalis::prelude::WorkerContext;
use apalis_redis::Config;
use redis::aio::ConnectionManager;
use redis::{RedisResult, Script};
use rolecall_core::ports::DeliveryError;
use rolecall_core::quiet::Quiet;
use tokio::time::timeout;

use super::connection::Connection;
use crate::delivery::stop::Stop;

/// How often finished envelopes are removed.
const SWEEP: Duration = Duration::from_secs(5);
/// How often names of workers that were killed are looked for.
const FORGET: Duration = Duration::from_secs(3_600);
/// Finished envelopes in one script, of each set.
const CHUNK: u64 = 500;

const SWEEP_SCRIPT: &str = r"
local n = 0
for k = 1, 2 do
  local ids = redis.call('SPOP', KEYS[k], ARGV[1])
  if #ids > 0 then
    redis.call('HDEL', KEYS[3], unpack(ids))
    for i = 1, #ids do ids[i] = KEYS[4] .. ':' .. ids[i] end
    redis.call('UNLINK', unpack(ids))
    n = n + #ids
  end
end
return n";

/// Takes what waits, and not what a worker has in hand.
const CLEAR_SCRIPT: &str = r"
local ids = redis.call('LPOP', KEYS[1], ARGV[1]) or {}
local later = redis.call('ZPOPMIN', KEYS[2], ARGV[1])
for i = 1, #later, 2 do ids[#ids + 1] = later[i] end
if #ids > 0 then
  redis.call('HDEL', KEYS[3], unpack(ids))
  for i = 1, #ids do ids[i] = KEYS[4] .. ':' .. ids[i] end
  redis.call('UNLINK', unpack(ids))
end
return #ids";

/// Gives back what is whole, drops what is not: an envelope without data would end the next worker too.
const BURY_SCRIPT: &str = r"
local back = 0
for _, id in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if redis.call('HEXISTS', KEYS[4], id) == 1 and redis.call('EXISTS', KEYS[5] .. ':' .. id) == 1 then
    redis.call('LPUSH', KEYS[3], id)
    back = back + 1
  else
    redis.call('HDEL', KEYS[4], id)
    redis.call('UNLINK', KEYS[5] .. ':' .. id)
  end
end
redis.call('UNLINK', KEYS[2], KEYS[6], KEYS[7])
redis.call('ZREM', KEYS[1], ARGV[1])
return back";

/// Sweeps every five seconds and forgets dead names every hour, until the stop.
pub(super) async fn tidy(connection: &Connection, queues: &[Config], stop: &Stop) {
    let (mut down, mut quiet) = (false, Quiet::default());
    let mut forgotten: Option<Instant> = None;
    loop {
        let end = tokio::select! {
            end = round(connection, queues, &mut forgotten) => end,
            () = stop.called() => return,
        };
        match end {
            Ok(()) if down => {
                down = false;
                tracing::info!("Redis answers again");
            }
            Ok(()) => {}
            Err(error) => {
                down = true;
                // Whoever stops must not wait for a Redis that hangs.
                let error = tokio::select! {
                    error = connection.failed(error) => error,
                    () = stop.called() => return,
                };
                if quiet.may_speak(Instant::now()).is_some() {
                    tracing::warn!(%error, "Redis does not answer; trying on");
                }
            }
        }
        if stop.within(if down { SWEEP / 5 } else { SWEEP }).await {
            return;
        }
    }
}

/// Once more after the workers ended, so that a process leaves nothing behind; a second at most.
pub(super) async fn tidy_last(connection: &Connection, queues: &[Config]) {
    let mut forgotten = Some(Instant::now());
    let end = timeout(Duration::from_secs(1), round(connection, queues, &mut forgotten)).await;
    if !matches!(end, Ok(Ok(()))) {
        tracing::debug!(
            ?end,
            "left finished envelopes in Redis; another process sweeps them"
        );
    }
}

async fn round(
    connection: &Connection,
    queues: &[Config],
    forgotten: &mut Option<Instant>,
) -> RedisResult<()> {
    let mut redis = connection.handle();
    for queue in queues {
        while sweep(&mut redis, queue).await? >= CHUNK {}
    }
    if forgotten.is_none_or(|last| last.elapsed() >= FORGET) {
        for queue in queues {
            forget(&mut redis, queue).await?;
        }
        *forgotten = Some(Instant::now());
    }
    Ok(())
}

/// Removes up to 1,000 finished envelopes; says how many.
async fn sweep(redis: &mut ConnectionManager, queue: &Config) -> RedisResult<u64> {
    Script::new(SWEEP_SCRIPT)
        .key(queue.done_jobs_set())
        .key(queue.dead_jobs_set())
        .key(queue.job_data_hash())
        .key(queue.job_meta_hash())
        .arg(CHUNK)
        .invoke_async(redis)
        .await
}

/// Removes all envelopes that wait in a queue; says how many.
pub(super) async fn clear(connection: &Connection, queue: &Config) -> Result<u64, DeliveryError> {
    let (mut redis, mut all) = (connection.handle(), 0);
    loop {
        let removed: RedisResult<u64> = Script::new(CLEAR_SCRIPT)
            .key(queue.active_jobs_list())
            .key(queue.scheduled_jobs_set())
            .key(queue.job_data_hash())
            .key(queue.job_meta_hash())
            .arg(CHUNK)
            .invoke_async(&mut redis)
            .await;
        match removed {
            Ok(0) => return Ok(all),
            Ok(n) => all += n,
            Err(error) => return Err(connection.failed(error).await),
        }
    }
}

/// After a worker ended, for whatever reason: gives back what it held and forgets its name.
pub(super) async fn bury(
    redis: &mut ConnectionManager,
    queue: &Config,
    worker: &WorkerContext,
) -> RedisResult<u64> {
    Script::new(BURY_SCRIPT)
        .key(queue.workers_set())
        .key(queue.inflight_set_for(worker))
        .key(queue.active_jobs_list())
        .key(queue.job_data_hash())
        .key(queue.job_meta_hash())
        .key(queue.worker_metadata_key(worker))
        // Written by apalis and never read.
        .key(queue.signal_list())
        .arg(worker.name())
        .invoke_async(redis)
        .await
}

/// Buries workers that were killed. apalis takes their score away after a minute without heartbeats, and leaves the
/// rest for ever; registering writes both at once, so a name without a score is dead.
async fn forget(redis: &mut ConnectionManager, queue: &Config) -> RedisResult<()> {
    let prefix = queue.worker_metadata_key(&WorkerContext::new(""));
    let mut cursor = 0_u64;
    loop {
        let (next, keys): (u64, Vec<String>) = redis::cmd("SCAN")
            .arg(cursor)
            .arg("MATCH")
            .arg(format!("{prefix}*"))
            .arg("COUNT")
            .arg(1_000)
            .query_async(redis)
            .await?;
        for name in keys.iter().filter_map(|key| key.strip_prefix(&prefix)) {
            let score: Option<f64> = redis::cmd("ZSCORE")
                .arg(queue.workers_set())
                .arg(name)
                .query_async(redis)
                .await?;
            if score.is_none() {
                bury(redis, queue, &WorkerContext::new(name)).await?;
            }
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}
