//! The control API under `/simulator`: build a world, change it by hand, watch it. Its calls are neither counted
//! nor limited. Ids are text in all answers; text or numbers in requests.

mod guilds;
mod watch;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post, put};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Simulator;
use crate::ids::{self, Id};
use crate::world::JoinTrouble;

/// Why a control call failed.
pub(crate) struct Refused(StatusCode, &'static str);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

type Answer = Result<Json<Value>, Refused>;

const NO_GUILD: Refused = Refused(StatusCode::NOT_FOUND, "there is no such guild");
const NO_MEMBER: Refused = Refused(StatusCode::NOT_FOUND, "there is no such member");
const NO_USER: Refused = Refused(StatusCode::NOT_FOUND, "there is no such user");
const NO_ROLE: Refused = Refused(StatusCode::NOT_FOUND, "there is no such role");
const NO_FAULT: Refused = Refused(StatusCode::NOT_FOUND, "there is no such fault");
const NO_BOT: Refused = Refused(StatusCode::NOT_FOUND, "there is no such bot");

pub(crate) fn routes() -> Router<Simulator> {
    Router::new()
        .route("/bots", get(list_bots).post(add_bot))
        .route("/bots/{bot}", patch(change_bot))
        .route("/users", post(add_users))
        .route("/users/{user}", patch(change_user))
        .route("/users/{user}/tokens", post(grant_token).delete(deauthorize))
        .route("/small-world", post(small_world))
        .route("/guilds", get(guilds::list).post(guilds::add))
        .route("/guilds/{guild}", get(guilds::show).patch(guilds::change))
        .route(
            "/guilds/{guild}/members",
            get(guilds::members).post(guilds::add_members),
        )
        .route(
            "/guilds/{guild}/members/{user}",
            put(guilds::set_roles).delete(guilds::remove_member),
        )
        .route(
            "/guilds/{guild}/bans/{user}",
            put(guilds::ban).delete(guilds::unban),
        )
        .route("/guilds/{guild}/bots", post(guilds::add_bot))
        .route("/guilds/{guild}/bots/{bot}", delete(guilds::kick_bot))
        .route("/guilds/{guild}/roles", post(guilds::add_role))
        .route(
            "/guilds/{guild}/roles/{role}",
            patch(guilds::move_role).delete(guilds::delete_role),
        )
        .route("/guilds/{guild}/touched-roles", get(guilds::touched_roles))
        .route("/channels/{channel}/messages", get(watch::messages))
        .route("/counters", get(watch::counters))
        .route("/counters/reset", post(watch::reset_counters))
        .route("/calls", get(watch::calls))
        .route("/limits", get(watch::limits))
        .route(
            "/faults",
            get(watch::faults)
                .post(watch::add_fault)
                .delete(watch::clear_faults),
        )
        .route("/faults/{fault}", delete(watch::remove_fault))
        .route("/clock", get(watch::clock))
        .route("/clock/advance", post(watch::advance))
}

fn done() -> Answer {
    Ok(Json(json!({})))
}

fn when(found: bool, refused: Refused) -> Answer {
    if found { done() } else { Err(refused) }
}

async fn list_bots(State(simulator): State<Simulator>) -> Json<Value> {
    let bots: Vec<Value> = simulator.with(|state| {
        let world = &state.world;
        let bots = world.bots_by_token.iter().map(|(token, id)| {
            let app = world.apps.get(id);
            json!({
                "id": Id(*id),
                "token": token,
                "owner_2fa": app.is_some_and(|app| app.owner_has_2fa),
                "members_intent": app.is_some_and(|app| app.members_intent),
            })
        });
        bots.collect()
    });
    Json(Value::Array(bots))
}

#[derive(Deserialize)]
struct NewBot {
    token: String,
    #[serde(flatten)]
    settings: BotSettings,
}

#[derive(Deserialize)]
struct BotSettings {
    owner_2fa: Option<bool>,
    members_intent: Option<bool>,
}

fn apply(simulator: &Simulator, bot: u64, settings: &BotSettings) {
    if let Some(on) = settings.owner_2fa {
        simulator.set_owner_2fa(bot, on);
    }
    if let Some(on) = settings.members_intent {
        simulator.set_members_intent(bot, on);
    }
}

async fn add_bot(State(simulator): State<Simulator>, Json(new): Json<NewBot>) -> Json<Value> {
    let id = simulator.add_bot(&new.token);
    apply(&simulator, id, &new.settings);
    let secret = simulator.with(|state| state.world.apps.get(&id).map(|app| app.secret.clone()));
    Json(json!({ "id": Id(id), "client_id": Id(id), "client_secret": secret }))
}

async fn change_bot(
    State(simulator): State<Simulator>,
    Path(bot): Path<u64>,
    Json(settings): Json<BotSettings>,
) -> Answer {
    apply(&simulator, bot, &settings);
    when(
        simulator.with(|state| state.world.apps.contains_key(&bot)),
        NO_BOT,
    )
}

#[derive(Deserialize)]
struct NewUsers {
    #[serde(default, with = "ids::option")]
    id: Option<u64>,
    name: String,
    /// More than one are numbered.
    count: Option<usize>,
}

async fn add_users(State(simulator): State<Simulator>, Json(new): Json<NewUsers>) -> Json<Value> {
    let users = match (new.id, new.count) {
        (Some(id), _) => {
            simulator.with(|state| state.world.name_user(id, &new.name));
            vec![id]
        }
        (None, Some(count)) => simulator.add_users(&new.name, count),
        (None, None) => vec![simulator.add_user(&new.name)],
    };
    Json(json!({ "user_ids": ids::texts(&users) }))
}

#[derive(Deserialize)]
struct UserSettings {
    join_trouble: JoinTrouble,
}

async fn change_user(
    State(simulator): State<Simulator>,
    Path(user): Path<u64>,
    Json(settings): Json<UserSettings>,
) -> Answer {
    simulator.set_join_trouble(user, settings.join_trouble);
    when(
        simulator.with(|state| state.world.users.contains_key(&user)),
        NO_USER,
    )
}

#[derive(Deserialize)]
struct Scopes {
    scopes: Vec<String>,
    /// The main application unless given.
    #[serde(default, with = "ids::option")]
    app: Option<u64>,
}

async fn grant_token(
    State(simulator): State<Simulator>,
    Path(user): Path<u64>,
    Json(wanted): Json<Scopes>,
) -> Answer {
    if !simulator.with(|state| state.world.users.contains_key(&user)) {
        return Err(NO_USER);
    }
    let scopes: Vec<&str> = wanted.scopes.iter().map(String::as_str).collect();
    let app = wanted
        .app
        .unwrap_or_else(|| simulator.with(|state| state.world.main_app));
    Ok(Json(json!(simulator.grant_token_for(app, user, &scopes))))
}

async fn deauthorize(State(simulator): State<Simulator>, Path(user): Path<u64>) -> Answer {
    simulator.deauthorize(user);
    done()
}

async fn small_world(State(simulator): State<Simulator>) -> Json<Value> {
    let world = simulator.seed_small_world();
    let named = |list: &[(String, u64)]| -> Vec<Value> {
        list.iter()
            .map(|(name, id)| json!({ "name": name, "id": Id(*id) }))
            .collect()
    };
    Json(json!({
        "bot_token": world.bot_token,
        "bot_id": Id(world.bot_id),
        "guild_id": Id(world.guild_id),
        "channel_id": Id(world.channel_id),
        "roles": named(&world.roles),
        "members": named(&world.members),
    }))
}
