//! What is answered is what the document says: schemathesis asks all that the document allows, and much that it does
//! not, with a token of each kind. Every check is on; `tests/schemathesis.toml` says the rest.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use crate::support::free_port;
use crate::support::http::Api;
use crate::support::process::{Installation, Running};
use crate::support::world::World;

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis.toml");
/// So long one run may take; far more than it needs.
const PATIENCE: Duration = Duration::from_secs(480);

struct Served {
    world: World,
    installation: Installation,
    api: Api,
    /// A user with a linked account.
    user: String,
    port: u16,
    all: Running,
}

/// Everything, with a guild, a mapping and linked accounts, so that most operations can be answered with 2xx.
async fn served() -> Served {
    let world = World::start(60.0, 6, 3).await;
    let port = free_port();
    let installation = world
        .embedded(port)
        .set(
            "DISCORD_AUTHORIZE_URL",
            world.url.replace("/api/v10", "/oauth2/authorize"),
        )
        .set("DISCORD_CLIENT_ID", "1190000000000000001")
        .set("DISCORD_CLIENT_SECRET", "simulator-client-secret")
        .set(
            "DISCORD_REDIRECT_URI",
            format!("http://127.0.0.1:{port}/discord/auth/callback"),
        )
        .set("FRONTEND_URL", "http://frontend.example")
        // It asks more in a minute than anybody may.
        .set("API_RATE_LIMIT_PER_MINUTE", 0)
        .set("API_ADDRESS_RATE_LIMIT_PER_MINUTE", 0);
    world.set_up(&installation);
    let all = installation.start("all", &["all"], &[]);
    let api = Api::new(port, "");
    api.ready().await;
    let account = world.groups.keys().next().unwrap();
    Served {
        user: format!("user-{account}"),
        world,
        installation,
        api,
        port,
        all,
    }
}

/// A program that `make test` installed.
fn tool(name: &str) -> PathBuf {
    let folder = std::env::var("TEST_OPENAPI_TOOLS")
        .expect("TEST_OPENAPI_TOOLS is not set; `make test` installs what it names, and sets it");
    PathBuf::from(folder).join(name)
}

#[test]
fn the_document_is_valid_openapi() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let ended = std::process::Command::new(tool("openapi-spec-validator"))
        .args(["--schema", "3.1", document])
        .output()
        .unwrap();
    assert!(ended.status.success(), "{ended:#?}");
}

impl Served {
    fn token(&self, more: &[&str]) -> String {
        let out = self.installation.run(&[&["token"], more].concat()).ok().out;
        out.trim().to_owned()
    }

    /// It has to find nothing, whatever it asks with this token.
    async fn check(&self, token: Option<&str>) {
        self.run(CONFIG, token, &[]).await;
    }

    async fn run(&self, config: &str, token: Option<&str>, more: &[&str]) {
        let mut command = tokio::process::Command::new(tool("schemathesis"));
        command
            .args(["--config-file", config, "run"])
            .arg(format!("{}/openapi.json", self.api.base))
            .args(["--url", &self.api.base, "--checks", "all"])
            .args(more)
            .current_dir(self.installation.folder.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if let Some(token) = token {
            command.args(["--header", &format!("Authorization: Bearer {token}")]);
        }
        let ended = tokio::time::timeout(PATIENCE, command.output())
            .await
            .expect("schemathesis did not come to an end")
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stdout);
        let more = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{said}\n{more}");
        // It ends well, too, when it has tested nothing.
        assert!(said.contains("No issues found"), "{said}\n{more}");
        assert_eq!(self.world.simulator.counters().lost_updates, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_as_nobody() {
    served().await.check(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_as_a_user() {
    let served = served().await;
    let token = served.token(&["--user", &served.user]);
    served.check(Some(&token)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_as_an_administrator() {
    let served = served().await;
    let token = served.token(&["--user", "operator", "--admin"]);
    served.check(Some(&token)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_as_a_program_with_a_key() {
    let served = served().await;
    let create = [
        "keys",
        "create",
        "--name",
        "schemathesis",
        "--scope",
        "discord:admin:full",
    ];
    let key = served.installation.run(&create).ok().out;
    served.check(Some(key.trim())).await;
}

/// What it makes up exists but rarely: here every path names what is there, and nothing is deleted.
#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_where_everything_exists() {
    let served = served().await;
    let token = served.token(&["--user", &served.user, "--admin"]);
    let api = Api::new(served.port, &token);
    let mappings = api.get("/discord/role-mappings").await;
    let run = api.sync().await;
    api.finished(&run).await;
    let jobs = api.get(&format!("/v1/jobs?run={run}&limit=1")).await;
    let mut config = std::fs::read_to_string(CONFIG).unwrap();
    config.push_str("\n[parameters]\n");
    for (name, id) in [
        ("guild_id", served.world.guild.to_string().as_str()),
        ("user_id", &served.user),
        ("mapping_id", mappings["mappings"][0]["id"].as_str().unwrap()),
        ("run_id", &run),
        ("job_id", jobs["jobs"][0]["id"].as_str().unwrap()),
    ] {
        config.push_str(&format!("\"path.{name}\" = \"{id}\"\n"));
    }
    let file = served.installation.path("schemathesis.toml");
    std::fs::write(&file, config).unwrap();
    let more = [
        "--exclude-method",
        "DELETE",
        "--phases",
        "examples,coverage,fuzzing",
    ];
    served.run(file.to_str().unwrap(), Some(&token), &more).await;
    let answered = served.all.log();
    for operation in [
        "GET /discord/guilds/{guild_id} 200",
        "PUT /discord/guilds/{guild_id} 200",
        "GET /discord/guilds/{guild_id}/roles 200",
        "GET /discord/guilds/{guild_id}/role-mappings 200",
        "PUT /discord/role-mappings/{mapping_id} 200",
        "POST /discord/sync/user/{user_id} 20",
        "GET /v1/runs/{run_id}/events 200",
    ] {
        assert!(answered.contains(operation), "never answered: {operation}");
    }
}
