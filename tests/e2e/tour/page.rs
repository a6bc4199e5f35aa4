//! `docs/operations.md` as a list of command lines, run in a shell from top to bottom.

use std::collections::VecDeque;
use std::path::Path;

use crate::curl::{CURL, answered};
use crate::support::http::Api;
use crate::support::process::Installation;

/// The lines that were not run yet.
pub(super) struct Page {
    lines: VecDeque<String>,
    /// What the shell knows before each line.
    known: String,
}

/// Whatever nobody could know when the page was written.
const UNKNOWN: [&str; 3] = ["ID", "USER", "FINGERPRINT"];

/// The lines of all blocks that are marked as `sh`; one that ends in a backslash goes on in the next.
fn commands(page: &str) -> VecDeque<String> {
    let blocks = page.split("\n```sh\n").skip(1);
    let texts = blocks.map(|block| {
        block
            .split("\n```")
            .next()
            .unwrap_or_default()
            .replace("\\\n", " ")
    });
    texts
        .flat_map(|text| text.lines().map(ToOwned::to_owned).collect::<Vec<_>>())
        .filter(|line| !line.trim().is_empty())
        .collect()
}

/// The line with these words put in for the capitals. Words are told apart by what cannot be part of them.
fn filled(line: &str, known: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for sign in line.chars().chain(['\n']) {
        if sign.is_alphanumeric() || sign == '_' {
            word.push(sign);
            continue;
        }
        match known.iter().find(|(name, _)| *name == word) {
            Some((_, value)) => out.push_str(value),
            None => {
                assert!(!UNKNOWN.contains(&word.as_str()), "{line}\n{word} is not known");
                out.push_str(&word);
            }
        }
        word.clear();
        out.push(sign);
    }
    out
}

/// How many jobs a query over HTTP finds.
pub(super) async fn total(api: &Api, query: &str) -> usize {
    let list = api.get(&format!("/v1/jobs?limit=1&{query}")).await;
    usize::try_from(list["total"].as_u64().unwrap()).unwrap()
}

/// What stands between two texts.
#[track_caller]
pub(super) fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let found = text
        .split_once(before)
        .and_then(|(_, rest)| rest.split_once(after));
    found
        .unwrap_or_else(|| panic!("nothing between {before:?} and {after:?} in {text}"))
        .0
}

impl Page {
    /// The page, for an API that answers at `base` to `token`.
    pub(super) fn read(base: &str, token: &str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
        let lines = commands(&std::fs::read_to_string(file).unwrap());
        let known = format!(
            "API={base} AUTH='Authorization: Bearer {token}' JSON='Content-Type: application/json'\n{CURL}"
        );
        Self { lines, known }
    }

    /// Runs the next line of the page, which begins like this, with these words put in. It ends with this code (of a
    /// `curl`: is answered with this status), and says these words. All that it said.
    #[track_caller]
    pub(super) fn next(
        &mut self,
        installation: &Installation,
        begin: &str,
        known: &[(&str, &str)],
        right: i32,
        words: &[&str],
    ) -> String {
        let line = self
            .lines
            .pop_front()
            .unwrap_or_else(|| panic!("the page ends before {begin}"));
        assert!(
            line.starts_with(begin),
            "the page goes on with {line}, not with {begin}"
        );
        self.run(installation, &line, known, right, words)
    }

    /// The same for any line.
    #[track_caller]
    pub(super) fn run(
        &self,
        installation: &Installation,
        line: &str,
        known: &[(&str, &str)],
        right: i32,
        words: &[&str],
    ) -> String {
        let line = filled(line, known);
        let ended = installation.shell(&format!("{}\n{line}", self.known));
        let (code, said) = if line.starts_with("curl") {
            let (status, body) = answered(&ended.out, &ended.err);
            (status.into(), body)
        } else {
            (ended.code.unwrap_or(-1), format!("{}{}", ended.out, ended.err))
        };
        assert_eq!(code, right, "{line}\n{said}");
        for word in words {
            assert!(said.contains(word), "{line}\n{word:?} is missing in {said}");
        }
        said
    }

    /// Every line was run.
    #[track_caller]
    pub(super) fn assert_at_end(&self) {
        assert!(self.lines.is_empty(), "not run: {:#?}", self.lines);
    }
}

#[test]
fn lines_of_shells_are_found_and_their_capitals_filled() {
    let page = "# x\n\n```text\nnot this ID\n```\n\n```sh\na ID \\\n  b\n\nc/ID/IDS # e\n```\nd\n";
    let lines = commands(page);
    assert_eq!(lines, ["a ID    b", "c/ID/IDS # e"]);
    assert_eq!(filled(&lines[1], &[("ID", "7")]), "c/7/IDS # e\n");
}
