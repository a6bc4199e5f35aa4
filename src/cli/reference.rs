//! `docs/cli.md`: every command, written from what the command line itself knows.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory};

use super::{Cli, Exit};

/// The page.
pub fn reference() -> String {
    let mut page = String::from(
        "# Commands\n\n\
         Written by `rolecall cli-reference`; a test says when it is old. `rolecall help COMMAND` tells the same.\n\n\
         Commands print tables for people, as wide as the terminal (or `COLUMNS`); `--json` prints one JSON document \
         for scripts. Results go to standard output, everything else to standard error. Colours and marks are used on \
         a terminal only, and never where `NO_COLOR` is set. `rolecall completions SHELL` prints what a shell needs to \
         complete them.\n\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n",
    );
    for exit in Exit::ALL {
        line(&mut page, &format!("| {} | {} |", exit as u8, exit.meaning()));
    }
    let mut root = Cli::command().term_width(100);
    root.build();
    section(&mut page, &root, "");
    page
}

fn line(page: &mut String, text: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(page, "{text}");
}

fn section(page: &mut String, command: &Command, path: &str) {
    for child in command.get_subcommands().filter(|c| c.get_name() != "help") {
        let path = format!("{path} {}", child.get_name());
        let level = if path.matches(' ').count() == 1 {
            "##"
        } else {
            "###"
        };
        line(page, &format!("\n{level} rolecall{path}\n"));
        let about = child.get_long_about().or_else(|| child.get_about());
        line(
            page,
            &escaped(&about.map(ToString::to_string).unwrap_or_default()),
        );
        let arguments: Vec<&Arg> = child
            .get_arguments()
            .filter(|a| !a.is_hide_set() && !["help", "version"].contains(&a.get_id().as_str()))
            .collect();
        if !arguments.is_empty() {
            line(page, "");
        }
        for argument in arguments {
            line(page, &format!("* `{}` {}", name(argument), meaning(argument)));
        }
        section(page, child, &path);
    }
}

/// `--for <DURATION>`, `[QUERY]...`.
fn name(argument: &Arg) -> String {
    argument.to_string()
}

fn meaning(argument: &Arg) -> String {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let defaults: Vec<String> = argument
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy().into_owned())
        .collect();
    let takes_value = argument.get_action().takes_values();
    let default = if defaults.is_empty() || !takes_value {
        String::new()
    } else {
        format!(" (default: {})", defaults.join(", "))
    };
    let values: Vec<String> = argument
        .get_possible_values()
        .iter()
        .map(|value| value.get_name().to_owned())
        .collect();
    let values = if values.is_empty() || !takes_value || argument.is_hide_possible_values_set() {
        String::new()
    } else {
        format!(" (one of {})", values.join(", "))
    };
    escaped(&format!("{help}{default}{values}"))
}

/// So that Markdown shows what is written.
fn escaped(text: &str) -> String {
    text.replace('<', "&lt;").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_commands_is_what_the_commands_say() {
        assert!(
            include_str!("../../docs/cli.md") == reference(),
            "docs/cli.md is old: cargo run -q -- cli-reference > docs/cli.md"
        );
    }

    #[test]
    fn every_exit_code_has_a_meaning_of_its_own() {
        let meanings: std::collections::BTreeSet<_> = Exit::ALL.iter().map(|e| e.meaning()).collect();
        assert_eq!(meanings.len(), Exit::ALL.len());
    }
}
