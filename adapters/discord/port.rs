//! The port, call by call.

use std::collections::BTreeSet;

use async_trait::async_trait;
use rolecall_core::account::Profile;
use rolecall_core::guild::{Account, GuildInfo, Member};
use rolecall_core::ids::{ChannelId, DiscordId, GuildId, RoleId};
use rolecall_core::ports::{
    Application, Authorization, BotToken, CallError, CallOptions, Discord, ExchangeError, Joined,
    OAuthClient, RefreshError, Refusals, TokenPair,
};
use secrecy::SecretString;

use super::DiscordClient;

#[async_trait]
impl Discord for DiscordClient {
    async fn refusals(&self) -> Option<Refusals> {
        self.limiter.budget().await.refusals()
    }

    async fn me(&self, token: &BotToken, options: &CallOptions) -> Result<Account, CallError> {
        self.get_me(token, options).await
    }

    async fn application(&self, token: &BotToken, options: &CallOptions) -> Result<Application, CallError> {
        self.get_application(token, options).await
    }

    async fn guild(
        &self,
        token: &BotToken,
        guild: GuildId,
        options: &CallOptions,
    ) -> Result<GuildInfo, CallError> {
        self.get_guild(token, guild, options).await
    }

    async fn member(
        &self,
        token: &BotToken,
        guild: GuildId,
        user: DiscordId,
        options: &CallOptions,
    ) -> Result<Member, CallError> {
        self.get_member(token, guild, user, options).await
    }

    async fn members(
        &self,
        token: &BotToken,
        guild: GuildId,
        after: Option<DiscordId>,
        options: &CallOptions,
    ) -> Result<Vec<Member>, CallError> {
        self.get_members(token, guild, after, options).await
    }

    async fn add_role(
        &self,
        token: &BotToken,
        guild: GuildId,
        user: DiscordId,
        role: RoleId,
        options: &CallOptions,
    ) -> Result<(), CallError> {
        self.put_role(token, (guild, user, role), options).await
    }

    async fn remove_role(
        &self,
        token: &BotToken,
        guild: GuildId,
        user: DiscordId,
        role: RoleId,
        options: &CallOptions,
    ) -> Result<(), CallError> {
        self.delete_role(token, (guild, user, role), options).await
    }

    async fn set_roles(
        &self,
        token: &BotToken,
        guild: GuildId,
        user: DiscordId,
        roles: &BTreeSet<RoleId>,
        options: &CallOptions,
    ) -> Result<(), CallError> {
        self.patch_roles(token, (guild, user), roles, options).await
    }

    async fn join(
        &self,
        token: &BotToken,
        guild: GuildId,
        user: DiscordId,
        access: &SecretString,
        roles: &BTreeSet<RoleId>,
        options: &CallOptions,
    ) -> Result<Joined, CallError> {
        self.put_member(token, (guild, user), access, roles, options)
            .await
    }

    async fn refresh(
        &self,
        client: &OAuthClient,
        refresh: &SecretString,
        options: &CallOptions,
    ) -> Result<TokenPair, RefreshError> {
        self.post_refresh(client, refresh, options).await
    }

    async fn exchange(
        &self,
        client: &OAuthClient,
        code: &SecretString,
        redirect_uri: &str,
        verifier: &SecretString,
        options: &CallOptions,
    ) -> Result<TokenPair, ExchangeError> {
        self.post_code(client, (code, redirect_uri, verifier), options)
            .await
    }

    async fn profile(
        &self,
        access: &SecretString,
        guilds: bool,
        options: &CallOptions,
    ) -> Result<(DiscordId, Profile), CallError> {
        self.get_profile(access, guilds, options).await
    }

    async fn authorization(
        &self,
        access: &SecretString,
        options: &CallOptions,
    ) -> Result<Authorization, CallError> {
        self.get_authorization(access, options).await
    }

    async fn revoke(
        &self,
        client: &OAuthClient,
        token: &SecretString,
        options: &CallOptions,
    ) -> Result<(), CallError> {
        self.post_revoke(client, token, options).await
    }

    async fn post_message(
        &self,
        token: &BotToken,
        channel: ChannelId,
        content: &str,
        nonce: &str,
        options: &CallOptions,
    ) -> Result<(), CallError> {
        self.create_message(token, channel, (content, nonce), options)
            .await
    }
}
