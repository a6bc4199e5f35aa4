//! `rolecall keys …`: keys of machines for the HTTP interface.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use rolecall_core::Timestamp;
use rolecall_core::api_key::{self, ApiKey, ApiKeyId};
use rolecall_core::audit::Act;
use rolecall_core::ports::permission;
use serde_json::{Value, json};

use super::table::{Table, text, whole};
use super::values::OrNone;
use super::{CliError, Exit, Format, output, seams, values, view};
use crate::app::App;
use crate::config::parse_duration;
use crate::random::hex_256;
use crate::web::hash_of_key;

/// So many ids are tried. Two equal ones among a million keys are a matter of one in millions.
const TRIES: usize = 3;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    Create(CreateArgs),
    /// Lists all keys, newest first, also those that are over
    List(Format),
    Revoke(RevokeArgs),
}

/// Makes a key, and prints it alone on standard output
///
/// It is shown this once: only a hash of it is stored. Whoever has it may do what its scopes allow, until it ends or is
/// revoked: treat it as a password.
///
/// Example: rolecall keys create --name nightly-sync --scope discord:sync:manage --expires 30d
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// What it is for, to find it again
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub name: String,
    /// What it may do; can be repeated
    #[arg(long = "scope", value_name = "SCOPE", required = true,
        value_parser = PossibleValuesParser::new(permission::ALL))]
    pub scopes: Vec<String>,
    /// How long it is valid, such as 30d or 12h, or never
    #[arg(long, value_name = "TIME|never", default_value = "90d", value_parser = life)]
    pub expires: OrNone<Duration>,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Takes a key back: its next request is refused
///
/// Example: rolecall keys revoke 0123456789ab
#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// The key's id: the 12 hex digits after rck_
    #[arg(value_name = "KEY_ID")]
    pub id: ApiKeyId,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

fn name(text: &str) -> Result<String, String> {
    let name = values::not_empty(text)?;
    if name.chars().count() > 100 {
        return Err("it has to be at most 100 characters".to_owned());
    }
    Ok(name)
}

fn life(text: &str) -> Result<OrNone<Duration>, String> {
    if text.trim().eq_ignore_ascii_case("never") {
        return Ok(OrNone::None);
    }
    match parse_duration(text) {
        Some(life) if life < Duration::from_secs(60) => Err("it has to be at least 1m".to_owned()),
        Some(life) => Ok(OrNone::To(life)),
        None => Err("it is no length of time; write it like 30d or 12h, or never".to_owned()),
    }
}

pub(super) async fn run(app: &App, command: KeysCommand) -> Result<Exit, CliError> {
    match command {
        KeysCommand::Create(args) => create(app, args).await,
        KeysCommand::List(format) => list(app, format).await,
        KeysCommand::Revoke(args) => revoke(app, &args).await,
    }
}

async fn create(app: &App, args: CreateArgs) -> Result<Exit, CliError> {
    let (key, secret) = store(
        app,
        args.name,
        args.scopes.into_iter().collect(),
        args.expires.option(),
    )
    .await?;
    let whole = api_key::join(&key.id, &secret);
    if args.format.json {
        let mut document = shown(&key, app.services.clock.now());
        document["key"] = Value::from(whole);
        output::json(&document);
    } else {
        output::say(&whole);
    }
    let until = key.expires_at.map_or_else(
        || "until it is revoked".to_owned(),
        |end| format!("until {} UTC", view::moment(end)),
    );
    output::note(&format!(
        "Key {} ({}) is valid {until}. It is not shown again.",
        key.id, key.name
    ));
    Ok(Exit::Done)
}

/// Stores a new key; the key, and its secret half.
async fn store(
    app: &App,
    name: String,
    scopes: BTreeSet<String>,
    life: Option<Duration>,
) -> Result<(ApiKey, String), CliError> {
    let now = app.services.clock.now();
    let secret = hex_256();
    for _ in 0..TRIES {
        let id: String = hex_256().chars().take(12).collect();
        let key = ApiKey {
            id: id.parse().map_err(|_| CliError::failed("no id could be made"))?,
            name: name.clone(),
            scopes: scopes.clone(),
            hash: hash_of_key(&secret),
            created_by: seams::actor(),
            created_at: now,
            expires_at: life.map(|life| now + life),
            last_used_at: None,
            revoked_at: None,
        };
        if app.api_keys.get(&key.id).await?.is_some() {
            continue;
        }
        let act = Act::new("api_key.created", format!("api_key:{}", key.id)).after(&told(&key));
        let stored = seams::audited(app, act, async {
            match app.api_keys.insert(&key).await? {
                true => Ok(()),
                false => Err(CliError::failed(
                    "somebody else took the id of the key at this moment",
                )),
            }
        });
        stored.await?;
        return Ok((key, secret));
    }
    Err(CliError::failed("every id that was tried is taken").hint("Try once more."))
}

async fn list(app: &App, format: Format) -> Result<Exit, CliError> {
    let keys = app.api_keys.list().await?;
    let now = app.services.clock.now();
    if format.json {
        let all: Vec<Value> = keys.iter().map(|key| shown(key, now)).collect();
        output::json(&json!({ "keys": all }));
        return Ok(Exit::Done);
    }
    if keys.is_empty() {
        output::note("There is no key; `rolecall keys create` makes one.");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        whole("ID"),
        text("NAME"),
        whole("STATE"),
        text("SCOPES"),
        whole("ENDS (UTC)"),
        whole("LAST USED (UTC)"),
        text("MADE BY"),
    ]);
    for key in keys {
        let moment = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), view::moment);
        table.row([
            key.id.to_string(),
            key.name.clone(),
            key.standing(now).as_str().to_owned(),
            key.scopes.iter().cloned().collect::<Vec<_>>().join(" "),
            moment(key.revoked_at.or(key.expires_at)),
            moment(key.last_used_at),
            key.created_by,
        ]);
    }
    table.print();
    Ok(Exit::Done)
}

async fn revoke(app: &App, args: &RevokeArgs) -> Result<Exit, CliError> {
    let missing =
        || CliError::failed(format!("there is no key {}", args.id)).hint("`rolecall keys list` shows all.");
    let before = app.api_keys.get(&args.id).await?.ok_or_else(missing)?;
    let now = app.services.clock.now();
    let revoked = match before.revoked_at {
        Some(_) => false,
        None => {
            let after = json!({ "revoked_at": now.to_rfc3339() });
            let act = Act::new("api_key.revoked", format!("api_key:{}", args.id))
                .before(&told(&before))
                .after(&after);
            seams::audited(app, act, app.api_keys.revoke(&args.id, now)).await?
        }
    };
    let key = app.api_keys.get(&args.id).await?.ok_or_else(missing)?;
    if args.format.json {
        output::json(&shown(&key, now));
    } else if revoked {
        output::say(&format!("Revoked key {} ({}).", key.id, key.name));
    } else {
        output::say(&format!("Key {} ({}) was revoked before.", key.id, key.name));
    }
    Ok(Exit::Done)
}

/// A key for scripts; neither the secret nor its hash.
fn shown(key: &ApiKey, now: Timestamp) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "state": key.standing(now).as_str(),
        "scopes": key.scopes,
        "created_by": key.created_by,
        "created_at": key.created_at.to_rfc3339(),
        "expires_at": key.expires_at.map(Timestamp::to_rfc3339),
        "last_used_at": key.last_used_at.map(Timestamp::to_rfc3339),
        "revoked_at": key.revoked_at.map(Timestamp::to_rfc3339),
    })
}

/// A key for the audit trail: what may change, and what it may do.
fn told(key: &ApiKey) -> Value {
    json!({
        "name": key.name,
        "scopes": key.scopes,
        "expires_at": key.expires_at.map(Timestamp::to_rfc3339),
        "revoked_at": key.revoked_at.map(Timestamp::to_rfc3339),
    })
}

#[cfg(test)]
mod tests {
    use rolecall_core::api_key::USUAL_LIFE;

    use super::*;

    #[test]
    fn a_life_is_a_length_of_time_or_never() {
        assert_eq!(
            life("90d"),
            Ok(OrNone::To(USUAL_LIFE)),
            "the default is as documented"
        );
        assert_eq!(life(" Never "), Ok(OrNone::None));
        for bad in ["", "0", "59s", "soon", "-1d"] {
            assert!(life(bad).is_err(), "{bad}");
        }
        assert!(name(&"x".repeat(101)).is_err() && name(" ").is_err());
        assert_eq!(name(" ci "), Ok("ci".to_owned()));
    }
}
