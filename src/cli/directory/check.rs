//! Judges rows one by one, and against each other.

use std::collections::HashMap;

use rolecall_core::ports::ImportRow;
use rolecall_core::{DiscordId, UserId};

use super::file::{Parsed, Problem, RawRow};
use super::rounded::{Judged, Rounded};

/// Names longer than this are a mistake, such as a quote that is missing.
const LONGEST: usize = 200;
/// Warnings that are kept.
const WARNINGS: usize = 20;

/// Collects good rows and what is wrong with the others.
#[derive(Debug, Default)]
pub(super) struct Checker {
    parsed: Parsed,
    users: HashMap<String, u64>,
    accounts: HashMap<DiscordId, u64>,
    rounded: Rounded,
}

impl Checker {
    /// Something is wrong in this line.
    pub(super) fn problem(&mut self, line: u64, sentence: impl Into<String>) {
        self.parsed.problems.push(Problem {
            line,
            sentence: sentence.into(),
        });
    }

    /// Something is odd. The same sentence again is not repeated, and there are not more than a few.
    pub(super) fn warning(&mut self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        if self.parsed.warnings.len() < WARNINGS && !self.parsed.warnings.contains(&sentence) {
            self.parsed.warnings.push(sentence);
        }
    }

    /// Judges a row. All that is wrong with it is noted.
    pub(super) fn row(&mut self, raw: &RawRow) {
        let before = self.parsed.problems.len();
        let user = self.user(raw);
        let name = self.text(raw.line, "the name", &raw.name, LONGEST);
        let groups = self.groups(raw);
        let discord_id = self.account(raw);
        if self.parsed.problems.len() == before {
            self.parsed.lines.push(raw.line);
            self.parsed.rows.push(ImportRow {
                user_id: UserId(user),
                name,
                groups,
                discord_id,
            });
        }
    }

    /// All that was found.
    pub(super) fn finish(mut self) -> Parsed {
        match std::mem::take(&mut self.rounded).judged() {
            Judged::Mistake(accounts) => {
                for (line, account) in accounts {
                    self.problem(line, rounded_account(account));
                }
            }
            Judged::Odd(accounts) => {
                for (line, account) in accounts {
                    self.warning(format!("line {line}: {}", rounded_account(account)));
                }
            }
        }
        self.parsed.problems.sort_by_key(|p| p.line);
        self.parsed
    }

    fn user(&mut self, raw: &RawRow) -> String {
        let user = self.text(raw.line, "the user_id", &raw.user_id, UserId::LONGEST);
        if raw.user_id.trim().is_empty() {
            self.problem(raw.line, "the user_id is missing");
            return user;
        }
        match self.users.get(&user) {
            Some(first) => {
                let sentence = format!("user {user} is already in line {first}");
                self.problem(raw.line, sentence);
            }
            None => {
                self.users.insert(user.clone(), raw.line);
            }
        }
        user
    }

    fn groups(&mut self, raw: &RawRow) -> Vec<String> {
        let mut groups: Vec<String> = Vec::with_capacity(raw.groups.len());
        for group in &raw.groups {
            let group = self.text(raw.line, "a group", group, LONGEST);
            if !group.is_empty() && !groups.contains(&group) {
                groups.push(group);
            }
        }
        groups
    }

    fn account(&mut self, raw: &RawRow) -> Option<DiscordId> {
        let text = raw.discord_id.trim();
        if text.is_empty() {
            return None;
        }
        let Ok(account) = text.parse::<DiscordId>() else {
            self.problem(raw.line, wrong_account(text));
            return None;
        };
        self.rounded.see(raw.line, account);
        match self.accounts.get(&account) {
            Some(first) => {
                let sentence = format!("the discord_id {account} is already in line {first}");
                self.problem(raw.line, sentence);
            }
            None => {
                self.accounts.insert(account, raw.line);
            }
        }
        Some(account)
    }

    /// The text without spaces around it.
    fn text(&mut self, line: u64, what: &str, text: &str, longest: usize) -> String {
        let trimmed = text.trim();
        if text.contains(['\n', '\r']) {
            self.problem(line, format!("{what} holds a line break; is a quote missing?"));
        } else if trimmed.chars().any(char::is_control) {
            self.problem(line, format!("{what} holds a control character"));
        } else if trimmed.chars().count() > longest {
            self.problem(line, format!("{what} has more than {longest} characters"));
        }
        trimmed.to_owned()
    }
}

fn rounded_account(account: DiscordId) -> String {
    format!(
        "the discord_id {account} ends like a number that a spreadsheet or a script has rounded, so it may be another \
         person's; have the column as text from its source on, and fill it in again"
    )
}

fn wrong_account(text: &str) -> String {
    let shown: String = text.chars().take(40).collect();
    let number = text.replace(',', ".").parse::<f64>();
    if number.is_ok() && text.contains(['e', 'E']) {
        return format!(
            "the discord_id {shown:?} was rounded by a spreadsheet; format its column as text and fill it in again"
        );
    }
    format!("the discord_id {shown:?} is not a number of up to 20 digits such as 123456789012345678")
}
