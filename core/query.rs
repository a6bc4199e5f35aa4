//! The one way in which jobs are asked for: `guild:1 kind:add_role state:discarded code:50013 since:2h "is above"`.
//!
//! The same words serve the command line, the API, bulk acts and pauses. What people paste is understood, too: a mention
//! (`<@1>`, `<@&1>`), the id of a job, an id of Discord.

use std::fmt::Write as _;
use std::str::FromStr;

use chrono::NaiveDate;

use crate::ids::{DiscordId, GuildId, JobId, RoleId, UserId};
use crate::job::{JobState, Lane};
use crate::pause::Held;
use crate::ports::JobFilter;
use crate::time::Timestamp;

/// The words before the colon, as they are listed for people.
pub const WORDS: [&str; 15] = [
    "state",
    "kind",
    "queue",
    "guild",
    "user",
    "account",
    "role",
    "run",
    "parent",
    "webhook",
    "fingerprint",
    "code",
    "since",
    "until",
    "text",
];

/// A query that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// What the words say.
    pub filter: JobFilter,
    /// The one job that was pasted.
    pub job: Option<JobId>,
    /// An id of Discord without a word before it: whether it is a guild, an account or a role is known to the stores.
    pub snowflake: Option<u64>,
}

/// Reads a query. Times such as `2h` count back from `now`.
///
/// # Errors
/// A sentence for everything that is wrong with it.
pub fn parse(text: &str, now: Timestamp) -> Result<Query, Vec<String>> {
    let mut reader = Reader {
        query: Query::default(),
        words: Vec::new(),
        wrong: Vec::new(),
        now,
    };
    for word in split(text) {
        match word {
            Word::Pair(key, value) => reader.pair(&key, &value),
            Word::Bare(word) => reader.bare(word),
        }
    }
    if !reader.words.is_empty() {
        let text = reader.words.join(" ");
        reader.set(|f| &mut f.text, "text", text);
    }
    if reader.wrong.is_empty() {
        Ok(reader.query)
    } else {
        Err(reader.wrong)
    }
}

/// The pause of a query.
///
/// # Errors
/// A sentence, if the query has words that mean nothing to a pause.
pub fn held(query: &Query) -> Result<Held, String> {
    let held = Held {
        lane: query.filter.lane,
        kind: query.filter.kind.clone(),
        guild_id: query.filter.guild_id,
        fingerprint: query.filter.fingerprint.clone(),
    };
    let only = JobFilter {
        lane: held.lane,
        kind: held.kind.clone(),
        guild_id: held.guild_id,
        fingerprint: held.fingerprint.clone(),
        ..JobFilter::default()
    };
    if query.filter != only || query.job.is_some() || query.snowflake.is_some() {
        return Err("a pause is made of queue, kind, guild and fingerprint, and of nothing else".to_owned());
    }
    Ok(held)
}

/// A filter as a query that reads back as the same filter.
pub fn write(filter: &JobFilter) -> String {
    let mut out = String::new();
    let states: Vec<&str> = filter.states.iter().map(|s| s.as_str()).collect();
    let words = [
        ("state", Some(states.join(",")).filter(|s| !s.is_empty())),
        ("kind", filter.kind.clone()),
        ("queue", filter.lane.map(|lane| lane.to_string())),
        ("guild", filter.guild_id.map(|id| id.to_string())),
        ("user", filter.user_id.as_ref().map(ToString::to_string)),
        ("account", filter.discord_id.map(|id| id.to_string())),
        ("role", filter.role_id.map(|id| id.to_string())),
        ("run", filter.run_id.map(|id| id.to_string())),
        ("parent", filter.parent_id.map(|id| id.to_string())),
        ("webhook", filter.webhook_id.map(|id| id.to_string())),
        ("fingerprint", filter.fingerprint.clone()),
        ("code", filter.error_code.clone()),
        ("since", filter.since.map(Timestamp::to_rfc3339)),
        ("until", filter.until.map(Timestamp::to_rfc3339)),
        ("text", filter.text.clone()),
    ];
    for (name, value) in words {
        let Some(value) = value else { continue };
        let gap = if out.is_empty() { "" } else { " " };
        // Writing to a String cannot fail.
        let _ = write!(out, "{gap}{}", word(name, &value));
    }
    out
}

/// One word of a query: `name:value`, in quotes where the value needs them.
pub fn word(name: &str, value: &str) -> String {
    if !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c == '"' || c == '\\') {
        return format!("{name}:{value}");
    }
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("{name}:\"{value}\"")
}

enum Word {
    Pair(String, String),
    Bare(String),
}

/// Words are parted by white space; quotes hold words together, and a backslash in quotes takes the next sign as it is.
fn split(text: &str) -> Vec<Word> {
    let mut out = Vec::new();
    let (mut key, mut word) = (None::<String>, String::new());
    let (mut quoted, mut was_quoted, mut escaped) = (false, false, false);
    for c in text.chars().chain([' ']) {
        if escaped {
            word.push(c);
            escaped = false;
        } else if quoted && c == '\\' {
            escaped = true;
        } else if c == '"' {
            quoted = !quoted;
            was_quoted = true;
        } else if !quoted && c == ':' && key.is_none() && !was_quoted && is_word(&word) {
            key = Some(std::mem::take(&mut word));
        } else if !quoted && c.is_whitespace() {
            push(&mut out, &mut key, &mut word, was_quoted);
            was_quoted = false;
        } else {
            word.push(c);
        }
    }
    if quoted {
        // A quote that nobody closed holds all that follows.
        word.pop();
        push(&mut out, &mut key, &mut word, true);
    }
    out
}

fn push(out: &mut Vec<Word>, key: &mut Option<String>, word: &mut String, was_quoted: bool) {
    let word = std::mem::take(word);
    match key.take() {
        Some(key) => out.push(Word::Pair(key, word)),
        None if !word.is_empty() || was_quoted => out.push(Word::Bare(word)),
        None => {}
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic() || c == '_')
}

struct Reader {
    query: Query,
    /// Words without a colon that are nothing else: they are looked for in error messages.
    words: Vec<String>,
    wrong: Vec<String>,
    now: Timestamp,
}

impl Reader {
    fn pair(&mut self, key: &str, value: &str) {
        let key = key.to_ascii_lowercase();
        match key.as_str() {
            _ if value.is_empty() => self.wrong.push(format!("{key}: needs a value after the colon")),
            "state" | "states" => self.states(value),
            "kind" => self.set(|f| &mut f.kind, "kind", value.to_owned()),
            "queue" | "lane" => self.parsed(
                |f| &mut f.lane,
                "queue",
                value,
                "interactive, normal or bulk",
                Lane::from_name,
            ),
            "guild" | "guild_id" => {
                self.parsed(|f| &mut f.guild_id, "guild", value, "a guild's id", ok::<GuildId>)
            }
            "user" | "user_id" => self.set(|f| &mut f.user_id, "user", UserId::from(value)),
            "account" | "discord" | "discord_id" => {
                self.parsed(
                    |f| &mut f.discord_id,
                    "account",
                    value,
                    "the id of a Discord account",
                    account,
                );
            }
            "role" | "role_id" => self.parsed(|f| &mut f.role_id, "role", value, "a role's id", role),
            "run" | "run_id" => self.parsed(|f| &mut f.run_id, "run", value, "a run's id: a UUID", ok),
            "parent" | "parent_id" => {
                self.parsed(|f| &mut f.parent_id, "parent", value, "a job's id: a UUID", ok)
            }
            "webhook" | "webhook_id" => self.parsed(
                |f| &mut f.webhook_id,
                "webhook",
                value,
                "an endpoint's id: a UUID",
                ok,
            ),
            "fingerprint" | "cause" => self.set(|f| &mut f.fingerprint, "fingerprint", value.to_owned()),
            "code" | "error_code" => self.set(|f| &mut f.error_code, "code", value.to_owned()),
            "since" | "until" => {
                let now = self.now;
                let read = move |text: &str| time(text, now);
                let expected = "an age such as 30m, 2h or 7d, or a date such as 2026-11-25T10:00:00Z";
                match key.as_str() {
                    "since" => self.parsed(|f| &mut f.since, "since", value, expected, read),
                    _ => self.parsed(|f| &mut f.until, "until", value, expected, read),
                }
            }
            "text" => self.set(|f| &mut f.text, "text", value.to_owned()),
            "job" | "id" => match value.parse() {
                Ok(id) => self.query.job = Some(id),
                Err(_) => self
                    .wrong
                    .push(format!("job: {value:?} is not a job's id: a UUID")),
            },
            _ => self.wrong.push(format!(
                "{key}: is no word of a query; these are: {}",
                WORDS.join(", ")
            )),
        }
    }

    fn bare(&mut self, word: String) {
        if let Some(id) = mention(&word, "<@&").and_then(|id| id.parse().ok()) {
            self.set(|f| &mut f.role_id, "role", id);
        } else if let Some(id) = account(&word).filter(|_| word.starts_with('<')) {
            self.set(|f| &mut f.discord_id, "account", id);
        } else if let Ok(id) = word.parse::<JobId>() {
            self.query.job = Some(id);
        } else if let Some(id) = snowflake(&word) {
            self.query.snowflake = Some(id);
        } else {
            self.words.push(word);
        }
    }

    fn states(&mut self, value: &str) {
        for name in value.split(',').map(str::trim).filter(|n| !n.is_empty()) {
            match JobState::from_name(&name.to_ascii_lowercase()) {
                Some(state) if self.query.filter.states.contains(&state) => {}
                Some(state) => self.query.filter.states.push(state),
                None => {
                    let known = JobState::ALL.map(JobState::as_str).join(", ");
                    self.wrong.push(format!("state: {name:?} is none of {known}"));
                }
            }
        }
        // The same query has to be written alike, or its cursors would be foreign to one another.
        self.query.filter.states.sort_unstable();
    }

    fn set<T: PartialEq>(&mut self, field: impl Fn(&mut JobFilter) -> &mut Option<T>, word: &str, value: T) {
        let field = field(&mut self.query.filter);
        if field.as_ref().is_some_and(|said| *said != value) {
            self.wrong.push(format!("{word}: is said twice, and differently"));
            return;
        }
        *field = Some(value);
    }

    fn parsed<T: PartialEq>(
        &mut self,
        field: impl Fn(&mut JobFilter) -> &mut Option<T>,
        word: &str,
        value: &str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) {
        match read(value) {
            Some(value) => self.set(field, word, value),
            None => self.wrong.push(format!("{word}: {value:?} is not {expected}")),
        }
    }
}

fn ok<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// What stands between these signs and `>`.
fn mention<'t>(text: &'t str, open: &str) -> Option<&'t str> {
    text.strip_prefix(open)?.strip_suffix('>')
}

fn account(text: &str) -> Option<DiscordId> {
    let id = mention(text, "<@!")
        .or_else(|| mention(text, "<@"))
        .unwrap_or(text);
    id.parse().ok()
}

fn role(text: &str) -> Option<RoleId> {
    mention(text, "<@&").unwrap_or(text).parse().ok()
}

/// Ids of Discord are so long since 2015; shorter numbers are words.
fn snowflake(text: &str) -> Option<u64> {
    let digits = (15..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// A moment: a date, or so long before `now`, such as `2h`.
/// A moment: a date, or so long before `now`, such as `2h`.
pub fn time(text: &str, now: Timestamp) -> Option<Timestamp> {
    let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let seconds: Option<i64> = match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3_600),
        "d" => Some(86_400),
        "w" => Some(604_800),
        _ => None,
    };
    if let (Some(seconds), Ok(number)) = (seconds, number.parse::<u32>()) {
        let ago = i64::from(number).checked_mul(seconds)?.checked_mul(1_000)?;
        return Some(Timestamp(now.0.saturating_sub(ago)));
    }
    if let Some(at) = Timestamp::from_rfc3339(text) {
        return Some(at);
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(Timestamp(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis()))
}
