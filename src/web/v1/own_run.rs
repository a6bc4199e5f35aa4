//! Who may look at a run: whoever may look at all, and everybody at the runs that are about nobody but themselves.

use rolecall_core::run::Scope;
use rolecall_core::{RunId, UserId};

use crate::web::auth::right::{self, ReadRuns};
use crate::web::auth::{Caller, Who};
use crate::web::http::problem::ApiError;
use crate::web::state::Web;

/// Refuses a caller who may not look at this run. Whoever may not look at any is told the same of a run that is not
/// there, and so does not learn which there are.
pub(super) async fn allow(web: &Web, caller: &Caller, id: RunId) -> Result<(), ApiError> {
    if let Who::User(user) = &caller.who {
        let run = web.services.runs.get(id).await?;
        if run.is_some_and(|run| is_about(&run.scope, user)) {
            return Ok(());
        }
    }
    right::allow::<ReadRuns>(web, caller).await
}

/// Pure.
fn is_about(scope: &Scope, user: &UserId) -> bool {
    scope.users == std::slice::from_ref(user) && scope.mapping.is_none() && !scope.allow_removals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_about_somebody_if_it_is_about_nobody_else() {
        let scope = |users: &[&str]| Scope {
            users: users.iter().map(|u| UserId::from(*u)).collect(),
            ..Scope::default()
        };
        let ada = UserId::from("ada");
        assert!(is_about(&scope(&["ada"]), &ada));
        for other in [&[][..], &["eve"], &["ada", "eve"], &["eve", "ada"]] {
            assert!(!is_about(&scope(other), &ada), "{other:?}");
        }
        let past_the_guard = Scope {
            allow_removals: true,
            ..scope(&["ada"])
        };
        let mapping = Scope {
            mapping: Some("64b000000000000000000001".into()),
            ..scope(&["ada"])
        };
        assert!(!is_about(&past_the_guard, &ada) && !is_about(&mapping, &ada));
    }
}
