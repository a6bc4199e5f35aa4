//! The command lines of go-falcon's documentation, run as they are written there by a shell and curl. Only host, token
//! and the ids that nobody could know beforehand are put in.

use std::process::Command;

use serde_json::Value;

use crate::support::seeded::{GUILD, Seeded};

/// Each line with the statuses that are right, and a field of the answer that it is written for. A sync that somebody
/// waits for may outlast the wait on a slow machine: 202.
const LINES: [(&str, &[u16], &str); 21] = [
    (
        r#"curl "http://localhost:3000/api/discord/auth/login""#,
        &[200],
        "/auth_url",
    ),
    (
        r#"curl -X POST /api/discord/guilds \
  -H "Content-Type: application/json" \
  -H "Authorization: Bearer your-jwt-token" \
  -d '{
    "guild_id": "123456789012345678",
    "guild_name": "My Discord Server",
    "is_enabled": true
  }'"#,
        &[200],
        "/is_enabled",
    ),
    (
        r#"curl -X POST /api/discord/guilds \
  -H "Content-Type: application/json" \
  -H "Cookie: falcon_auth_token=your-cookie-token" \
  -d '{
    "guild_id": "123456789012345678", 
    "guild_name": "My Discord Server",
    "is_enabled": true
  }'"#,
        &[200],
        "/is_enabled",
    ),
    (
        r#"curl -X POST /api/discord/guilds/123456789012345678/role-mappings \
  -H "Content-Type: application/json" \
  -H "Authorization: Bearer your-jwt-token" \
  -d '{
    "group_id": "go-falcon-group-id",
    "discord_role_id": "987654321098765432",
    "discord_role_name": "EVE Pilot",
    "is_active": true
  }'"#,
        &[200],
        "/id",
    ),
    (
        r#"curl /api/discord/guilds/123456789012345678/role-mappings \
  -H "Authorization: Bearer your-jwt-token""#,
        &[200],
        "/mappings/0/group_name",
    ),
    (
        r#"curl /api/discord/guilds/123456789012345678/role-mappings \
  -H "Cookie: falcon_auth_token=your-cookie-token""#,
        &[200],
        "/mappings/0/id",
    ),
    (
        r#"curl -X POST /api/discord/sync/user/user-id-123 \
  -H "Authorization: Bearer your-jwt-token""#,
        &[200, 202],
        "/sync_results",
    ),
    (
        r#"curl /api/discord/sync/status \
  -H "Authorization: Bearer your-jwt-token""#,
        &[200],
        "/recent_errors",
    ),
    ("curl /api/discord/status", &[200], "/module"),
    (
        r#"curl /api/discord/guilds/guild-id \
  -H "Authorization: Bearer token""#,
        &[200],
        "/bot_user_id",
    ),
    (
        r#"curl /api/discord/user/profile \
  -H "Authorization: Bearer token""#,
        &[200],
        "/discord_user_id",
    ),
    (
        r#"curl /api/discord/guilds/guild-id \
  -H "Authorization: Bearer token""#,
        &[200],
        "/guild_name",
    ),
    (
        r#"curl /api/discord/role-mappings?guild_id=guild-id \
  -H "Authorization: Bearer token""#,
        &[200],
        "/role_mappings/0/discord_role_name",
    ),
    (
        r#"curl /api/discord/sync/status \
  -H "Authorization: Bearer token""#,
        &[200],
        "/sync_in_progress",
    ),
    (
        r#"curl -X POST /api/discord/sync/user/user-id \
  -H "Authorization: Bearer token""#,
        &[200, 202],
        "/user_id",
    ),
    (
        r#"curl "https://go.eveonline.it/api/discord/auth/login""#,
        &[200],
        "/auth_url",
    ),
    (
        r#"curl -H "Authorization: Bearer token" \
  "https://go.eveonline.it/api/discord/guilds""#,
        &[200],
        "/guilds/0/guild_id",
    ),
    (
        r#"curl -H "Authorization: Bearer token" \
  "https://go.eveonline.it/api/discord/guilds/{guild_id}""#,
        &[200],
        "/guild_id",
    ),
    (
        r#"curl -H "Authorization: Bearer token" \
  "https://go.eveonline.it/api/discord/guilds/{guild_id}/role-mappings""#,
        &[200],
        "/total",
    ),
    (
        r#"curl -X POST -H "Authorization: Bearer token" \
  "https://go.eveonline.it/api/discord/sync/user/{user_id}""#,
        &[200, 202],
        "/sync_id",
    ),
    // Not in the documentation: the first one again, by somebody without a token.
    (
        r#"curl -X POST /api/discord/sync/user/user-id-123"#,
        &[401],
        "/errors/0/message",
    ),
];

/// The line with this host, token and these ids.
fn filled(line: &str, seeded: &Seeded) -> String {
    let guild = GUILD.to_string();
    let mut line = line
        .replace("http://localhost:3000/", "/")
        .replace("https://go.eveonline.it/", "/")
        .replace("/api/discord", &format!("{}/api/discord", seeded.api.base));
    for (written, here) in [
        ("your-jwt-token", seeded.token.as_str()),
        ("your-cookie-token", &seeded.token),
        ("Bearer token", &format!("Bearer {}", seeded.token)),
        ("go-falcon-group-id", &seeded.group),
        ("{guild_id}", &guild),
        ("{user_id}", "user-id"),
        ("guilds/guild-id", &format!("guilds/{guild}")),
        ("=guild-id", &format!("={guild}")),
    ] {
        line = line.replace(written, here);
    }
    line
}

/// To a shell: `curl` shows the status of the answer on a line of its own after the body.
pub(crate) const CURL: &str = r#"curl() { command curl -sS -m 60 -w '\n%{http_code}' "$@"; }"#;

/// Status and body of the answer that [`CURL`] showed, or wrote of to standard error.
#[track_caller]
pub(crate) fn answered(out: &str, told: &str) -> (u16, String) {
    let (body, status) = out
        .rsplit_once('\n')
        .unwrap_or_else(|| panic!("curl, which `make test` installs, did not answer: {told}"));
    (
        status.parse().unwrap_or_else(|_| panic!("{out} {told}")),
        body.to_owned(),
    )
}

/// Runs the line; status and body of the answer.
fn run(line: &str) -> (u16, String) {
    let script = format!("{CURL}\n{line}");
    let ended = Command::new("bash")
        .args(["-c", &script])
        .output()
        .expect("bash, which the tests need");
    answered(
        &String::from_utf8_lossy(&ended.stdout),
        &String::from_utf8_lossy(&ended.stderr),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_lines_of_the_documentation_run_as_they_are_written() {
    let seeded = Seeded::start(&[]).await;
    for (line, right, field) in LINES {
        let line = filled(line, &seeded);
        let asked = line.clone();
        let (status, body) = tokio::task::spawn_blocking(move || run(&asked)).await.unwrap();
        assert!(right.contains(&status), "{line}\n{status}: {body}");
        let body: Value = serde_json::from_str(&body).unwrap_or_else(|e| panic!("{line}\n{e}: {body}"));
        let found = body.pointer(field).unwrap_or(&Value::Null);
        assert!(!found.is_null(), "{line}\nno {field} in {body:#}");
    }
}
