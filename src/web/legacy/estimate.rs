//! How long a sync may take.

use rolecall_core::ports::RunFilter;
use rolecall_core::run::Run;

use crate::web::state::Web;

/// How many runs are looked through for one that was like this.
const LOOKED_THROUGH: usize = 20;

/// How long the newest ended run of the same kind took, such as `1530ms`, if there is one.
pub(crate) async fn estimated_duration(web: &Web, run: &Run) -> Option<String> {
    let guild = run.scope.guilds.first().copied();
    // The run is stored: whatever fails from here on must not turn the answer into an error.
    let earlier = web
        .services
        .runs
        .list(RunFilter::of_guild(guild), None, LOOKED_THROUGH)
        .await
        .unwrap_or_default();
    earlier
        .iter()
        .filter(|r| r.kind == run.kind && r.dry_run == run.dry_run)
        .find_map(|r| Some(format!("{}ms", r.finished_at?.millis_since(r.started_at))))
}
