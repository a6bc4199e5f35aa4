//! Cursors of lists: opaque to callers, and good only for the list and filter that made them, over HTTP and at the command line.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rolecall_core::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Version of the shape below: a byte, time (8), id (16), digest of list and filter (8).
const VERSION: u8 = 1;
const LENGTH: usize = 33;

/// What is said of a cursor that cannot be read.
pub(crate) const FOREIGN: &str = "this cursor does not belong to this list and filter";

/// The place in a list after which the next page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Time of the page's last entry.
    pub(crate) at: Timestamp,
    /// Id of the page's last entry.
    pub(crate) id: Uuid,
}

fn digest(list: &str) -> [u8; 8] {
    let mut out = [0; 8];
    out.copy_from_slice(&Sha256::digest(list.as_bytes())[..8]);
    out
}

/// Writes a cursor. `list` names the list and its filter.
///
/// It is not signed: whoever makes one up sees a page that they may see anyway.
pub(crate) fn write(place: Place, list: &str) -> String {
    let mut bytes = Vec::with_capacity(LENGTH);
    bytes.push(VERSION);
    bytes.extend(place.at.0.to_be_bytes());
    bytes.extend(place.id.as_bytes());
    bytes.extend(digest(list));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a cursor; `None`: it is none, or belongs to another list or filter.
pub(crate) fn read(text: &str, list: &str) -> Option<Place> {
    let bytes: [u8; LENGTH] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    let (at, id, foreign) = (&bytes[1..9], &bytes[9..25], &bytes[25..]);
    if bytes[0] != VERSION || foreign != digest(list) {
        return None;
    }
    Some(Place {
        at: Timestamp(i64::from_be_bytes(at.try_into().ok()?)),
        id: Uuid::from_slice(id).ok()?,
    })
}

/// Percent-encoding of a query value: everything but RFC 3986's unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_reads_back_what_was_written() {
        for at in [0, -1, 1_763_000_000_123, i64::MAX] {
            let place = Place {
                at: Timestamp(at),
                id: Uuid::from_u128(u128::MAX - 5),
            };
            assert_eq!(
                read(&write(place, "jobs?kind=add_role"), "jobs?kind=add_role").unwrap(),
                place
            );
        }
    }

    #[test]
    fn a_cursor_of_another_list_or_filter_is_refused() {
        let place = Place {
            at: Timestamp(1),
            id: Uuid::from_u128(1),
        };
        let cursor = write(place, "jobs?kind=add_role");
        for (text, list) in [
            (cursor.as_str(), "jobs?kind=remove_role"),
            (cursor.as_str(), "runs?kind=add_role"),
            (&cursor[1..], "jobs?kind=add_role"),
            ("", "jobs?kind=add_role"),
            ("../../etc/passwd", "jobs?kind=add_role"),
        ] {
            assert_eq!(read(text, list), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_unless_it_is_the_cursor_of_a_place(
            text in "[A-Za-z0-9_=-]{0,60}|.{0,60}",
            bytes in prop::collection::vec(any::<u8>(), LENGTH),
            ours in any::<bool>(),
        ) {
            let list = "jobs?kind=add_role";
            prop_assert!(read(&text, list).is_none());
            let mut bytes = bytes;
            if ours {
                bytes[0] = VERSION;
                bytes[25..].copy_from_slice(&digest(list));
            }
            let text = URL_SAFE_NO_PAD.encode(&bytes);
            let read = read(&text, list);
            prop_assert_eq!(read.is_some(), ours);
            prop_assert!(read.is_none() || write(read.unwrap(), list) == text);
        }
    }
}
