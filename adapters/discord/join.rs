//! Joining somebody to a guild.

use std::collections::BTreeSet;

use reqwest::Method;
use rolecall_core::ids::{DiscordId, GuildId, RoleId};
use rolecall_core::ports::{BotToken, CallError, CallOptions, Joined};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::DiscordClient;
use super::client::with_reason;
use super::errors::unreadable;
use super::routes::ADD_MEMBER;

impl DiscordClient {
    pub(super) async fn put_member(
        &self,
        token: &BotToken,
        (guild, user): (GuildId, DiscordId),
        access: &SecretString,
        roles: &BTreeSet<RoleId>,
        options: &CallOptions,
    ) -> Result<Joined, CallError> {
        let mut body = Map::new();
        body.insert("access_token".to_owned(), Value::from(access.expose_secret()));
        if !roles.is_empty() {
            // Roles need a further permission, even when there are none in the list.
            body.insert("roles".to_owned(), json!(roles));
        }
        let request = self.request(Method::PUT, &format!("/guilds/{guild}/members/{user}"));
        let request = with_reason(request, options).json(&body);
        let reply = self
            .call(ADD_MEMBER, Some(guild), token, options, request)
            .await?;
        match reply.status {
            201 if reply.json().is_some() => Ok(Joined::Now),
            204 => Ok(Joined::Already),
            status => Err(unreadable(
                ADD_MEMBER.template,
                Some(status),
                "expected 201 with a member, or 204",
            )),
        }
    }
}
