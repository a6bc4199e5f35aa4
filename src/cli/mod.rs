//! The command line: what can be typed, and what each command does.
//!
//! One file a command, or a folder where it has several. Everything a script reads goes to standard output,
//! everything else to standard error. Exit codes: see [`exit::Exit`].

pub mod audit;
pub mod completions;
mod confirm;
pub mod dead_letters;
pub mod directory;
pub mod doctor;
pub mod exit;
mod follow_up;
pub mod guild;
pub mod jobs;
pub mod keys;
pub mod mapping;
pub(crate) mod output;
pub mod pauses;
pub mod processes;
pub mod prune;
pub mod queue;
pub mod queues;
mod reach;
pub mod reference;
pub mod runs;
pub mod schedules;
mod seams;
pub mod secrets;
mod sparkline;
pub mod sync;
mod table;
pub mod token;
pub mod top;
pub mod user;
mod values;
mod version;
mod view;
pub mod webhooks;
pub mod workers;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::app::App;
use crate::page_size;

pub use exit::{CliError, Exit};
pub use version::version;

/// Keeps the roles of Discord servers equal to the group memberships of an application.
#[derive(Debug, Parser)]
#[command(
    name = "rolecall",
    version = version(),
    max_term_width = 100,
    arg_required_else_help = true,
    long_about = "Keeps the roles of Discord servers equal to the group memberships of an application.\n\n\
        `rolecall demo` shows it with a simulated Discord and changes nothing of yours. Settings are read from \
        environment variables; without any, everything is kept in one file and one process does all.",
    after_long_help = "Set up and sync a guild:\n  \
        rolecall guild add --id 123456789012345678 --name Corp < bot-token.txt\n  \
        rolecall directory import members.csv\n  \
        rolecall mapping add --guild 123456789012345678 --group pilots --role 234567890123456789\n  \
        rolecall sync --dry-run --wait\n\n\
        Exit codes: 0 well, 1 failed or not found, 2 wrong usage or input, 3 held back or only partly done, 4 the store cannot be \
        used."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// All commands.
#[derive(Debug, Subcommand)]
#[command(subcommand_help_heading = "Commands")]
pub enum Command {
    /// Those that `main` starts itself.
    #[command(flatten)]
    Process(processes::Process),
    Doctor(doctor::DoctorArgs),
    /// Those that use the application and end; see [`run`].
    #[command(flatten)]
    Operate(Operate),
}

/// Commands that use the application and end.
#[derive(Debug, Subcommand)]
pub enum Operate {
    /// Adds, shows and removes guilds (Discord servers)
    ///
    /// A guild is a Discord server whose roles rolecall keeps, with a bot of yours that may manage roles there.
    ///
    /// Example: rolecall guild add --id 123456789012345678 --name Corp < bot-token.txt
    #[command(subcommand)]
    Guild(guild::GuildCommand),
    /// Adds, lists and removes mappings from groups to roles
    ///
    /// A mapping says that the members of a group have a role. Roles that no mapping has named are never touched.
    ///
    /// Example: rolecall mapping add --guild 123456789012345678 --group pilots --role 234567890123456789
    #[command(subcommand)]
    Mapping(mapping::MappingCommand),
    /// Imports users and their groups, and shows them
    ///
    /// The directory says who is in which group. It is go-falcon's database, or what was imported from files.
    ///
    /// Example: rolecall directory import members.csv
    #[command(subcommand)]
    Directory(directory::DirectoryCommand),
    Sync(sync::SyncArgs),
    /// Shows what syncs did
    ///
    /// Each sync is a run: it is stored with who asked for it, its numbers and its errors.
    ///
    /// Example: rolecall runs list
    #[command(subcommand)]
    Runs(runs::RunsCommand),
    /// Shows single jobs, with every attempt
    ///
    /// A run is made of jobs: some plan, and there is one for each write to Discord.
    ///
    /// Example: rolecall jobs list --state discarded
    #[command(subcommand)]
    Jobs(jobs::JobsCommand),
    /// Shows jobs that failed for good, by cause, and runs them again
    ///
    /// Example: rolecall dead-letters list
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLettersCommand),
    /// Holds jobs back, and lets them go
    ///
    /// A paused job is stored and waits; nothing is lost.
    ///
    /// Example: rolecall pauses add kind:remove_role --reason "the import looks wrong"
    #[command(subcommand)]
    Pauses(pauses::PausesCommand),
    /// Rebuilds what Redis carries
    ///
    /// Example: rolecall queue rebuild --dry-run
    #[command(subcommand)]
    Queue(queue::QueueCommand),
    /// Shows what happens by the clock, runs it now, and switches it on and off
    ///
    /// Example: rolecall schedules list
    #[command(subcommand)]
    Schedules(schedules::SchedulesCommand),
    /// Shows queues: what waits, since when, and how fast it is done
    ///
    /// Example: rolecall queues list
    #[command(subcommand)]
    Queues(queues::QueuesCommand),
    /// Shows the processes of rolecall, and lets one take no more jobs
    ///
    /// Example: rolecall workers list
    #[command(subcommand)]
    Workers(workers::WorkersCommand),
    Top(top::TopArgs),
    /// Checks and renews the seals of stored tokens
    ///
    /// Bot tokens and tokens of linked accounts are stored sealed, with the keys of ROLECALL_ENCRYPTION_KEYS.
    ///
    /// Example: rolecall secrets verify
    #[command(subcommand)]
    Secrets(secrets::SecretsCommand),
    Prune(prune::PruneArgs),
    /// Shows what is stored about a person
    ///
    /// Example: rolecall user export --user ada
    #[command(subcommand)]
    User(user::UserCommand),
    Token(token::TokenArgs),
    /// Makes, lists and revokes API keys, for programs that use the HTTP interface
    ///
    /// A key is sent like a token (`Authorization: Bearer rck_…`, or `X-Api-Key`). It may do what its scopes say,
    /// belongs to no user, and can be revoked at once.
    ///
    /// Example: rolecall keys create --name ci --scope discord:sync:manage
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Tells operators of events: by signed messages to a program, or in a Discord channel
    ///
    /// Example: rolecall webhooks add https://ops.example.com/rolecall
    #[command(subcommand)]
    Webhooks(webhooks::WebhooksCommand),
    /// Shows who did what, and checks that nothing of it was changed
    ///
    /// Every act that changes something leaves one record, and each record holds the hash of the one before it.
    ///
    /// Example: rolecall audit verify
    #[command(subcommand)]
    Audit(audit::AuditCommand),
}

impl Operate {
    /// Whether it waits for jobs to be done. In embedded mode no other process may do them, so that `main` works for
    /// as long as the command runs.
    pub const fn waits_for_jobs(&self) -> bool {
        use guild::{GuildCommand, RemoveArgs as RemoveGuild};
        use mapping::{MappingCommand, RemoveArgs as RemoveMapping, SetArgs};
        matches!(
            self,
            Self::Sync(sync::SyncArgs { wait: true, .. })
                | Self::Guild(GuildCommand::Remove(RemoveGuild { wait: true, .. }))
                | Self::Mapping(
                    MappingCommand::Set(SetArgs { wait: true, .. })
                        | MappingCommand::Remove(RemoveMapping { wait: true, .. })
                )
        )
    }
}

/// For commands that scripts use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub struct Format {
    /// Print one JSON document on standard output
    #[arg(long)]
    pub json: bool,
}

/// For commands that list something.
#[derive(Debug, Clone, Copy, Args)]
pub struct PageSize {
    /// At most so many, up to 1000
    #[arg(
        long = "limit",
        value_name = "N",
        default_value_t = page_size::DEFAULT,
        value_parser = clap::value_parser!(u16).range(1..=i64::from(page_size::MOST_PRINTED)),
    )]
    limit: u16,
}

impl PageSize {
    fn get(self) -> usize {
        self.limit.into()
    }
}

/// Reads the arguments of this process. Prints help, the version or what is wrong, and then ends the process (0, or
/// 2 for wrong usage).
pub fn parse() -> Cli {
    try_parse(std::env::args_os()).unwrap_or_else(|error| error.exit())
}

/// Reads arguments, the name of the program first.
///
/// # Errors
/// What is wrong with them, or that help or the version was asked for.
pub fn try_parse<I, T>(arguments: I) -> Result<Cli, clap::Error>
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let cli = Cli::try_parse_from(arguments)?;
    if let Command::Process(processes::Process::Demo(demo)) = &cli.command {
        demo.check()
            .map_err(|sentence| Cli::command().error(ErrorKind::ValueValidation, sentence))?;
    }
    Ok(cli)
}

/// Prints a JSON document on standard output.
///
/// # Errors
/// If there is none, or standard output is closed.
pub fn print_document(document: Result<String, serde_json::Error>) -> Result<(), CliError> {
    let text = document.map_err(|e| CliError::failed(format!("the document cannot be written: {e}")))?;
    print_text(&text)
}

/// Prints a text on standard output.
///
/// # Errors
/// If standard output is closed.
pub fn print_text(text: &str) -> Result<(), CliError> {
    output::say(text.trim_end());
    match output::failure() {
        None => Ok(()),
        Some(why) => Err(CliError::failed(format!(
            "standard output could not be written: {why}"
        ))),
    }
}

/// Runs a command to its end, and prints why if it fails.
pub async fn run(app: Arc<App>, command: Operate) -> ExitCode {
    let result = match command {
        Operate::Guild(command) => guild::run(&app, command).await,
        Operate::Mapping(command) => mapping::run(&app, command).await,
        Operate::Directory(command) => directory::run(&app, command).await,
        Operate::Sync(args) => sync::run(app, args).await,
        Operate::Runs(command) => runs::run(&app, command).await,
        Operate::Jobs(command) => jobs::run(&app, command).await,
        Operate::DeadLetters(command) => dead_letters::run(&app, command).await,
        Operate::Pauses(command) => pauses::run(&app, command).await,
        Operate::Queue(command) => queue::run(&app, command).await,
        Operate::Schedules(command) => schedules::run(&app, command).await,
        Operate::Queues(command) => queues::run(&app, command).await,
        Operate::Workers(command) => workers::run(&app, command).await,
        Operate::Top(args) => top::run(&app, args).await,
        Operate::Secrets(command) => secrets::run(&app, command).await,
        Operate::Prune(args) => prune::run(&app, args).await,
        Operate::User(command) => user::run(&app, command).await,
        Operate::Token(args) => token::run(&app, &args).await,
        Operate::Keys(command) => keys::run(&app, command).await,
        Operate::Webhooks(command) => webhooks::run(&app, command).await,
        Operate::Audit(command) => audit::run(&app, command).await,
    };
    exit::finish(result)
}

#[cfg(test)]
mod tests;
