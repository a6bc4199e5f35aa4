//! Everything that exists: applications with their bots, users, guilds, channels and tokens.

use std::collections::{BTreeMap, HashMap, VecDeque};

use fastrand::Rng;
use serde::Deserialize;

use crate::config::SimulatorConfig;
use crate::guild::Guild;
use crate::ids::IdSource;
use crate::tokens::Tokens;

/// Messages kept in a channel.
const MESSAGES_KEPT: usize = 1_000;

/// An application. Its bot has the same id.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) secret: String,
    pub(crate) bot_token: Option<String>,
    /// The owner has two-factor authentication.
    pub(crate) owner_has_2fa: bool,
    /// The GUILD_MEMBERS intent is switched on in the portal.
    pub(crate) members_intent: bool,
}

/// What stands in the way of a user who wants to join a guild.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinTrouble {
    #[default]
    None,
    /// The account must first be verified (code 50178).
    Unverified,
    /// Discord lets the user join no server at present (code 340015).
    Blocked,
}

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: Box<str>,
    pub(crate) bot: bool,
    pub(crate) trouble: JoinTrouble,
}

impl User {
    /// The unique name: lower case, without blanks.
    pub(crate) fn username(&self) -> String {
        self.name.to_lowercase().replace(char::is_whitespace, "_")
    }
}

/// A message of a notification channel.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: u64,
    pub(crate) author: u64,
    pub(crate) content: String,
    pub(crate) nonce: Option<String>,
    /// Whom it pinged, as it is written: `@everyone`, `<@1>`, `<@&2>`.
    pub(crate) pings: Vec<String>,
    pub(crate) sent_ms: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Channel {
    pub(crate) guild: u64,
    pub(crate) messages: VecDeque<Message>,
}

impl Channel {
    pub(crate) fn add(&mut self, message: Message) {
        if self.messages.len() == MESSAGES_KEPT {
            self.messages.pop_front();
        }
        self.messages.push_back(message);
    }
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) ids: IdSource,
    pub(crate) rng: Rng,
    /// The application that users log in to.
    pub(crate) main_app: u64,
    pub(crate) apps: BTreeMap<u64, App>,
    pub(crate) bots_by_token: HashMap<String, u64>,
    pub(crate) users: BTreeMap<u64, User>,
    pub(crate) guilds: BTreeMap<u64, Guild>,
    pub(crate) channels: BTreeMap<u64, Channel>,
    pub(crate) tokens: Tokens,
}

impl World {
    pub(crate) fn new(config: &SimulatorConfig) -> Self {
        let mut ids = IdSource::default();
        let main_app = config.client_id.parse().unwrap_or_else(|_| ids.next());
        let app = App {
            secret: config.client_secret.clone(),
            bot_token: None,
            owner_has_2fa: true,
            members_intent: true,
        };
        Self {
            ids,
            rng: Rng::with_seed(config.seed),
            main_app,
            apps: BTreeMap::from([(main_app, app)]),
            bots_by_token: HashMap::new(),
            users: BTreeMap::new(),
            guilds: BTreeMap::new(),
            channels: BTreeMap::new(),
            tokens: Tokens::default(),
        }
    }

    /// The bot with this token; a new one if there is none. The first belongs to the main application, every
    /// other one to an application of its own with the same secret.
    pub(crate) fn bot(&mut self, token: &str) -> u64 {
        if let Some(id) = self.bots_by_token.get(token) {
            return *id;
        }
        let main = self
            .apps
            .get_mut(&self.main_app)
            .filter(|app| app.bot_token.is_none());
        let id = match main {
            Some(app) => {
                app.bot_token = Some(token.to_owned());
                self.main_app
            }
            None => {
                let id = self.ids.next();
                let secret = self
                    .apps
                    .get(&self.main_app)
                    .map(|app| app.secret.clone())
                    .unwrap_or_default();
                let bot_token = Some(token.to_owned());
                self.apps.insert(
                    id,
                    App {
                        secret,
                        bot_token,
                        owner_has_2fa: true,
                        members_intent: true,
                    },
                );
                id
            }
        };
        let name = format!("bot {}", self.bots_by_token.len() + 1).into();
        self.users.insert(
            id,
            User {
                name,
                bot: true,
                trouble: JoinTrouble::None,
            },
        );
        self.bots_by_token.insert(token.to_owned(), id);
        id
    }

    pub(crate) fn add_user(&mut self, name: &str) -> u64 {
        let id = self.ids.next();
        self.users.insert(
            id,
            User {
                name: name.into(),
                bot: false,
                trouble: JoinTrouble::None,
            },
        );
        id
    }

    /// Makes sure that a user with this id exists.
    pub(crate) fn ensure_user(&mut self, id: u64) {
        self.users.entry(id).or_insert_with(|| User {
            name: format!("user {id}").into(),
            bot: false,
            trouble: JoinTrouble::None,
        });
    }

    /// Makes or renames the user with this id.
    pub(crate) fn name_user(&mut self, id: u64, name: &str) {
        self.ensure_user(id);
        if let Some(user) = self.users.get_mut(&id) {
            user.name = name.into();
        }
    }

    pub(crate) fn has_2fa(&self, bot: u64) -> bool {
        self.apps.get(&bot).is_some_and(|app| app.owner_has_2fa)
    }

    /// Guilds that a user is in.
    pub(crate) fn guilds_of(&self, user: u64) -> impl Iterator<Item = &Guild> {
        self.guilds
            .values()
            .filter(move |guild| guild.members.contains_key(&user))
    }
}
