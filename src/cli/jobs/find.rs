//! Which jobs a command is about: a query, and flags that say the same.

use rolecall_core::ports::JobFilter;
use rolecall_core::query::{self, Query};
use rolecall_core::{DiscordId, GuildId, RoleId};

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

/// What a pasted id of Discord is: a guild that is configured, a role that is mapped, or else an account.
async fn means(app: &App, id: u64, filter: &mut JobFilter) -> Result<(), CliError> {
    let services = &app.services;
    let guild = GuildId::new(id);
    if let Some(guild) = guild
        && services.guilds.get(guild).await?.is_some()
    {
        filter.guild_id = Some(guild);
        return Ok(());
    }
    let role = RoleId::new(id);
    let mapped = services.mappings.list(None).await?;
    if mapped.iter().any(|m| Some(m.role_id) == role) {
        filter.role_id = role;
    } else {
        filter.discord_id = DiscordId::new(id);
    }
    Ok(())
}

/// What the query and the flags say together.
pub(super) async fn filter(app: &App, args: &ListArgs) -> Result<JobFilter, CliError> {
    let asked = read(app, &args.query)?;
    if let Some(job) = asked.job {
        return Err(CliError::bad_input(format!("{job} is one job"))
            .hint(format!("`rolecall jobs show {job}` shows it.")));
    }
    let mut filter = asked.filter;
    if let Some(id) = asked.snowflake {
        means(app, id, &mut filter).await?;
    }
    filter.states.extend(&args.states);
    filter.states.sort_unstable();
    filter.states.dedup();
    filter.kind = args.kind.clone().or(filter.kind);
    filter.guild_id = args.guild.or(filter.guild_id);
    filter.user_id = args.user.clone().or(filter.user_id);
    filter.run_id = args.run.or(filter.run_id);
    Ok(filter)
}
