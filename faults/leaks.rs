//! Looks for secrets where they may not stand in plain.

use std::path::Path;

use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use redis::aio::MultiplexedConnection;

use crate::case::{Case, LedgerAt, Secret};

/// Places, and how many keys Redis has.
pub(crate) async fn search(case: &Case) -> Result<(Vec<String>, Option<usize>), String> {
    let mut leaks = Vec::new();
    for folder in &case.folders {
        files(folder, &case.secrets, &mut leaks).map_err(|e| e.to_string())?;
    }
    if let LedgerAt::Mongo { uri, database } = &case.ledger {
        let found = documents(uri, database, &case.secrets, &mut leaks);
        found.await.map_err(|e| format!("the Mongo server: {e}"))?;
    }
    let mut keys = None;
    if let Some(url) = &case.redis {
        let found = redis(url, &case.secrets, &mut leaks);
        keys = Some(found.await.map_err(|e| format!("Redis: {e}"))?);
    }
    Ok((leaks, keys))
}

fn holds(bytes: &[u8], text: &str) -> bool {
    !text.is_empty() && bytes.windows(text.len()).any(|w| w == text.as_bytes())
}

fn note(bytes: &[u8], secrets: &[Secret], place: &str, is_database: bool, leaks: &mut Vec<String>) {
    let plain = secrets.iter().filter(|s| !(is_database && s.stored_plain));
    leaks.extend(
        plain
            .filter(|s| holds(bytes, &s.text))
            .map(|s| format!("{} in {place}", s.name)),
    );
}

/// Files at any depth.
fn files(folder: &Path, secrets: &[Secret], leaks: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, secrets, leaks)?;
        } else if path.is_file() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_database = name.contains(".db");
            note(
                &std::fs::read(&path)?,
                secrets,
                &path.display().to_string(),
                is_database,
                leaks,
            );
        }
    }
    Ok(())
}

async fn documents(
    uri: &str,
    database: &str,
    secrets: &[Secret],
    leaks: &mut Vec<String>,
) -> Result<(), mongodb::error::Error> {
    let database = mongodb::Client::with_uri_str(uri).await?.database(database);
    for name in database.list_collection_names().await? {
        let mut all = database.collection::<Document>(&name).find(doc! {}).await?;
        while let Some(document) = all.try_next().await? {
            let text = mongodb::bson::Bson::from(document)
                .into_relaxed_extjson()
                .to_string();
            note(
                text.as_bytes(),
                secrets,
                &format!("the collection {name}"),
                true,
                leaks,
            );
        }
    }
    Ok(())
}

/// By what each kind of key is read with: a dump of it may be packed.
async fn redis(url: &str, secrets: &[Secret], leaks: &mut Vec<String>) -> redis::RedisResult<usize> {
    let client = redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await?;
    for key in &keys {
        let place = format!("Redis' key {}", String::from_utf8_lossy(key));
        note(key, secrets, &place, false, leaks);
        for value in values(&mut connection, key).await? {
            note(&value, secrets, &place, false, leaks);
        }
    }
    Ok(keys.len())
}

async fn values(connection: &mut MultiplexedConnection, key: &[u8]) -> redis::RedisResult<Vec<Vec<u8>>> {
    let kind: String = redis::cmd("TYPE").arg(key).query_async(connection).await?;
    let (command, range) = match kind.as_str() {
        "string" => ("GET", None),
        "hash" => ("HGETALL", None),
        "list" => ("LRANGE", Some(("0", "-1"))),
        "zset" => ("ZRANGE", Some(("0", "-1"))),
        "set" => ("SMEMBERS", None),
        "stream" => ("XRANGE", Some(("-", "+"))),
        _ => return Ok(Vec::new()),
    };
    let mut read = redis::cmd(command);
    read.arg(key);
    if let Some((from, to)) = range {
        read.arg(from).arg(to);
    }
    let value: redis::Value = read.query_async(connection).await?;
    let mut all = Vec::new();
    flatten(value, &mut all);
    Ok(all)
}

fn flatten(value: redis::Value, all: &mut Vec<Vec<u8>>) {
    match value {
        redis::Value::BulkString(bytes) => all.push(bytes),
        redis::Value::SimpleString(text) => all.push(text.into_bytes()),
        redis::Value::Array(values) | redis::Value::Set(values) => {
            values.into_iter().for_each(|v| flatten(v, all));
        }
        redis::Value::Map(pairs) => pairs.into_iter().for_each(|(name, v)| {
            flatten(name, all);
            flatten(v, all);
        }),
        _ => {}
    }
}
