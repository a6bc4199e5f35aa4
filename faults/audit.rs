//! I15: reads the audit trail as it lies there, and computes its hashes once more by what `docs/audit.md` says.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use futures::TryStreamExt;
use mongodb::bson::{Bson, doc};
use rusqlite::{Connection, OpenFlags, Row};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::case::{Asked, LedgerAt};

/// Names of what is hashed into `hash`, beside `at`, which stores keep as a number.
const HEAD: [&str; 10] = [
    "seq",
    "id",
    "actor",
    "via",
    "action",
    "subject",
    "request_id",
    "details",
    "adopted",
    "prev",
];
/// Names of what is hashed into `details`.
const DETAILS: [&str; 4] = ["before", "after", "reason", "salt"];

/// All records by their places, as objects with the names of an export.
pub(crate) async fn read(at: &LedgerAt) -> Result<Vec<Value>, String> {
    match at {
        LedgerAt::Sqlite(path) => sqlite(path).map_err(|e| format!("{}: {e}", path.display())),
        LedgerAt::Mongo { uri, database } => mongo(uri, database)
            .await
            .map_err(|e| format!("the Mongo server: {e}")),
    }
}

fn sqlite(path: &std::path::Path) -> Result<Vec<Value>, rusqlite::Error> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    db.busy_timeout(std::time::Duration::from_secs(10))?;
    let mut records = db.prepare(
        "SELECT seq, id, at, actor, via, action, target, request_id, details, adopted, prev, hash, before, after, \
             reason, salt FROM rolecall_audit ORDER BY seq",
    )?;
    let text = |row: &Row<'_>, column: usize| row.get::<_, Option<String>>(column);
    let parsed = |row: &Row<'_>, column: usize| -> Result<Value, rusqlite::Error> {
        let text = text(row, column)?;
        Ok(text
            .and_then(|t| serde_json::from_str(&t).ok())
            .unwrap_or_default())
    };
    let records = records.query_map([], |row| {
        Ok(json!({
            "seq": row.get::<_, Option<i64>>(0)?, "id": text(row, 1)?, "at": date(row.get(2)?),
            "actor": text(row, 3)?, "via": text(row, 4)?, "action": text(row, 5)?, "subject": text(row, 6)?,
            "request_id": text(row, 7)?, "details": text(row, 8)?, "adopted": row.get::<_, i64>(9)? == 1,
            "prev": text(row, 10)?, "hash": text(row, 11)?, "before": parsed(row, 12)?, "after": parsed(row, 13)?,
            "reason": text(row, 14)?, "salt": text(row, 15)?,
        }))
    })?;
    records.collect()
}

async fn mongo(uri: &str, database: &str) -> Result<Vec<Value>, mongodb::error::Error> {
    let database = mongodb::Client::with_uri_str(uri).await?.database(database);
    let audit = database.collection::<mongodb::bson::Document>("rolecall_audit");
    let found: Vec<_> = audit
        .find(doc! {})
        .sort(doc! { "seq": 1 })
        .await?
        .try_collect()
        .await?;
    Ok(found
        .into_iter()
        .map(|document| {
            let at = document.get_datetime("at").map_or(0, |at| at.timestamp_millis());
            let mut plain = Bson::from(document).into_relaxed_extjson();
            for (name, stored) in [("id", "_id"), ("subject", "target")] {
                plain[name] = plain[stored].clone();
            }
            plain["at"] = date(at).into();
            plain
        })
        .collect())
}

/// Milliseconds as RFC 3339 in UTC, by the algorithm of Howard Hinnant's `civil_from_days`.
fn date(ms: i64) -> String {
    let (days, of_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let z = days + 719_468;
    let (era, doe) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (
        doy - (153 * mp + 2) / 5 + 1,
        if mp < 10 { mp + 3 } else { mp - 9 },
    );
    let year = yoe + era * 400 + i64::from(month <= 2);
    let (seconds, millis) = (of_day / 1_000, of_day % 1_000);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{millis:03}Z",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// RFC 8785, as far as what is stored here needs it.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(object) => {
            let mut all: Vec<(&String, &Value)> = object.iter().collect();
            all.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (n, (name, value)) in all.into_iter().enumerate() {
                // Writing to a string does not fail.
                let _ = write!(
                    out,
                    "{}{}:",
                    if n > 0 { "," } else { "" },
                    Value::from(name.as_str())
                );
                canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(all) => {
            out.push('[');
            for (n, value) in all.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                canonical(value, out);
            }
            out.push(']');
        }
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        Value::Number(n) => match n.as_f64() {
            Some(f) if f.fract() == 0.0 && f.abs() < 9_007_199_254_740_992.0 => {
                let _ = write!(out, "{}", f as i64);
            }
            _ => {
                let _ = write!(out, "{n}");
            }
        },
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

fn hash(record: &Value, names: &[&str]) -> String {
    let object: Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), record[*name].clone()))
        .collect();
    let mut text = String::new();
    canonical(&Value::Object(object), &mut text);
    Sha256::digest(text.as_bytes())
        .iter()
        .fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

/// Whether the chain is whole, from its first record on, and each run that was promised to the client has one record.
pub(crate) fn check(records: &[Value], asked: &[Asked]) -> Result<Option<String>, String> {
    let mut last: Option<&Value> = None;
    for record in records {
        let seq = record["seq"].as_i64().unwrap_or(-1);
        let (before, prev) = match last {
            Some(last) => (last["seq"].as_i64().unwrap_or(-1), last["hash"].clone()),
            None => (0, "0".repeat(64).into()),
        };
        if seq != before + 1 {
            return Err(format!("record {} stands after record {before}", record["seq"]));
        }
        if record["prev"] != prev {
            return Err(format!("record {seq} does not follow from the one before it"));
        }
        let head: Vec<&str> = HEAD.into_iter().chain(["at"]).collect();
        if record["hash"] != hash(record, &head).as_str() {
            return Err(format!("record {seq} is not as it was written"));
        }
        if !record["salt"].is_null() && record["details"] != hash(record, &DETAILS).as_str() {
            return Err(format!("what record {seq} tells is not as it was written"));
        }
        last = Some(record);
    }
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for record in records.iter().filter(|r| r["action"] == "run.created") {
        *told
            .entry(record["subject"].as_str().unwrap_or_default())
            .or_default() += 1;
    }
    for run in asked.iter().filter_map(|asked| asked.run.as_ref()) {
        let records = told.get(format!("run:{run}").as_str()).copied().unwrap_or(0);
        if records != 1 {
            return Err(format!("run {run} was promised, and has {records} records"));
        }
    }
    Ok(Some(format!("{} records", records.len())))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Made by hand: the texts of RFC 8785 in `sha256sum`.
    fn known() -> Value {
        json!({
            "seq": 1, "id": "00000000-0000-0000-0000-000000000001", "at": date(1_700_000_000_123),
            "actor": "user:ada", "via": "api", "action": "guild.created", "subject": "guild:5", "request_id": null,
            "adopted": false, "prev": "0".repeat(64), "before": null, "after": {"b": 1.0, "a": "ä\n€"},
            "reason": "because", "salt": "0".repeat(32),
            "details": "fa191598460471d76d91607be4f4f072f7f304df4c20320edbeebba027fa8ab6",
            "hash": "6346f5ae5d8ef233170b668c45ba9021168343e8eee420a3f53277f1580fea86",
        })
    }

    /// A trail in which this run was asked for.
    pub(crate) fn of_run(run: &str) -> Vec<Value> {
        vec![known(), next(&known(), run)]
    }

    fn next(of: &Value, run: &str) -> Value {
        let mut record = of.clone();
        (record["seq"], record["prev"]) = (json!(2), of["hash"].clone());
        (record["action"], record["subject"]) = (json!("run.created"), json!(format!("run:{run}")));
        record["hash"] = hash(&record, &HEAD.into_iter().chain(["at"]).collect::<Vec<_>>()).into();
        record
    }

    #[test]
    fn a_whole_chain_holds_and_each_change_breaks_it() {
        let all = of_run("r");
        assert_eq!(all[0]["at"], "2023-11-14T22:13:20.123Z");
        assert_eq!(check(&all, &[]), Ok(Some("2 records".to_owned())));
        for (name, value) in [
            ("actor", json!("user:eve")),
            ("after", json!(null)),
            ("adopted", json!(true)),
        ] {
            let mut changed = all.clone();
            changed[0][name] = value;
            assert!(
                check(&changed, &[]).unwrap_err().contains("as it was written"),
                "{name}"
            );
        }
        assert!(check(&all[1..], &[]).unwrap_err().contains("stands after"));
        let mut other = all.clone();
        other[1]["prev"] = json!("x");
        assert!(check(&other, &[]).unwrap_err().contains("does not follow"));
    }

    #[test]
    fn a_run_that_was_promised_has_one_record() {
        let all = of_run("r");
        let asked = |run: &str| Asked {
            path: "/v1/runs".to_owned(),
            status: 202,
            run: Some(run.to_owned()),
            retry_after: false,
        };
        assert!(check(&all, &[asked("r")]).is_ok());
        assert!(
            check(&all, &[asked("r"), asked("other")])
                .unwrap_err()
                .contains("has 0 records")
        );
    }
}
