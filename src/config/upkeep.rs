//! How long what is over is kept, whether a database may be made, and what go-falcon's scheduler is told.

use std::time::Duration;

use rolecall_core::retention::Policy;

use super::reader::Reader;

/// A shorter time might delete what is still looked at.
const SHORTEST: Duration = Duration::from_secs(3_600);
/// Written for "for ever".
const NEVER: &str = "never";

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpkeepConfig {
    /// How long what is over is kept.
    pub retention: Policy,
    /// Whether go-falcon's `scheduler_tasks` are kept up to date, where there are some.
    pub scheduler_tasks: bool,
    /// Whether a missing database of the embedded store is an error, instead of the beginning of a new installation.
    pub refuse_new_database: bool,
}

impl UpkeepConfig {
    /// Reads the variables.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let default = Policy::default();
        Self {
            retention: Policy {
                jobs: kept(reader, "ROLECALL_RETENTION_JOBS", default.jobs),
                discarded_jobs: kept(
                    reader,
                    "ROLECALL_RETENTION_DISCARDED_JOBS",
                    default.discarded_jobs,
                ),
                runs: kept(reader, "ROLECALL_RETENTION_RUNS", default.runs),
                audit: kept(reader, "ROLECALL_RETENTION_AUDIT", default.audit),
                oauth_states: kept(reader, "ROLECALL_RETENTION_OAUTH_STATES", default.oauth_states),
                inactive_links: kept(
                    reader,
                    "ROLECALL_RETENTION_INACTIVE_LINKS",
                    default.inactive_links,
                ),
            },
            scheduler_tasks: reader.one_of("GO_FALCON_SCHEDULER_TASKS", &[("keep", true), ("off", false)]),
            refuse_new_database: reader.one_of("ROLECALL_NEW_DATABASE", &[("make", false), ("refuse", true)]),
        }
    }

    /// As lines of a name and a value.
    pub(super) fn describe(&self) -> Vec<(&'static str, String)> {
        let policy = &self.retention;
        let told = |kept: Option<Duration>| kept.map_or_else(|| NEVER.to_owned(), |kept| format!("{kept:?}"));
        let new = if self.refuse_new_database {
            "refuse"
        } else {
            "make"
        };
        let word = if self.scheduler_tasks { "keep" } else { "off" };
        vec![
            ("ROLECALL_RETENTION_JOBS", told(policy.jobs)),
            ("ROLECALL_RETENTION_DISCARDED_JOBS", told(policy.discarded_jobs)),
            ("ROLECALL_RETENTION_RUNS", told(policy.runs)),
            ("ROLECALL_RETENTION_AUDIT", told(policy.audit)),
            ("ROLECALL_RETENTION_OAUTH_STATES", told(policy.oauth_states)),
            ("ROLECALL_RETENTION_INACTIVE_LINKS", told(policy.inactive_links)),
            ("GO_FALCON_SCHEDULER_TASKS", word.to_owned()),
            ("ROLECALL_NEW_DATABASE", new.to_owned()),
        ]
    }
}

fn kept(reader: &mut Reader<'_>, name: &str, default: Option<Duration>) -> Option<Duration> {
    match reader.text(name) {
        None => return default,
        Some(word) if word.eq_ignore_ascii_case(NEVER) => return None,
        Some(_) => {}
    }
    let kept = reader.duration(name, default.unwrap_or(SHORTEST));
    if kept < SHORTEST {
        reader.problem(
            name,
            "is shorter than an hour; write it like 12h or 30d, or `never` to keep everything",
        );
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Problem;

    fn read(vars: &[(&str, &str)]) -> Result<UpkeepConfig, Vec<Problem>> {
        crate::config::reader::read_vars(vars, UpkeepConfig::read)
    }

    #[test]
    fn the_listed_defaults_are_the_real_ones() {
        let listed: Vec<(&str, &str)> = crate::config::settings::SETTINGS
            .iter()
            .filter(|s| s.name.starts_with("ROLECALL_RETENTION_") || s.name.starts_with("GO_FALCON_SCHED"))
            .map(|s| (s.name, s.default))
            .collect();
        assert_eq!(listed.len(), 7);
        assert_eq!(read(&listed), read(&[]));
        assert_eq!(read(&[]).unwrap().describe().len(), 8);
    }

    #[test]
    fn never_keeps_and_too_short_a_time_is_refused_together_with_all_else() {
        let config = read(&[
            ("ROLECALL_RETENTION_JOBS", "Never"),
            ("ROLECALL_RETENTION_INACTIVE_LINKS", "30d"),
            ("GO_FALCON_SCHEDULER_TASKS", "off"),
        ])
        .unwrap();
        assert_eq!(config.retention.jobs, None);
        let month = Duration::from_secs(30 * 86_400);
        assert_eq!(config.retention.inactive_links, Some(month));
        assert!(!config.scheduler_tasks);
        let problems = read(&[
            ("ROLECALL_RETENTION_RUNS", "5m"),
            ("ROLECALL_RETENTION_AUDIT", "a year"),
            ("GO_FALCON_SCHEDULER_TASKS", "create"),
        ])
        .unwrap_err();
        assert_eq!(problems.len(), 3, "{problems:?}");
    }
}
