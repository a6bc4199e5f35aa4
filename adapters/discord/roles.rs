//! Writing a member's roles: one by one, or the whole set.

use std::collections::BTreeSet;

use reqwest::Method;
use reqwest::header::CONTENT_LENGTH;
use rolecall_core::ids::{DiscordId, GuildId, RoleId};
use rolecall_core::ports::{BotToken, CallError, CallOptions};
use serde_json::json;

use super::DiscordClient;
use super::client::with_reason;
use super::routes::{ADD_ROLE, EDIT_MEMBER, REMOVE_ROLE, RouteSpec};

impl DiscordClient {
    /// PUT or DELETE of one role.
    pub(super) async fn write_role(
        &self,
        (method, spec): (Method, RouteSpec),
        token: &BotToken,
        (guild, user, role): (GuildId, DiscordId, RoleId),
        options: &CallOptions,
    ) -> Result<(), CallError> {
        let path = format!("/guilds/{guild}/members/{user}/roles/{role}");
        let mut request = with_reason(self.request(method.clone(), &path), options);
        if method == Method::PUT {
            // Without a length a PUT is refused by what stands before Discord (411; RFC 9110, section 8.6).
            request = request.header(CONTENT_LENGTH, 0);
        }
        self.call(spec, Some(guild), token, options, request)
            .await?
            .done(spec)
    }

    pub(super) async fn put_role(
        &self,
        token: &BotToken,
        ids: (GuildId, DiscordId, RoleId),
        options: &CallOptions,
    ) -> Result<(), CallError> {
        self.write_role((Method::PUT, ADD_ROLE), token, ids, options)
            .await
    }

    pub(super) async fn delete_role(
        &self,
        token: &BotToken,
        ids: (GuildId, DiscordId, RoleId),
        options: &CallOptions,
    ) -> Result<(), CallError> {
        self.write_role((Method::DELETE, REMOVE_ROLE), token, ids, options)
            .await
    }

    pub(super) async fn patch_roles(
        &self,
        token: &BotToken,
        (guild, user): (GuildId, DiscordId),
        roles: &BTreeSet<RoleId>,
        options: &CallOptions,
    ) -> Result<(), CallError> {
        let request = self.request(Method::PATCH, &format!("/guilds/{guild}/members/{user}"));
        let request = with_reason(request, options).json(&json!({ "roles": roles }));
        self.call(EDIT_MEMBER, Some(guild), token, options, request)
            .await?
            .done(EDIT_MEMBER)
    }
}
