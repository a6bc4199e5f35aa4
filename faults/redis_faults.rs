//! A Redis that answers, and is no good: replica, full, evicting, without a disk, blocked, without room for connections,
//! or another one than before.

use std::time::{Duration, Instant};

use crate::links::{Far, through};
use crate::processes::{Program, wait_for};
use crate::proxy::Link;
use crate::servers::Server;
use crate::stage::Stage;

/// What is wrong with Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ill {
    /// A replica takes over that had lost its link to the primary a while before.
    LostTail,
    /// It was made a replica of another.
    Replica,
    /// It is full, and evicts nothing.
    Full,
    /// It is full, and evicts what it likes.
    Evicts,
    /// It cannot write to its disk, and refuses to be written to.
    NoDisk,
    /// It answers nobody for so many seconds.
    Blocked(u64),
    /// It takes no new connections, and the old ones are gone.
    NoConnections,
}

/// The name of connections that only keep places.
const HELD: &str = "held";
/// How soon /readyz says what is wrong.
const SAID_WITHIN: Duration = Duration::from_secs(15);

impl Ill {
    /// A word of what /readyz has to say.
    fn said(self) -> Option<&'static str> {
        match self {
            Self::Replica => Some("replica"),
            Self::Full => Some("full"),
            Self::Evicts => Some("noeviction"),
            Self::NoDisk => Some("disk"),
            Self::NoConnections => Some("error"),
            Self::LostTail | Self::Blocked(_) => None,
        }
    }

    /// Breaks Redis in the middle of work, which has to go on by the ledger; then mends it.
    pub(crate) async fn play(self, stage: &mut Stage, seed: u64) -> Result<(), String> {
        if self == Self::LostTail {
            return lost_tail(stage, seed).await;
        }
        stage.start("web", &["web"], Vec::new());
        stage.start("worker", &["worker"], Vec::new());
        stage.should_live = vec!["web", "worker"];
        stage.ask().await?;
        stage.writes(3).await?;
        match self {
            Self::Replica => replica(stage).await?,
            Self::Full => full(stage, "noeviction").await?,
            Self::Evicts => full(stage, "allkeys-random").await?,
            Self::NoDisk => no_disk(stage).await?,
            Self::Blocked(seconds) => blocked(stage, seconds).await?,
            Self::NoConnections => no_connections(stage).await?,
            Self::LostTail => {}
        }
        stage.fault_is_over();
        stage.ask().await?;
        stage.quiet().await?;
        wait_for("the API to be ready again", SAID_WITHIN, async || {
            (stage.readyz().await?.0 == 200).then_some(())
        })
        .await
    }
}

fn redis(stage: &Stage) -> Result<&Server, String> {
    stage
        .redis
        .as_ref()
        .ok_or_else(|| "this scenario has no Redis".to_owned())
}

/// While it is broken: it is said, the API accepts, and all of it is done.
async fn goes_on(stage: &Stage, ill: Ill) -> Result<(), String> {
    if let Some(word) = ill.said() {
        wait_for(
            &format!("/readyz to speak of {word:?}"),
            SAID_WITHIN,
            async || {
                let (status, text) = stage.readyz().await?;
                (status == 503 && text.contains(word)).then_some(())
            },
        )
        .await?;
    }
    stage.ask().await?;
    stage.quiet().await
}

async fn replica(stage: &Stage) -> Result<(), String> {
    let other = Server::redis().await?;
    let port = other.port().to_owned();
    redis(stage)?.ask(&["REPLICAOF", "127.0.0.1", &port]).await?;
    let went_on = goes_on(stage, Ill::Replica).await;
    redis(stage)?.ask(&["REPLICAOF", "NO", "ONE"]).await?;
    went_on
}

async fn full(stage: &Stage, policy: &str) -> Result<(), String> {
    let redis = redis(stage)?;
    redis.ask(&["CONFIG", "SET", "maxmemory-policy", policy]).await?;
    // Less than it uses when it is empty.
    redis.ask(&["CONFIG", "SET", "maxmemory", "400kb"]).await?;
    let ill = if policy == "noeviction" {
        Ill::Full
    } else {
        Ill::Evicts
    };
    let went_on = goes_on(stage, ill).await;
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]).await?;
    redis
        .ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])
        .await?;
    went_on
}

/// A folder stands where its file should be, which stops even root; what follows is the same as with a full disk.
async fn no_disk(stage: &Stage) -> Result<(), String> {
    let redis = redis(stage)?;
    let in_the_way = redis.folder().join("dump.rdb");
    std::fs::create_dir(&in_the_way).map_err(|e| e.to_string())?;
    redis.ask(&["CONFIG", "SET", "save", "3600 1"]).await?;
    let saved = async |word: &str| {
        redis.ask(&["BGSAVE"]).await.ok();
        wait_for("Redis to try its disk", SAID_WITHIN, async || {
            redis.says("rdb_last_bgsave_status").await.filter(|s| s == word)
        })
        .await
    };
    saved("err").await?;
    let went_on = goes_on(stage, Ill::NoDisk).await;
    std::fs::remove_dir(&in_the_way).map_err(|e| e.to_string())?;
    saved("ok").await?;
    went_on
}

async fn blocked(stage: &Stage, seconds: u64) -> Result<(), String> {
    let ms = (seconds * 1_000).to_string();
    let began = Instant::now();
    redis(stage)?.ask(&["CLIENT", "PAUSE", &ms, "ALL"]).await?;
    stage.ask().await?;
    // Answered when the pause is over.
    wait_for("Redis to answer again", Duration::from_secs(60), async || {
        let answered = redis(stage).ok()?.ask(&["PING"]).await.is_ok();
        (answered && began.elapsed() >= Duration::from_secs(seconds)).then_some(())
    })
    .await
}

async fn no_connections(stage: &Stage) -> Result<(), String> {
    let redis = redis(stage)?;
    let client = redis::Client::open(redis.url.as_str()).map_err(|e| e.to_string())?;
    let mut held = Vec::new();
    for _ in 0..12 {
        let connection = client.get_multiplexed_async_connection().await;
        let mut connection = connection.map_err(|e| e.to_string())?;
        let name = redis::cmd("CLIENT").arg("SETNAME").arg(HELD).to_owned();
        let named: redis::RedisResult<()> = name.query_async(&mut connection).await;
        named.map_err(|e| e.to_string())?;
        held.push(connection);
    }
    let mut own = held.pop().ok_or("no connection")?;
    let mut ask = async |words: &[&str]| -> Result<String, String> {
        let mut command = redis::cmd(words.first().copied().unwrap_or("PING"));
        for word in words.iter().skip(1) {
            command.arg(*word);
        }
        let answer: redis::RedisResult<redis::Value> = command.query_async(&mut own).await;
        let text: redis::RedisResult<String> = answer.and_then(|v| Ok(redis::from_redis_value(v)?));
        Ok(text.unwrap_or_default())
    };
    ask(&["CONFIG", "SET", "maxclients", "10"]).await?;
    // From now on nobody comes in; who is in and is not ours is thrown out.
    let listed = ask(&["CLIENT", "LIST"]).await?;
    let name = format!(" name={HELD} ");
    for line in listed.lines().filter(|line| !line.contains(&name)) {
        let address = line.split(' ').find_map(|field| field.strip_prefix("addr="));
        ask(&["CLIENT", "KILL", "ADDR", address.unwrap_or_default()]).await?;
    }
    let went_on = goes_on(stage, Ill::NoConnections).await;
    ask(&["CONFIG", "SET", "maxclients", "1000"]).await?;
    drop(held);
    went_on
}

/// The processes reach Redis by a name that is given to the replica in the end.
async fn lost_tail(stage: &mut Stage, seed: u64) -> Result<(), String> {
    let (led, name) = through(&stage.program, Far::Redis, seed).await?;
    let replica = Server::redis().await?;
    let port = redis(stage)?.port().to_owned();
    replica.ask(&["REPLICAOF", "127.0.0.1", &port]).await?;
    start(stage, &led);
    stage.ask().await?;
    stage.writes(3).await?;
    wait_for("the replica to follow", SAID_WITHIN, async || {
        replica.says("master_link_status").await.filter(|s| s == "up")
    })
    .await?;
    // From here on what is written to the primary is lost.
    replica.ask(&["REPLICAOF", "NO", "ONE"]).await?;
    stage.ask().await?;
    stage.writes(8).await?;
    name.set(Link::Cut);
    stage.redis.as_mut().ok_or("no Redis")?.kill().await?;
    name.lead_to(replica.url.trim_start_matches("redis://"));
    name.set(Link::Open);
    stage.fault_is_over();
    stage.redis = Some(replica);
    stage.ask().await?;
    stage.quiet().await
}

fn start(stage: &mut Stage, program: &Program) {
    stage.start_in(program.clone(), "web", &["web"], Vec::new());
    stage.start_in(program.clone(), "worker", &["worker"], Vec::new());
    stage.should_live = vec!["web", "worker"];
}

/// The processes may open a few files only, and somebody takes all that are left for connections to the API.
pub(crate) async fn no_files(stage: &mut Stage) -> Result<(), String> {
    let program = stage.program.clone();
    start(stage, &program);
    stage.ask().await?;
    stage.writes(3).await?;
    for process in &stage.processes {
        process.limit_files(64)?;
    }
    let mut held = Vec::new();
    for _ in 0..80 {
        // The kernel takes them for a while, even when nobody else does.
        let opened = tokio::net::TcpStream::connect(stage.address());
        if let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_secs(1), opened).await {
            held.push(stream);
        }
    }
    // The worker goes on; of the API nothing is expected now but to live.
    stage.quiet().await?;
    drop(held);
    stage.fault_is_over();
    stage.ask().await?;
    stage.quiet().await
}
