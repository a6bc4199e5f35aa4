//! Lists of dead letters and of runs: how they stand, what they share, and what orders leave in the counts of a queue.

use rolecall_core::cause::Cause;
use rolecall_core::job::{Attempt, JobState, Lane};
use rolecall_core::ports::Settlement;
use rolecall_core::run::{Run, RunKind, RunResults, RunState, Scope};
use rolecall_core::{JobId, Timestamp};
use serde_json::{Value, json};

use super::access_tests::{Served, served};
use crate::testing::running;

/// What a job of another kind met at another call, for the same reason as [`Served::dead`].
const OTHER_CALL: &str = "join_guild|PUT /guilds/{guild}/members/{user}|403|50013";

impl Served {
    /// A job that failed for good for this cause.
    async fn dead_for(&self, guild: u64, account: u64, fingerprint: &str) -> JobId {
        let id = self.stored(guild, account).await;
        let fence = self.claimed(id).await;
        let by = Cause::new("test", "");
        let settlement = Settlement {
            state: JobState::Discarded,
            run_at: None,
            give_back: false,
            outcome: None,
            attempt: Some(Attempt {
                discord_code: fingerprint.ends_with("|50013").then_some(50_013),
                ..Attempt::discarded(1, &by, Timestamp(1_000))
            }),
            fingerprint: Some(fingerprint.to_owned()),
            wait: None,
        };
        let ledger = &self.app.services.ledger;
        assert!(ledger.settle(id, fence, settlement).await.unwrap());
        id
    }

    async fn causes(&mut self, query: &str) -> Vec<String> {
        let found = self.got(&format!("/v1/dead-letters?{query}")).await;
        let groups = found["groups"].as_array().unwrap();
        groups
            .iter()
            .map(|group| group["fingerprint"].as_str().unwrap().to_owned())
            .collect()
    }

    async fn run_in(&self, guild: Option<u64>, end: Option<RunState>) -> String {
        let services = &self.app.services;
        let run = Run {
            scope: Scope {
                guilds: guild.and_then(rolecall_core::GuildId::new).into_iter().collect(),
                ..Scope::default()
            },
            ..running(RunKind::Guild, Cause::new("test", ""), services.clock.now())
        };
        services.runs.insert(&run).await.unwrap();
        if let Some(end) = end {
            let (results, now) = (RunResults::default(), services.clock.now());
            assert!(services.runs.close(run.id, end, &results, now).await.unwrap());
        }
        run.id.to_string()
    }
}

#[tokio::test]
async fn groups_that_share_a_cause_say_so_with_one_query_for_all_of_them() {
    let mut served = served(&[]).await;
    served.dead(5, 1).await;
    served.dead_for(5, 2, OTHER_CALL).await;
    served
        .dead_for(6, 3, "join_guild|GET /guilds/{guild}|403|50013")
        .await;
    served.dead_for(5, 4, "add_role|undecodable").await;
    let groups = served.got("/v1/dead-letters").await["groups"].clone();
    let of = |fingerprint: &str| {
        let mut all = groups.as_array().unwrap().iter();
        all.find(|group| group["fingerprint"] == fingerprint).unwrap()["shared_cause"].clone()
    };
    let shared = of(OTHER_CALL);
    assert_eq!(shared["code"], "50013");
    assert_eq!(
        shared["fingerprints"],
        json!(["add_role|PUT /roles/{role_id}|403|50013"])
    );
    assert_eq!(shared["query"], "state:discarded guild:5 code:50013");
    // The same code in another guild is another cause, and so is what is no answer of Discord.
    assert_eq!(of("join_guild|GET /guilds/{guild}|403|50013"), Value::Null);
    assert_eq!(of("add_role|undecodable"), Value::Null);
    // The query finds the jobs of both.
    let found = served.listed("q=state:discarded%20guild:5%20code:50013").await;
    assert_eq!(found.len(), 2);
}

#[tokio::test]
async fn groups_are_listed_by_how_they_stand_by_guild_code_and_age() {
    let mut served = served(&[]).await;
    served.dead(5, 1).await;
    served.dead_for(6, 2, OTHER_CALL).await;
    served.dead_for(6, 3, "add_role|undecodable").await;
    let said = json!({"fingerprint": OTHER_CALL, "as": "ignored", "for": "1h"});
    assert_eq!(served.json("post", "/v1/dead-letters/mark", said).await.0, 200);
    assert_eq!(served.causes("standing=ignored").await, [OTHER_CALL]);
    assert_eq!(served.causes("standing=open").await.len(), 2);
    assert_eq!(served.causes("standing=Re-opened,ignored").await, [OTHER_CALL]);
    assert_eq!(
        served.causes("standing=open&guild=6").await,
        ["add_role|undecodable"]
    );
    assert_eq!(served.causes("standing=open&limit=1").await.len(), 1);
    assert_eq!(served.causes("code=50013&guild=6&since=1h").await, [OTHER_CALL]);
    assert_eq!(served.causes("until=1h").await, Vec::<String>::new());
    let (status, _, wrong) = served
        .json("get", "/v1/dead-letters?standing=closed", Value::Null)
        .await;
    assert_eq!(
        (status, &wrong["errors"][0]["location"]),
        (422, &json!("query.standing"))
    );
}

#[tokio::test]
async fn runs_are_listed_by_state_page_by_page() {
    let mut served = served(&[]).await;
    let failed = served.run_in(Some(5), Some(RunState::Failed)).await;
    let running = served.run_in(Some(5), None).await;
    let other = served.run_in(Some(6), Some(RunState::Failed)).await;
    let ids = |page: &Value| -> Vec<String> {
        let runs = page["runs"].as_array().unwrap();
        runs.iter()
            .map(|run| run["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let page = served.got("/v1/runs?state=failed&limit=1").await;
    assert_eq!(ids(&page), [other]);
    let next = format!(
        "/v1/runs?state=failed&limit=1&cursor={}",
        page["next"].as_str().unwrap()
    );
    assert_eq!(ids(&served.got(&next).await), std::slice::from_ref(&failed));
    assert_eq!(ids(&served.got("/v1/runs?state=running").await), [running]);
    assert_eq!(ids(&served.got("/v1/runs?state=failed&guild=5").await), [failed]);
    let (status, _, _) = served.json("get", "/v1/runs?state=over", Value::Null).await;
    assert_eq!(status, 422);
    // A cursor belongs to its list.
    let foreign = next.replace("state=failed", "state=partial");
    assert_eq!(served.json("get", &foreign, Value::Null).await.0, 400);
}

#[tokio::test]
async fn jobs_that_an_order_ends_while_they_wait_are_counted_in_their_queue() {
    let mut served = served(&[]).await;
    let (cancelled, discarded) = (served.stored(5, 1).await, served.stored(5, 2).await);
    assert_eq!(served.order(cancelled, "cancel", json!({})).await.0, 200);
    assert_eq!(served.order(discarded, "discard", json!({})).await.0, 200);
    // It is over already, so nothing is counted.
    assert_eq!(served.order(cancelled, "cancel", json!({})).await.0, 409);
    let queue = served.got(&format!("/v1/queues/{}", Lane::Bulk)).await;
    let hour = &queue["queue"]["last_hour"];
    assert_eq!(
        (&hour["cancelled"], &hour["discarded"]),
        (&json!(1), &json!(1)),
        "{queue:#}"
    );
}
