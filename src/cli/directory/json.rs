//! Rows of a JSON file. Walked value by value, so that each row has its line.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Deserializer, Map, Value};

use super::check::Checker;
use super::file::{COLUMNS, RawRow};

/// Reads all rows. `bytes` has no byte order mark.
pub(super) fn read(bytes: &[u8], checker: &mut Checker) {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = &bytes[..error.valid_up_to()];
            let line = 1 + good.iter().filter(|b| **b == b'\n').count() as u64;
            checker.problem(line, "the file is not UTF-8 here; save it as UTF-8");
            return;
        }
    };
    let mut walker = Walker {
        text,
        at: 0,
        counted: 0,
        line: 1,
    };
    if let Err(sentence) = walker.document(checker) {
        let line = walker.line();
        checker.problem(line, sentence);
    }
}

struct Walker<'a> {
    text: &'a str,
    at: usize,
    counted: usize,
    line: u64,
}

impl Walker<'_> {
    fn document(&mut self, checker: &mut Checker) -> Result<(), String> {
        match self.peek() {
            Some('[') => self.users(checker)?,
            Some('{') => self.wrapped(checker)?,
            _ => return Err("the file holds neither a list of users nor {\"users\": [...]}".to_owned()),
        }
        match self.peek() {
            None => Ok(()),
            Some(_) => Err("there is something after the end of the list".to_owned()),
        }
    }

    /// `{"users": [...]}`; other fields are ignored.
    fn wrapped(&mut self, checker: &mut Checker) -> Result<(), String> {
        self.expect('{')?;
        let mut found = false;
        while self.peek() != Some('}') {
            let name: String = self.value()?;
            self.expect(':')?;
            if name == "users" && !found && self.peek() == Some('[') {
                self.users(checker)?;
                found = true;
            } else if name == "users" {
                return Err("\"users\" has to be one list".to_owned());
            } else {
                let _: IgnoredAny = self.value()?;
                checker.warning(format!("the field {name:?} is not known, and ignored"));
            }
            self.comma('}')?;
        }
        self.expect('}')?;
        if found {
            Ok(())
        } else {
            Err("the object has no field \"users\" with a list".to_owned())
        }
    }

    fn users(&mut self, checker: &mut Checker) -> Result<(), String> {
        self.expect('[')?;
        while self.peek() != Some(']') {
            let line = self.line();
            match self.value()? {
                Value::Object(fields) => row(line, &fields, checker),
                _ => checker.problem(line, "a user has to be an object"),
            }
            self.comma(']')?;
        }
        self.expect(']')
    }

    /// The next character that is no space.
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        let rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        self.at = self.text.len() - rest.len();
        rest.chars().next()
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        match self.peek() {
            Some(found) if found == wanted => {
                self.at += wanted.len_utf8();
                Ok(())
            }
            Some(found) => Err(format!(
                "no valid JSON: {wanted:?} was expected, and {found:?} is there"
            )),
            None => Err(format!(
                "no valid JSON: {wanted:?} was expected, and the file ends"
            )),
        }
    }

    /// A comma, unless the list ends here. One before the end is refused, as JSON knows none.
    fn comma(&mut self, end: char) -> Result<(), String> {
        if self.peek() == Some(end) {
            return Ok(());
        }
        self.expect(',')?;
        match self.peek() {
            Some(next) if next == end => Err("no valid JSON: a comma before the end of the list".to_owned()),
            _ => Ok(()),
        }
    }

    fn value<T: DeserializeOwned>(&mut self) -> Result<T, String> {
        self.peek();
        let mut values = Deserializer::from_str(&self.text[self.at..]).into_iter::<T>();
        match values.next() {
            Some(Ok(value)) => {
                self.at += values.byte_offset();
                Ok(value)
            }
            Some(Err(error)) => {
                let inside = error.line().saturating_sub(1) as u64;
                self.line();
                self.line += inside;
                // The error's own place counts from the value's beginning.
                let text = error.to_string();
                let text = text
                    .rsplit_once(" at line ")
                    .map_or(text.as_str(), |(what, _)| what);
                Err(format!("no valid JSON: {text}"))
            }
            None => Err("no valid JSON: the file ends too early".to_owned()),
        }
    }

    /// The line of the next character that is no space.
    fn line(&mut self) -> u64 {
        self.peek();
        let breaks = self.text[self.counted..self.at]
            .bytes()
            .filter(|b| *b == b'\n')
            .count();
        self.line += breaks as u64;
        self.counted = self.at;
        self.line
    }
}

fn row(line: u64, fields: &Map<String, Value>, checker: &mut Checker) {
    for name in fields.keys().filter(|n| !COLUMNS.contains(&n.as_str())) {
        checker.warning(format!("the field {name:?} is not known, and ignored"));
    }
    match raw(line, fields) {
        Ok(raw) => checker.row(&raw),
        Err(sentence) => checker.problem(line, sentence),
    }
}

fn raw(line: u64, fields: &Map<String, Value>) -> Result<RawRow, String> {
    Ok(RawRow {
        line,
        user_id: text(fields, "user_id")?,
        name: text(fields, "name")?,
        groups: groups(fields)?,
        discord_id: text(fields, "discord_id")?,
    })
}

/// A text or a whole number; empty if it is missing or `null`.
fn text(fields: &Map<String, Value>, name: &str) -> Result<String, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) if !number.is_f64() => Ok(number.to_string()),
        Some(_) => Err(format!("the {name} is neither a text nor a whole number")),
    }
}

/// A list, or a text with semicolons. Without groups the user would lose all, so they cannot be left out.
fn groups(fields: &Map<String, Value>) -> Result<Vec<String>, String> {
    match fields.get("groups") {
        None | Some(Value::Null) => Err("the groups are missing; write [] for none".to_owned()),
        Some(Value::String(text)) => Ok(text.split(';').map(ToOwned::to_owned).collect()),
        Some(Value::Array(groups)) => groups
            .iter()
            .map(|g| match g {
                Value::String(name) => Ok(name.clone()),
                Value::Number(number) if !number.is_f64() => Ok(number.to_string()),
                _ => Err("a group is neither a text nor a whole number".to_owned()),
            })
            .collect(),
        Some(_) => Err("the groups are neither a list nor a text".to_owned()),
    }
}
