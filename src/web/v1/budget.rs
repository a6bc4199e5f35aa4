//! `GET /v1/discord/budget`: what Discord's limits leave.

use axum::Json;
use axum::extract::State;

use crate::budget_view::BudgetView;
use crate::web::auth::right::{Allowed, ReadJobs};
use crate::web::http::refused::Refused;
use crate::web::state::Web;

/// What Discord's limits leave now: refused calls, what is stopped, and who waits.
///
/// Where processes do not share a Redis, each keeps the limits for itself: then it is what the process that answers
/// has left.
#[utoipa::path(get, path = "/v1/discord/budget", tag = "Jobs", operation_id = "getDiscordBudget",
    responses((status = 200, description = "What is left", body = BudgetView), Refused))]
pub(crate) async fn get_budget(State(web): State<Web>, _: Allowed<ReadJobs>) -> Json<BudgetView> {
    Json(BudgetView::from(&web.limiter.budget().await))
}
