//! The one way in which jobs are asked for: `guild:1 kind:add_role state:discarded code:50013 since:2h "is above"`.
//!
//! The same words serve the command line, the API, bulk acts and pauses. What people paste is understood, too: a mention
//! (`<@1>`, `<@&1>`), the id of a job, an id of Discord.

mod time;
mod words;

use std::fmt::Write as _;
use std::str::FromStr;

use crate::ids::{DiscordId, GuildId, JobId, RoleId, UserId};
use crate::job::{JobState, Lane};
use crate::pause::Held;
use crate::ports::JobFilter;
use crate::time::Timestamp;

pub use self::time::time;
use self::words::{Word, split};
pub use self::words::{from_arguments, word};

/// What a query of a pause says that holds every job back.
pub const EVERYTHING: &str = "everything";

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

/// The word that this one stands for.
fn known(key: &str) -> Option<&'static str> {
    let key = key.to_ascii_lowercase();
    let word = match key.as_str() {
        "states" => "state",
        "lane" => "queue",
        "guild_id" => "guild",
        "user_id" => "user",
        "discord" | "discord_id" => "account",
        "role_id" => "role",
        "run_id" => "run",
        "parent_id" => "parent",
        "webhook_id" => "webhook",
        "cause" => "fingerprint",
        "error_code" => "code",
        "job" | "id" => JOB,
        word => word,
    };
    WORDS.into_iter().chain([JOB]).find(|known| *known == word)
}

/// The word of one job. Not among [`WORDS`]: the id alone says the same.
const JOB: &str = "job";

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

/// What a pasted id of Discord turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pasted {
    /// A guild.
    Guild(GuildId),
    /// A role.
    Role(RoleId),
    /// An account.
    Account(DiscordId),
}

impl Query {
    /// The filter, with what the pasted id turned out to be.
    ///
    /// # Errors
    /// A sentence, if the words name another such thing.
    pub fn with(self, pasted: Pasted) -> Result<JobFilter, String> {
        let mut reader = Reader {
            query: self,
            words: Vec::new(),
            wrong: Vec::new(),
            now: Timestamp::default(),
        };
        match pasted {
            Pasted::Guild(id) => reader.set(|f| &mut f.guild_id, "guild", id),
            Pasted::Role(id) => reader.set(|f| &mut f.role_id, "role", id),
            Pasted::Account(id) => reader.set(|f| &mut f.discord_id, "account", id),
        }
        match reader.wrong.pop() {
            Some(wrong) => Err(wrong),
            None => Ok(reader.query.filter),
        }
    }
}

/// Reads a query. Times such as `2h` count back from `now`.
///
/// # Errors
/// A sentence for everything that is wrong with it.
pub fn parse(text: &str, now: Timestamp) -> Result<Query, Vec<String>> {
    let query = read(text, now)?;
    if let (Some(since), Some(until)) = (query.filter.since, query.filter.until)
        && since >= until
    {
        return Err(vec![
            "since: is not before until, so nothing can be between them".to_owned(),
        ]);
    }
    Ok(query)
}

/// The query of a text at a moment that is always the same: `2h` is the same time tomorrow, and another one than `3h`. It
/// tells lists apart, and finds nothing.
///
/// # Errors
/// See [`parse`].
pub fn name(text: &str) -> Result<Query, Vec<String>> {
    read(text, STILL)
}

/// So late that no age reaches back to 1970, where all ages end.
const STILL: Timestamp = Timestamp(32_503_680_000_000);

fn read(text: &str, now: Timestamp) -> Result<Query, Vec<String>> {
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

struct Reader {
    query: Query,
    /// Words without a colon that are nothing else: they are looked for in error messages.
    words: Vec<String>,
    wrong: Vec<String>,
    now: Timestamp,
}

impl Reader {
    fn pair(&mut self, key: &str, value: &str) {
        let Some(word) = known(key) else {
            let known = WORDS.join(", ");
            let quoted = "what is looked for in error messages can stand in quotes";
            return self.wrong.push(format!(
                "{key}: is no word of a query; these are: {known}; {quoted}"
            ));
        };
        match word {
            _ if value.is_empty() => self.wrong.push(format!("{word}: needs a value after the colon")),
            "state" => self.states(value),
            "kind" => self.set(|f| &mut f.kind, word, value.to_owned()),
            "queue" => {
                let expected = "interactive, normal or bulk";
                self.parsed(|f| &mut f.lane, word, value, expected, Lane::from_name);
            }
            "guild" => self.parsed(|f| &mut f.guild_id, word, value, "a guild's id", ok::<GuildId>),
            "user" => self.set(|f| &mut f.user_id, word, UserId::from(value)),
            "account" => {
                let expected = "the id of a Discord account";
                self.parsed(|f| &mut f.discord_id, word, value, expected, account);
            }
            "role" => self.parsed(|f| &mut f.role_id, word, value, "a role's id", role),
            "run" => self.parsed(|f| &mut f.run_id, word, value, "a run's id: a UUID", ok),
            "parent" => self.parsed(|f| &mut f.parent_id, word, value, "a job's id: a UUID", ok),
            "webhook" => {
                let expected = "an endpoint's id: a UUID";
                self.parsed(|f| &mut f.webhook_id, word, value, expected, ok);
            }
            "fingerprint" => self.set(|f| &mut f.fingerprint, word, value.to_owned()),
            "code" => self.set(|f| &mut f.error_code, word, value.to_owned()),
            "since" => self.moment(|f| &mut f.since, word, value),
            "until" => self.moment(|f| &mut f.until, word, value),
            JOB => match value.parse() {
                Ok(id) => self.job(id),
                Err(_) => {
                    let wrong = format!("{word}: {value:?} is not a job's id: a UUID");
                    self.wrong.push(wrong);
                }
            },
            // What is left of the words above.
            _ => self.set(|f| &mut f.text, word, value.to_owned()),
        }
    }

    fn moment(&mut self, field: impl Fn(&mut JobFilter) -> &mut Option<Timestamp>, word: &str, value: &str) {
        let now = self.now;
        let expected = "an age such as 30m, 2h or 7d, or a date such as 2026-11-25 or 2026-11-25T10:00:00Z";
        self.parsed(field, word, value, expected, |text| time(text, now));
    }

    fn job(&mut self, id: JobId) {
        if self.query.job.is_some_and(|said| said != id) {
            self.wrong
                .push("two ids of jobs: a query finds one job, or jobs that are alike".to_owned());
        }
        self.query.job = Some(id);
    }

    fn pasted(&mut self, id: u64) {
        if self.query.snowflake.is_some_and(|said| said != id) {
            self.wrong.push(
                "two ids of Discord: say what each is, such as guild:ID, role:ID or account:ID".to_owned(),
            );
        }
        self.query.snowflake = Some(id);
    }

    fn bare(&mut self, word: String) {
        if let Some(id) = mention(&word, "<@&").and_then(|id| id.parse().ok()) {
            self.set(|f| &mut f.role_id, "role", id);
        } else if let Some(id) = account(&word).filter(|_| word.starts_with('<')) {
            self.set(|f| &mut f.discord_id, "account", id);
        } else if let Ok(id) = word.parse::<JobId>() {
            self.job(id);
        } else if let Some(id) = snowflake(&word) {
            self.pasted(id);
        } else if word.is_empty() {
            self.wrong.push("text: needs words between the quotes".to_owned());
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
    digits.then(|| text.parse().ok()).flatten().filter(|id| *id > 0)
}
