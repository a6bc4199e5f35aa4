//! `rolecall completions`: what a shell needs to complete commands.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{Cli, CliError, print_text};

/// Prints the completions of a shell
///
/// Example: rolecall completions bash > ~/.local/share/bash-completion/completions/rolecall
#[derive(Debug, Clone, PartialEq, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}

/// Prints them.
///
/// # Errors
/// If standard output is closed.
pub fn run(args: &CompletionsArgs) -> Result<(), CliError> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "rolecall", &mut script);
    print_text(&String::from_utf8_lossy(&script))
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_is_told_of_every_command() {
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            generate(*shell, &mut Cli::command(), "rolecall", &mut script);
            let script = String::from_utf8(script).unwrap();
            for command in Cli::command().get_subcommands() {
                assert!(
                    script.contains(command.get_name()),
                    "{shell}: {}",
                    command.get_name()
                );
            }
        }
    }
}
