//! Discord's JSON errors. The status of most codes is not documented; it is the one that was reported in public
//! where there is a report, else the obvious one.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

/// An answer `{code, message, errors?}`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: u32,
    pub(crate) message: Cow<'static, str>,
    pub(crate) errors: Option<Value>,
}

const fn error(status: u16, code: u32, message: &'static str) -> ApiError {
    ApiError {
        status,
        code,
        message: Cow::Borrowed(message),
        errors: None,
    }
}

pub(crate) const UNAUTHORIZED: ApiError = error(401, 0, "401: Unauthorized");
pub(crate) const NO_SUCH_ROUTE: ApiError = error(404, 0, "404: Not Found");
pub(crate) const WRONG_METHOD: ApiError = error(405, 0, "405: Method Not Allowed");
pub(crate) const UNKNOWN_CHANNEL: ApiError = error(404, 10003, "Unknown Channel");
pub(crate) const UNKNOWN_GUILD: ApiError = error(404, 10004, "Unknown Guild");
pub(crate) const UNKNOWN_MEMBER: ApiError = error(404, 10007, "Unknown Member");
pub(crate) const UNKNOWN_ROLE: ApiError = error(404, 10011, "Unknown Role");
pub(crate) const UNKNOWN_USER: ApiError = error(404, 10013, "Unknown User");
pub(crate) const USERS_ONLY: ApiError = error(403, 20001, "Bots cannot use this endpoint");
pub(crate) const GUILD_CAP: ApiError = error(400, 30001, "Maximum number of guilds reached (100)");
pub(crate) const USER_BANNED: ApiError = error(403, 40007, "The user is banned from this guild.");
pub(crate) const BAD_USER_AGENT: ApiError = error(
    403,
    40333,
    "Cloudflare is blocking your request. This can often be resolved by setting a proper User Agent",
);
pub(crate) const MISSING_ACCESS: ApiError = error(403, 50001, "Missing Access");
pub(crate) const EMPTY_MESSAGE: ApiError = error(400, 50006, "Cannot send an empty message");
pub(crate) const MISSING_PERMISSIONS: ApiError = error(403, 50013, "Missing Permissions");
pub(crate) const BAD_ACCESS_TOKEN: ApiError = error(403, 50025, "Invalid OAuth2 access token");
pub(crate) const MISSING_SCOPE: ApiError = error(403, 50026, "Missing required OAuth2 scope");
pub(crate) const BAD_JSON: ApiError = error(400, 50109, "The request body contains invalid JSON.");
pub(crate) const UNVERIFIED_USER: ApiError = error(403, 50178, "The user account must first be verified");
pub(crate) const TWO_FACTOR: ApiError = error(403, 60003, "Two factor is required for this operation");
pub(crate) const JOIN_BLOCKED: ApiError = error(
    403,
    340015,
    "This user is not able to join new servers at this time",
);

impl ApiError {
    /// 400, code 50035, with the tree of one field's error. The leaf's code is text, unlike the outer one.
    pub(crate) fn field(name: &str, code: &str, message: &str) -> Self {
        let mut errors = Map::new();
        errors.insert(
            name.to_owned(),
            json!({ "_errors": [{ "code": code, "message": message }] }),
        );
        Self {
            status: 400,
            code: 50035,
            message: Cow::Borrowed("Invalid Form Body"),
            errors: Some(Value::Object(errors)),
        }
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = json!({ "message": self.message, "code": self.code });
        if let (Some(errors), Some(fields)) = (&self.errors, body.as_object_mut()) {
            fields.insert("errors".into(), errors.clone());
        }
        body.to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_field_is_50035_with_a_tree() {
        let body: Value =
            serde_json::from_slice(&ApiError::field("limit", "NUMBER_TYPE_MAX", "too much").body()).unwrap();
        assert_eq!(body["code"], 50035);
        assert_eq!(body["errors"]["limit"]["_errors"][0]["code"], "NUMBER_TYPE_MAX");
    }
}
