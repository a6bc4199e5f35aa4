//! Reads a JSON object field by field and collects everything that is wrong, each with a JSON pointer (RFC 6901).

use rolecall_core::{GroupId, UserId};
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

use super::problem::{ApiError, Detail};

/// How many entries a list may have.
const MOST_ENTRIES: usize = 1_000;

/// The fields of a body that were not read yet. Names compare without case, as go-falcon compares them; `null`, empty
/// texts and empty lists count as absent.
pub(crate) struct Fields {
    rest: Map<String, Value>,
    errors: Vec<Detail>,
    /// Pointer to the object, for one inside another.
    within: String,
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
            within: String::new(),
        }
    }

    /// An object inside this one; give it back with [`Self::close`].
    pub(crate) fn open(&mut self, name: &str) -> Option<Self> {
        match self.take(name)? {
            Value::Object(object) => {
                let mut inner = Self::new(object);
                inner.within = self.pointer(name);
                Some(inner)
            }
            _ => {
                self.wrong(name, "expected an object");
                None
            }
        }
    }

    /// Takes over what was wrong inside.
    pub(crate) fn close(&mut self, inner: Self) {
        self.errors.extend(inner.all_errors());
    }

    /// Whether a field was sent, empty or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.rest.contains_key(name)
    }

    /// Whether something is wrong with the fields that were read so far.
    pub(crate) fn is_wrong(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Notes that a field is missing, unless it is there and wrong.
    pub(crate) fn require(&mut self, name: &str) {
        let at = self.pointer(name);
        if self.errors.iter().all(|e| e.location.as_ref() != Some(&at)) {
            self.wrong(name, format!("{name} is required"));
        }
    }

    /// Whether a field is there and `null`, where that says something: "none".
    pub(crate) fn is_null(&self, name: &str) -> bool {
        self.rest.get(name).is_some_and(Value::is_null)
    }

    /// A switch with two names. Values that contradict one another are wrong.
    pub(crate) fn either_flag(&mut self, name: &str, other: &str) -> Option<bool> {
        match (self.flag(name), self.flag(other)) {
            (Some(a), Some(b)) if a != b => {
                self.wrong(other, format!("contradicts {name}"));
                None
            }
            (a, b) => a.or(b),
        }
    }

    /// A text of at most so many characters, without control characters.
    pub(crate) fn line(&mut self, name: &str, most: usize) -> Option<String> {
        let text = self.text(name)?;
        if let Err(expected) = one_line(&text, most) {
            self.wrong(name, expected);
            return None;
        }
        Some(text)
    }

    fn pointer(&self, name: &str) -> String {
        format!("{}{}", self.within, pointer(name))
    }

    fn all_errors(mut self) -> Vec<Detail> {
        for name in self.rest.keys() {
            self.errors
                .push(Detail::at(self.pointer(name), "unexpected property"));
        }
        self.errors
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.rest.remove(name).filter(|value| !is_absent(value))
    }

    /// Notes that something is wrong with a field.
    pub(crate) fn wrong(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push(Detail::at(self.pointer(name), message));
    }

    /// Anything that is read as JSON says.
    pub(crate) fn one<T: DeserializeOwned>(&mut self, name: &str, expected: &str) -> Option<T> {
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
        if self.rest.get(name).is_some_and(is_rounded) {
            self.rest.remove(name);
            self.wrong(name, ROUNDED);
            return None;
        }
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
                    let location = format!("{}/{n}", self.pointer(name));
                    self.errors
                        .push(Detail::at(location, format!("expected {expected}")));
                }
            }
        }
        out
    }

    /// All Discord ids of a list.
    pub(crate) fn snowflakes<T: DeserializeOwned + PartialEq>(&mut self, name: &str) -> Vec<T> {
        let mut rounded = Vec::new();
        if let Some(Value::Array(entries)) = self.rest.get_mut(name) {
            for (n, entry) in entries.iter_mut().enumerate().filter(|(_, e)| is_rounded(e)) {
                *entry = Value::Null;
                rounded.push(n);
            }
        }
        for n in rounded.into_iter().take(MOST_ENTRIES) {
            let location = format!("{}/{n}", self.pointer(name));
            self.errors.push(Detail::at(location, ROUNDED));
        }
        self.list(name, SNOWFLAKE)
    }

    /// All users of a list.
    pub(crate) fn users(&mut self, name: &str) -> Vec<UserId> {
        let users: Vec<UserId> = self.list(name, "a user's id");
        if let Some(wrong) = users.iter().find_map(|user| UserId::parse(user.as_str()).err()) {
            self.wrong(name, wrong.to_string());
        }
        users
    }

    /// Ends the reading: what was not asked for is unexpected.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        let errors = self.all_errors();
        if errors.is_empty() {
            Ok(())
        } else {
            Err(ApiError::invalid(errors))
        }
    }
}

/// What a wrong Discord id is told.
pub(crate) const SNOWFLAKE: &str = "a Discord id: up to 20 digits, such as \"123456789012345678\"";

/// The user that a path names.
pub(crate) fn user_of_path(text: &str) -> Result<UserId, ApiError> {
    UserId::parse(text)
        .map_err(|wrong| ApiError::invalid(vec![Detail::at("path.user_id", wrong.to_string())]))
}

/// What a Discord id is told that came as a number in which digits may be lost.
const ROUNDED: &str = "send this Discord id as a text, such as \"123456789012345678\": beyond 2^53, JavaScript and \
                       others round numbers, so the last digits of this one may be wrong";

/// Whether a number is so big that its sender may have rounded it.
fn is_rounded(value: &Value) -> bool {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_f64().is_some_and(|n| n > EXACT)
}

/// Whether a text is one line of at most so many characters; else what was expected.
pub(super) fn one_line(text: &str, most: usize) -> Result<(), String> {
    if text.chars().count() > most || text.chars().any(char::is_control) {
        return Err(format!("expected one line of at most {most} characters"));
    }
    Ok(())
}

/// A mapping's id: 24 hex digits.
pub(crate) fn is_mapping_id(text: &str) -> bool {
    is_object_id(text)
}

fn is_object_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The group that a caller names. Of an `ObjectId` the letters' case says nothing, as for go-falcon.
pub(crate) fn group(text: String) -> GroupId {
    match is_object_id(&text) {
        true => GroupId(text.to_ascii_lowercase()),
        false => GroupId(text),
    }
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
        Value::Number(number) => whole(&number).map_or(Value::Number(number), Value::from),
        other => other,
    }
}

/// `5.0` is a whole number, too (JSON Schema, section 6.1.1 of its validation part).
fn whole(number: &Number) -> Option<i64> {
    // All whole numbers up to here are exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let value = number.as_f64().filter(|_| number.is_f64())?;
    #[allow(clippy::cast_possible_truncation, reason = "it is whole and in range")]
    (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i64)
}

/// The pointer to a property, with no more of its name than helps.
pub(super) fn pointer(name: &str) -> String {
    let name: String = name.chars().take(64).collect();
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_whole_number_may_be_written_with_a_point_and_no_other() {
        for (sent, read) in [
            (json!(5), Some(5)),
            (json!(5.0), Some(5)),
            (json!(-2.0), Some(-2)),
            (json!(5.5), None),
            (json!(1e300), None),
        ] {
            let object = json!({"priority": sent}).as_object().cloned().unwrap();
            let mut fields = Fields::new(object);
            assert_eq!(fields.one::<i32>("priority", "a whole number"), read, "{sent}");
            assert_eq!(fields.finish().is_ok(), read.is_some(), "{sent}");
        }
    }
}
