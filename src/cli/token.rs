//! `rolecall token`: a JWT for the HTTP interface.

use std::time::Duration;

use clap::Args;
use rolecall_core::UserId;
use rolecall_core::audit::Act;
use serde_json::json;

use super::{CliError, Exit, Format, output, seams, values, view};
use crate::app::App;
use crate::config::parse_duration;
use crate::web::issue_token;

/// Longer than this, a token is a password that nobody can take back.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3_600);

/// Prints a token (JWT) for the HTTP interface
///
/// That it was made, for whom and until when is recorded. It is signed with JWT_SECRET (embedded: with the one made at the first start), and printed alone on standard
/// output. Whoever has it may do what the user may, until it ends: treat it as a password.
///
/// Example: curl -H "Authorization: Bearer $(rolecall token --user ops --admin --ttl 15m)"
/// http://localhost:8080/discord/sync/status
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The user of the application that the token stands for
    #[arg(long, value_name = "USER", value_parser = values::user_id)]
    pub user: UserId,
    /// Let it do what administrators may
    #[arg(long)]
    pub admin: bool,
    /// How long it is valid, such as 15m, 24h or 7d
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = ttl)]
    pub ttl: Duration,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

fn ttl(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Some(ttl) if ttl < Duration::from_secs(1) => Err("it has to be at least 1s".to_owned()),
        Some(ttl) if ttl > LONGEST => Err("it has to be at most a year (366d)".to_owned()),
        Some(ttl) => Ok(ttl),
        None => Err("it is no duration; write it like 15m, 24h or 7d".to_owned()),
    }
}

pub(super) async fn run(app: &App, args: &TokenArgs) -> Result<Exit, CliError> {
    let Some(secret) = &app.jwt_secret else {
        return Err(
            CliError::failed("JWT_SECRET is not set, so no token can be signed")
                .hint("Set it to the secret that `rolecall web` uses."),
        );
    };
    let ends = app.services.clock.now() + args.ttl;
    let act = Act::new("token.made", format!("user:{}", args.user))
        .after(&json!({ "admin": args.admin, "expires_at": ends.to_rfc3339() }));
    let made = async { Ok::<_, CliError>(issue_token(secret, &args.user, args.admin, args.ttl)) };
    let token = seams::audited(app, act, made).await?;
    if args.format.json {
        output::json(&json!({
            "token": token, "user_id": args.user, "admin": args.admin, "expires_at": ends.to_rfc3339(),
        }));
    } else {
        output::say(&token);
    }
    output::note(&format!("Valid until {} UTC.", view::moment(ends)));
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_within_a_year() {
        assert_eq!(ttl("24h"), Ok(Duration::from_secs(86_400)));
        for bad in ["0", "0s", "367d", "soon", "-1h"] {
            assert!(ttl(bad).is_err(), "{bad}");
        }
    }
}
