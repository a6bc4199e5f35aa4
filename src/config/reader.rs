//! Reads variables and collects what is wrong with them.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use chrono_tz::Tz;
use secrecy::{ExposeSecret, SecretString};

use super::{Problem, durations, settings};

pub(super) struct Reader<'a> {
    vars: &'a BTreeMap<String, String>,
    read_file: &'a dyn Fn(&str) -> std::io::Result<String>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        vars: &'a BTreeMap<String, String>,
        read_file: &'a dyn Fn(&str) -> std::io::Result<String>,
    ) -> Self {
        Self {
            vars,
            read_file,
            problems: Vec::new(),
        }
    }

    pub(super) fn problem(&mut self, variable: &str, sentence: &str) {
        self.problems.push(Problem {
            variable: variable.to_owned(),
            sentence: sentence.to_owned(),
        });
    }

    pub(super) fn finish<T>(self, value: T) -> Result<T, Vec<Problem>> {
        if self.problems.is_empty() {
            Ok(value)
        } else {
            Err(self.problems)
        }
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        debug_assert!(
            settings::is_known(name),
            "{name} is missing in config/settings.rs"
        );
        self.vars
            .get(name)
            .map(|v| v.trim().to_owned())
            .filter(|v| !v.is_empty())
    }

    /// A secret: the variable, or the file that `NAME_FILE` names.
    pub(super) fn secret(&mut self, name: &str) -> Option<SecretString> {
        if let Some(value) = self.text(name) {
            return Some(SecretString::from(value));
        }
        let file_variable = format!("{name}_FILE");
        let path = self.vars.get(&file_variable).filter(|p| !p.is_empty())?;
        // Some editors begin a file with a byte order mark.
        let tidy = |text: String| text.trim_start_matches('\u{feff}').trim().to_owned();
        match (self.read_file)(path).map(tidy) {
            Ok(text) if !text.is_empty() => Some(SecretString::from(text)),
            Ok(_) => {
                self.problem(&file_variable, &format!("the file {path} is empty"));
                None
            }
            Err(error) => {
                self.problem(
                    &file_variable,
                    &format!("the file {path} cannot be read: {error}"),
                );
                None
            }
        }
    }

    /// The first of these that is set.
    pub(super) fn first_secret(&mut self, names: &[&str]) -> Option<SecretString> {
        names.iter().find_map(|name| self.secret(name))
    }

    pub(super) fn check_scheme(&mut self, name: &str, value: Option<&SecretString>, schemes: &[&str]) {
        if let Some(value) = value
            && !schemes.iter().any(|s| value.expose_secret().starts_with(s))
        {
            // The value may hold a password, so it is not shown.
            self.problem(name, &format!("has to begin with {}", schemes.join(" or ")));
        }
    }

    /// A name that becomes part of keys.
    pub(super) fn name(&mut self, name: &str) -> Option<String> {
        let value = self.text(name)?;
        if value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        {
            return Some(value);
        }
        self.problem(name, &format!("is {value:?}; use letters, digits, - and _ only"));
        None
    }

    pub(super) fn number<T: FromStr + Display + Copy>(&mut self, name: &str, default: T) -> T {
        self.optional_number(name).unwrap_or(default)
    }

    pub(super) fn optional_number<T: FromStr>(&mut self, name: &str) -> Option<T> {
        let value = self.text(name)?;
        let parsed = value.parse().ok();
        if parsed.is_none() {
            self.problem(name, &format!("is {value:?}, which is no number that fits here"));
        }
        parsed
    }

    pub(super) fn positive(&mut self, name: &str, default: usize) -> usize {
        let n = self.number(name, default);
        if n == 0 || n > 4_096 {
            self.problem(name, &format!("is {n}; use a number from 1 to 4096"));
        }
        n
    }

    pub(super) fn share(&mut self, name: &str, default: f64) -> f64 {
        let n = self.number(name, default);
        if !(0.0..=1.0).contains(&n) {
            self.problem(
                name,
                &format!("is {n}; use a share from 0 to 1, such as 0.25 for a quarter"),
            );
        }
        n
    }

    pub(super) fn factor(&mut self, name: &str, default: f64) -> f64 {
        let n = self.number(name, default);
        if !(0.01..=10_000.0).contains(&n) {
            self.problem(name, &format!("is {n}; use a number from 0.01 to 10000"));
            return default;
        }
        n
    }

    pub(super) fn duration(&mut self, name: &str, default: Duration) -> Duration {
        let Some(value) = self.text(name) else {
            return default;
        };
        durations::parse(&value).unwrap_or_else(|| {
            self.problem(
                name,
                &format!("is {value:?}, which is no duration; write it like 90s, 15m or 24h"),
            );
            default
        })
    }

    /// A zone of the IANA data base; UTC if there is none.
    pub(super) fn zone(&mut self, name: &str) -> Tz {
        let Some(value) = self.text(name) else {
            return Tz::UTC;
        };
        value.parse().unwrap_or_else(|_| {
            self.problem(
                name,
                &format!("is {value:?}, which is no zone; use UTC or a name such as Europe/Berlin"),
            );
            Tz::UTC
        })
    }

    /// One of these words; the first is the default.
    pub(super) fn one_of<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> T {
        let default = words[0].1;
        let Some(value) = self.text(name) else {
            return default;
        };
        if let Some((_, found)) = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&value)) {
            return *found;
        }
        let list: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.problem(name, &format!("is {value:?}; use one of {}", list.join(", ")));
        default
    }
}

/// Reads these variables, and no file. For tests of the parts of the configuration.
#[cfg(test)]
pub(super) fn read_vars<T>(
    vars: &[(&str, &str)],
    part: impl FnOnce(&mut Reader<'_>) -> T,
) -> Result<T, Vec<Problem>> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let vars: BTreeMap<String, String> = vars.iter().map(own).collect();
    let none = |_: &str| Err(std::io::Error::other("none"));
    let mut reader = Reader::new(&vars, &none);
    let read = part(&mut reader);
    reader.finish(read)
}
