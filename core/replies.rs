//! Answers that are kept for whoever asks the same once more (`Idempotency-Key`), and what is done about a key. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::Timestamp;

/// A request that began longer ago and has no answer is given up: its process died. Much longer than one may take.
pub const GIVEN_UP_AFTER: Duration = Duration::from_secs(60);

/// When a request began whose last try ended without an answer: the next need not wait.
pub const FREE: Timestamp = Timestamp(0);

/// An answer as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Its HTTP status.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body: always text here.
    pub body: String,
}

/// A request that came with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Digest of caller and key.
    pub key: String,
    /// Digest of method, path and body.
    pub fingerprint: String,
    /// This request, among those with the same key: a new id.
    pub holder: Uuid,
    /// When it came.
    pub at: Timestamp,
    /// Until when its answer is kept.
    pub until: Timestamp,
}

/// What is stored under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// As in [`Asked`].
    pub fingerprint: String,
    /// As in [`Asked`].
    pub holder: Uuid,
    /// The id of what the request makes, which all of its tries have in common: the holder of the first.
    pub work: Uuid,
    /// As in [`Asked`]; [`FREE`] once a try ended without an answer.
    pub at: Timestamp,
    /// As in [`Asked`].
    pub until: Timestamp,
    /// The answer; `None` while the request is under way.
    pub reply: Option<Reply>,
}

/// What to do with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It is the first, or the earlier one is over without an answer: do it.
    Go {
        /// The id of what it makes. The same for every try, so that nothing is made twice; of a key whose time is over, and of
        /// another request, it is another one.
        work: Uuid,
    },
    /// Answer this.
    Replay(Reply),
    /// An earlier one is under way.
    UnderWay,
    /// The key was used for another request.
    OtherRequest,
}

/// Decides what to do, by what is kept under the key.
pub fn admit(kept: Option<&Kept>, asked: &Asked) -> Admission {
    let new = Admission::Go { work: asked.holder };
    let Some(kept) = kept.filter(|kept| kept.until > asked.at) else {
        return new;
    };
    let is_free = kept.at == FREE && kept.reply.is_none();
    if kept.fingerprint != asked.fingerprint {
        return if is_free { new } else { Admission::OtherRequest };
    }
    match &kept.reply {
        Some(reply) => Admission::Replay(reply.clone()),
        None if is_free || asked.at >= kept.at + GIVEN_UP_AFTER => Admission::Go { work: kept.work },
        None => Admission::UnderWay,
    }
}

/// Reads a key as the header holds it: a text in quotes as in RFC 9651, or the same without. 1 to 255 characters of
/// printable ASCII. `None`: it is none.
pub fn read_key(header: &str) -> Option<String> {
    let header = header.trim();
    let key = match header.strip_prefix('"') {
        None => header.to_owned(),
        Some(rest) => unquoted(rest.strip_suffix('"')?)?,
    };
    let is_printable = key.bytes().all(|b| (b' '..=b'~').contains(&b));
    let has_bare_quote = !header.starts_with('"') && key.contains(['"', ',']);
    (is_printable && !has_bare_quote && (1..=255).contains(&key.len())).then_some(key)
}

fn unquoted(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return None,
            '\\' => out.push(chars.next().filter(|c| ['"', '\\'].contains(c))?),
            c => out.push(c),
        }
    }
    Some(out)
}

/// Whether an answer with this status is kept. What says that the request was not looked at, or that rolecall failed, is
/// not: the same request may succeed later.
pub const fn is_kept(status: u16) -> bool {
    status < 500 && !matches!(status, 401 | 403 | 408 | 425 | 429)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first, and a later one.
    const FIRST: Uuid = Uuid::from_u128(1);
    const LATER: Uuid = Uuid::from_u128(2);
    const AGAIN: Admission = Admission::Go { work: FIRST };
    const NEW: Admission = Admission::Go { work: LATER };

    fn asked(fingerprint: &str, at: i64) -> Asked {
        Asked {
            key: "k".to_owned(),
            fingerprint: fingerprint.to_owned(),
            holder: LATER,
            at: Timestamp(at),
            until: Timestamp(at + 100_000),
        }
    }

    /// What the first left under the key.
    fn kept() -> Kept {
        Kept {
            fingerprint: "a".to_owned(),
            holder: FIRST,
            work: FIRST,
            at: Timestamp(1),
            until: Timestamp(100_000),
            reply: None,
        }
    }

    #[test]
    fn every_try_of_a_request_makes_the_same_and_no_other_request_does() {
        let mut kept = kept();
        assert_eq!(admit(Some(&kept), &asked("a", 60_001)), AGAIN);
        kept.holder = LATER;
        assert_eq!(admit(Some(&kept), &asked("a", 60_001)), AGAIN, "the third");
        kept.at = FREE;
        assert_eq!(admit(Some(&kept), &asked("a", 2)), AGAIN, "it failed");
        assert_eq!(admit(Some(&kept), &asked("b", 2)), NEW);
        assert_eq!(admit(Some(&kept), &asked("a", 100_000)), NEW, "its time is over");
    }

    #[test]
    fn a_key_admits_one_request_and_repeats_its_answer_until_it_is_old() {
        let reply = Reply {
            status: 202,
            headers: vec![],
            body: "{}".to_owned(),
        };
        let mut kept = kept();
        assert_eq!(admit(None, &asked("a", 0)), NEW);
        assert_eq!(admit(Some(&kept), &asked("a", 1)), Admission::UnderWay);
        assert_eq!(admit(Some(&kept), &asked("a", 60_000)), Admission::UnderWay);
        assert_eq!(admit(Some(&kept), &asked("a", 60_001)), AGAIN, "its process died");
        assert_eq!(admit(Some(&kept), &asked("b", 60_001)), Admission::OtherRequest);
        kept.reply = Some(reply.clone());
        assert_eq!(admit(Some(&kept), &asked("a", 99_999)), Admission::Replay(reply));
        assert_eq!(admit(Some(&kept), &asked("b", 99_999)), Admission::OtherRequest);
        assert_eq!(admit(Some(&kept), &asked("b", 100_000)), NEW);
    }

    #[test]
    fn a_key_is_read_with_quotes_and_without() {
        for (header, key) in [
            ("abc", Some("abc")),
            ("\"abc\"", Some("abc")),
            (" \"a b\" ", Some("a b")),
            (r#""a\"b\\""#, Some(r#"a"b\"#)),
            (
                "8e03978e-40d5-43dd-bc93-6894a57f9324",
                Some("8e03978e-40d5-43dd-bc93-6894a57f9324"),
            ),
            ("", None),
            ("\"\"", None),
            ("\"abc", None),
            ("a\"b", None),
            ("a, b", None),
            (r#""a\x""#, None),
            ("\"a\"b\"", None),
            ("é", None),
        ] {
            assert_eq!(read_key(header).as_deref(), key, "{header}");
        }
        assert!(read_key(&"x".repeat(255)).is_some() && read_key(&"x".repeat(256)).is_none());
    }

    #[test]
    fn what_may_be_otherwise_next_time_is_not_kept() {
        assert!(
            [200, 201, 202, 204, 400, 404, 409, 412, 422]
                .into_iter()
                .all(is_kept)
        );
        assert!(![401, 403, 408, 429, 500, 502, 503, 504].into_iter().any(is_kept));
    }
}
