//! Reads a JSON object field by field and collects everything that is wrong, each with a JSON pointer (RFC 6901).

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::{ApiError, Detail};

/// How many entries a list may have.
const MOST_ENTRIES: usize = 1_000;

/// The fields of a body that were not read yet. Names compare without case, as go-falcon compares them; `null`, empty
/// texts and empty lists count as absent.
pub(crate) struct Fields {
    rest: Map<String, Value>,
    errors: Vec<Detail>,
}

impl Fields {
    pub(crate) fn new(object: Map<String, Value>) -> Self {
        let rest = object
            .into_iter()
            .map(|(name, value)| (name.to_lowercase(), value))
            .filter(|(name, _)| name != "$schema")
            .collect();
        Self {
            rest,
            errors: Vec::new(),
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.rest.remove(name).filter(|value| !is_absent(value))
    }

    /// Notes that something is wrong with a field.
    pub(crate) fn wrong(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push(Detail::at(pointer(name), message));
    }

    fn one<T: DeserializeOwned>(&mut self, name: &str, expected: &str) -> Option<T> {
        let value = self.take(name)?;
        let read = serde_json::from_value(trimmed(value)).ok();
        if read.is_none() {
            self.wrong(name, format!("expected {expected}"));
        }
        read
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.one(name, "a string")
    }

    /// A switch.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        self.one(name, "true or false")
    }

    /// A Discord id.
    pub(crate) fn snowflake<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        self.one(name, SNOWFLAKE)
    }

    /// A list, without entries that are absent or repeated.
    pub(crate) fn list<T: DeserializeOwned + PartialEq>(&mut self, name: &str, expected: &str) -> Vec<T> {
        let entries = match self.take(name) {
            None => return Vec::new(),
            Some(Value::Array(entries)) if entries.len() <= MOST_ENTRIES => entries,
            Some(Value::Array(_)) => {
                self.wrong(name, format!("expected at most {MOST_ENTRIES} entries"));
                return Vec::new();
            }
            Some(_) => {
                self.wrong(name, format!("expected an array, each entry {expected}"));
                return Vec::new();
            }
        };
        let mut out = Vec::new();
        for (n, entry) in entries.into_iter().enumerate().filter(|(_, e)| !is_absent(e)) {
            match serde_json::from_value::<T>(trimmed(entry)) {
                Ok(entry) if out.contains(&entry) => {}
                Ok(entry) => out.push(entry),
                Err(_) => {
                    let location = format!("{}/{n}", pointer(name));
                    self.errors
                        .push(Detail::at(location, format!("expected {expected}")));
                }
            }
        }
        out
    }

    /// All Discord ids of a list.
    pub(crate) fn snowflakes<T: DeserializeOwned + PartialEq>(&mut self, name: &str) -> Vec<T> {
        self.list(name, SNOWFLAKE)
    }

    /// Ends the reading: what was not asked for is unexpected.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(crate) fn finish(mut self) -> Result<(), ApiError> {
        for name in self.rest.keys() {
            self.errors.push(Detail::at(pointer(name), "unexpected property"));
        }
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(ApiError::invalid(self.errors))
        }
    }
}

/// What a wrong Discord id is told.
pub(crate) const SNOWFLAKE: &str = "a Discord id: up to 20 digits, such as \"123456789012345678\"";

/// A mapping's id: 24 hex digits.
pub(crate) fn is_mapping_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_absent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(entries) => entries.is_empty(),
        _ => false,
    }
}

fn trimmed(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.trim().to_owned()),
        other => other,
    }
}

fn pointer(name: &str) -> String {
    let name: String = name.chars().take(64).collect();
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
