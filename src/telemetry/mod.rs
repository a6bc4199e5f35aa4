//! What the process tells of itself to those who watch it: metrics ([`jobs`], [`gauges`], and what the adapters count),
//! and traces.

#[cfg(test)]
mod events_tests;
mod gauges;
mod jobs;
#[cfg(test)]
mod page_tests;
mod recorder;
#[cfg(test)]
mod tests;
pub mod traces;

pub use gauges::Gauges;
pub use jobs::JobObserver;
pub use recorder::count;
pub use traces::Traces;

use crate::app::App;

/// Begins at 0 what Prometheus has to see there first.
pub fn begin(app: &App) {
    jobs::begin(app.registry.names());
    crate::web::begin_logins();
}

/// Everything, in Prometheus' text format. What the ledger knows is read anew, unless it was a moment ago.
pub async fn scrape(app: &App) -> String {
    let handle = recorder::handle();
    gauges::refresh(app).await;
    handle.map(|handle| handle.render()).unwrap_or_default()
}
