//! The page on which a user lets an application act for it. Whoever looks picks the user to be.

use std::fmt::Write as _;

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use crate::Simulator;
use crate::tokens::Code;
use crate::world::World;

/// Users offered in the list; any other id can be typed.
const USERS_OFFERED: usize = 200;

/// What Discord sends when the user cancels.
const DENIED: &str = "The resource owner or authorization server denied the request";

/// A login that may go on.
struct Login {
    app: u64,
    scopes: Vec<String>,
    redirect_uri: String,
    state: Option<String>,
    challenge: Option<String>,
}

impl Login {
    /// Checks the query. An error is shown here and never sent back to the application, whose address cannot be
    /// trusted then.
    fn read(simulator: &Simulator, query: &str) -> Result<Self, &'static str> {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let get = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
        };
        let client_id = get("client_id").ok_or("client_id is missing")?;
        let config = simulator.config();
        let app = simulator.with(|state| {
            let named = client_id
                .parse()
                .ok()
                .filter(|id| state.world.apps.contains_key(id));
            named.or_else(|| (client_id == config.client_id).then_some(state.world.main_app))
        });
        let redirect_uri = get("redirect_uri").or_else(|| config.redirect_uris.first().cloned());
        let redirect_uri = redirect_uri.ok_or("redirect_uri is missing")?;
        if !config.redirect_uris.is_empty() && !config.redirect_uris.contains(&redirect_uri) {
            return Err("redirect_uri is not registered");
        }
        if get("response_type").is_some_and(|kind| kind != "code") {
            return Err("only response_type=code is served");
        }
        if get("code_challenge").is_some() && get("code_challenge_method").as_deref() != Some("S256") {
            return Err("code_challenge_method must be S256");
        }
        let scopes: Vec<String> = get("scope")
            .unwrap_or_default()
            .split_whitespace()
            .map(Into::into)
            .collect();
        if scopes.is_empty() {
            return Err("scope is missing");
        }
        Ok(Self {
            app: app.ok_or("client_id is unknown")?,
            scopes,
            redirect_uri,
            state: get("state"),
            challenge: get("code_challenge"),
        })
    }

    /// The application's address with the outcome in its query.
    fn back(&self, outcome: &[(&str, &str)]) -> Response {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(outcome);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        let joint = if self.redirect_uri.contains('?') { '&' } else { '?' };
        let location = format!("{}{joint}{}", self.redirect_uri, query.finish());
        (StatusCode::FOUND, [(header::LOCATION, location)]).into_response()
    }
}

pub(crate) async fn show(State(simulator): State<Simulator>, RawQuery(query): RawQuery) -> Response {
    match Login::read(&simulator, &query.unwrap_or_default()) {
        Ok(login) => Html(simulator.with(|state| page(&state.world, &login))).into_response(),
        Err(reason) => refused(reason),
    }
}

/// The form of the page: `user_id`, and `decision` `authorize` or `cancel`.
pub(crate) async fn decide(
    State(simulator): State<Simulator>,
    RawQuery(query): RawQuery,
    body: String,
) -> Response {
    let login = match Login::read(&simulator, &query.unwrap_or_default()) {
        Ok(login) => login,
        Err(reason) => return refused(reason),
    };
    let form: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    // A typed id wins over the one in the list.
    let get = |name: &str| form.iter().find(|(key, value)| key == name && !value.is_empty());
    if get("decision").is_none_or(|(_, decision)| decision != "authorize") {
        return login.back(&[("error", "access_denied"), ("error_description", DENIED)]);
    }
    let user = get("typed_id")
        .or_else(|| get("user_id"))
        .and_then(|(_, id)| id.trim().parse::<u64>().ok());
    let expires_ms = simulator.now_ms() + simulator.config().code_life_s * 1_000;
    let code = simulator.with(|state| {
        let World {
            users, tokens, rng, ..
        } = &mut state.world;
        let user = user.filter(|user| users.get(user).is_some_and(|user| !user.bot))?;
        let code = Code {
            user,
            app: login.app,
            scopes: login.scopes.clone(),
            redirect_uri: login.redirect_uri.clone(),
            challenge: login.challenge.clone(),
            expires_ms,
        };
        Some(tokens.add_code(code, rng))
    });
    code.map_or_else(
        || refused("there is no such user"),
        |code| login.back(&[("code", &code)]),
    )
}

fn refused(reason: &str) -> Response {
    let page = format!(
        "<!doctype html><title>Error</title><h1>Invalid request</h1><p>{}</p>",
        escaped(reason)
    );
    (StatusCode::BAD_REQUEST, Html(page)).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn page(world: &World, login: &Login) -> String {
    let app = world
        .users
        .get(&login.app)
        .map_or("Application", |bot| &*bot.name);
    let mut page = format!(
        concat!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Authorize {app}</title>",
            "<style>body{{font:16px system-ui;background:#313338;color:#eee;display:grid;place-items:center;",
            "min-height:100vh;margin:0}}main{{background:#2b2d31;padding:2rem;border-radius:8px;width:24rem}}",
            "select,input,button{{font:inherit;width:100%;padding:.5rem;margin:.3rem 0;box-sizing:border-box}}",
            "</style><main><h1>{app}</h1><p>wants to: <b>{scopes}</b></p><form method=\"post\">",
            "<label>You are<select name=\"user_id\">"
        ),
        app = escaped(app),
        scopes = escaped(&login.scopes.join(", ")),
    );
    for (id, user) in world
        .users
        .iter()
        .filter(|(_, user)| !user.bot)
        .take(USERS_OFFERED)
    {
        // Writing to a String cannot fail.
        let _ = write!(page, "<option value=\"{id}\">{}</option>", escaped(&user.name));
    }
    page.push_str(concat!(
        "</select></label><label>or the user with the id<input name=\"typed_id\" inputmode=\"numeric\"></label>",
        "<button name=\"decision\" value=\"authorize\">Authorize</button>",
        "<button name=\"decision\" value=\"cancel\">Cancel</button></form></main></html>"
    ));
    page
}
