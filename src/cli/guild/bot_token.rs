//! Takes a bot token from standard input or an environment variable, and refuses what is none.

use std::io::{IsTerminal, Read};
use std::process::{Command, Stdio};

use rolecall_core::ports::BotToken;
use secrecy::SecretString;

use crate::cli::{CliError, output};

/// More than any token has.
const LONGEST: usize = 4_096;

/// Reads the token.
pub(super) fn read(variable: Option<&str>) -> Result<BotToken, CliError> {
    match variable {
        Some(name) => match std::env::var(name) {
            Ok(text) => tidy(&text),
            Err(_) => Err(CliError::bad_input(format!(
                "the environment variable {name} that --bot-token-env names is not set"
            ))),
        },
        None => tidy(&from_input()?),
    }
}

fn from_input() -> Result<String, CliError> {
    let stdin = std::io::stdin();
    let cannot = |e: std::io::Error| CliError::failed(format!("standard input cannot be read: {e}"));
    let mut text = String::new();
    if stdin.is_terminal() {
        output::note("Paste the bot token and press Enter (it is not shown):");
        let _hidden = Hidden::new();
        stdin.read_line(&mut text).map_err(cannot)?;
    } else {
        let limit = u64::try_from(LONGEST + 1).unwrap_or(u64::MAX);
        stdin
            .lock()
            .take(limit)
            .read_to_string(&mut text)
            .map_err(cannot)?;
    }
    Ok(text)
}

/// While it lives, the terminal does not show what is typed. Where there is no `stty`, it does.
struct Hidden;

impl Hidden {
    fn new() -> Self {
        stty("-echo");
        Self
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        stty("echo");
    }
}

fn stty(setting: &str) {
    // Without it the token is shown while it is pasted, which is no reason to stop.
    let _ = Command::new("stty")
        .arg(setting)
        .stdin(Stdio::inherit())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// The token alone. Nothing of it is ever repeated in an error.
fn tidy(text: &str) -> Result<BotToken, CliError> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let token = match text.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("bot ") => text[4..].trim(),
        _ => text.trim(),
    };
    let refused = |why: &str| {
        Err(CliError::bad_input(why)
            .hint("Discord's developer portal shows the token once, on the page Bot, after Reset Token."))
    };
    if token.is_empty() {
        return refused("the bot token is empty");
    }
    if token.contains("***") || token.contains('•') {
        return refused("this is a masked token (****), not the token itself");
    }
    if token.len() > LONGEST || !token.chars().all(|c| c.is_ascii_graphic()) {
        return refused(
            "this is no bot token: it holds spaces, line breaks or other characters that no token has",
        );
    }
    Ok(SecretString::from(token.to_owned()))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_token_is_trimmed_and_loses_its_scheme() {
        for text in [
            "abc.def-g_h",
            "  abc.def-g_h\r\n",
            "Bot abc.def-g_h",
            "bot  abc.def-g_h\n",
            "\u{feff}abc.def-g_h",
        ] {
            assert_eq!(tidy(text).unwrap().expose_secret(), "abc.def-g_h", "{text:?}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_repeated() {
        for text in [
            "",
            " \n",
            "Bot ",
            "****",
            "abc***",
            "••••",
            "one two",
            "one\ntwo",
            "s3crét",
        ] {
            let error = tidy(text).unwrap_err();
            assert_eq!(error.exit, crate::cli::Exit::BadInput, "{text:?}");
            assert!(!error.message.contains("s3cr") && !error.message.contains("two"));
        }
        assert!(tidy(&"x".repeat(5_000)).is_err());
    }
}
