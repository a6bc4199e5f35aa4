//! Members who lose their groups: removals that are interrupted, and one that is held.

use std::time::Duration;

use crate::catalogue::other;
use crate::processes::wait_for;
use crate::scenarios::{Break, Scenario};
use crate::stage::{Mode, Stage};

/// What happens to the removals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// A process dies at this place.
    Killed(&'static str),
    /// So many lose a role that the plan is held, until somebody lets it pass.
    Held,
    /// They get their groups back while their roles are being taken.
    TakenBack,
}

/// All of them.
pub(crate) fn all() -> Vec<Scenario> {
    use Mode::{Distributed, Embedded};
    let of = |fault, about, mode, linked, loss| other(fault, about, mode, linked, Break::Removal(loss));
    vec![
        of(
            "K5",
            "at a removal",
            Embedded,
            12,
            Loss::Killed("K5/remove_role:1"),
        ),
        of(
            "K5",
            "at a removal",
            Distributed,
            12,
            Loss::Killed("K5/remove_role:1"),
        ),
        of(
            "K7",
            "after a removal",
            Embedded,
            12,
            Loss::Killed("K7/remove_role:1"),
        ),
        of(
            "K7",
            "after a removal",
            Distributed,
            12,
            Loss::Killed("K7/remove_role:1"),
        ),
        of("G", "a held removal", Embedded, 30, Loss::Held),
        of("G", "a removal is taken back", Embedded, 18, Loss::TakenBack),
        of("G", "a removal is taken back", Distributed, 18, Loss::TakenBack),
    ]
}

impl Loss {
    pub(crate) async fn play(self, mode: Mode, stage: &mut Stage) -> Result<(), String> {
        let faults: Vec<String> = match self {
            Self::Killed(at) => vec![at.to_owned()],
            _ => Vec::new(),
        };
        stage.start_all(mode, "worker", &faults);
        stage.ask().await?;
        stage.quiet().await?;
        let had = stage.world.simulator.counters().writes;
        let members = if self == Self::Held { 25 } else { 12 };
        let before = stage.world.groups();
        stage.world.expel(members);
        stage.import().await?;
        match self {
            Self::Killed(_) => {
                stage.ask().await?;
                wait_for("the process to die", Duration::from_secs(100), async || {
                    (stage.deaths() >= 1).then_some(())
                })
                .await?;
            }
            Self::Held => {
                stage.ask().await?;
                stage.quiet().await?;
                let took = stage.world.simulator.counters().writes - had;
                if took > 0 {
                    return Err(format!("{took} roles were taken, and the plan was to be held"));
                }
                stage.program.run(&["sync", "--allow-removals"]).await?;
            }
            Self::TakenBack => {
                stage.ask().await?;
                stage.writes(had + 3).await?;
                stage.world.regain(before);
                stage.import().await?;
                stage.ask().await?;
            }
        }
        stage.quiet().await?;
        // What was dropped because of a newer wish is looked at once more.
        stage.ask().await?;
        stage.quiet().await
    }
}
