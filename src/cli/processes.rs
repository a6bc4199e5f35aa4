//! Processes: commands that run until they are stopped, or are part of a deployment. `main` starts them.

use clap::{Args, Subcommand, ValueEnum};

use super::completions::CompletionsArgs;
use super::{Format, values};

/// What runs.
#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum Process {
    Demo(DemoArgs),
    /// Runs everything in one process: web, worker and scheduler
    ///
    /// For trials, small installations and platforms with one process. Listens on HOST and PORT (8080). SIGTERM, SIGINT
    /// and SIGHUP end it when what is in hand is done, at most after SHUTDOWN_GRACE_SECS (25).
    ///
    /// Example: PORT=8080 rolecall all
    All,
    /// Answers HTTP requests
    ///
    /// Stores what is asked for and shows what became of it; jobs are run by `rolecall worker`. Any number of these
    /// processes may run. Listens on HOST and PORT (8080).
    ///
    /// Example: rolecall web
    Web,
    /// Runs jobs, and starts what is due
    ///
    /// Any number of these processes may run; each works on ROLECALL_WORKER_SLOTS (64) jobs at once. With HEALTH_PORT,
    /// /livez and /readyz answer there. A stop gives back what could not be finished.
    ///
    /// Example: HEALTH_PORT=8081 rolecall worker
    Worker,
    /// Starts what is due, such as regular syncs, and runs nothing
    ///
    /// Workers do the same, so it is only needed where they are switched off at times. Several harm nobody: each tick
    /// is stored once.
    ///
    /// Example: rolecall scheduler
    Scheduler,
    Simulator(SimulatorArgs),
    /// Prepares the stores before a new version starts
    ///
    /// Makes missing indexes and checks that the stores can be used. Safe to repeat. Platforms run it once a
    /// deployment, before the processes.
    ///
    /// Example (Procfile): release: rolecall release
    Release,
    Healthcheck(HealthcheckArgs),
    /// Prints the description of the HTTP interface (OpenAPI, JSON)
    ///
    /// Example: rolecall openapi > openapi.json
    Openapi,
    /// Prints every setting with its default and meaning
    ///
    /// Example: rolecall env-example > .env.example
    #[command(verbatim_doc_comment)]
    EnvExample,
    Completions(CompletionsArgs),
    /// Prints docs/cli.md: every command, and the exit codes
    ///
    /// Example: rolecall cli-reference > docs/cli.md
    CliReference,
}

/// Shows everything at once with a simulated Discord
///
/// Starts a simulated Discord with members and linked users, syncs it, then changes some groups and syncs again, and
/// serves the console and the HTTP interface until Ctrl-C. Uses a folder of its own and changes nothing of yours.
///
/// Example: rolecall demo --members 2000 --linked 1500 --exit
#[derive(Debug, Clone, PartialEq, Args)]
pub struct DemoArgs {
    /// Members of each simulated guild
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    pub members: u32,
    /// Members that are linked to a user of the application [default: 600, or all if there are fewer]
    #[arg(long = "linked", value_name = "L")]
    linked: Option<u32>,
    /// Simulated guilds
    #[arg(long, value_name = "G", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub guilds: u32,
    /// Users whose groups change after the first sync
    #[arg(long = "changes", value_name = "P", default_value_t = 50)]
    changes: u32,
    /// Where chance begins: the same seed gives the same members
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// How much faster the simulated Discord's clock, and so its limits, run
    #[arg(long, value_name = "F", default_value_t = 60.0, value_parser = values::speed)]
    pub speed: f64,
    /// End when everything was shown; the exit code says whether it went well
    #[arg(long)]
    pub exit: bool,
    /// Port to listen on; 0 takes any, and a free one is taken if this one is in use
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

impl DemoArgs {
    /// Members that are linked to a user of the application.
    pub fn linked(&self) -> u32 {
        self.linked.unwrap_or_else(|| self.members.min(600))
    }

    /// Users whose groups change after the first sync: at most those that are linked.
    pub fn changes(&self) -> u32 {
        self.changes.min(self.linked())
    }

    /// What is wrong with the numbers together.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.linked {
            Some(linked) if linked > self.members => Err(format!(
                "--linked {linked} is more than --members {}: only members can be linked",
                self.members
            )),
            _ => Ok(()),
        }
    }
}

/// Simulates Discord for tests and trials
///
/// Answers the part of Discord's API that rolecall uses, with its errors, permissions and rate limits. Point rolecall
/// at it with DISCORD_API_BASE_URL.
///
/// Example: rolecall simulator --speed 60, and elsewhere DISCORD_API_BASE_URL=http://127.0.0.1:4000/api/v10
/// ROLECALL_SIMULATOR_SPEED=60 rolecall all
#[derive(Debug, Clone, PartialEq, Args)]
pub struct SimulatorArgs {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: String,
    /// Port to listen on; 0 takes any
    #[arg(long, value_name = "PORT", default_value_t = 4000)]
    pub port: u16,
    /// How much faster its clock, and so its limits, run
    #[arg(long, value_name = "F", default_value_t = 1.0, value_parser = values::speed)]
    pub speed: f64,
    /// Where chance begins: the same seed gives the same answers
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
}

/// Asks a running process whether it is well, for containers without curl
///
/// Exit code 0 if /readyz of the process on this machine answers 200, else 1.
///
/// Example (Dockerfile): HEALTHCHECK CMD ["rolecall", "healthcheck"]
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct HealthcheckArgs {
    /// Which process: decides whether PORT or HEALTH_PORT is asked
    #[arg(value_enum, value_name = "PROCESS", default_value_t = Probed::Web)]
    pub process: Probed,
    /// Ask this address instead, such as http://127.0.0.1:8080/readyz
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

/// A process that can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Probed {
    /// `web` or `all`, on PORT
    Web,
    /// `worker` or `scheduler`, on HEALTH_PORT
    Worker,
}
