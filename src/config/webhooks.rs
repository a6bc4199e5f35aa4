//! What operators are told of, and where messages may be sent.

use std::time::Duration;

use rolecall_adapters::webhook::Reach;

use super::reader::Reader;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhooksConfig {
    /// Which addresses may be called.
    pub reach: Reach,
    /// A lane whose first job waits for longer than this is late.
    pub queue_late_after: Duration,
}

impl WebhooksConfig {
    /// Reads the variables.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        const SWITCH: [(&str, bool); 2] = [("false", false), ("true", true)];
        let late = reader.duration("ROLECALL_QUEUE_LATE_AFTER", Duration::from_secs(900));
        if late < Duration::from_secs(1) {
            reader.problem(
                "ROLECALL_QUEUE_LATE_AFTER",
                "is shorter than a second; write it like 15m",
            );
        }
        Self {
            reach: Reach {
                http: reader.one_of("ROLECALL_WEBHOOKS_ALLOW_HTTP", &SWITCH),
                private: reader.one_of("ROLECALL_WEBHOOKS_ALLOW_PRIVATE", &SWITCH),
            },
            queue_late_after: late,
        }
    }

    /// As lines of a name and a value.
    pub(super) fn describe(&self) -> Vec<(&'static str, String)> {
        vec![
            ("ROLECALL_WEBHOOKS_ALLOW_HTTP", self.reach.http.to_string()),
            ("ROLECALL_WEBHOOKS_ALLOW_PRIVATE", self.reach.private.to_string()),
            (
                "ROLECALL_QUEUE_LATE_AFTER",
                format!("{:?}", self.queue_late_after),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listed_defaults_are_the_real_ones_and_wrong_words_are_told_together() {
        let read = |vars: &[(&str, &str)]| crate::config::reader::read_vars(vars, WebhooksConfig::read);
        let names = read(&[]).unwrap().describe();
        let listed: Vec<(&str, &str)> = crate::config::settings::SETTINGS
            .iter()
            .filter(|s| names.iter().any(|(name, _)| *name == s.name))
            .map(|s| (s.name, s.default))
            .collect();
        assert_eq!(listed.len(), names.len());
        assert_eq!(read(&listed), read(&[]));
        let wrong = read(&[
            ("ROLECALL_WEBHOOKS_ALLOW_HTTP", "perhaps"),
            ("ROLECALL_QUEUE_LATE_AFTER", "0s"),
        ]);
        assert_eq!(wrong.unwrap_err().len(), 2);
    }
}
