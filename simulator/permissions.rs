//! Permission bits (Discord's documentation, "Permissions").

pub const CREATE_INSTANT_INVITE: u64 = 1;
pub const KICK_MEMBERS: u64 = 1 << 1;
pub const BAN_MEMBERS: u64 = 1 << 2;
pub const ADMINISTRATOR: u64 = 1 << 3;
pub const MANAGE_CHANNELS: u64 = 1 << 4;
pub const MANAGE_GUILD: u64 = 1 << 5;
pub const VIEW_AUDIT_LOG: u64 = 1 << 7;
pub const VIEW_CHANNEL: u64 = 1 << 10;
pub const SEND_MESSAGES: u64 = 1 << 11;
pub const MANAGE_MESSAGES: u64 = 1 << 13;
pub const EMBED_LINKS: u64 = 1 << 14;
pub const READ_MESSAGE_HISTORY: u64 = 1 << 16;
pub const CHANGE_NICKNAME: u64 = 1 << 26;
pub const MANAGE_NICKNAMES: u64 = 1 << 27;
pub const MANAGE_ROLES: u64 = 1 << 28;
pub const MANAGE_WEBHOOKS: u64 = 1 << 29;
pub const MANAGE_GUILD_EXPRESSIONS: u64 = 1 << 30;
pub const MANAGE_THREADS: u64 = 1 << 34;
pub const MODERATE_MEMBERS: u64 = 1 << 40;
pub const VIEW_CREATOR_MONETIZATION: u64 = 1 << 41;

/// Everything; what the owner and administrators have.
pub const ALL: u64 = (1 << 53) - 1;

/// What a bot is installed with unless the world says otherwise: roles, joins, nicknames, notifications and
/// the audit log (402672769).
pub const BOT_DEFAULT: u64 = CREATE_INSTANT_INVITE
    | VIEW_AUDIT_LOG
    | VIEW_CHANNEL
    | SEND_MESSAGES
    | EMBED_LINKS
    | MANAGE_NICKNAMES
    | MANAGE_ROLES;

/// What @everyone may do in a new guild.
pub const EVERYONE_DEFAULT: u64 = CREATE_INSTANT_INVITE
    | VIEW_CHANNEL
    | SEND_MESSAGES
    | EMBED_LINKS
    | READ_MESSAGE_HISTORY
    | CHANGE_NICKNAME;

/// Permissions that work in a guild with `mfa_level` 1 only if the owner of the application has two-factor
/// authentication; without it Discord computes them as absent.
pub const ELEVATED: u64 = KICK_MEMBERS
    | BAN_MEMBERS
    | ADMINISTRATOR
    | MANAGE_CHANNELS
    | MANAGE_GUILD
    | MANAGE_MESSAGES
    | MANAGE_ROLES
    | MANAGE_WEBHOOKS
    | MANAGE_GUILD_EXPRESSIONS
    | MANAGE_THREADS
    | VIEW_CREATOR_MONETIZATION;

/// What is left to a member who is timed out.
pub const TIMED_OUT: u64 = VIEW_CHANNEL | READ_MESSAGE_HISTORY;
