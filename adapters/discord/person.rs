//! What a person's own token tells: who it is, its guilds, and whose token it is.

use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::Method;
use rolecall_core::Timestamp;
use rolecall_core::account::{Profile, ProfileGuild};
use rolecall_core::ids::{DiscordId, GuildId};
use rolecall_core::ports::{Authorization, CallError, CallOptions};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::DiscordClient;
use super::errors::unreadable;
use super::routes::{AUTHORIZATION, ME, MY_GUILDS};

#[derive(Deserialize)]
struct PersonBody {
    id: DiscordId,
    username: Option<String>,
    global_name: Option<String>,
    avatar: Option<String>,
}

#[derive(Deserialize)]
struct MyGuildBody {
    id: GuildId,
    name: Option<String>,
    #[serde(default)]
    permissions: Value,
}

impl From<MyGuildBody> for ProfileGuild {
    fn from(guild: MyGuildBody) -> Self {
        Self {
            id: guild.id,
            name: guild.name.unwrap_or_default(),
            permissions: match guild.permissions {
                Value::String(bits) => Some(bits),
                Value::Number(bits) => Some(bits.to_string()),
                _ => None,
            },
        }
    }
}

#[derive(Deserialize)]
struct AuthorizationBody {
    application: ApplicationBody,
    #[serde(default)]
    scopes: Option<Vec<String>>,
    #[serde(default)]
    expires: Option<String>,
}

#[derive(Deserialize)]
struct ApplicationBody {
    id: Value,
}

impl DiscordClient {
    /// The person, and its guilds if they are asked for. A user can be in 200 guilds at most, which is one page.
    pub(super) async fn get_profile(
        &self,
        access: &SecretString,
        guilds: bool,
        options: &CallOptions,
    ) -> Result<(DiscordId, Profile), CallError> {
        let request = self.request(Method::GET, "/users/@me");
        let person: PersonBody = self
            .call_as_person(ME, access, options, request)
            .await?
            .read(ME)?;
        let guilds = if guilds {
            let request = self.request(Method::GET, "/users/@me/guilds");
            let reply = self.call_as_person(MY_GUILDS, access, options, request).await?;
            // Discord's own document types this as an array or null.
            reply
                .read::<Option<Vec<MyGuildBody>>>(MY_GUILDS)?
                .unwrap_or_default()
        } else {
            Vec::new()
        };
        let profile = Profile {
            username: person.username.unwrap_or_default(),
            global_name: person.global_name.filter(|name| !name.is_empty()),
            avatar: person.avatar.filter(|hash| !hash.is_empty()),
            scopes: Vec::new(),
            guilds: guilds.into_iter().map(ProfileGuild::from).collect(),
        };
        Ok((person.id, profile))
    }

    /// Whose token it is, what it may do, and for how long.
    pub(super) async fn get_authorization(
        &self,
        access: &SecretString,
        options: &CallOptions,
    ) -> Result<Authorization, CallError> {
        let request = self.request(Method::GET, "/oauth2/@me");
        let body: AuthorizationBody = self
            .call_as_person(AUTHORIZATION, access, options, request)
            .await?
            .read(AUTHORIZATION)?;
        let application_id = match body.application.id {
            Value::String(id) if !id.is_empty() => id,
            Value::Number(id) => id.to_string(),
            _ => {
                let detail = "the application has no id";
                return Err(unreadable(AUTHORIZATION.template, Some(200), detail));
            }
        };
        Ok(Authorization {
            application_id,
            scopes: body.scopes.unwrap_or_default(),
            expires_in: body
                .expires
                .as_deref()
                .and_then(Timestamp::from_rfc3339)
                .map_or(0, |end| end.millis_since(now()) / 1_000),
        })
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(0) + since
}
