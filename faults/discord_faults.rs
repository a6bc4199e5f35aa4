//! What Discord does wrong: slow and broken answers, failures, every kind of 429, and refusals for good.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::Method;
use rolecall_simulator::{BotIn, Fault, FaultKind};
use serde_json::json;

use crate::catalogue::{other, short};
use crate::ledger::JobRow;
use crate::processes::wait_for;
use crate::scenarios::{Break, GIVE, Scenario};
use crate::stage::{Mode, Stage};
use crate::world::BOT_TOKEN;

/// What Discord does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Answers come late, some never.
    Slow,
    /// Answers break off, with the work done and without.
    Broken,
    /// Half of the calls fail for this many seconds, then all for as long.
    Fails(u64),
    /// 429 of a bucket, of a shared one, and of all calls.
    Limits,
    /// 429 with what no number of seconds is, or not the right one.
    OddLimits,
    /// Its edge bans the address, and says so in its two ways.
    Bans,
    /// The bot's token is revoked, and then it works again.
    Revoked,
    /// A role is moved above the bot's, and back.
    RoleTooHigh,
    /// A role is deleted.
    RoleDeleted,
    /// The bot is thrown out, and invited again.
    GuildLeft,
    /// A member leaves.
    MemberLeft,
}

/// Discord's seconds that a 429 says to wait: long enough to see that nobody asks before.
const WAIT: f64 = 300.0;

/// All of them.
pub(crate) fn all() -> Vec<Scenario> {
    use Mode::{Distributed, Embedded};
    let of = |fault, about, mode, trouble: Trouble| {
        let linked = if trouble.is_refusal() { 60 } else { 12 };
        other(fault, about, mode, linked, Break::Discord(trouble))
    };
    vec![
        of("E18", "slow answers, and none", Embedded, Trouble::Slow),
        of("E18", "slow answers, and none", Distributed, Trouble::Slow),
        short(of("E18", "answers break off", Embedded, Trouble::Broken)),
        of("E19", "failures", Embedded, Trouble::Fails(10)),
        of("E19", "failures", Distributed, Trouble::Fails(10)),
        of(
            "E20",
            "limits of a bucket, shared, global",
            Embedded,
            Trouble::Limits,
        ),
        of(
            "E20",
            "limits of a bucket, shared, global",
            Distributed,
            Trouble::Limits,
        ),
        of("E20", "odd Retry-After", Embedded, Trouble::OddLimits),
        of("E20", "banned by the edge", Embedded, Trouble::Bans),
        of("E21", "token revoked", Embedded, Trouble::Revoked),
        of("E21", "role too high", Embedded, Trouble::RoleTooHigh),
        of("E21", "role deleted", Embedded, Trouble::RoleDeleted),
        of("E21", "role deleted", Distributed, Trouble::RoleDeleted),
        of("E21", "bot thrown out", Embedded, Trouble::GuildLeft),
        of("E21", "member left", Embedded, Trouble::MemberLeft),
    ]
}

impl Trouble {
    /// It says no, and waiting does not help.
    const fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::Revoked | Self::RoleTooHigh | Self::RoleDeleted | Self::GuildLeft | Self::MemberLeft
        )
    }

    /// A wait of minutes has to end within seconds, and to be far longer than what is on its way. What happens in the middle
    /// of a run needs a run that has a middle.
    pub(crate) const fn speed(self) -> f64 {
        match self {
            _ if self.is_refusal() => 4.0,
            Self::Limits | Self::OddLimits | Self::Bans => 60.0,
            _ => crate::world::SPEED,
        }
    }

    pub(crate) async fn play(self, mode: Mode, stage: &mut Stage) -> Result<(), String> {
        stage.start_all(mode, "", &[]);
        stage.should_live = match mode {
            Mode::Embedded => vec!["all"],
            Mode::Distributed => vec!["web", "worker"],
        };
        match self {
            Self::Slow => self.slow(stage).await,
            Self::Broken => broken(stage).await,
            Self::Fails(seconds) => fails(stage, Duration::from_secs(seconds)).await,
            Self::Limits => {
                let code = 20_029;
                let kinds = [
                    FaultKind::LimitUser { retry_after: WAIT },
                    FaultKind::LimitShared {
                        retry_after: WAIT,
                        code,
                    },
                    FaultKind::LimitGlobal { retry_after: WAIT },
                ];
                one_after_the_other(stage, &kinds).await
            }
            Self::OddLimits => {
                let odd = |text: &str, in_body| FaultKind::LimitOdd {
                    retry_after: text.to_owned(),
                    in_body,
                };
                let kinds = [
                    odd("-5", None),
                    odd("0.75", None),
                    odd("soon", None),
                    odd("NaN", None),
                    odd("2", Some(WAIT)),
                    odd("300", Some(0.5)),
                ];
                one_after_the_other(stage, &kinds).await
            }
            Self::Bans => {
                one_after_the_other(stage, &[FaultKind::CloudflarePage, FaultKind::CloudflareJson]).await
            }
            Self::Revoked | Self::RoleTooHigh | Self::GuildLeft => self.mended(stage).await,
            Self::RoleDeleted => role_deleted(stage).await,
            Self::MemberLeft => member_left(stage).await,
        }
    }

    async fn slow(self, stage: &mut Stage) -> Result<(), String> {
        let faults = stage.world.simulator.faults();
        faults.add(
            Fault::new(FaultKind::Slow { ms: 3_000 })
                .with_probability(0.3)
                .times(6),
        );
        faults.add(Fault::new(FaultKind::Hang).on(GIVE).times(3));
        stage.ask().await?;
        used_up(stage, None).await?;
        stage.fault_is_over();
        stage.ask().await?;
        stage.quiet().await
    }

    /// Everything of the guild fails for good, for one cause; people mend it, and run it again.
    async fn mended(self, stage: &mut Stage) -> Result<(), String> {
        let (simulator, guild) = (stage.world.simulator.clone(), stage.world.guild);
        let role = stage.world.roles[0];
        stage.ask().await?;
        stage.writes(3).await?;
        let fault = match self {
            Self::Revoked => Some(simulator.faults().add(Fault::new(FaultKind::Unauthorized))),
            Self::RoleTooHigh => {
                simulator.move_role(guild, role, 30);
                None
            }
            _ => {
                let bot = simulator.add_bot(BOT_TOKEN);
                if !simulator.kick_bot(guild, bot) {
                    return Err("the bot was not in the guild".into());
                }
                None
            }
        };
        stage.quiet().await?;
        one_group_of_errors(stage).await?;
        match fault {
            Some(fault) => drop(simulator.faults().remove(fault)),
            None if self == Self::RoleTooHigh => drop(simulator.move_role(guild, role, 1)),
            None => {
                let back = BotIn {
                    position: Some(20),
                    ..BotIn::with_token(BOT_TOKEN)
                };
                simulator.add_bot_to(guild, &back);
            }
        }
        stage.fault_is_over();
        stage.redrive_all().await?;
        stage.ask().await?;
        stage.quiet().await
    }
}

async fn broken(stage: &mut Stage) -> Result<(), String> {
    let faults = stage.world.simulator.faults();
    for kind in [FaultKind::ResetBefore, FaultKind::ResetAfter] {
        faults.add(Fault::new(kind).with_probability(0.25).times(5));
    }
    faults.add(Fault::new(FaultKind::HalfBody).on("GET *").times(3));
    stage.ask().await?;
    // How long each retry waits is drawn; somebody who looks brings them forward, so that what is left is the same each time.
    wait_for("the faults to strike", Duration::from_secs(120), async || {
        hurry(stage).await.ok()?;
        stage.world.simulator.faults().list().is_empty().then_some(())
    })
    .await?;
    stage.fault_is_over();
    stage.ask().await?;
    wait_for("all jobs to end", Duration::from_secs(120), async || {
        hurry(stage).await.ok()?.then_some(())
    })
    .await?;
    stage.quiet().await
}

/// Brings all retries forward, as an operator does; says whether no job is left.
async fn hurry(stage: &Stage) -> Result<bool, String> {
    let ledger = stage.look().await?;
    let live = ledger.jobs.iter().filter(|j| j.finished_at.is_none());
    for job in live.clone().filter(|j| j.state == "retryable") {
        let path = format!("/v1/jobs/{}/reschedule", job.id);
        // It may run by now, or have another time.
        stage
            .call(Method::POST, &path, &json!({ "in": "0s", "reason": "mended" }))
            .await?;
    }
    Ok(live.count() == 0)
}

async fn fails(stage: &mut Stage, each: Duration) -> Result<(), String> {
    let faults = stage.world.simulator.faults();
    for (status, share) in [(503, 0.5), (502, 1.0)] {
        faults.add(Fault::new(FaultKind::Status { status }).with_probability(share));
        if share < 1.0 {
            stage.ask().await?;
        }
        // How long a storm lasts is what it is.
        tokio::time::sleep(each).await;
        faults.clear();
    }
    stage.fault_is_over();
    stage.ask().await?;
    stage.quiet().await
}

/// Each strikes one call, and the next comes when it did.
async fn one_after_the_other(stage: &mut Stage, kinds: &[FaultKind]) -> Result<(), String> {
    stage.ask().await?;
    for kind in kinds {
        stage
            .world
            .simulator
            .faults()
            .add(Fault::new(kind.clone()).times(1));
        used_up(stage, Some(Duration::from_secs(2))).await?;
    }
    stage.fault_is_over();
    stage.ask().await?;
    stage.quiet().await
}

/// Waits until all faults struck. `again`: after so long without, there is nothing to strike, and more is asked for.
async fn used_up(stage: &Stage, again: Option<Duration>) -> Result<(), String> {
    let mut since = Instant::now();
    wait_for("the faults to strike", Duration::from_secs(120), async || {
        if stage.world.simulator.faults().list().is_empty() {
            return Some(());
        }
        if again.is_some_and(|after| since.elapsed() > after) {
            since = Instant::now();
            stage.ask().await.ok()?;
        }
        None
    })
    .await
}

/// What failed did so for one cause, and says what to do.
async fn one_group_of_errors(stage: &Stage) -> Result<(), String> {
    let ledger = stage.look().await?;
    let dead: Vec<_> = ledger.jobs.iter().filter(|j| j.state == "discarded").collect();
    let code = |j: &&JobRow| j.attempts.last().and_then(|a| a.2.clone());
    let causes: BTreeSet<_> = dead.iter().map(code).collect();
    // Two kinds of calls may be under way when it begins, and both are refused for the same: a group is also of a route.
    let without_route = |j: &&JobRow| {
        let text = j.fingerprint.clone().unwrap_or_default();
        let parts: Vec<String> = text.split('|').map(ToOwned::to_owned).collect();
        (parts.len(), parts.into_iter().skip(2).collect::<Vec<_>>())
    };
    let groups: BTreeSet<_> = dead.iter().map(|j| (&j.kind, without_route(j))).collect();
    let kinds: BTreeSet<_> = dead.iter().map(|j| &j.kind).collect();
    if causes.len() != 1 || groups.len() != kinds.len() {
        let n = dead.len();
        return Err(format!(
            "{n} dead letters, of the causes {causes:?}, in the groups {groups:?}"
        ));
    }
    Ok(())
}

async fn role_deleted(stage: &mut Stage) -> Result<(), String> {
    stage.ask().await?;
    stage.writes(3).await?;
    let role = stage.world.roles[0];
    stage.world.simulator.delete_role(stage.world.guild, role);
    stage.world.right.values_mut().for_each(|roles| {
        roles.remove(&role);
    });
    stage.fault_is_over();
    stage.quiet().await?;
    let ledger = stage.look().await?;
    let dead = ledger.jobs.iter().filter(|j| j.state == "discarded");
    for job in dead {
        let code = job.attempts.last().and_then(|a| a.2.clone()).unwrap_or_default();
        if code != "discord_unknown_role" {
            return Err(format!("job {} ({}) ended as {code}", job.id, job.kind));
        }
        *stage
            .discarded
            .entry(format!("{}: {code}", job.kind))
            .or_default() += 1;
    }
    if stage.discarded.is_empty() {
        return Err("no job met the deleted role".into());
    }
    one_group_of_errors(stage).await?;
    // A change of several roles failed whole. The next sync knows that one of them is gone, and gives the others.
    stage.ask().await?;
    stage.quiet().await
}

async fn member_left(stage: &mut Stage) -> Result<(), String> {
    stage.ask().await?;
    stage.writes(2).await?;
    let ledger = stage.look().await?;
    let waits = ledger
        .jobs
        .iter()
        .find(|j| j.kind == "add_role" && j.finished_at.is_none());
    let account = waits.and_then(|j| j.about.1.as_deref()?.parse().ok());
    stage
        .world
        .leaves(account.ok_or("nobody waits for a role any more")?);
    stage.quiet().await
}
