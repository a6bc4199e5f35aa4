//! The routes of the API, and how a path finds its own.

/// What a route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    CurrentUser,
    CurrentUserGuilds,
    CurrentUserGuildMember,
    GetUser,
    CurrentAuthorization,
    CurrentApplication,
    GatewayBot,
    GetGuild,
    ListRoles,
    RoleMemberCounts,
    GetRole,
    ListMembers,
    SearchMembers,
    EditSelf,
    GetMember,
    AddMember,
    EditMember,
    KickMember,
    AddRole,
    RemoveRole,
    CreateMessage,
    Token,
    Revoke,
}

/// Whose credentials a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Bot,
    User,
    BotOrUser,
    /// The route looks at the client's own credentials.
    Client,
}

#[derive(Debug)]
pub(crate) struct Route {
    /// Method and template, as in counters and faults.
    pub(crate) name: &'static str,
    pub(crate) operation: Operation,
    pub(crate) access: Access,
}

impl Route {
    pub(crate) fn method(&self) -> &'static str {
        self.name.split_once(' ').map_or("", |(method, _)| method)
    }

    pub(crate) fn template(&self) -> &'static str {
        self.name.split_once(' ').map_or("", |(_, template)| template)
    }

    /// Whether it changes one member, so that two at once on the same member are a race.
    pub(crate) fn writes_member(&self) -> bool {
        use Operation::{AddMember, AddRole, EditMember, KickMember, RemoveRole};
        matches!(
            self.operation,
            AddMember | AddRole | EditMember | KickMember | RemoveRole
        )
    }
}

const fn route(name: &'static str, operation: Operation, access: Access) -> Route {
    Route {
        name,
        operation,
        access,
    }
}

/// Fixed segments stand before parameters, because the first match wins.
pub(crate) static ROUTES: &[Route] = &[
    route("GET /users/@me", Operation::CurrentUser, Access::BotOrUser),
    route(
        "GET /users/@me/guilds",
        Operation::CurrentUserGuilds,
        Access::BotOrUser,
    ),
    route(
        "GET /users/@me/guilds/{guild}/member",
        Operation::CurrentUserGuildMember,
        Access::User,
    ),
    route("GET /users/{user}", Operation::GetUser, Access::Bot),
    route("GET /oauth2/@me", Operation::CurrentAuthorization, Access::User),
    route(
        "GET /applications/@me",
        Operation::CurrentApplication,
        Access::Bot,
    ),
    route("GET /gateway/bot", Operation::GatewayBot, Access::Bot),
    route("GET /guilds/{guild}", Operation::GetGuild, Access::Bot),
    route("GET /guilds/{guild}/roles", Operation::ListRoles, Access::Bot),
    route(
        "GET /guilds/{guild}/roles/member-counts",
        Operation::RoleMemberCounts,
        Access::Bot,
    ),
    route(
        "GET /guilds/{guild}/roles/{role}",
        Operation::GetRole,
        Access::Bot,
    ),
    route("GET /guilds/{guild}/members", Operation::ListMembers, Access::Bot),
    route(
        "GET /guilds/{guild}/members/search",
        Operation::SearchMembers,
        Access::Bot,
    ),
    route(
        "PATCH /guilds/{guild}/members/@me",
        Operation::EditSelf,
        Access::Bot,
    ),
    route(
        "GET /guilds/{guild}/members/{user}",
        Operation::GetMember,
        Access::Bot,
    ),
    route(
        "PUT /guilds/{guild}/members/{user}",
        Operation::AddMember,
        Access::Bot,
    ),
    route(
        "PATCH /guilds/{guild}/members/{user}",
        Operation::EditMember,
        Access::Bot,
    ),
    route(
        "DELETE /guilds/{guild}/members/{user}",
        Operation::KickMember,
        Access::Bot,
    ),
    route(
        "PUT /guilds/{guild}/members/{user}/roles/{role}",
        Operation::AddRole,
        Access::Bot,
    ),
    route(
        "DELETE /guilds/{guild}/members/{user}/roles/{role}",
        Operation::RemoveRole,
        Access::Bot,
    ),
    route(
        "POST /channels/{channel}/messages",
        Operation::CreateMessage,
        Access::Bot,
    ),
    route("POST /oauth2/token", Operation::Token, Access::Client),
    route("POST /oauth2/token/revoke", Operation::Revoke, Access::Client),
];

/// The ids of a path. A route reads only those that its template names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Params {
    pub(crate) guild: u64,
    pub(crate) user: u64,
    pub(crate) role: u64,
    pub(crate) channel: u64,
    /// Name of a parameter that is no id.
    pub(crate) bad: Option<&'static str>,
}

/// Result of looking for a path.
#[derive(Debug)]
pub(crate) enum Found {
    Route(&'static Route, Params),
    WrongMethod,
    Nothing,
}

/// Finds the route of `path`, which has lost its `/api/v10`.
pub(crate) fn find(method: &str, path: &str) -> Found {
    let mut found = Found::Nothing;
    for route in ROUTES {
        if let Some(params) = match_template(route.template(), path) {
            if route.method() == method {
                return Found::Route(route, params);
            }
            found = Found::WrongMethod;
        }
    }
    found
}

fn match_template(template: &'static str, path: &str) -> Option<Params> {
    let mut params = Params::default();
    let mut segments = path.split('/');
    for expected in template.split('/') {
        let actual = segments.next()?;
        let Some(name) = expected.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
            if expected != actual {
                return None;
            }
            continue;
        };
        let id = actual.parse().unwrap_or_else(|_| {
            params.bad = Some(name);
            0
        });
        match name {
            "guild" => params.guild = id,
            "user" => params.user = id,
            "role" => params.role = id,
            _ => params.channel = id,
        }
    }
    segments.next().is_none().then_some(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(method: &str, path: &str) -> Option<(Operation, Params)> {
        match find(method, path) {
            Found::Route(route, params) => Some((route.operation, params)),
            _ => None,
        }
    }

    #[test]
    fn a_path_finds_its_route_and_its_ids() {
        let (operation, params) = operation("PUT", "/guilds/1/members/2/roles/3").unwrap();
        assert_eq!(operation, Operation::AddRole);
        assert_eq!(
            params,
            Params {
                guild: 1,
                user: 2,
                role: 3,
                ..Params::default()
            }
        );
    }

    #[test]
    fn fixed_words_win_over_parameters() {
        assert_eq!(
            operation("GET", "/guilds/1/members/search").unwrap().0,
            Operation::SearchMembers
        );
        assert_eq!(
            operation("PATCH", "/guilds/1/members/@me").unwrap().0,
            Operation::EditSelf
        );
        assert_eq!(
            operation("GET", "/guilds/1/roles/member-counts").unwrap().0,
            Operation::RoleMemberCounts
        );
    }

    #[test]
    fn a_known_path_with_another_method_is_not_an_unknown_path() {
        assert!(matches!(find("DELETE", "/guilds/1"), Found::WrongMethod));
        assert!(matches!(find("GET", "/guild/1"), Found::Nothing));
    }

    #[test]
    fn a_word_in_place_of_an_id_is_remembered() {
        assert_eq!(operation("GET", "/guilds/abc").unwrap().1.bad, Some("guild"));
    }
}
