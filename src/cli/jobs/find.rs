//! Which jobs a command is about: a query, and flags that say the same.

use rolecall_core::ports::JobFilter;
use rolecall_core::query::{self, Query};
use rolecall_jobs::kernel::find;

use super::ListArgs;
use crate::app::App;
use crate::cli::CliError;

/// Reads words as a query; each argument is one word, so that a shell's quotes are quotes here, too.
pub(in crate::cli) fn read(app: &App, words: &[String]) -> Result<Query, CliError> {
    let quoted = |word: &String| match word.split_once(':') {
        Some((key, value)) if value.contains(char::is_whitespace) && !value.contains('"') => {
            format!("{key}:\"{value}\"")
        }
        _ => word.clone(),
    };
    let text: Vec<String> = words.iter().map(quoted).collect();
    query::parse(&text.join(" "), app.services.clock.now()).map_err(|wrong| {
        CliError::bad_input(wrong.join("; ")).hint(format!(
            "Words of a query are {}, such as guild:1 state:discarded since:2h.",
            query::WORDS.join(", ")
        ))
    })
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

/// What the query and the flags say together.
pub(super) async fn filter(app: &App, args: &ListArgs) -> Result<JobFilter, CliError> {
    let mut filter = meant(app, &args.query).await?;
    filter.states.extend(&args.states);
    filter.states.sort_unstable();
    filter.states.dedup();
    filter.kind = args.kind.clone().or(filter.kind);
    filter.guild_id = args.guild.or(filter.guild_id);
    filter.user_id = args.user.clone().or(filter.user_id);
    filter.run_id = args.run.or(filter.run_id);
    Ok(filter)
}
