//! Scenarios about stored secrets: a refresh whose new pair is lost, and a rotation of keys that dies half-way.

use rusqlite::{Connection, params};

use crate::case::LedgerAt;
use crate::logins::{keep_secret, look_everywhere, offer};
use crate::stage::{Mode, Stage};

/// The key that everything is sealed with at first, and the one that follows it.
pub(crate) const OLD_KEY: &str = "old:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=";
const NEW_KEY: &str = "new:YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI=";

fn database(stage: &Stage) -> Result<Connection, String> {
    let LedgerAt::Sqlite(path) = &stage.ledger else {
        return Err("secrets are put into a SQLite file only".into());
    };
    let db = Connection::open(path).map_err(|e| e.to_string())?;
    db.busy_timeout(std::time::Duration::from_secs(10))
        .map_err(|e| e.to_string())?;
    Ok(db)
}

/// Gives accounts a pair of tokens in plain, as the original stores them. `None`: all accounts.
fn store(stage: &Stage, account: Option<u64>, access: &str, refresh: &str) -> Result<usize, String> {
    let stored = database(stage)?.execute(
        "UPDATE discord_users SET access_token = ?1, refresh_token = ?2, token_expiry = ?3, needs_consent = 0 \
         WHERE ?4 IS NULL OR discord_id = ?4",
        params![access, refresh, crate::processes::now_ms(), account.map(|a| a.to_string())],
    );
    stored.map_err(|e| e.to_string())
}

/// Somebody who is not in the guild is to be joined. Discord makes a new pair of tokens, and the process dies before it is
/// stored: the one loss that nobody can mend. It must be told, and nothing else may suffer.
pub(crate) async fn lost_pair(stage: &mut Stage) -> Result<(), String> {
    let account = stage.world.add_newcomer();
    stage.import().await?;
    let pair = stage
        .world
        .simulator
        .grant_token(account, &["identify", "guilds.join"]);
    if store(stage, Some(account), &pair.access_token, &pair.refresh_token)? != 1 {
        return Err("the newcomer is not linked".into());
    }
    keep_secret(stage, "a stored access token", &pair.access_token, true);
    keep_secret(stage, "a stored refresh token", &pair.refresh_token, true);
    offer(stage);
    stage.start_all(Mode::Embedded, "all", &["K14/refresh_token:1".to_owned()]);
    stage.ask().await?;
    stage.quiet().await?;
    look_everywhere(stage).await?;
    let told: Option<String> = database(stage)?
        .query_row(
            "SELECT consent_reason FROM discord_users WHERE discord_id = ?1 AND needs_consent = 1",
            [account.to_string()],
            |row| row.get(0),
        )
        .map_err(|e| format!("nobody is told that the newcomer has to log in again: {e}"))?;
    match (stage.deaths(), told) {
        (1, Some(_)) => Ok(()),
        (deaths, told) => Err(format!("{deaths} deaths; the reason told is {told:?}")),
    }
}

/// `rolecall secrets rotate` dies after its third secret. All still open, and a second rotation goes on.
pub(crate) async fn half_a_rotation(stage: &mut Stage) -> Result<(), String> {
    let (access, refresh) = ("an-access-token", "a-refresh-token");
    store(stage, None, access, refresh)?;
    // The file may hold what was written over until it is used for something else.
    keep_secret(stage, "a stored access token", access, true);
    keep_secret(stage, "a stored refresh token", refresh, true);
    let key = NEW_KEY.split_once(':').map_or(NEW_KEY, |(_, key)| key);
    keep_secret(stage, "the next key that seals", key, false);
    stage
        .program
        .env
        .retain(|(name, _)| name != "ROLECALL_ENCRYPTION_KEYS");
    stage
        .program
        .env
        .push(("ROLECALL_ENCRYPTION_KEYS".into(), format!("{NEW_KEY},{OLD_KEY}")));
    let mut dying = stage.program.clone();
    dying.env.push(("ROLECALL_FAULT".into(), "K16:3".into()));
    if dying.run(&["secrets", "rotate"]).await.is_ok() {
        return Err("the rotation was to die, and did not".into());
    }
    let is_new = |text: &str| text.contains("new");
    let sealed = database(stage)?
        .prepare(
            "SELECT bot_token FROM discord_guild_configs UNION ALL SELECT access_token FROM discord_users",
        )
        .and_then(|mut all| {
            all.query_map([], |row| row.get::<_, String>(0))?
                .collect::<Result<Vec<_>, _>>()
        })
        .map_err(|e| e.to_string())?;
    let done = sealed.iter().filter(|text| is_new(text)).count();
    if done == 0 || done == sealed.len() {
        return Err(format!(
            "{done} of {} secrets are sealed anew, which is not half-way",
            sealed.len()
        ));
    }
    let seen = stage.program.look(&["secrets", "verify", "--json"]).await?;
    if seen["unreadable"] != 0 {
        return Err(format!("half-way, not all secrets open: {seen}"));
    }
    stage.start_all(Mode::Embedded, "all", &[]);
    stage.ask().await?;
    stage.quiet().await?;
    stage.program.run(&["secrets", "rotate"]).await?;
    // The old key may go now.
    stage
        .program
        .env
        .retain(|(name, _)| name != "ROLECALL_ENCRYPTION_KEYS");
    stage
        .program
        .env
        .push(("ROLECALL_ENCRYPTION_KEYS".into(), NEW_KEY.into()));
    stage.program.run(&["secrets", "verify"]).await.map(drop)
}
