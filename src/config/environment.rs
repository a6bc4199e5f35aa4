//! The variables as the system gives them: what cannot be read, and what looks like a slip.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::settings::{SETTINGS, is_known};
use super::{Config, Problem};

/// What follows the name of a secret where a file holds it.
const FILE: &str = "_FILE";
/// Shorter names are nearly the same as those of others.
const SHORTEST: usize = 9;
/// Letters that are missing, wrong or at each other's place.
const SLIPS: usize = 2;

impl Config {
    /// Reads the variables of the process; see [`Config::load`]. A setting that is no UTF-8 is a mistake: to pass over
    /// it would be to run with another database, or none.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn from_environment(
        vars: impl IntoIterator<Item = (OsString, OsString)>,
        read_file: &dyn Fn(&str) -> std::io::Result<String>,
    ) -> Result<Self, Vec<Problem>> {
        let mut read = BTreeMap::new();
        let mut problems = Vec::new();
        for (name, value) in vars {
            // A name that is no UTF-8 is none of ours.
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => {
                    read.insert(name, value);
                }
                Err(_) if is_read(&name) => problems.push(Problem {
                    variable: name,
                    sentence:
                        "is not UTF-8, so it cannot be read; write other characters than letters, digits and \
                               signs of ASCII in UTF-8, in an address as %xx"
                            .to_owned(),
                }),
                Err(_) => {}
            }
        }
        match Self::load(&read, read_file) {
            Ok(config) if problems.is_empty() => Ok(config),
            Ok(_) => Err(problems),
            Err(more) => {
                // What is missing only because it could not be read is not said twice.
                let unread: Vec<String> = problems.iter().map(|p| p.variable.clone()).collect();
                problems.extend(more.into_iter().filter(|p| !unread.contains(&p.variable)));
                Err(problems)
            }
        }
    }
}

/// Variables that are probably not what was meant: a name that is nearly one of ours, or a value in quotation marks.
/// No value is repeated.
pub(super) fn oddities(vars: &BTreeMap<String, String>) -> Vec<String> {
    let is_set = |name: &str| vars.get(name).is_some_and(|value| !value.trim().is_empty());
    let mut told = Vec::new();
    for (name, value) in vars {
        if is_read(name) {
            if is_quoted(value.trim()) {
                told.push(format!(
                    "{name} is in quotation marks, which count as a part of it: files of `docker run --env-file` are taken \
                     as they are; leave them out if they are not meant"
                ));
            }
        } else if let near = near(name)
            && let Some(meant) = near.first()
            && !near.iter().any(|name| is_set(name))
        {
            told.push(format!("{name} is not read; if {meant} was meant, rename it"));
        }
    }
    told
}

/// Whether the value of this variable, or the file that it names, is read.
fn is_read(name: &str) -> bool {
    is_known(name) || name.strip_suffix(FILE).is_some_and(is_known)
}

/// The settings that this name is nearly the same as, the nearest first. Letter case is no difference, and the end
/// [`FILE`] stays.
fn near(name: &str) -> Vec<String> {
    let upper = name.to_ascii_uppercase();
    if name.len() < SHORTEST {
        return Vec::new();
    }
    let plain = SETTINGS.iter().map(|s| s.name.to_owned());
    let files = SETTINGS.iter().map(|s| format!("{}{FILE}", s.name));
    let far = |known: &String| strsim::osa_distance(known, &upper);
    let mut near: Vec<String> = plain
        .chain(files)
        .filter(|known| known.len() >= SHORTEST && far(known) <= SLIPS)
        .collect();
    near.sort_by_key(far);
    near
}

fn is_quoted(value: &str) -> bool {
    let mut ends = value.chars();
    matches!(
        (ends.next(), ends.next_back()),
        (Some('"'), Some('"')) | (Some('\''), Some('\''))
    )
}
