//! The parts of Discord's JSON that rolecall reads, and nothing else.
//!
//! Tolerant where that is harmless: ids and bit sets as text or number, `null` for what may be missing, unknown fields
//! ignored. Strict where a guess could do harm: a member without an id is no member.

use rolecall_core::Timestamp;
use rolecall_core::guild::{Account, Member, Role, RoleLooks};
use rolecall_core::ids::{DiscordId, GuildId, RoleId, Snowflake};
use rolecall_core::ports::Application;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// `null` stands for the default.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(d: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

/// A whole number, also as text. `null` is 0.
fn whole<'de, D: Deserializer<'de>>(d: D) -> Result<i64, D::Error> {
    match Value::deserialize(d)? {
        Value::Null => Some(0),
        Value::Number(n) => n.as_i64(),
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    }
    .ok_or_else(|| D::Error::custom("no whole number"))
}

/// A color, or none: an odd one is no reason to read no guild.
fn color<'de, D: Deserializer<'de>>(d: D) -> Result<u32, D::Error> {
    Ok(whole(Value::deserialize(d)?)
        .ok()
        .and_then(|n| u32::try_from(n).ok())
        .unwrap_or_default())
}

/// A moment, or none: members are read without it, too.
fn moment<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(Value::deserialize(d)?.as_str().and_then(Timestamp::from_rfc3339))
}

/// An id, or nothing if it is none.
fn optional_id<'de, D: Deserializer<'de>, M>(d: D) -> Result<Option<Snowflake<M>>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(d)?).ok())
}

/// A bit set as text or number. What is neither counts as no permission; bits beyond the 64th are none that we know.
fn bit_set<'de, D: Deserializer<'de>>(d: D) -> Result<u64, D::Error> {
    Ok(match Value::deserialize(d)? {
        Value::Number(n) => n.as_u64(),
        Value::String(s) => low_bits(s.trim()),
        _ => None,
    }
    .unwrap_or(0))
}

/// The lowest 64 bits of a decimal number of any length.
fn low_bits(digits: &str) -> Option<u64> {
    let add = |n: u64, byte: u8| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        Some(n.wrapping_mul(10).wrapping_add(digit))
    };
    (!digits.is_empty()).then(|| digits.bytes().try_fold(0, add))?
}

#[derive(Deserialize)]
pub(super) struct UserBody {
    id: DiscordId,
    #[serde(default, deserialize_with = "nullable")]
    username: String,
    #[serde(default)]
    bot: Option<bool>,
}

impl UserBody {
    /// Who came in with a bot's token. Discord may leave out whether it is one; nobody else comes in with that.
    pub(super) fn of_bot_token(self) -> Account {
        Account {
            id: self.id,
            username: self.username,
            bot: self.bot.unwrap_or(true),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct ApplicationBody {
    id: DiscordId,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default)]
    redirect_uris: Option<Vec<String>>,
}

impl From<ApplicationBody> for Application {
    fn from(body: ApplicationBody) -> Self {
        Self {
            id: body.id.to_string(),
            name: body.name,
            redirect_uris: body.redirect_uris,
        }
    }
}

/// What a member's `user` is read for; the rest would cost memory for each of 1,000.
#[derive(Deserialize)]
pub(super) struct MemberUser {
    id: DiscordId,
    #[serde(default, deserialize_with = "nullable")]
    bot: bool,
}

#[derive(Deserialize)]
pub(super) struct MemberBody {
    user: MemberUser,
    #[serde(default, deserialize_with = "nullable")]
    roles: Vec<RoleId>,
    #[serde(default, deserialize_with = "moment")]
    joined_at: Option<Timestamp>,
}

impl MemberBody {
    /// The member, without the role that everybody has.
    pub(super) fn of(self, guild: GuildId) -> Member {
        let mut roles = self.roles;
        roles.retain(|role| *role != guild.everyone());
        roles.shrink_to_fit();
        Member {
            id: self.user.id,
            bot: self.user.bot,
            roles,
            joined_at: self.joined_at,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct RoleBody {
    id: RoleId,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default, deserialize_with = "whole")]
    position: i64,
    #[serde(default, deserialize_with = "nullable")]
    managed: bool,
    #[serde(default, deserialize_with = "bit_set")]
    permissions: u64,
    #[serde(default, deserialize_with = "color")]
    color: u32,
    #[serde(default, deserialize_with = "nullable")]
    hoist: bool,
    #[serde(default, deserialize_with = "nullable")]
    mentionable: bool,
}

impl From<RoleBody> for Role {
    fn from(role: RoleBody) -> Self {
        Self {
            id: role.id,
            name: role.name,
            position: role.position,
            managed: role.managed,
            permissions: role.permissions,
            looks: RoleLooks {
                color: role.color,
                hoist: role.hoist,
                mentionable: role.mentionable,
            },
        }
    }
}

#[derive(Deserialize)]
pub(super) struct GuildBody {
    pub(super) id: GuildId,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) name: String,
    #[serde(default = "none", deserialize_with = "optional_id")]
    pub(super) owner_id: Option<DiscordId>,
    #[serde(default)]
    pub(super) roles: Option<Vec<RoleBody>>,
}

const fn none() -> Option<DiscordId> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_read_with_numbers_and_nulls_and_without_everyone() {
        let guild = GuildId::new(5).unwrap();
        let body =
            r#"{"user":{"id":175928847299117063,"bot":null,"x":[{}]},"roles":["5",7,"8"],"nick":null}"#;
        let member = serde_json::from_str::<MemberBody>(body).unwrap().of(guild);
        assert_eq!(member.id.get(), 175_928_847_299_117_063);
        assert_eq!(member.roles.iter().map(|r| r.get()).collect::<Vec<_>>(), [7, 8]);
        let body = r#"{"user":{"id":"9"},"roles":null}"#;
        assert!(
            serde_json::from_str::<MemberBody>(body)
                .unwrap()
                .of(guild)
                .roles
                .is_empty()
        );
    }

    #[test]
    fn when_a_member_joined_is_read_where_it_is_a_moment() {
        let joined = |at: &str| {
            let body = format!(r#"{{"user":{{"id":"9"}},"joined_at":{at}}}"#);
            let guild = GuildId::new(5).unwrap();
            serde_json::from_str::<MemberBody>(&body)
                .unwrap()
                .of(guild)
                .joined_at
        };
        let at = Timestamp(1_430_066_417_213);
        assert_eq!(joined(r#""2015-04-26T16:40:17.213000+00:00""#), Some(at));
        for odd in ["null", r#""?""#, "7", "{}"] {
            assert_eq!(joined(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_member_without_an_account_is_unreadable() {
        assert!(serde_json::from_str::<MemberBody>(r#"{"roles":[]}"#).is_err());
        assert!(serde_json::from_str::<MemberBody>(r#"{"user":{"id":null}}"#).is_err());
    }

    #[test]
    fn a_guild_is_read_without_owner_and_roles() {
        let guild: GuildBody = serde_json::from_str(r#"{"id":"5","name":null,"owner_id":""}"#).unwrap();
        assert!(guild.owner_id.is_none() && guild.roles.is_none());
        let roles = r#"{"id":5,"roles":[{"id":"6","permissions":268435456},{"id":7,"permissions":"8"}]}"#;
        let roles = serde_json::from_str::<GuildBody>(roles).unwrap().roles.unwrap();
        assert_eq!(
            roles.iter().map(|r| r.permissions).collect::<Vec<_>>(),
            [268_435_456, 8]
        );
        assert!(!roles[0].managed);
        let role = r#"{"id":6,"color":15844367,"hoist":true,"mentionable":null}"#;
        let role = Role::from(serde_json::from_str::<RoleBody>(role).unwrap());
        assert_eq!(
            (role.looks.color, role.looks.hoist, role.looks.mentionable),
            (15_844_367, true, false)
        );
    }

    #[test]
    fn numbers_of_a_role_are_read_as_text_too() {
        let role = r#"{"id":6,"position":"12","color":"15844367","permissions":"36893488147419103240"}"#;
        let role = Role::from(serde_json::from_str::<RoleBody>(role).unwrap());
        assert_eq!((role.position, role.looks.color), (12, 15_844_367));
        assert_eq!(
            role.permissions, 8,
            "bits beyond those that we know do not hide them"
        );
        assert!(serde_json::from_str::<RoleBody>(r#"{"id":6,"position":"top"}"#).is_err());
    }
}
