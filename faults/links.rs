//! Links that fail: between the processes and Redis, Mongo or Discord; and a worker's clock, its link to the time.

use std::time::Duration;

use crate::processes::Program;
use crate::proxy::{Link, Proxy};
use crate::stage::Stage;

/// What is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Far {
    Redis,
    Mongo,
    Discord,
}

/// A link that fails for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) far: Far,
    pub(crate) how: Link,
    /// How long; `None`: until all that was asked for is done, which has to go on meanwhile.
    pub(crate) seconds: Option<u64>,
    /// Only the first worker's link, while a second worker and the API keep theirs. Otherwise everybody's.
    pub(crate) one_worker: bool,
}

impl Far {
    const ALL: [Self; 3] = [Self::Redis, Self::Mongo, Self::Discord];

    fn variable(self) -> &'static str {
        match self {
            Self::Redis => "REDIS_URL",
            Self::Mongo => "MONGODB_URI",
            Self::Discord => "DISCORD_API_BASE_URL",
        }
    }
}

/// The program with one address led through a proxy, and the proxy.
pub(crate) async fn through(program: &Program, far: Far, seed: u64) -> Result<(Program, Proxy), String> {
    let mut program = program.clone();
    let named = program.env.iter_mut().find(|(name, _)| name == far.variable());
    let (_, url) = named.ok_or_else(|| format!("{} is not set", far.variable()))?;
    let (scheme, rest) = url.split_once("://").ok_or("an address without ://")?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let proxy = Proxy::to(host, seed).await?;
    *url = format!("{scheme}://{}{path}", proxy.address);
    Ok((program, proxy))
}

/// Breaks one link while work is under way.
pub(crate) async fn broken(stage: &mut Stage, fault: Broken, seed: u64) -> Result<(), String> {
    let (led, proxy) = through(&stage.program, fault.far, seed).await?;
    if fault.one_worker {
        stage.start("web", &["web"], Vec::new());
        stage.start_in(led, "worker", &["worker"], Vec::new());
        stage.start("second", &["worker"], Vec::new());
        stage.should_live = vec!["web", "worker", "second"];
    } else {
        stage.start_in(led.clone(), "web", &["web"], Vec::new());
        stage.start_in(led, "worker", &["worker"], Vec::new());
        stage.should_live = vec!["web", "worker"];
    }
    stage.ask().await?;
    stage.writes(1).await?;
    stage.late_writes = fault.far == Far::Mongo && fault.how == Link::BlackHole;
    proxy.set(fault.how);
    match fault.seconds {
        None => {
            // Accepted and done while it is broken.
            stage.ask().await?;
            stage.quiet().await?;
        }
        Some(seconds) => stage.ask_meanwhile(Duration::from_secs(seconds)).await,
    }
    proxy.set(Link::Open);
    stage.fault_is_over();
    stage.ask().await?;
    stage.quiet().await
}

/// Everything passes links of this kind from the start: what was asked for has to be done all the same.
pub(crate) async fn poor(stage: &mut Stage, how: Link, seed: u64) -> Result<(), String> {
    let mut program = stage.program.clone();
    let mut proxies = Vec::new();
    for far in Far::ALL {
        let (led, proxy) = through(&program, far, seed).await?;
        program = led;
        proxies.push(proxy);
    }
    stage.start_in(program.clone(), "web", &["web"], Vec::new());
    stage.start_in(program, "worker", &["worker"], Vec::new());
    stage.should_live = vec!["web", "worker"];
    stage.ask().await?;
    stage.writes(1).await?;
    proxies.iter().for_each(|p| p.set(how));
    stage.ask().await?;
    stage.quiet().await?;
    proxies.iter().for_each(|p| p.set(Link::Open));
    stage.fault_is_over();
    stage.ask().await?;
    stage.quiet().await
}

/// One worker's clock is an hour ahead, then an hour behind; or the API's is.
pub(crate) async fn clocks(stage: &mut Stage, whose: &'static str) -> Result<(), String> {
    let library = std::env::var("TEST_FAKETIME")
        .map_err(|_| "TEST_FAKETIME does not name libfaketime.so.1: scripts/faults installs it")?;
    let file = stage.program.folder.join("faketime");
    let set = |text: &str| std::fs::write(&file, text).map_err(|e| e.to_string());
    set("+3600s")?;
    let mut wrong = stage.program.clone();
    wrong.env.extend([
        ("LD_PRELOAD".to_owned(), library),
        ("FAKETIME_TIMESTAMP_FILE".to_owned(), file.display().to_string()),
        ("FAKETIME_NO_CACHE".to_owned(), "1".to_owned()),
        // Only the time of day is wrong: a machine's own measure of how long something takes is not.
        ("FAKETIME_DONT_FAKE_MONOTONIC".to_owned(), "1".to_owned()),
    ]);
    let right = stage.program.clone();
    let of = |name: &str| {
        if name == whose {
            wrong.clone()
        } else {
            right.clone()
        }
    };
    stage.start_in(of("web"), "web", &["web"], Vec::new());
    stage.start_in(of("worker"), "worker", &["worker"], Vec::new());
    stage.start("second", &["worker"], Vec::new());
    stage.should_live = vec!["web", "worker", "second"];
    stage.wrong_clocks = true;
    stage.ask().await?;
    stage.writes(5).await?;
    set("-3600s")?;
    stage.ask().await?;
    stage.writes(10).await?;
    set("+10s")?;
    stage.fault_is_over();
    stage.ask().await?;
    stage.quiet().await
}
