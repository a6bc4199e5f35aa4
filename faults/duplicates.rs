//! Envelopes that come again (E17), pushed as rolecall pushes them: by apalis' public push.

use std::time::Duration;

use apalis::prelude::{TaskBuilder, TaskId};
use apalis_redis::queries::push_tasks;
use apalis_redis::{Config, RedisTask};
use serde_json::json;

use crate::ledger::JobRow;
use crate::poison::LANES;
use crate::processes::wait_for;
use crate::scenarios::Scenario;
use crate::servers::Server;
use crate::stage::Stage;

/// How often each envelope comes in each lane.
const TIMES: usize = 3;

/// Envelopes of jobs that wait, run and are over come again, in all lanes: each change is made once, and what is over makes
/// no call.
pub(crate) async fn play(scenario: &Scenario, stage: &mut Stage) -> Result<(), String> {
    stage.start_all(scenario.mode, "", &[]);
    stage.should_live = vec!["web", "worker"];
    stage.ask().await?;
    for writes in [2, 6, 12] {
        stage.writes(writes).await?;
        all_again(stage).await?;
    }
    stage.quiet().await?;
    let calls = stage.world.simulator.counters().total;
    all_again(stage).await?;
    wait_for(
        "the envelopes to be taken",
        Duration::from_secs(120),
        async || (waiting(stage.redis.as_ref()?).await.ok()? == 0).then_some(()),
    )
    .await?;
    let after = stage.world.simulator.counters().total;
    if after != calls {
        let more = after - calls;
        return Err(format!("envelopes of jobs that were over led to {more} calls"));
    }
    // What is asked for now ends after the last envelope that somebody may still hold.
    stage.ask().await?;
    stage.quiet().await?;
    let ledger = stage.look().await?;
    let is_change = |j: &&JobRow| {
        matches!(j.kind.as_str(), "add_role" | "set_member_roles") && j.effect.as_deref() == Some("applied")
    };
    let done = ledger.jobs.iter().filter(is_change).count();
    let writes = stage.world.simulator.counters().writes;
    if u64::try_from(done).ok() == Some(writes) {
        Ok(())
    } else {
        Err(format!(
            "{done} jobs changed a member, and Discord saw {writes} changes"
        ))
    }
}

fn queue(lane: &str) -> Config {
    Config::default().queue(format!("rolecall.rolecall.{lane}"))
}

async fn all_again(stage: &Stage) -> Result<(), String> {
    let server = stage.redis.as_ref().ok_or("no Redis")?;
    let client = redis::Client::open(server.url.as_str()).map_err(|e| e.to_string())?;
    let mut redis = client
        .get_multiplexed_async_connection()
        .await
        .map_err(|e| e.to_string())?;
    let jobs = stage.look().await?.jobs;
    let task = |job: &JobRow| -> RedisTask {
        let envelope = json!({ "job_id": job.id, "kind": job.kind }).to_string();
        let id = TaskId::from_string(uuid::Uuid::now_v7());
        TaskBuilder::new(envelope.into_bytes())
            .task_id(id)
            .max_attempts(1)
            .build()
    };
    for lane in LANES {
        let tasks: Vec<RedisTask> = (0..TIMES).flat_map(|_| jobs.iter().map(task)).collect();
        push_tasks(&mut redis, &queue(lane), &tasks)
            .await
            .map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// How many envelopes wait in all lanes.
async fn waiting(server: &Server) -> Result<i64, String> {
    let mut all = 0;
    for lane in LANES {
        let queue = queue(lane);
        let active = server.ask(&["LLEN", &queue.active_jobs_list()]).await?;
        let due = server.ask(&["ZCARD", &queue.scheduled_jobs_set()]).await?;
        for length in [active, due] {
            match length {
                redis::Value::Int(n) => all += n,
                other => return Err(format!("a length was answered with {other:?}")),
            }
        }
    }
    Ok(all)
}
