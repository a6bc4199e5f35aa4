use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;

fn parsed(line: &str) -> Result<Command, clap::Error> {
    try_parse(std::iter::once("rolecall").chain(line.split_whitespace())).map(|cli| cli.command)
}

#[test]
fn the_definitions_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_help_with_an_example_and_fits_the_screen() {
    fn walk(command: &mut clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        let long = command.clone().term_width(100).render_long_help().to_string();
        assert!(command.get_about().is_some(), "{path} says nothing");
        let example = long.contains("Example") || long.contains("\n  rolecall ");
        // `guild list` and `keys list` need none.
        assert!(example || path.ends_with(" list"), "{path} has no example");
        for child in command.get_subcommands_mut().filter(|c| c.get_name() != "help") {
            walk(child, &path);
        }
        let widest = long.lines().map(|l| l.chars().count()).max();
        assert!(widest <= Some(100), "{path}: {widest:?}\n{long}");
    }
    let mut cli = Cli::command();
    walk(&mut cli, "");
}

#[test]
fn help_and_version_end_well_and_wrong_usage_ends_with_2() {
    for (line, code) in [
        ("--help", 0),
        ("--version", 0),
        ("guild add --help", 0),
        ("", 2),
        ("guild", 2),
        ("gild list", 2),
        ("guild add --name x", 2),
        ("guild add --id 0 --name x", 2),
        ("guild add --id <@1> --name x", 2),
        ("guild add --id 1 --bot-token secret", 2),
        ("mapping remove abc", 2),
        ("mapping set 67449d70000000000000000a --no-check", 2),
        ("sync --mapping 67449d70000000000000000a --guild 1", 2),
        ("runs list --limit 0", 2),
        ("runs show 5", 2),
        ("jobs list --state dead", 2),
        ("token --user ada --ttl soon", 2),
        ("keys create --name ci", 2),
        ("keys create --name ci --scope everything", 2),
        ("keys create --name ci --scope jobs:read --expires soon", 2),
        ("keys revoke rck_1", 2),
        ("demo --speed 0", 2),
        ("demo --members 10 --linked 11", 2),
    ] {
        let error = parsed(line).expect_err(line);
        assert_eq!(error.exit_code(), code, "{line}: {error}");
    }
}

#[test]
fn the_version_names_the_commit() {
    let error = parsed("--version").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DisplayVersion);
    let text = error.to_string();
    assert!(
        text.starts_with(concat!("rolecall ", env!("CARGO_PKG_VERSION"), " (")),
        "{text}"
    );
}

#[test]
fn what_a_demo_needs_has_defaults_that_fit_together() {
    let demo = |line: &str| match parsed(line) {
        Ok(Command::Process(processes::Process::Demo(demo))) => demo,
        other => panic!("{other:?}"),
    };
    let usual = demo("demo");
    assert_eq!(
        (usual.members, usual.linked(), usual.changes(), usual.port),
        (1_000, 600, 50, 8080)
    );
    let small = demo("demo --members 20 --exit --json");
    assert_eq!((small.linked(), small.changes()), (20, 20));
    assert!(small.exit && small.format.json);
}

#[test]
fn repeated_arguments_and_states_are_read() {
    let Ok(Command::Operate(Operate::Jobs(jobs::JobsCommand::List(list)))) =
        parsed("jobs list --state discarded --state retryable --guild 7 --json")
    else {
        panic!("not read")
    };
    assert_eq!(list.states.len(), 2);
    let Ok(Command::Operate(sync)) = parsed("sync --guild 1 --guild 2 --user ada --wait") else {
        panic!("not read")
    };
    assert!(sync.waits_for_jobs());
}

#[test]
fn a_change_that_takes_roles_can_be_waited_for() {
    for line in [
        "guild remove 1 --remove-roles --yes",
        "mapping remove 67449d70000000000000000a",
        "mapping set 67449d70000000000000000a --role 5 --no-check",
    ] {
        for (more, waits) in [("", false), (" --wait", true)] {
            let Ok(Command::Operate(operate)) = parsed(&format!("{line}{more}")) else {
                panic!("{line}{more} is not read")
            };
            assert_eq!(operate.waits_for_jobs(), waits, "{line}{more}");
        }
    }
}

#[test]
fn processes_are_read() {
    use processes::{Probed, Process};
    for line in [
        "web",
        "worker",
        "scheduler",
        "all",
        "release",
        "openapi",
        "simulator --port 0",
        "healthcheck",
    ] {
        assert!(matches!(parsed(line), Ok(Command::Process(_))), "{line}");
    }
    let Ok(Command::Process(Process::Healthcheck(check))) = parsed("healthcheck worker") else {
        panic!("not read")
    };
    assert_eq!(check.process, Probed::Worker);
}
