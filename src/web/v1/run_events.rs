//! `GET /v1/runs/{run_id}/events`: how far a run is, as server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use rolecall_core::RunId;
use rolecall_core::error::StoreError;
use rolecall_workflows::progress;
use serde::Serialize;
use utoipa::ToSchema;

use super::get_run;
use super::own_run;
use crate::run_view::ProgressView;
use crate::web::auth::Caller;
use crate::web::http::etag;
use crate::web::http::problem::{ApiError, Problem};
use crate::web::state::Web;

/// How often the run is looked at while somebody listens.
const EVERY: Duration = Duration::from_millis(500);
/// When a listener that lost the connection comes back.
const RETRY: Duration = Duration::from_secs(2);
/// How often something is sent, so that nobody on the way takes the connection for dead.
const PING: Duration = Duration::from_secs(15);
/// So many looks in a row may fail before the stream ends and the listener has to come back.
const MOST_FAILURES: u32 = 20;

/// A snapshot: all of it, each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Snapshot {
    /// The run.
    run_id: String,
    /// `running`, `completed`, `partial`, `failed` or `held`.
    state: String,
    /// When it was accepted.
    started_at: String,
    /// How far it is.
    #[serde(flatten)]
    progress: ProgressView,
}

/// An event of the stream, for the document.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only the document needs it")]
pub(crate) struct RunEvent {
    /// What it is.
    event: String,
    /// To be sent as `Last-Event-ID` by a listener that comes back. The last event has none.
    id: Option<String>,
    /// A `Snapshot` as JSON.
    data: String,
    /// When a listener that lost the connection comes back, in milliseconds.
    retry: Option<u32>,
}

/// How far a run is: `progress` events until it has ended, then one `end` event. Each is a whole snapshot. An event
/// whose id is sent as `Last-Event-ID` is not repeated.
#[utoipa::path(get, path = "/v1/runs/{run_id}/events", tag = "Runs", operation_id = "runEvents",
    params(
        ("run_id" = String, Path, description = "The run"),
        ("Last-Event-ID" = Option<String>, Header, description = "Id of the last event that arrived"),
    ),
    responses(
        (status = 200, description = "Events", body = RunEvent, content_type = "text/event-stream"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the permission", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "No such run", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store did not answer", body = Problem,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn run_events(
    State(web): State<Web>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = get_run::parse_id(&id)?;
    own_run::allow(&web, &caller, id).await?;
    // What can be an error has to be one before the first event.
    let first = look(&web, id).await?.ok_or_else(|| get_run::unknown(id))?;
    let known = headers.get("last-event-id").and_then(|v| v.to_str().ok());
    let mut teller = Teller::new(known.map(ToOwned::to_owned));
    teller.tell(&first);
    let stream = events(Listening {
        web,
        id,
        teller,
        failures: 0,
    });
    let keep_alive = KeepAlive::new().interval(PING).text("ping");
    // The second header asks nginx to pass each event on at once.
    let headers = [("cache-control", "no-store"), ("x-accel-buffering", "no")];
    Ok((headers, Sse::new(stream).keep_alive(keep_alive)).into_response())
}

/// The run now, and whether it has ended.
async fn look(web: &Web, id: RunId) -> Result<Option<(Snapshot, bool)>, StoreError> {
    let Some((progress, started_at)) = progress::of_run(&web.services, id).await? else {
        return Ok(None);
    };
    let ended = progress.state.is_final();
    let snapshot = Snapshot {
        run_id: id.to_string(),
        state: progress.state.as_str().to_owned(),
        started_at: started_at.to_rfc3339(),
        progress: progress.into(),
    };
    Ok(Some((snapshot, ended)))
}

/// What is to be sent, before it is an event.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Message {
    /// Sets the time after which a listener comes back.
    Hello,
    /// A snapshot with its id.
    Progress { id: String, data: String },
    /// The last one.
    End { data: String },
}

impl From<Message> for Event {
    fn from(message: Message) -> Self {
        match message {
            Message::Hello => Self::default().retry(RETRY),
            Message::Progress { id, data } => Self::default().event("progress").id(id).data(data),
            Message::End { data } => Self::default().event("end").data(data),
        }
    }
}

/// Decides what a listener still has to be told. Pure.
struct Teller {
    last_id: Option<String>,
    pending: VecDeque<Message>,
    ended: bool,
}

impl Teller {
    fn new(last_id: Option<String>) -> Self {
        Self {
            last_id,
            pending: VecDeque::from([Message::Hello]),
            ended: false,
        }
    }

    fn tell(&mut self, (snapshot, ended): &(Snapshot, bool)) {
        // A struct of texts and numbers is always JSON.
        let data = serde_json::to_string(snapshot).unwrap_or_default();
        let id = etag::digest(data.as_bytes());
        if self.last_id.as_deref() != Some(&id) {
            self.last_id = Some(id.clone());
            self.pending.push_back(Message::Progress {
                id,
                data: data.clone(),
            });
        }
        if *ended && !self.ended {
            self.ended = true;
            self.pending.push_back(Message::End { data });
        }
    }
}

struct Listening {
    web: Web,
    id: RunId,
    teller: Teller,
    failures: u32,
}

/// Ends when the run has ended, when it is gone, when the store is, and when the process should stop.
fn events(listening: Listening) -> impl Stream<Item = Result<Event, Infallible>> {
    futures::stream::unfold(listening, |mut on| async move {
        loop {
            if let Some(message) = on.teller.pending.pop_front() {
                return Some((Ok(message.into()), on));
            }
            if on.teller.ended {
                return None;
            }
            tokio::select! {
                () = on.web.stop.cancelled() => return None,
                () = tokio::time::sleep(EVERY) => {}
            }
            match look(&on.web, on.id).await {
                Ok(Some(now)) => {
                    on.failures = 0;
                    on.teller.tell(&now);
                }
                Ok(None) => return None,
                Err(_) if on.failures < MOST_FAILURES => on.failures += 1,
                Err(error) => {
                    tracing::warn!(run.id = %on.id, "discord_api: a stream of events ends: {error}");
                    return None;
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use rolecall_core::run::RunState;

    use super::*;

    fn at(done: u64, state: RunState) -> (Snapshot, bool) {
        let mut progress = progress::from_tally(state, &[]);
        progress.done = done;
        let snapshot = Snapshot {
            run_id: "r".into(),
            state: state.as_str().into(),
            started_at: String::new(),
            progress: progress.into(),
        };
        (snapshot, state.is_final())
    }

    fn told(last_id: Option<String>, looks: &[(Snapshot, bool)]) -> Vec<Message> {
        let mut teller = Teller::new(last_id);
        looks.iter().for_each(|look| teller.tell(look));
        teller.pending.into_iter().skip(1).collect()
    }

    #[test]
    fn only_what_changed_is_told_and_the_end_once() {
        let running = RunState::Running;
        let looks = [
            at(1, running),
            at(1, running),
            at(2, running),
            at(3, RunState::Held),
        ];
        let messages = told(None, &looks);
        let kinds: Vec<bool> = messages
            .iter()
            .map(|m| matches!(m, Message::End { .. }))
            .collect();
        assert_eq!(kinds, [false, false, false, true]);
    }

    #[test]
    fn a_listener_who_comes_back_is_not_told_again_what_arrived() {
        let look = at(1, RunState::Running);
        let first = told(None, std::slice::from_ref(&look));
        let [Message::Progress { id, .. }] = first.as_slice() else {
            panic!("one snapshot")
        };
        let id = id.clone();
        assert!(told(Some(id.clone()), &[look]).is_empty());
        assert_eq!(told(Some(id), &[at(2, RunState::Running)]).len(), 1);
    }

    #[test]
    fn a_run_that_has_ended_is_told_with_its_end_even_to_those_who_know_it() {
        let look = at(1, RunState::Completed);
        let messages = told(None, std::slice::from_ref(&look));
        let Message::Progress { id, .. } = &messages[0] else {
            panic!("a snapshot first")
        };
        assert!(matches!(messages[1], Message::End { .. }));
        assert!(matches!(
            told(Some(id.clone()), &[look]).as_slice(),
            [Message::End { .. }]
        ));
    }
}
