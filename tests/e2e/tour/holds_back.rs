//! The part of the tour about pauses.

use super::ground::Ground;
use super::page::between;
use super::stage::Why;
use super::{PATIENCE, Tour};
use crate::support::wait_for;

impl Tour {
    /// One cause is held back, and its canary ends that.
    pub(super) async fn holds_back(&mut self) {
        let said = self.next("rolecall pauses add", &[], 0, &["Holding back kind:remove_role"]);
        let pause = between(&said, "pauses end ", "` ends it").to_owned();
        self.next(
            "rolecall pauses list",
            &[],
            0,
            &["the import looks wrong", &pause],
        );
        self.next("rolecall pauses end", &[("ID", &pause)], 0, &["has ended"]);
        let pause = self.json("curl", &[], 201);
        self.next("curl", &[("ID", pause["id"].as_str().unwrap())], 204, &[]);

        let cause = self.cause(Why::Storm).await;
        let known = [("FINGERPRINT", cause.as_str())];
        self.stage.simulator.faults().clear();
        let said = self.next("rolecall pauses add", &known, 0, &["Holding back"]);
        let pause = between(&said, "pauses end ", "` ends it").to_owned();
        let said = self.next("rolecall dead-letters redrive", &known, 0, &["does it"]);
        self.until(between(&said, "Job ", " does it"), "completed").await;
        let ended = format!("/v1/audit?action=pause.ended&subject=pause:{pause}");
        let ended = wait_for("the canary to end the pause", PATIENCE, || async {
            let trail = self.api.get(&ended).await;
            trail["records"].get(0).cloned()
        })
        .await;
        let canary = between(ended["reason"].as_str().unwrap(), "job ", " succeeded");
        let canary = self.api.get(&format!("/v1/jobs/{canary}")).await;
        let at = canary["finished_at"].as_str().unwrap();
        let guild = self.guild(Why::Storm);
        self.api.is_quiet(&format!("guild={guild}")).await;
        let kind = cause.split('|').next().unwrap();
        let done = format!("/v1/jobs?guild={guild}&kind={kind}&state=completed&limit=200");
        let done = self.api.get(&done).await;
        // A pause counts within a second, in which Discord's limits let through less than half of them where there are
        // many.
        let done = done["jobs"].as_array().unwrap();
        let later = done
            .iter()
            .filter(|job| job["finished_at"].as_str() > Some(at))
            .count();
        assert!(
            later > done.len() / 2 || matches!(self.ground, Ground::Distributed { .. }),
            "{later} of {} jobs waited for the canary",
            done.len()
        );
        assert_eq!(self.stage.with_role(Why::Storm), done.len());
    }
}
