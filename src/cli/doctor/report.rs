//! Checks and how they are printed.

use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::{Exit, output};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mark {
    /// As it should be.
    Ok,
    /// It works, but not as it should.
    Warning,
    /// It does not work.
    Failure,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// How it came out.
    mark: Mark,
    /// What was asked.
    asked: String,
    /// What came back.
    found: String,
    /// What should have come back, if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

/// All checks, in the order they were made.
#[derive(Debug, Clone, Default)]
pub(super) struct Report {
    checks: Vec<Check>,
}

impl Report {
    /// It is as it should be.
    pub(super) fn ok(&mut self, asked: impl Into<String>, found: impl Into<String>) {
        self.checks.push(Check {
            mark: Mark::Ok,
            asked: asked.into(),
            found: found.into(),
            expected: None,
            remedy: None,
        });
    }

    /// It works, but not as it should.
    pub(super) fn warn(&mut self, asked: &str, found: impl Into<String>, expected: &str, remedy: &str) {
        self.bad(Mark::Warning, asked, found.into(), expected, remedy);
    }

    /// It does not work.
    pub(super) fn fail(&mut self, asked: &str, found: impl Into<String>, expected: &str, remedy: &str) {
        self.bad(Mark::Failure, asked, found.into(), expected, remedy);
    }

    fn bad(&mut self, mark: Mark, asked: &str, found: String, expected: &str, remedy: &str) {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        self.checks.push(Check {
            mark,
            asked: asked.to_owned(),
            found,
            expected: some(expected),
            remedy: some(remedy),
        });
    }

    fn worst(&self) -> Mark {
        self.checks.iter().map(|c| c.mark).max().unwrap_or(Mark::Ok)
    }

    fn count(&self, mark: Mark) -> u64 {
        self.checks.iter().filter(|c| c.mark == mark).count() as u64
    }

    /// The exit code: 0, 1 for warnings, 2 for failures.
    pub(super) fn exit(&self) -> Exit {
        match self.worst() {
            Mark::Ok => Exit::Done,
            Mark::Warning => Exit::Failed,
            Mark::Failure => Exit::BadInput,
        }
    }

    /// For machines.
    pub(super) fn document(&self) -> Value {
        json!({
            "status": self.worst(),
            "warnings": self.count(Mark::Warning),
            "failures": self.count(Mark::Failure),
            "checks": self.checks,
        })
    }

    /// For people: with marks and colours if `styled`, else with words.
    pub(super) fn text(&self, styled: bool) -> String {
        let mut lines = Vec::new();
        for check in &self.checks {
            let (mark, indent) = mark(check.mark, styled);
            let clean = |text: &str| output::clean(&text.replace('\n', " "));
            lines.push(format!("{mark} {}: {}", clean(&check.asked), clean(&check.found)));
            if let Some(expected) = &check.expected {
                lines.push(format!("{indent} expected: {}", clean(expected)));
            }
            if let Some(remedy) = &check.remedy {
                lines.push(format!("{indent} to do:    {}", clean(remedy)));
            }
        }
        lines.push(self.conclusion());
        lines.join("\n")
    }

    fn conclusion(&self) -> String {
        let checks = output::count(self.checks.len() as u64, "check", "checks");
        match (self.count(Mark::Failure), self.count(Mark::Warning)) {
            (0, 0) => format!("{checks}, all well."),
            (failures, warnings) => format!(
                "{checks}, {}, {}.",
                output::count(failures, "failure", "failures"),
                output::count(warnings, "warning", "warnings")
            ),
        }
    }
}

/// The mark, and as many spaces as it is wide.
const fn mark(mark: Mark, styled: bool) -> (&'static str, &'static str) {
    match (mark, styled) {
        (Mark::Ok, true) => ("\u{1b}[32m✔\u{1b}[0m", " "),
        (Mark::Warning, true) => ("\u{1b}[33m!\u{1b}[0m", " "),
        (Mark::Failure, true) => ("\u{1b}[31m✘\u{1b}[0m", " "),
        (Mark::Ok, false) => ("ok  ", "    "),
        (Mark::Warning, false) => ("warn", "    "),
        (Mark::Failure, false) => ("FAIL", "    "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_check_decides_the_exit_code() {
        let mut report = Report::default();
        report.ok("settings", "good");
        assert_eq!(report.exit() as u8, 0);
        report.warn("Redis", "no AOF", "AOF", "Set appendonly yes.");
        assert_eq!(report.exit() as u8, 1);
        report.fail("MongoDB", "silent", "an answer", "Start it.");
        assert_eq!(report.exit() as u8, 2);
        assert_eq!(report.document()["status"], "failure");
    }

    #[test]
    fn a_failure_is_told_with_what_was_expected_and_what_to_do() {
        let mut report = Report::default();
        report.ok("settings", "good");
        report.fail("guild \u{1b}[2J", "silent", "an answer", "Start it.");
        let expected = "ok   settings: good\n\
                        FAIL guild \u{fffd}[2J: silent\n     expected: an answer\n     to do:    Start it.\n\
                        2 checks, 1 failure, 0 warnings.";
        assert_eq!(report.text(false), expected);
        assert!(
            report
                .text(true)
                .starts_with("\u{1b}[32m✔\u{1b}[0m settings: good\n")
        );
    }
}
