//! For tests: the application on an empty embedded store, with a little Discord.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rolecall_core::account::Profile;
use rolecall_core::cause::Cause;
use rolecall_core::conditions::Conditions;
use rolecall_core::guild::{GuildConfig, GuildSettings};
use rolecall_core::link::{Link, SealedTokens};
use rolecall_core::mapping::Mapping;
use rolecall_core::ports::NewGuild;
use rolecall_core::run::{Run, RunKind, RunState, Scope};
use rolecall_core::{DiscordId, GuildId, JobId, MappingId, RoleId, RunId, Timestamp};
use rolecall_jobs::kernel::context::Context;
use rolecall_jobs::kernel::guilds;
use rolecall_jobs::kernel::heartbeat::{Heartbeat, HeldLease};
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::refresh_token::token_place;
use rolecall_simulator::{Simulator, SimulatorConfig, TokenPair};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::app::App;
use crate::config::Config;
use crate::wiring::{Purpose, connect};

pub(crate) struct World {
    pub(crate) app: Arc<App>,
    pub(crate) simulator: Simulator,
    pub(crate) folder: tempfile::TempDir,
    _stop: DropGuard,
}

/// An empty store that may refresh tokens at the simulator.
pub(crate) async fn world() -> World {
    world_with(&[]).await
}

/// The same, with more settings.
pub(crate) async fn world_with(more: &[(&str, &str)]) -> World {
    world_of(SimulatorConfig::default(), more).await
}

/// The same, with a Discord whose clock runs so much faster.
pub(crate) async fn world_at(speed: u32) -> World {
    let config = SimulatorConfig {
        speed: f64::from(speed),
        ..SimulatorConfig::default()
    };
    world_of(config, &[("ROLECALL_SIMULATOR_SPEED", &speed.to_string())]).await
}

pub(crate) async fn world_of(config: SimulatorConfig, more: &[(&str, &str)]) -> World {
    let simulator = Simulator::new(config);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v10", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let (answers, stopped) = (simulator.clone(), stop.clone());
    tokio::spawn(async move { answers.serve(listener, stopped.cancelled_owned()).await });
    let folder = tempfile::tempdir().unwrap();
    let app = app(folder.path().to_owned(), &url, &simulator, more).await;
    World {
        app,
        simulator,
        folder,
        _stop: stop.drop_guard(),
    }
}

/// The application in this folder, with more settings.
pub(crate) async fn app(
    folder: PathBuf,
    url: &str,
    simulator: &Simulator,
    more: &[(&str, &str)],
) -> Arc<App> {
    let folder = folder.display().to_string();
    let config = simulator.config();
    let vars: BTreeMap<String, String> = [
        ("ROLECALL_DATA_DIR", folder.as_str()),
        ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
        ("DISCORD_API_BASE_URL", url),
        ("DISCORD_CLIENT_ID", &config.client_id),
        ("DISCORD_CLIENT_SECRET", &config.client_secret),
    ]
    .iter()
    .chain(more)
    .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
    .collect();
    let config = Config::load(&vars, &|_| Err(std::io::Error::other("none"))).unwrap();
    let app = Arc::new(connect(config, Purpose::Command).await.unwrap());
    app.store.prepare().await.unwrap();
    app
}

/// A run at work, of everything.
pub(crate) fn running(kind: RunKind, cause: Cause, started_at: Timestamp) -> Run {
    Run {
        id: RunId(Uuid::now_v7()),
        kind,
        scope: Scope::default(),
        dry_run: false,
        state: RunState::Running,
        cause,
        started_at,
        finished_at: None,
        results: None,
    }
}

impl World {
    /// An account of a user, with tokens that Discord gave and that end now, and a profile. The tokens.
    pub(crate) async fn linked(&self, user: &str) -> (DiscordId, TokenPair) {
        let account = self.simulator.add_user(user);
        let pair = self.simulator.grant_token(account, &["identify", "guilds.join"]);
        let account = DiscordId::new(account).unwrap();
        let services = &self.app.services;
        let seal = |text: &str, field: &str| {
            let place = token_place(account, field);
            services.vault.seal(&text.to_owned().into(), &place).unwrap()
        };
        let now = services.clock.now();
        let link = Link {
            user_id: user.into(),
            discord_id: account,
            username: format!("{user} at Discord"),
            is_active: true,
            has_token: true,
            token_expiry: Some(now),
            needs_consent: false,
            linked_at: now,
            updated_at: now,
        };
        let tokens = SealedTokens {
            access: seal(&pair.access_token, "access_token"),
            refresh: seal(&pair.refresh_token, "refresh_token"),
            expiry: now,
        };
        services.links.put(&link, Some(tokens)).await.unwrap();
        let profile = Profile {
            username: link.username.clone(),
            global_name: Some(format!("{user}'s global name")),
            avatar: Some("a_picture_hash".to_owned()),
            ..Profile::default()
        };
        services.accounts.set_profile(account, &profile).await.unwrap();
        (account, pair)
    }

    /// Configures the guild, and the group pilots for the role in it.
    pub(crate) async fn pilots(&self, guild_id: GuildId, bot_token: &str, role_id: RoleId) {
        let services = &self.app.services;
        let sealed = services
            .vault
            .seal(&bot_token.into(), &guilds::token_place(guild_id))
            .unwrap();
        let config = GuildConfig {
            guild_id,
            guild_name: "Corp".to_owned(),
            is_enabled: true,
            bot_user_id: None,
            settings: GuildSettings::default(),
            health: None,
            created_by: None,
            created_at: Timestamp(1),
            updated_at: Timestamp(1),
        };
        let new = NewGuild {
            config,
            sealed_token: Some(sealed),
        };
        services.guilds.put(new).await.unwrap();
        let group = self.app.import.ensure_group("pilots").await.unwrap();
        let mapping = Mapping {
            id: MappingId("64b000000000000000000001".to_owned()),
            guild_id,
            group_id: group.id,
            group_name: group.name,
            role_id,
            role_name: "Pilot".to_owned(),
            priority: 0,
            conditions: Conditions::default(),
            is_active: true,
            created_by: None,
            created_at: Timestamp(1),
            updated_at: Timestamp(1),
            last_sync: None,
            sync_count: 0,
        };
        services.mappings.add(mapping).await.unwrap().unwrap();
    }

    /// What a job is given that runs now, and its lease.
    pub(crate) fn context<J: Job>(&self) -> (Context, HeldLease) {
        context_of::<J>(&self.app)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.app.services.clock.now()
    }
}

pub(crate) fn context_of<J: Job>(app: &App) -> (Context, HeldLease) {
    let job_id = JobId(Uuid::now_v7());
    let (held, lease) = Heartbeat::default()
        .hold(job_id, 1, tokio::time::Instant::now())
        .expect("a claim that nobody holds");
    let context = Context {
        services: Arc::clone(&app.services),
        queue: app.queue.clone(),
        registry: Arc::clone(&app.registry),
        job_id,
        run_id: None,
        lane: J::LANE,
        cause: Cause::new("test", "a test"),
        trace: None,
        inserted_at: app.services.clock.now(),
        redriven_at: None,
        attempt: 1,
        lease,
        fence: 1,
        progress: None,
    };
    (context, held)
}

/// More than any lease, less than any token's life.
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
