//! The three ways in which statements are run, and how values are read.

use std::fmt::Display;
use std::str::FromStr;

use rusqlite::{Connection, Params, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::errors::Fault;

pub(super) type Result<T> = std::result::Result<T, Fault>;

/// The first row, if there is one.
pub(super) fn one<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    #[cfg(test)]
    seen::note(sql);
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

/// All rows.
pub(super) fn all<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    #[cfg(test)]
    seen::note(sql);
    db.prepare_cached(sql)?.query_and_then(params, read)?.collect()
}

/// Changes rows; says how many.
pub(super) fn change(db: &Connection, sql: &str, params: impl Params) -> Result<usize> {
    Ok(db.prepare_cached(sql)?.execute(params)?)
}

/// A number that cannot be negative.
pub(super) fn count(row: &Row<'_>, column: usize) -> Result<u64> {
    let n: i64 = row.get(column)?;
    u64::try_from(n).map_err(|_| Fault::unreadable(format_args!("{n} is no count")))
}

/// An id that is kept as text.
pub(super) fn id<T: FromStr<Err: Display>>(row: &Row<'_>, column: usize) -> Result<T> {
    let text = row.get_ref(column)?.as_str().map_err(Fault::unreadable)?;
    text.parse().map_err(Fault::unreadable)
}

/// An id that is kept as text, or nothing.
pub(super) fn id_or_none<T: FromStr<Err: Display>>(row: &Row<'_>, column: usize) -> Result<Option<T>> {
    let text = row.get_ref(column)?.as_str_or_null().map_err(Fault::unreadable)?;
    text.map(|t| t.parse().map_err(Fault::unreadable)).transpose()
}

/// A written name.
pub(super) fn name<T>(row: &Row<'_>, column: usize, from_name: impl Fn(&str) -> Option<T>) -> Result<T> {
    let text = row.get_ref(column)?.as_str().map_err(Fault::unreadable)?;
    from_name(text)
        .ok_or_else(|| Fault::unreadable(format_args!("{text:?} is not a name that is known here")))
}

/// A value that is kept as JSON.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T> {
    let text = row.get_ref(column)?.as_str().map_err(Fault::unreadable)?;
    Ok(serde_json::from_str(text)?)
}

/// A value that is kept as JSON, or nothing.
pub(super) fn json_or_none<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<Option<T>> {
    let text = row.get_ref(column)?.as_str_or_null().map_err(Fault::unreadable)?;
    Ok(text.map(serde_json::from_str).transpose()?)
}

/// As JSON.
pub(super) fn to_json(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string(value)?)
}

/// An id for a new record: 24 hex digits, as long as go-falcon's.
pub(super) fn new_record_id() -> String {
    let mut id = Uuid::new_v4().simple().to_string();
    id.truncate(24);
    id
}

/// As text.
pub(super) fn text(value: Option<impl Display>) -> Option<String> {
    value.map(|v| v.to_string())
}

/// As a limit.
pub(super) fn limit(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// The questions that a thread asked, for the tests of their plans.
#[cfg(test)]
pub(super) mod seen {
    use std::cell::RefCell;

    thread_local! {
        static ASKED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn note(sql: &str) {
        ASKED.with_borrow_mut(|asked| asked.push(sql.to_owned()));
    }

    /// Those since the last time.
    pub(in crate::store::sqlite) fn take() -> Vec<String> {
        ASKED.take()
    }
}
