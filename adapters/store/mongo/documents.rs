//! Reading documents that others may have written: any integer type, null or absent, ids as `ObjectId` or text.

use std::str::FromStr;

use futures::TryStreamExt as _;
use mongodb::Cursor;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document};
use rolecall_core::error::StoreError;
use rolecall_core::ids::DiscordId;
use rolecall_core::time::Timestamp;

use super::errors::store_error;

/// What texts look like that may be ids of Discord.
pub(crate) const DIGITS: &str = "^[0-9]{1,20}$";

/// The fields of one document. What is of a wrong type is an error that names collection, document and field.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    what: &'a str,
    doc: &'a Document,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(what: &'a str, doc: &'a Document) -> Self {
        Self { what, doc }
    }

    /// An error about this document.
    pub(crate) fn broken(&self, field: &str, expected: &str) -> StoreError {
        let id = self
            .doc
            .get("_id")
            .map_or_else(String::new, |id| format!(" {id}"));
        let found = self
            .doc
            .get(field)
            .map_or("nothing".to_owned(), |v| format!("{:?}", v.element_type()));
        StoreError::Corrupt(format!(
            "{}{id}: field {field} should be {expected}, and is {found}",
            self.what
        ))
    }

    /// The value, unless it is absent or null.
    pub(crate) fn value(&self, field: &str) -> Option<&'a Bson> {
        self.doc.get(field).filter(|v| !matches!(v, Bson::Null))
    }

    fn needed<T>(&self, found: Option<T>, field: &str, expected: &str) -> Result<T, StoreError> {
        found.ok_or_else(|| self.broken(field, expected))
    }

    pub(crate) fn opt_text(&self, field: &str) -> Result<Option<String>, StoreError> {
        match self.value(field) {
            None => Ok(None),
            Some(Bson::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.broken(field, "a text")),
        }
    }

    pub(crate) fn text(&self, field: &str) -> Result<String, StoreError> {
        self.needed(self.opt_text(field)?, field, "a text")
    }

    /// A text, or an `ObjectId` in hex.
    pub(crate) fn id(&self, field: &str) -> Result<String, StoreError> {
        let id = self.value(field).and_then(id_text);
        self.needed(id, field, "an ObjectId or a text")
    }

    /// A value that is written as a text; a number is read, too (ids of Discord).
    pub(crate) fn opt_parsed<T: FromStr>(&self, field: &str) -> Result<Option<T>, StoreError> {
        let text = match self.value(field) {
            None => return Ok(None),
            Some(Bson::String(text)) => text.clone(),
            Some(value) => whole(value)
                .ok_or_else(|| self.broken(field, "an id as a text"))?
                .to_string(),
        };
        let parsed = text
            .parse()
            .map_err(|_| self.broken(field, "a readable id or name"))?;
        Ok(Some(parsed))
    }

    pub(crate) fn parsed<T: FromStr>(&self, field: &str) -> Result<T, StoreError> {
        self.needed(self.opt_parsed(field)?, field, "a readable id or name")
    }

    /// An id of Discord. An empty text is none, as Go writes it.
    pub(crate) fn opt_snowflake<T: FromStr>(&self, field: &str) -> Result<Option<T>, StoreError> {
        match self.value(field) {
            Some(Bson::String(text)) if text.trim().is_empty() => Ok(None),
            _ => self.opt_parsed(field),
        }
    }

    /// The same where what cannot be read counts as absent, because nothing depends on it.
    pub(crate) fn parsed_or_none<T: FromStr>(&self, field: &str) -> Option<T> {
        self.opt_parsed(field).ok().flatten()
    }

    pub(crate) fn opt_whole(&self, field: &str) -> Result<Option<i64>, StoreError> {
        self.value(field)
            .map(|v| whole(v).ok_or_else(|| self.broken(field, "a whole number")))
            .transpose()
    }

    /// A number that fits `T`; absent is 0.
    pub(crate) fn number<T: TryFrom<i64> + Default>(&self, field: &str) -> Result<T, StoreError> {
        match self.opt_whole(field)? {
            None => Ok(T::default()),
            Some(n) => T::try_from(n).map_err(|_| self.broken(field, "a number in range")),
        }
    }

    pub(crate) fn opt_number<T: TryFrom<i64>>(&self, field: &str) -> Result<Option<T>, StoreError> {
        self.opt_whole(field)?
            .map(|n| T::try_from(n).map_err(|_| self.broken(field, "a number in range")))
            .transpose()
    }

    /// The first of these fields that is there: the names of one switch over time.
    pub(crate) fn flag(&self, names: &[&str]) -> Result<Option<bool>, StoreError> {
        for name in names {
            match self.value(name) {
                None => {}
                Some(Bson::Boolean(on)) => return Ok(Some(*on)),
                Some(_) => return Err(self.broken(name, "true or false")),
            }
        }
        Ok(None)
    }

    /// A date, or a text as JSON has it (RFC 3339): so an import of JSON leaves them. An empty text is none.
    pub(crate) fn opt_at(&self, field: &str) -> Result<Option<Timestamp>, StoreError> {
        let at = match self.value(field) {
            None => return Ok(None),
            Some(Bson::DateTime(at)) => Some(Timestamp(at.timestamp_millis())),
            Some(Bson::String(text)) if text.trim().is_empty() => return Ok(None),
            Some(Bson::String(text)) => Timestamp::from_rfc3339(text.trim()),
            Some(_) => None,
        };
        self.needed(at, field, "a date").map(Some)
    }

    /// Whether the field names nothing that Discord has: it holds a text that is no Discord id, or is not there. go-falcon
    /// stores whatever it is given, and an empty text, too. Such a document gives nobody a role and takes none.
    pub(crate) fn is_of_nothing(&self, field: &str) -> bool {
        match self.value(field) {
            None => true,
            Some(value) => value
                .as_str()
                .is_some_and(|text| text.parse::<DiscordId>().is_err()),
        }
    }

    pub(crate) fn at(&self, field: &str) -> Result<Timestamp, StoreError> {
        self.needed(self.opt_at(field)?, field, "a date")
    }

    /// An array; absent and null are empty.
    pub(crate) fn array(&self, field: &str) -> Result<&'a [Bson], StoreError> {
        match self.value(field) {
            None => Ok(&[]),
            Some(Bson::Array(values)) => Ok(values),
            Some(_) => Err(self.broken(field, "an array")),
        }
    }

    /// An array of documents.
    pub(crate) fn documents(&self, field: &str) -> Result<Vec<Fields<'a>>, StoreError> {
        let each = |v: &'a Bson| v.as_document().map(|doc| Fields { what: self.what, doc });
        let found: Option<Vec<_>> = self.array(field)?.iter().map(each).collect();
        self.needed(found, field, "an array of documents")
    }

    /// An array of texts.
    pub(crate) fn texts(&self, field: &str) -> Result<Vec<String>, StoreError> {
        let each = |v: &Bson| v.as_str().map(str::to_owned);
        let found: Option<Vec<_>> = self.array(field)?.iter().map(each).collect();
        self.needed(found, field, "an array of texts")
    }

    /// An array of texts, or one text with spaces between them.
    pub(crate) fn words(&self, field: &str) -> Result<Vec<String>, StoreError> {
        match self.value(field) {
            Some(Bson::String(text)) => Ok(text.split_whitespace().map(str::to_owned).collect()),
            _ => self.texts(field),
        }
    }

    /// An array of ids, each an `ObjectId` or a text.
    pub(crate) fn ids(&self, field: &str) -> Result<Vec<String>, StoreError> {
        let found: Option<Vec<_>> = self.array(field)?.iter().map(id_text).collect();
        self.needed(found, field, "an array of ids")
    }

    pub(crate) fn opt_document(&self, field: &str) -> Result<Option<Fields<'a>>, StoreError> {
        match self.value(field) {
            None => Ok(None),
            Some(Bson::Document(doc)) => Ok(Some(Fields { what: self.what, doc })),
            Some(_) => Err(self.broken(field, "a document")),
        }
    }

    /// All fields, by name.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a String> {
        self.doc.keys()
    }
}

/// Starts a query.
pub(crate) async fn cursor(
    query: impl IntoFuture<Output = mongodb::error::Result<Cursor<Document>>>,
) -> Result<Cursor<Document>, StoreError> {
    query.await.map_err(store_error)
}

/// All documents that a query finds.
pub(crate) async fn all(
    query: impl IntoFuture<Output = mongodb::error::Result<Cursor<Document>>>,
) -> Result<Vec<Document>, StoreError> {
    cursor(query).await?.try_collect().await.map_err(store_error)
}

/// A whole number of any of the types that drivers write.
pub(crate) fn whole(value: &Bson) -> Option<i64> {
    // Beyond 2^53 a double no longer tells whole numbers apart.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Bson::Int32(n) => Some(i64::from(*n)),
        Bson::Int64(n) => Some(*n),
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        Bson::Double(n) if n.fract() == 0.0 && n.abs() <= EXACT => Some(*n as i64),
        _ => None,
    }
}

/// An id as a text.
pub(crate) fn id_text(value: &Bson) -> Option<String> {
    match value {
        Bson::ObjectId(id) => Some(id.to_hex()),
        Bson::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// An id as it is written: an `ObjectId` if it reads as one, else a text.
pub(crate) fn id_value(text: &str) -> Bson {
    ObjectId::parse_str(text).map_or_else(|_| Bson::String(text.to_owned()), Bson::ObjectId)
}

/// All values under which somebody may have stored this id.
pub(crate) fn id_values(text: &str) -> Vec<Bson> {
    let written = Bson::String(text.to_owned());
    match id_value(text) {
        Bson::String(_) => vec![written],
        id => vec![id, written],
    }
}

/// A date.
pub(crate) fn date(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.0)
}

/// All ways in which [`Fields::opt_at`] may have found this moment, to look for a document that has not changed since.
pub(crate) fn dates(at: Timestamp) -> Vec<Bson> {
    let text = at.to_rfc3339();
    let mut all = vec![date(at).into()];
    all.extend(
        text.strip_suffix(".000Z")
            .map(|seconds| format!("{seconds}Z").into()),
    );
    all.push(text.into());
    all
}

/// A count as an int64.
pub(crate) fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A small count as an int32.
pub(crate) fn small(n: u32) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

/// Adds a field, if there is a value.
pub(crate) fn put<T: Into<Bson>>(doc: &mut Document, field: &str, value: Option<T>) {
    if let Some(value) = value {
        doc.insert(field, value);
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    #[test]
    fn whole_numbers_are_read_from_every_type_and_fractions_from_none() {
        let doc = doc! { "a": 5_i32, "b": 5_i64, "c": 5.0, "d": 5.5, "e": Bson::Null, "f": "5" };
        let fields = Fields::new("t", &doc);
        for name in ["a", "b", "c"] {
            assert_eq!(fields.opt_whole(name), Ok(Some(5)));
        }
        for name in ["d", "f"] {
            assert!(fields.opt_whole(name).is_err());
        }
        for name in ["e", "absent"] {
            assert_eq!(fields.opt_whole(name), Ok(None));
        }
    }

    #[test]
    fn an_error_names_collection_document_and_field() {
        let doc = doc! { "_id": "x", "guild_id": true };
        let error = Fields::new("discord_users", &doc)
            .text("guild_id")
            .unwrap_err()
            .to_string();
        for part in ["discord_users", "\"x\"", "guild_id", "Boolean"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn ids_are_written_as_object_ids_where_they_read_as_such() {
        let hex = "65a000000000000000000001";
        assert!(matches!(id_value(hex), Bson::ObjectId(_)));
        assert_eq!(id_text(&id_value(hex)).as_deref(), Some(hex));
        assert_eq!(id_values(hex).len(), 2);
        assert_eq!(id_values("pilots"), [Bson::String("pilots".to_owned())]);
    }
}
