//! Asks before something that cannot be taken back.

use std::io::IsTerminal;

use super::{CliError, output};

/// Whether the person at the terminal wants this. `what`: such as `remove guild Corp`.
///
/// # Errors
/// If nobody can be asked.
pub(super) fn confirmed(what: &str) -> Result<bool, CliError> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(
            CliError::bad_input(format!("this would {what}, and nobody can be asked"))
                .hint("Add --yes to do it without being asked."),
        );
    }
    let mut first = what.chars();
    let upper: String = first
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(first)
        .collect();
    output::note(&format!("{upper}? Type yes to go on:"));
    let mut answer = String::new();
    stdin
        .read_line(&mut answer)
        .map_err(|e| CliError::failed(format!("standard input cannot be read: {e}")))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
