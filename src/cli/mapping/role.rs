//! Asks Discord whether a role can be mapped.

use rolecall_core::RoleId;
use rolecall_core::guild::GuildConfig;

use crate::app::App;
use crate::cli::reach::{self, Blind, Seen};
use crate::cli::{CliError, output};

/// The role's name; empty if Discord could not be asked. A role that the bot cannot move is refused.
pub(super) async fn check(app: &App, guild: &GuildConfig, role: RoleId) -> Result<String, CliError> {
    match reach::look_at_stored(&app.services, guild).await {
        Ok(seen) => judge(&seen, role),
        Err(Blind::Unreachable(sentence)) => {
            output::warn(&format!(
                "{sentence}; the mapping is stored without a check of the role"
            ));
            Ok(String::new())
        }
        Err(Blind::Refused { sentence, remedy }) => Err(CliError::failed(format!(
            "the role cannot be checked, as {sentence}; nothing was stored"
        ))
        .hint(format!(
            "{remedy} Or add --no-check to store the mapping without asking Discord."
        ))),
    }
}

fn judge(seen: &Seen, role: RoleId) -> Result<String, CliError> {
    let name = seen.role_name(role).unwrap_or_default().to_owned();
    let Some(obstacle) = seen.obstacle(role) else {
        return Ok(name);
    };
    let sentence = format!(
        "the bot cannot give or take role {role}: {} ({}); nothing was stored",
        obstacle.as_str(),
        seen.positions(role)
    );
    Err(CliError::failed(sentence).hint(obstacle.remedy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(id: u64) -> RoleId {
        RoleId::new(id).unwrap()
    }

    #[test]
    fn a_role_below_the_bot_is_taken_and_any_other_refused_with_a_remedy() {
        let seen = reach::tests::seen();
        assert_eq!(judge(&seen, role(2)).unwrap(), "Pilot");
        for (id, why) in [
            (1, "role_is_everyone"),
            (4, "role_above_bot"),
            (5, "role_managed"),
            (6, "role_missing"),
        ] {
            let error = judge(&seen, role(id)).unwrap_err();
            assert!(error.message.contains(why), "{}", error.message);
            assert!(error.hint.is_some());
        }
        let above = judge(&seen, role(4)).unwrap_err().message;
        assert!(
            above.contains("position 9") && above.contains("position 5"),
            "{above}"
        );
    }
}
