//! The calls that rolecall makes, and whose budgets they use.
//!
//! Buckets are named as others observed them; once Discord's headers tell more, the limiter follows those.

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteSpec {
    /// Method and template, for people and metrics.
    pub template: &'static str,
    /// Routes with the same name share a budget.
    pub bucket: &'static str,
}

/// `GET /users/@me`. Has no budget of its own at Discord.
pub const ME: RouteSpec = RouteSpec {
    template: "GET /users/@me",
    bucket: "me",
};
/// `GET /applications/@me`. Has no budget of its own at Discord.
pub const APPLICATION: RouteSpec = RouteSpec {
    template: "GET /applications/@me",
    bucket: "application",
};
/// `GET /guilds/{guild}`. Has no budget of its own at Discord.
pub const GUILD: RouteSpec = RouteSpec {
    template: "GET /guilds/{guild}",
    bucket: "guild",
};
/// `GET /guilds/{guild}/roles`. Has no budget of its own at Discord.
pub const GUILD_ROLES: RouteSpec = RouteSpec {
    template: "GET /guilds/{guild}/roles",
    bucket: "guild-roles",
};
/// `GET /guilds/{guild}/members/{user}`.
pub const MEMBER: RouteSpec = RouteSpec {
    template: "GET /guilds/{guild}/members/{user}",
    bucket: "member-get",
};
/// `GET /guilds/{guild}/members`.
pub const MEMBERS: RouteSpec = RouteSpec {
    template: "GET /guilds/{guild}/members",
    bucket: "member-list",
};
/// `PUT /guilds/{guild}/members/{user}/roles/{role}`. Shares its budget with [`REMOVE_ROLE`].
pub const ADD_ROLE: RouteSpec = RouteSpec {
    template: "PUT /guilds/{guild}/members/{user}/roles/{role}",
    bucket: "role-write",
};
/// `DELETE /guilds/{guild}/members/{user}/roles/{role}`. Shares its budget with [`ADD_ROLE`].
pub const REMOVE_ROLE: RouteSpec = RouteSpec {
    template: "DELETE /guilds/{guild}/members/{user}/roles/{role}",
    bucket: "role-write",
};
/// `PATCH /guilds/{guild}/members/{user}`.
pub const EDIT_MEMBER: RouteSpec = RouteSpec {
    template: "PATCH /guilds/{guild}/members/{user}",
    bucket: "member-edit",
};
/// `PUT /guilds/{guild}/members/{user}`.
pub const ADD_MEMBER: RouteSpec = RouteSpec {
    template: "PUT /guilds/{guild}/members/{user}",
    bucket: "member-add",
};
/// `POST /oauth2/token`. Limited by address, without headers.
pub const TOKEN: RouteSpec = RouteSpec {
    template: "POST /oauth2/token",
    bucket: "oauth-token",
};
/// `POST /oauth2/token/revoke`. Limited as [`TOKEN`] is.
pub const REVOKE: RouteSpec = RouteSpec {
    template: "POST /oauth2/token/revoke",
    bucket: "oauth-token",
};
/// `GET /oauth2/@me`.
pub const AUTHORIZATION: RouteSpec = RouteSpec {
    template: "GET /oauth2/@me",
    bucket: "oauth-me",
};
/// `GET /users/@me/guilds`.
pub const MY_GUILDS: RouteSpec = RouteSpec {
    template: "GET /users/@me/guilds",
    bucket: "my-guilds",
};
/// `POST /channels/{channel}/messages`.
pub const POST_MESSAGE: RouteSpec = RouteSpec {
    template: "POST /channels/{channel}/messages",
    bucket: "message-post",
};
