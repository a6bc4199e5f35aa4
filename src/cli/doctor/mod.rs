//! `rolecall doctor`: one line a check, with what was asked, what came back, and what to do.
//!
//! It works with whatever there is: a broken configuration, stores that do not answer, or the whole application.

mod accounts;
mod application;
mod database;
mod discord;
mod guild;
mod limits;
mod redis;
mod report;
mod settings;

use std::process::ExitCode;

use clap::Args;

use super::{Format, exit, output};
use crate::app::App;
use crate::config::{Config, Problem};
use crate::wiring::StartError;

use report::Report;

/// Looks at the whole installation and says what is wrong and what to do
///
/// Checks the settings, the store and its indexes, Redis, the directory, Discord, the bots' applications, and for each
/// guild the bot's token, its permissions and the place of each mapped role. Nothing is changed, except that missing indexes are made as at
/// every start. No secret is shown.
///
/// Exit codes: 0 all is well, 1 there are warnings, 2 something is broken.
///
/// Example: rolecall doctor --json
#[derive(Debug, Clone, Copy, Args)]
pub struct DoctorArgs {
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// What there is to look at.
#[derive(Clone, Copy)]
pub enum Patient<'a> {
    /// The configuration is broken, in these ways.
    Misconfigured(&'a [Problem]),
    /// The configuration is good, and the application could not be built for this reason.
    NotBuilt {
        /// The configuration.
        config: &'a Config,
        /// Why.
        error: &'a StartError,
    },
    /// Everything.
    Whole(&'a App),
}

/// Looks, prints, and gives the exit code.
pub async fn run(patient: Patient<'_>, args: DoctorArgs) -> ExitCode {
    let mut report = Report::default();
    match patient {
        Patient::Misconfigured(problems) => settings::problems(problems, &mut report),
        Patient::NotBuilt { config, error } => {
            settings::good(config, &mut report);
            settings::data_folder(config, &mut report);
            database::not_built(config, error, &mut report);
            redis::look(config, &mut report).await;
        }
        Patient::Whole(app) => {
            settings::good(&app.config, &mut report);
            settings::data_folder(&app.config, &mut report);
            settings::jwt_secret(app, &mut report);
            database::look(app, &mut report).await;
            redis::look(&app.config, &mut report).await;
            limits::look(app, &mut report).await;
            database::directory(app, &mut report).await;
            database::dead_letters(app, &mut report).await;
            accounts::look(app, &mut report).await;
            discord::look(app, &mut report).await;
        }
    }
    if args.format.json {
        output::json(&report.document());
    } else {
        output::say_styled(&report.text(output::styled()));
    }
    exit::finish(Ok(report.exit()))
}
