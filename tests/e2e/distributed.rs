//! Web and two workers on real Redis and a real Mongo server: a change of groups becomes a change of roles, also when a
//! worker is killed or Redis forgets everything in the middle.

use std::collections::BTreeMap;
use std::time::Duration;

use mongodb::bson::{Bson, DateTime, Document, doc, oid::ObjectId};

use crate::support::free_port;
use crate::support::http::Api;
use crate::support::process::{Installation, Running};
use crate::support::servers::{Mongo, Redis};
use crate::support::world::{BOT_TOKEN, GROUPS, World};

const SPEED: f64 = 20.0;

struct Fleet {
    world: World,
    installation: Installation,
    mongo: Mongo,
    redis: Redis,
    api: Api,
    web: Running,
    workers: Vec<Running>,
}

impl Fleet {
    /// 1,000 members, 200 of them linked; `rolecall release`, one web process, two workers.
    async fn start() -> Self {
        let world = World::start(SPEED, 1_000, 200).await;
        let (mongo, redis) = (Mongo::fresh(), Redis::start().await);
        let port = free_port();
        let installation = world
            .embedded(port)
            .set("BOT_TOKEN", BOT_TOKEN)
            .over(&mongo, &redis);
        installation.nothing_by_the_clock();
        let token = installation
            .run(&["token", "--user", "tester", "--admin"])
            .ok()
            .out;
        let web = installation.start("web", &["web"], &[]);
        let workers = ["one", "two"]
            .map(|name| installation.start(name, &["worker"], &[]))
            .into();
        let api = Api::new(port, token.trim());
        api.ready().await;
        let guild = world.guild.to_string();
        installation
            .run(&[
                "guild",
                "add",
                "--id",
                &guild,
                "--name",
                "Testers",
                "--bot-token-env",
                "BOT_TOKEN",
            ])
            .ok();
        Self {
            world,
            installation,
            mongo,
            redis,
            api,
            web,
            workers,
        }
    }

    fn map_roles(&self) {
        for (group, role) in GROUPS.iter().zip(&self.world.roles) {
            let (guild, role) = (self.world.guild.to_string(), role.to_string());
            self.installation
                .run(&[
                    "mapping", "add", "--guild", &guild, "--group", group, "--role", &role,
                ])
                .ok();
        }
    }

    fn import(&self) {
        let file = self.installation.path("directory.csv");
        self.world.write_csv(&file);
        self.installation
            .run(&["directory", "import", file.to_str().unwrap()])
            .ok();
    }

    /// Every role is right, every job of the run is final, and the processes live on.
    async fn assert_done(&mut self, run: &str) {
        let ended = self.api.finished(run).await;
        assert_eq!(ended["state"], "completed", "{ended:#}");
        self.api.no_live_job(run).await;
        self.world.assert_equal();
        assert!(self.web.is_running());
    }

    /// The web process answers a user's sync with what a worker did, and everything that was synced says when.
    async fn assert_told_of_one_user(&self) {
        let in_a_group = self.world.groups.iter().find(|(_, groups)| !groups.is_empty());
        let (account, groups) = in_a_group.unwrap();
        let mut names: Vec<&str> = groups.iter().map(|g| GROUPS[*g]).collect();
        self.world
            .simulator
            .set_member_roles(self.world.guild, *account, &[]);
        let path = format!("/discord/sync/user/user-{account}");
        let asked = self.api.post(&path, None).await;
        // On a slow machine it outlasts the wait; a run that has ended is told all the same.
        let ended_in_time = asked.status() == 200;
        let asked: serde_json::Value = asked.json().await.unwrap();
        self.api.finished(asked["sync_id"].as_str().unwrap()).await;
        if ended_in_time {
            let result = &asked["sync_results"][0];
            let mut told: Vec<&str> = result["roles_added"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(serde_json::Value::as_str)
                .collect();
            told.sort_unstable();
            names.sort_unstable();
            assert_eq!(told, names, "{asked:#}");
            assert_eq!(result["total_roles"], names.len(), "{asked:#}");
        }
        let mappings = self.api.get("/discord/role-mappings").await;
        for mapping in mappings["mappings"].as_array().unwrap() {
            assert!(
                mapping["last_sync"].is_string() && mapping["sync_count"].as_u64() >= Some(2),
                "{mapping:#}"
            );
        }
        let users = self
            .api
            .get(&format!("/discord/users?discord_id={account}"))
            .await;
        assert!(users["users"][0]["last_sync"].is_string(), "{users:#}");
    }

    async fn stop(mut self) {
        self.web.terminate();
        for worker in &mut self.workers {
            if worker.is_running() {
                worker.terminate();
            }
        }
        let patience = Duration::from_secs(30);
        assert!(self.web.ended(patience).await.success(), "{}", self.web.log());
        self.mongo.forget().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_in_the_middle_of_a_sync_costs_nobody_a_role() {
    let mut fleet = Fleet::start().await;
    fleet.import();
    fleet.map_roles();

    let first = fleet.api.sync().await;
    fleet.api.done(&first, 10).await;
    fleet.workers[0].kill();
    fleet.assert_done(&first).await;

    fleet.world.change(50);
    fleet.import();
    let second = fleet.api.sync().await;
    fleet.assert_done(&second).await;
    assert!(fleet.workers[1].is_running());
    fleet.stop().await;
}

/// Two workers at one guild's budgets, the simulator as the judge.
#[tokio::test(flavor = "multi_thread")]
async fn two_workers_keep_the_limits_of_one_guild_together_without_a_single_429() {
    let mut fleet = Fleet::start().await;
    fleet.import();
    fleet.map_roles();

    let run = fleet.api.sync().await;
    fleet.assert_done(&run).await;
    let counters = fleet.world.simulator.counters();
    assert!(counters.writes > 100, "{counters:?}");
    assert_eq!(counters.rate_limited.total(), 0, "{counters:?}");
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_forgets_everything_in_the_middle_of_a_sync_costs_nobody_a_role() {
    let mut fleet = Fleet::start().await;
    let falcon = Falcon::write(&fleet).await;
    fleet.map_roles();

    let first = fleet.api.sync().await;
    fleet.assert_done(&first).await;

    fleet.world.change(50);
    falcon.rewrite_memberships(&fleet).await;
    let second = fleet.api.sync().await;
    fleet.api.done(&second, 5).await;
    fleet.redis.flush_all().await;
    fleet.assert_done(&second).await;
    assert!(fleet.workers.iter_mut().all(Running::is_running));
    fleet.assert_told_of_one_user().await;
    fleet.stop().await;
}

/// The groups in go-falcon's own collections, as it writes them.
struct Falcon {
    groups: Vec<ObjectId>,
    /// Account → its owner's character.
    characters: BTreeMap<u64, i64>,
}

impl Falcon {
    async fn write(fleet: &Fleet) -> Self {
        let database = fleet.mongo.client().await;
        let groups: Vec<ObjectId> = GROUPS.iter().map(|_| ObjectId::new()).collect();
        let documents = groups.iter().zip(GROUPS).map(|(id, name)| {
            doc! { "_id": id, "name": name, "type": "custom", "is_active": true, "created_at": DateTime::now() }
        });
        database
            .collection::<Document>("groups")
            .insert_many(documents)
            .await
            .unwrap();
        let characters: BTreeMap<u64, i64> = fleet.world.groups.keys().copied().zip(90_000_000..).collect();
        // Go writes an int that fits as 32 bits, and an int64 as 64.
        let profiles = characters.iter().map(|(account, character)| {
            let id = i32::try_from(*character).unwrap();
            doc! { "user_id": format!("user-{account}"), "character_id": id, "valid": true, "position": 0 }
        });
        database
            .collection::<Document>("user_profiles")
            .insert_many(profiles)
            .await
            .unwrap();
        let users = characters.keys().map(|account| {
            doc! {
                "user_id": format!("user-{account}"), "discord_id": account.to_string(), "username": "somebody",
                "global_name": Bson::Null, "avatar": Bson::Null, "access_token": "", "refresh_token": "",
                "token_expiry": DateTime::now(), "is_active": true, "linked_at": DateTime::now(),
                "updated_at": DateTime::now(),
            }
        });
        database
            .collection::<Document>("discord_users")
            .insert_many(users)
            .await
            .unwrap();
        let falcon = Self { groups, characters };
        falcon.rewrite_memberships(fleet).await;
        falcon
    }

    async fn rewrite_memberships(&self, fleet: &Fleet) {
        let collection = fleet
            .mongo
            .client()
            .await
            .collection::<Document>("group_memberships");
        collection.delete_many(doc! {}).await.unwrap();
        let documents = fleet.world.groups.iter().flat_map(|(account, groups)| {
            let character = self.characters[account];
            groups.iter().map(move |g| {
                doc! { "group_id": self.groups[*g], "character_id": character, "is_active": true, "added_by": Bson::Null }
            })
        });
        collection.insert_many(documents).await.unwrap();
    }
}
