//! `rolecall guild member`.

use super::{MemberArgs, configured};
use crate::app::App;
use crate::cli::reach::{self, Blind};
use crate::cli::table::{Table, text, whole};
use crate::cli::{CliError, Exit, output};
use crate::member::{self, HeldRole, MappedRole, MemberView};

pub(super) async fn run(app: &App, args: &MemberArgs) -> Result<Exit, CliError> {
    let services = &app.services;
    let guild = configured(app, args.id).await?;
    if !guild.is_enabled {
        return Err(CliError::failed(format!(
            "guild {} is disabled, so Discord was not asked",
            args.id
        )));
    }
    let token = reach::stored_token(services, args.id).await.map_err(refused)?;
    let options = reach::options();
    let read = services
        .discord
        .member(&token, args.id, args.account, &options)
        .await;
    let found = read.map_err(|error| match member::absent(&error, args.id, args.account) {
        Some(sentence) => CliError::failed(sentence),
        None => refused(error.into()),
    })?;
    let info = services.discord.guild(&token, args.id, &options).await;
    let info = info.map_err(|error| refused(error.into()))?;
    let told = member::view(services, &guild, &info, &found).await?;
    if args.format.json {
        output::json(&told);
        return Ok(Exit::Done);
    }
    output::say(&output::facts(&facts(&told)));
    if !told.roles.is_empty() {
        output::say("");
        held(&told.roles).print();
    }
    if !told.mapped_roles.is_empty() {
        output::say("");
        output::say(&told.mapped_roles.iter().map(fate).collect::<Vec<_>>().join("\n"));
    }
    Ok(Exit::Done)
}

fn refused(blind: Blind) -> CliError {
    match blind {
        Blind::Unreachable(sentence) => CliError::failed(sentence),
        Blind::Refused { sentence, remedy } => CliError::failed(sentence).hint(remedy),
    }
}

fn facts(told: &MemberView) -> Vec<(&'static str, String)> {
    let user = told.user_id.clone().unwrap_or_else(|| "nobody's".to_owned());
    let mut all = vec![
        ("guild", told.guild_id.clone()),
        ("account", told.discord_id.clone()),
        ("user", user),
    ];
    all.extend(told.username.clone().map(|name| ("name", name)));
    all.extend(told.note.clone().map(|note| ("note", note)));
    if told.roles.is_empty() {
        all.push(("roles", "none".to_owned()));
    }
    all
}

fn held(roles: &[HeldRole]) -> Table {
    let mut table = Table::new(&[whole("ROLE ID"), text("ROLE"), whole("MAPPED"), whole("MANAGED")]);
    let yes_no = |is: bool| if is { "yes" } else { "no" }.to_owned();
    for role in roles {
        table.row([
            role.id.clone(),
            role.name.clone(),
            yes_no(role.mapped),
            yes_no(role.managed),
        ]);
    }
    table
}

/// A mapped role with what its mappings say under it.
fn fate(role: &MappedRole) -> String {
    let has = if role.held { "has it" } else { "has it not" };
    let mut lines = vec![format!(
        "{} ({}): {has}, {}",
        role.role_name,
        role.role_id,
        role.fate.words()
    )];
    lines.extend(
        role.mappings
            .iter()
            .map(|said| format!("  {} {}: {}", said.group, said.decision, said.reasons.join("; "))),
    );
    lines.join("\n")
}
