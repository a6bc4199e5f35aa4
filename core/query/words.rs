//! How a query is parted into words, and how a word is written.

use super::known;
use super::time::is_date_with_time;

/// One word of a query, as it is read.
pub(super) enum Word {
    Pair(String, String),
    Bare(String),
}

/// One word of a query: `name:value`, in quotes where the value needs them.
pub fn word(name: &str, value: &str) -> String {
    if !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c == '"' || c == '\\') {
        return format!("{name}:{value}");
    }
    format!("{name}:{}", quoted(value))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Words are parted by white space; quotes hold words together, and a backslash in quotes takes the next sign as it is.
pub(super) fn split(text: &str) -> Vec<Word> {
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
    joined(out)
}

/// Values that hold white space, and are pasted without quotes: a fingerprint with a call, a date with a time.
fn joined(words: Vec<Word>) -> Vec<Word> {
    let mut out: Vec<Word> = Vec::with_capacity(words.len());
    for word in words {
        match (out.last_mut(), word) {
            (Some(Word::Pair(key, value)), Word::Bare(more)) if goes_on(key, value, &more) => {
                value.push(' ');
                value.push_str(&more);
            }
            (_, word) => out.push(word),
        }
    }
    out
}

fn goes_on(key: &str, value: &str, more: &str) -> bool {
    match key {
        "fingerprint" | "cause" => {
            let method = value.rsplit('|').next().unwrap_or_default();
            let is_method = !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase());
            is_method && more.starts_with('/')
        }
        "since" | "until" => is_date_with_time(value, more),
        _ => false,
    }
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

/// Arguments of a command as one query. The shell took its quotes away: an argument that holds white space is a value or a
/// phrase as a whole, unless it is a query itself.
pub fn from_arguments(arguments: &[String]) -> String {
    let texts: Vec<String> = arguments.iter().map(|argument| from_argument(argument)).collect();
    texts.join(" ")
}

fn from_argument(argument: &str) -> String {
    if argument.trim().is_empty() {
        return quoted("");
    }
    if argument.contains('"') || !argument.contains(char::is_whitespace) {
        return argument.to_owned();
    }
    let begins_a_word = |text: &str| text.split_once(':').is_some_and(|(key, _)| known(key).is_some());
    let others = argument.split_whitespace().skip(1).any(begins_a_word);
    match argument.split_once(':') {
        Some(_) if others => argument.to_owned(),
        Some((key, value)) if known(key).is_some() => word(key, value),
        Some(_) => quoted(argument),
        None => argument.to_owned(),
    }
}
