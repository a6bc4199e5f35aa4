//! `GET /discord/auth/callback`: where Discord sends the browser back to. Always 302, however it ends: the person sees
//! the frontend, the frontend sees a code in the query, and the log says why.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use rolecall_adapters::metered::table::OAUTH_LOGINS;
use rolecall_core::account::{OAuthState, Taken};
use rolecall_core::cause::Cause;
use rolecall_core::{RunId, UserId};
use rolecall_jobs::kernel::steering::By;
use rolecall_workflows::link_account::{Change, LinkError, NewLink, link};
use secrecy::SecretString;
use tracing::Instrument;

use super::exchange::{Person, person};
use super::login::verifier_place;
use super::outcome::{Failed, Reason};
use super::visitor::Visitor;
use super::{cookies, redirect, secret};
use crate::app::App;
use crate::config::AccountsConfig;
use crate::web::auth::issue_session;
use crate::web::http::query::Params;
use crate::web::http::trace::RequestNames;
use crate::web::state::Web;

/// The browser is sent on after this time at the latest: before the time limit of every request.
const PATIENCE: Duration = Duration::from_secs(13);

/// What came back.
struct Returned {
    code: Option<SecretString>,
    state: Option<String>,
    error: Option<String>,
    /// The browser's cookie.
    browser: Option<String>,
    /// Who is signed in.
    user: Option<UserId>,
    names: RequestNames,
}

/// A login that went well.
struct Done {
    change: Change,
    run: Option<RunId>,
    /// The session to begin, if nobody was signed in.
    session: Option<String>,
}

/// Ends a login.
#[utoipa::path(get, path = "/discord/auth/callback", tag = "Discord Authentication", operation_id = "discordCallback",
    security((), ("bearerAuth" = []), ("cookieAuth" = [])),
    params(
        ("code" = Option<String>, Query, description = "Discord's code"),
        ("state" = Option<String>, Query, description = "The state of the login"),
        ("error" = Option<String>, Query, description = "`access_denied` if the person cancelled"),
    ),
    responses((status = 302, description = "Always: to the frontend, with the outcome as `discord` in the query",
        headers(("Location" = String)))))]
pub(crate) async fn callback(
    State(web): State<Web>,
    visitor: Visitor,
    names: RequestNames,
    headers: HeaderMap,
    mut params: Params,
) -> Response {
    let returned = Returned {
        code: params.text(&["code"]).map(SecretString::from),
        state: params.text(&["state"]),
        error: params.text(&["error"]),
        browser: cookies::browser(&web.config.accounts, &headers),
        user: visitor.user().cloned(),
        names,
    };
    let owned = web.clone();
    // In a task of its own: a browser that goes away must not stop a login between its steps, and whatever breaks in
    // here still ends with a redirect.
    let work = async move {
        let mut target = None;
        let outcome = finish(&owned, returned, &mut target).await;
        (target, outcome)
    };
    let work = tokio::spawn(work.in_current_span());
    let (target, outcome) = match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(broken)) => (
            None,
            Err(Failed::because(Reason::InternalError, broken.to_string())),
        ),
        Err(_) => (
            None,
            Err(Failed::because(Reason::DiscordUnavailable, "it took too long")),
        ),
    };
    answer(&web.config.accounts, target, outcome)
}

/// `target` is filled in as soon as it is known where this login may end.
async fn finish(app: &App, returned: Returned, target: &mut Option<String>) -> Result<Done, Failed> {
    let state = take_state(app, &returned).await;
    if let Ok(state) = &state {
        target.clone_from(&state.redirect_url);
    }
    match returned.error.as_deref() {
        None => {}
        Some("access_denied") => return Err(Reason::AccessDenied.into()),
        Some(other) => {
            let shown: String = other.chars().filter(|c| !c.is_control()).take(64).collect();
            return Err(Failed::because(Reason::DiscordError, shown));
        }
    }
    let state = state?;
    let code = returned.code.as_ref().ok_or(Reason::CodeMissing)?;
    if let (Some(began), Some(now)) = (&state.user_id, &returned.user)
        && began != now
    {
        return Err(Reason::UserForeign.into());
    }
    let verifier = app
        .services
        .vault
        .open(&state.verifier, &verifier_place(&state.hash))
        .map_err(|e| Failed::because(Reason::InternalError, e.to_string()))?;
    let person = person(app, code, &verifier).await?;
    complete(app, state.user_id.or(returned.user), person, returned.names).await
}

/// Uses the state up, and checks that this browser began it.
async fn take_state(app: &App, returned: &Returned) -> Result<OAuthState, Failed> {
    let text = returned.state.as_deref().ok_or(Reason::StateMissing)?;
    if !secret::is_random(text) {
        return Err(Reason::StateUnknown.into());
    }
    let (hash, now) = (secret::fingerprint(text), app.services.clock.now());
    let state = match app.services.oauth_states.take(&hash, now).await? {
        Taken::Valid(state) => state,
        Taken::Expired => return Err(Reason::StateExpired.into()),
        Taken::Reused => return Err(Reason::StateReused.into()),
        Taken::Unknown => return Err(Reason::StateUnknown.into()),
    };
    let browser = returned.browser.as_deref().map(secret::fingerprint);
    if browser.as_deref() == Some(state.browser.as_str()) {
        Ok(*state)
    } else {
        Err(Reason::StateForeign.into())
    }
}

/// Links the account to the user who is known, or signs in the user to whom it belongs.
async fn complete(
    app: &App,
    user: Option<UserId>,
    person: Person,
    names: RequestNames,
) -> Result<Done, Failed> {
    let (user_id, session) = match user {
        Some(user) => {
            refuse_banned(app, &user).await?;
            (user, None)
        }
        None => {
            let known = app.services.links.of_account(person.discord_id).await?;
            let known = known.filter(|l| l.is_active).ok_or(Reason::AccountUnknown)?;
            refuse_banned(app, &known.user_id).await?;
            let key = app.jwt_secret.as_ref().ok_or(Reason::NotConfigured)?;
            let ttl = app.config.accounts.cookie_duration;
            let character = app.services.directory.main_character(&known.user_id).await?;
            let token = issue_session(key, &known.user_id, &character.unwrap_or_default(), ttl);
            (known.user_id, Some(token))
        }
    };
    let by = By {
        cause: Cause::new(format!("user:{user_id}"), "login at Discord"),
        request_id: Some(names.request_id),
        repeatable: None,
    };
    let new = NewLink {
        user_id,
        discord_id: person.discord_id,
        profile: person.profile,
        tokens: person.tokens,
        allow_move: app.config.accounts.allow_account_move,
        trace: Some(names.traceparent),
    };
    let linked = link(&app.services, &app.queue, new, by)
        .await
        .map_err(|error| match error {
            LinkError::Taken => Failed::from(Reason::AccountTaken),
            LinkError::Vault(error) => Failed::because(Reason::InternalError, error.to_string()),
            LinkError::Store(error) => error.into(),
        })?;
    Ok(Done {
        change: linked.change,
        run: linked.run,
        session,
    })
}

/// A banned user links nothing, and gets no session that every other route would refuse.
async fn refuse_banned(app: &App, user: &UserId) -> Result<(), Failed> {
    if !app.config.api.any_jwt && app.permissions.of_user(user).await?.banned {
        return Err(Reason::Banned.into());
    }
    Ok(())
}

/// Where a browser is sent whose login is not even looked at, because too much was asked before.
pub(crate) fn turned_away(config: &AccountsConfig) -> String {
    let reason = Reason::RateLimited;
    let page = format!("{}{}", config.frontend_url, config.error_path);
    redirect::with_query(
        &page,
        &[("discord", reason.code()), ("message", reason.sentence())],
    )
}

/// The redirect. Pure, but for the line in the log and the count.
fn answer(config: &AccountsConfig, target: Option<String>, outcome: Result<Done, Failed>) -> Response {
    let page = |path: &str| {
        target
            .clone()
            .unwrap_or_else(|| format!("{}{path}", config.frontend_url))
    };
    let (location, session) = match outcome {
        Ok(done) => {
            let code = match (&done.session, done.change) {
                (Some(_), _) => "signed_in",
                (None, Change::Moved) => "moved",
                (None, Change::Linked | Change::Renewed) => "linked",
            };
            OAUTH_LOGINS.inc(&[code]);
            tracing::info!(outcome = code, "discord_oauth: a login ended: {code}");
            let run = done.run.map(|id| id.to_string());
            let mut pairs = vec![("discord", code)];
            pairs.extend(run.as_deref().map(|id| ("sync_id", id)));
            let session = done
                .session
                .and_then(|token| cookies::set_session(config, &token));
            (redirect::with_query(&page(&config.landing_path), &pairs), session)
        }
        Err(failed) => {
            let code = failed.reason.code();
            OAUTH_LOGINS.inc(&[code]);
            let cause = if failed.cause.is_empty() {
                failed.reason.sentence()
            } else {
                &failed.cause
            };
            if failed.reason == Reason::AccessDenied {
                tracing::info!(outcome = code, "discord_oauth: a login ended: {code}");
            } else {
                tracing::warn!(outcome = code, "discord_oauth: a login failed: {code}: {cause}");
            }
            let pairs = [("discord", code), ("message", failed.reason.sentence())];
            (redirect::with_query(&page(&config.error_path), &pairs), None)
        }
    };
    // A target was checked when the login began, so it is always a header's value.
    let location = HeaderValue::try_from(location).unwrap_or_else(|_| HeaderValue::from_static("/"));
    let mut response = (StatusCode::FOUND, [(LOCATION, location)], Json(())).into_response();
    if let Some(cookie) = session {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::cookies::tests::config;
    use super::*;
    use crate::web::access_tests::served_with;
    use crate::web::callers_tests::Rules;

    fn location(response: &Response) -> &str {
        response.headers()[LOCATION].to_str().unwrap()
    }

    #[tokio::test]
    async fn a_login_of_a_banned_user_ends_with_its_own_code_and_an_unknown_one_lets_nobody_in() {
        for (any, user, ended) in [
            ("false", "eve", Err("banned")),
            ("false", "down", Err("store_unavailable")),
            ("false", "ada", Ok(())),
            ("true", "eve", Ok(())),
        ] {
            let settings = [("GO_FALCON_COMPAT_ANY_JWT", any)];
            let served = served_with(&settings, |app| app.permissions = Arc::new(Rules)).await;
            let told = refuse_banned(&served.app, &user.into()).await;
            assert_eq!(told.map_err(|failed| failed.reason.code()), ended, "{user}");
        }
    }

    #[test]
    fn a_failure_goes_to_the_error_page_with_its_code_and_no_cookie() {
        let config = config("https://go.eveonline.it/discord/auth/callback");
        let failed = Failed::because(Reason::CodeRefused, "s3cr3t words of the log");
        let response = answer(&config, None, Err(failed));
        assert_eq!(response.status(), StatusCode::FOUND);
        let start = "https://react.eveonline.it/user/characters?discord=code_refused&message=Discord%20does";
        assert!(location(&response).starts_with(start), "{}", location(&response));
        assert!(!location(&response).contains("s3cr3t"));
        assert!(response.headers().get(SET_COOKIE).is_none());
    }

    #[test]
    fn a_success_goes_where_the_login_was_to_end() {
        let config = config("https://go.eveonline.it/discord/auth/callback");
        let run = RunId(uuid::Uuid::nil());
        let done = |session: Option<&str>| Done {
            change: Change::Linked,
            run: Some(run),
            session: session.map(Into::into),
        };
        let target = Some("https://react.eveonline.it/x?y=z".to_owned());
        let response = answer(&config, target, Ok(done(None)));
        let expected = format!("https://react.eveonline.it/x?y=z&discord=linked&sync_id={run}");
        assert_eq!(location(&response), expected);
        assert!(response.headers().get(SET_COOKIE).is_none());
        let response = answer(&config, None, Ok(done(Some("j.w.t"))));
        assert!(location(&response).contains("?discord=signed_in&"));
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
        assert!(cookie.starts_with("falcon_auth_token=j.w.t; "));
    }
}
