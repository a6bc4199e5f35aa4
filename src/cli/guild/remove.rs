//! `rolecall guild remove`.

use rolecall_core::audit::Act;
use rolecall_core::guild::{GuildConfig, RetiredGuild};
use rolecall_workflows::remove_guild::{NotRemoved, remove_guild, retire_again};
use serde_json::json;

use super::{RemoveArgs, configured};
use crate::app::App;
use crate::cli::confirm::confirmed;
use crate::cli::follow_up::{Tell, asked, tell};
use crate::cli::{CliError, Exit, output, seams};

pub(super) async fn run(app: &App, args: &RemoveArgs) -> Result<Exit, CliError> {
    let services = &app.services;
    if let Some(guild) = services.guilds.get(args.id).await? {
        return remove(app, args, &guild).await;
    }
    match services.retired_guilds.get(args.id).await? {
        Some(retired) => left_over(app, args, retired).await,
        None => Err(configured(app, args.id).await.err().unwrap_or_else(nothing)),
    }
}

fn told(args: &RemoveArgs) -> Tell {
    Tell {
        wait: args.wait,
        json: args.format.json,
    }
}

fn nothing() -> CliError {
    CliError::failed("nothing was removed")
}

async fn remove(app: &App, args: &RemoveArgs, guild: &GuildConfig) -> Result<Exit, CliError> {
    let services = &app.services;
    let mappings = services.mappings.list(Some(args.id)).await?.len() as u64;
    let what = format!(
        "guild {} ({}) with {}",
        guild.guild_name,
        guild.guild_id,
        output::count(mappings, "mapping", "mappings")
    );
    let and = match args.remove_roles {
        true => ", and take its mapped roles from all linked members",
        false => "",
    };
    if !args.yes && !confirmed(&format!("remove {what}{and}"))? {
        return Err(nothing());
    }
    let act = Act::new("guild.deleted", format!("guild:{}", args.id)).before(guild);
    let removed = remove_guild(services, &app.queue, guild, args.remove_roles, asked());
    let run = seams::audited(app, act, removed)
        .await
        .map_err(|error| match error {
            NotRemoved::Store(error) => error.into(),
            error @ NotRemoved::Gone => CliError::failed(error.to_string()),
            error @ NotRemoved::NoToken => CliError::failed(error.to_string())
                .hint("Store one with `rolecall guild add`, or remove the guild without --remove-roles."),
        })?;
    let fate = match (run, args.remove_roles) {
        (Some(_), _) => "Linked members lose the roles that its mappings named.",
        (None, true) => "No active mapping named a role, so nobody loses one.",
        (None, false) => "Everybody keeps the roles they have.",
    };
    let document = json!({ "guild_id": args.id, "removed": true, "mappings": mappings });
    tell(app, run, told(args), &format!("Removed {what}. {fate}"), document).await
}

/// A guild that was removed before, and of which not all roles could be taken.
async fn left_over(app: &App, args: &RemoveArgs, retired: RetiredGuild) -> Result<Exit, CliError> {
    let services = &app.services;
    let what = format!("guild {} ({})", retired.guild_name, retired.guild_id);
    let (id, run) = (retired.guild_id, retired.run_id);
    let document = json!({ "guild_id": id, "removed": false });
    if args.remove_roles {
        let act = Act::new("guild.roles_retired_again", format!("guild:{id}"));
        let run = seams::audited(app, act, retire_again(services, &app.queue, retired, asked())).await?;
        let sentence = format!("{what} was removed before. Its roles are taken once more.");
        return tell(app, Some(run), told(args), &sentence, document).await;
    }
    if !args.yes && !confirmed(&format!("give up taking the roles of {what}, which was removed"))? {
        return Err(nothing());
    }
    let act = Act::new("guild.forgotten", format!("guild:{id}")).before(&json!({ "run_id": run }));
    seams::audited(app, act, services.retired_guilds.forget(id, run)).await?;
    let sentence =
        format!("{what} was removed before, and is forgotten now. Who still has its roles keeps them.");
    tell(app, None, told(args), &sentence, document).await
}
