//! Reading a guild, and whose a token is.

use reqwest::Method;
use rolecall_core::guild::{Account, GuildInfo, Role};
use rolecall_core::ids::GuildId;
use rolecall_core::ports::{Application, BotToken, CallError, CallOptions};

use super::DiscordClient;
use super::errors::unreadable;
use super::model::{ApplicationBody, GuildBody, RoleBody, UserBody};
use super::routes::{APPLICATION, GUILD, GUILD_ROLES, ME};

impl DiscordClient {
    pub(super) async fn get_me(&self, token: &BotToken, options: &CallOptions) -> Result<Account, CallError> {
        let request = self.request(Method::GET, "/users/@me");
        let user: UserBody = self.call(ME, None, token, options, request).await?.read(ME)?;
        Ok(user.of_bot_token())
    }

    pub(super) async fn get_application(
        &self,
        token: &BotToken,
        options: &CallOptions,
    ) -> Result<Application, CallError> {
        let request = self.request(Method::GET, "/applications/@me");
        let found = self.call(APPLICATION, None, token, options, request).await?;
        Ok(found.read::<ApplicationBody>(APPLICATION)?.into())
    }

    pub(super) async fn get_guild(
        &self,
        token: &BotToken,
        guild: GuildId,
        options: &CallOptions,
    ) -> Result<GuildInfo, CallError> {
        let request = self.request(Method::GET, &format!("/guilds/{guild}"));
        let body: GuildBody = self
            .call(GUILD, Some(guild), token, options, request)
            .await?
            .read(GUILD)?;
        if body.id != guild {
            return Err(unreadable(GUILD.template, Some(200), "it is another guild"));
        }
        let roles = match body.roles {
            Some(roles) if !roles.is_empty() => roles,
            // Every guild has @everyone, so no role at all means that this answer left them out.
            _ => self.get_roles(token, guild, options).await?,
        };
        Ok(GuildInfo {
            id: body.id,
            name: body.name,
            owner_id: body.owner_id,
            roles: roles.into_iter().map(Role::from).collect(),
        })
    }

    async fn get_roles(
        &self,
        token: &BotToken,
        guild: GuildId,
        options: &CallOptions,
    ) -> Result<Vec<RoleBody>, CallError> {
        let request = self.request(Method::GET, &format!("/guilds/{guild}/roles"));
        self.call(GUILD_ROLES, Some(guild), token, options, request)
            .await?
            .read(GUILD_ROLES)
    }
}
