//! A page of runs, as it is found and as it is sent.

use rolecall_core::RunId;
use rolecall_core::error::StoreError;
use rolecall_core::ports::RunFilter;
use rolecall_core::run::Run;
use rolecall_jobs::kernel::services::Services;
use serde::Serialize;
use utoipa::ToSchema;

use super::RunView;
use crate::cursor::{self, Place};

/// A page of runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunPage {
    /// Runs, newest first.
    runs: Vec<RunView>,
    /// Cursor of the next page; null on the last.
    next: Option<String>,
}

/// A filter word by word, as a query of the API has it.
pub(crate) fn words(filter: RunFilter) -> Vec<(&'static str, String)> {
    let guild = filter.guild.map(|guild| ("guild", guild.to_string()));
    let state = filter.state.map(|state| ("state", state.to_string()));
    guild.into_iter().chain(state).collect()
}

/// What a cursor of these runs belongs to, the same however they were asked for.
pub(crate) fn list_name(filter: RunFilter) -> String {
    format!("runs?{:?}", words(filter))
}

/// Runs that were found.
pub(crate) struct Found {
    /// Those of the page, newest first.
    pub(crate) runs: Vec<Run>,
    /// Cursor of the next page; `None` on the last.
    pub(crate) next: Option<String>,
}

impl Found {
    /// At most `limit` runs after this place.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn page(
        services: &Services,
        filter: RunFilter,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Self, StoreError> {
        let after = after.map(|place| (place.at, RunId(place.id)));
        let mut runs = services.runs.list(filter, after, limit + 1).await?;
        let more = runs.len() > limit;
        runs.truncate(limit);
        let next = runs.last().filter(|_| more).map(|run| {
            let place = Place {
                at: run.started_at,
                id: run.id.0,
            };
            cursor::write(place, &list_name(filter))
        });
        Ok(Self { runs, next })
    }

    /// As it is sent.
    pub(crate) fn view(&self) -> RunPage {
        RunPage {
            runs: self.runs.iter().map(RunView::of).collect(),
            next: self.next.clone(),
        }
    }
}
