//! What the calls do. One file a subject; here is what they share.

mod guilds;
mod member_add;
mod member_edit;
mod member_roles;
mod members;
mod messages;
mod oauth;
mod users;

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

use crate::config::{NotInGuild, SimulatorConfig};
use crate::errors::{ApiError, BAD_JSON, MISSING_ACCESS, UNAUTHORIZED, UNKNOWN_GUILD};
use crate::faults::{FaultKind, Strikes};
use crate::guild::{Change, Guild};
use crate::routes::{Operation, Params};
use crate::tokens::Issue;
use crate::traffic::{Effect, Refusal, Subject};
use crate::world::World;

/// Who calls.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Caller {
    Bot(u64),
    User {
        user: u64,
        app: u64,
        scopes: Vec<String>,
        expires_ms: u64,
    },
    Nobody,
}

impl Caller {
    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Bot(bot) => Subject::Bot(*bot),
            Self::User { user, app, .. } => Subject::Grant(*user, *app),
            Self::Nobody => Subject::Address,
        }
    }

    pub(crate) fn bot(&self) -> Option<u64> {
        if let Self::Bot(bot) = self {
            Some(*bot)
        } else {
            None
        }
    }
}

/// A call that passed authentication and limits.
pub(crate) struct Request<'a> {
    pub(crate) operation: Operation,
    pub(crate) params: Params,
    pub(crate) query: &'a [(String, String)],
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
    pub(crate) caller: &'a Caller,
    pub(crate) config: &'a SimulatorConfig,
    pub(crate) strikes: &'a Strikes,
    /// Another write to the same member was under way when this one came.
    pub(crate) overlaps: bool,
    pub(crate) issue: Issue,
    pub(crate) now_ms: u64,
    pub(crate) unix_ms: u64,
}

/// Form of an answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Html,
    Empty,
}

/// An answer on its way out.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) form: Form,
    pub(crate) body: Vec<u8>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) effect: Option<Effect>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            form: Form::Json,
            body: body.into(),
            headers: Vec::new(),
            refusal: None,
            effect: None,
        }
    }

    pub(crate) fn value(status: u16, value: &Value) -> Self {
        Self::json(status, value.to_string())
    }

    pub(crate) fn empty() -> Self {
        Self {
            form: Form::Empty,
            ..Self::json(204, Vec::new())
        }
    }

    pub(crate) fn error(error: &ApiError) -> Self {
        Self::json(error.status, error.body())
    }

    pub(crate) fn with_effect(self, effect: Effect) -> Self {
        Self {
            effect: Some(effect),
            ..self
        }
    }
}

type Answer = Result<Reply, ApiError>;

/// Does the work of a call. Validation, existence and permission are judged here, in this order.
pub(crate) fn execute(world: &mut World, request: &Request<'_>) -> Reply {
    if let Some(name) = request.params.bad {
        let message = "Value is not snowflake.";
        return Reply::error(&ApiError::field(
            &format!("{name}_id"),
            "NUMBER_TYPE_COERCE",
            message,
        ));
    }
    let answer = match request.operation {
        Operation::CurrentUser => users::current_user(world, request),
        Operation::CurrentUserGuilds => users::current_user_guilds(world, request),
        Operation::CurrentUserGuildMember => users::current_user_guild_member(world, request),
        Operation::GetUser => users::get_user(world, request),
        Operation::CurrentApplication => users::current_application(world, request),
        Operation::GatewayBot => users::gateway_bot(),
        Operation::CurrentAuthorization => oauth::current_authorization(world, request),
        Operation::Token => Ok(oauth::token(world, request)),
        Operation::Revoke => Ok(oauth::revoke(world, request)),
        Operation::GetGuild => guilds::get_guild(world, request),
        Operation::ListRoles => guilds::list_roles(world, request),
        Operation::RoleMemberCounts => guilds::role_member_counts(world, request),
        Operation::GetRole => guilds::get_role(world, request),
        Operation::ListMembers => members::list(world, request),
        Operation::SearchMembers => members::search(world, request),
        Operation::GetMember => members::get(world, request),
        Operation::KickMember => members::kick(world, request),
        Operation::AddMember => member_add::add(world, request),
        Operation::EditMember => member_edit::edit(world, request),
        Operation::EditSelf => member_edit::edit_self(world, request),
        Operation::AddRole => member_roles::write(world, request, true),
        Operation::RemoveRole => member_roles::write(world, request, false),
        Operation::CreateMessage => messages::create(world, request),
    };
    answer.unwrap_or_else(|error| Reply::error(&error))
}

impl Request<'_> {
    /// The bot that calls.
    fn bot(&self) -> Result<u64, ApiError> {
        self.caller.bot().ok_or(UNAUTHORIZED)
    }

    /// The guild of the path, if the bot is in it.
    fn enter<'g>(&self, guilds: &'g mut BTreeMap<u64, Guild>) -> Result<&'g mut Guild, ApiError> {
        if self.strikes.has(&FaultKind::UnknownGuild) {
            return Err(UNKNOWN_GUILD);
        }
        let guild = guilds.get_mut(&self.params.guild).ok_or(UNKNOWN_GUILD)?;
        if guild.members.contains_key(&self.bot()?) {
            return Ok(guild);
        }
        Err(match self.config.not_in_guild {
            NotInGuild::MissingAccess => MISSING_ACCESS,
            NotInGuild::UnknownGuild => UNKNOWN_GUILD,
        })
    }

    fn change(&self, actor: u64) -> Change {
        Change {
            actor,
            by_api: true,
            now_ms: self.now_ms,
            read_delay_ms: self.config.read_delay_ms,
        }
    }

    /// Gives the member these roles, unless a fault or an overlapping write swallows the change.
    fn set_roles(&self, guild: &mut Guild, user: u64, roles: Vec<u64>, actor: u64) -> Effect {
        let lost = self.overlaps && self.config.lose_overlapping_writes;
        if lost || self.strikes.has(&FaultKind::Ignored) {
            let same = guild
                .members
                .get(&user)
                .is_some_and(|member| *member.roles == *roles);
            return Effect {
                changed: false,
                lost_updates: u64::from(lost && !same),
            };
        }
        Effect {
            changed: guild.set_roles(user, roles, self.change(actor)),
            lost_updates: 0,
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A whole number of the query, between two bounds.
    fn number(&self, name: &str, default: u64, bounds: (u64, u64)) -> Result<u64, ApiError> {
        let Some(text) = self.text(name) else {
            return Ok(default);
        };
        let number: u64 = text.parse().map_err(|_| {
            ApiError::field(
                name,
                "NUMBER_TYPE_COERCE",
                &format!("Value \"{text}\" is not int."),
            )
        })?;
        if number < bounds.0 {
            let message = format!("int value should be greater than or equal to {}.", bounds.0);
            return Err(ApiError::field(name, "NUMBER_TYPE_MIN", &message));
        }
        if number > bounds.1 {
            let message = format!("int value should be less than or equal to {}.", bounds.1);
            return Err(ApiError::field(name, "NUMBER_TYPE_MAX", &message));
        }
        Ok(number)
    }

    fn content_type(&self) -> &str {
        self.headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The JSON body as an object that has no other fields than those `known`.
    fn object(&self, known: &[&str]) -> Result<Map<String, Value>, ApiError> {
        if !self.content_type().starts_with("application/json") {
            let message = "Expected \"Content-Type\" header to be one of {'application/json'}.";
            return Err(ApiError::field("content_type", "CONTENT_TYPE_INVALID", message));
        }
        let object: Map<String, Value> = serde_json::from_slice(self.body).map_err(|_| BAD_JSON)?;
        let unknown = object
            .keys()
            .find(|key| self.config.strict_bodies && !known.contains(&key.as_str()));
        if let Some(unknown) = unknown {
            return Err(ApiError::field(
                unknown,
                "UNKNOWN_FIELD",
                "This field does not exist.",
            ));
        }
        Ok(object)
    }
}

/// The field `roles` as ids. Absent is `None`; null, or null inside, is refused.
fn role_ids(object: &Map<String, Value>) -> Result<Option<Vec<u64>>, ApiError> {
    let Some(value) = object.get("roles") else {
        return Ok(None);
    };
    let bad = || {
        ApiError::field(
            "roles",
            "LIST_TYPE_CONVERT",
            "Only iterables of snowflakes may be used in a ListType",
        )
    };
    let ids = value.as_array().ok_or_else(bad)?.iter().map(|id| match id {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    });
    let mut ids = ids.collect::<Option<Vec<u64>>>().ok_or_else(bad)?;
    ids.sort_unstable();
    ids.dedup();
    Ok(Some(ids))
}

/// The field `nick`: absent, taken away, or a name with its blanks put in order as Discord does.
fn nickname(object: &Map<String, Value>) -> Result<Option<Option<String>>, ApiError> {
    match object.get("nick") {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(Value::String(text)) => {
            let tidy = text.split_whitespace().collect::<Vec<_>>().join(" ");
            if tidy.chars().count() > 32 {
                let message = "Must be 32 or fewer in length.";
                return Err(ApiError::field("nick", "BASE_TYPE_MAX_LENGTH", message));
            }
            Ok(Some((!tidy.is_empty()).then_some(tidy)))
        }
        Some(_) => Err(ApiError::field(
            "nick",
            "STRING_TYPE_CONVERT",
            "Could not interpret as string.",
        )),
    }
}
