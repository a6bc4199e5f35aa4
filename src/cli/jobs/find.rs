//! Which jobs a command is about: a query, and flags that say the same.

use rolecall_core::ports::JobFilter;
use rolecall_core::query::{self, Query, word};
use rolecall_jobs::kernel::find::{self, Unfound};

use super::ListArgs;
use crate::app::App;
use crate::cli::CliError;
use crate::cursor::{self, Place};
use crate::job_view::page::{Found, list_name};

/// Reads words as a query, see [`query::from_arguments`].
pub(in crate::cli) fn read(app: &App, words: &[String]) -> Result<Query, CliError> {
    query::parse(&query::from_arguments(words), app.services.clock.now())
        .map_err(|wrong| bad_query(&wrong.join("; ")))
}

fn bad_query(wrong: &str) -> CliError {
    CliError::bad_input(wrong)
        .hint("A query is such as guild:1 state:discarded since:2h; `rolecall jobs list --help` tells more.")
}

impl From<Unfound> for CliError {
    fn from(error: Unfound) -> Self {
        match error {
            Unfound::Wrong(wrong) => bad_query(&wrong),
            Unfound::Store(error) => error.into(),
        }
    }
}

/// What the words say; not one job.
pub(in crate::cli) async fn meant(app: &App, words: &[String]) -> Result<JobFilter, CliError> {
    let asked = read(app, words)?;
    if let Some(job) = asked.job {
        return Err(CliError::bad_input(format!("{job} is one job"))
            .hint(format!("`rolecall jobs show {job}` shows it.")));
    }
    Ok(find::filter(&app.services, asked).await?)
}

/// The page of what the query and the flags say together.
pub(super) async fn found(app: &App, args: &ListArgs) -> Result<Found, CliError> {
    let mut words = args.query.clone();
    let states = args.states.iter().map(|state| word("state", state.as_str()));
    let flags = [
        args.kind.as_ref().map(|kind| word("kind", kind)),
        args.guild.map(|guild| word("guild", &guild.to_string())),
        args.user.as_ref().map(|user| word("user", &user.0)),
        args.run.map(|run| word("run", &run.to_string())),
    ];
    words.extend(states.chain(flags.into_iter().flatten()));
    let asked = read(app, &words)?;
    let fixed = query::name(&query::from_arguments(&words)).map_err(|wrong| bad_query(&wrong.join("; ")))?;
    let list = list_name(&fixed);
    let after = args
        .cursor
        .as_deref()
        .map(|text| place(text, &list))
        .transpose()?;
    let Some(id) = asked.job else {
        let filter = find::filter(&app.services, asked).await?;
        return Ok(Found::page(&app.services, &filter, &list, after, args.size.get()).await?);
    };
    if asked.filter != JobFilter::default() || asked.snowflake.is_some() {
        return Err(CliError::bad_input(
            "a job's id stands for one job; leave the other words out",
        ));
    }
    Ok(Found::one(app.services.ledger.get(id).await?))
}

/// Where a page of this list begins.
pub(in crate::cli) fn place(text: &str, list: &str) -> Result<Place, CliError> {
    cursor::read(text, list).ok_or_else(|| {
        CliError::bad_input(cursor::FOREIGN).hint(
            "Take `next` of a page without changing what is asked for, or begin again without --cursor.",
        )
    })
}
