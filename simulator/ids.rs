//! Discord ids: 64-bit snowflakes, always text in JSON.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Unix milliseconds of Discord's own epoch, 2015-01-01.
pub(crate) const DISCORD_EPOCH_MS: u64 = 1_420_070_400_000;

/// Bits of a snowflake below its milliseconds: worker, process and sequence number.
const LOW_BITS: u32 = 22;

/// Unix milliseconds of the first id that a world hands out: 2024-01-01.
const FIRST_ID_UNIX_MS: u64 = 1_704_067_200_000;

/// An id as it stands in JSON: written as text, read from text or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(pub(crate) u64);

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Id;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id as text or as a number")
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Id, E> {
                Ok(Id(value))
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<Id, E> {
                value
                    .parse()
                    .map(Id)
                    .map_err(|_| E::invalid_value(de::Unexpected::Str(value), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Ids of a list, for JSON.
pub(crate) fn texts(ids: &[u64]) -> Vec<Id> {
    ids.iter().copied().map(Id).collect()
}

/// `#[serde(with)]` for an `Option<u64>` that is an id.
pub(crate) mod option {
    use super::{Deserialize, Deserializer, Id, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(id: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        id.map(Id).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        Ok(Option::<Id>::deserialize(deserializer)?.map(|id| id.0))
    }
}

/// Hands out ids in rising order, one simulated millisecond apart, so that the same world has the same ids in
/// every run and ids can be split by time as Discord's can.
#[derive(Debug)]
pub(crate) struct IdSource {
    next_ms: u64,
}

impl Default for IdSource {
    fn default() -> Self {
        Self {
            next_ms: FIRST_ID_UNIX_MS - DISCORD_EPOCH_MS,
        }
    }
}

impl IdSource {
    pub(crate) fn next(&mut self) -> u64 {
        self.next_ms += 1;
        self.next_ms << LOW_BITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_text_in_json_and_read_from_text_or_number() {
        assert_eq!(serde_json::to_string(&Id(12)).unwrap(), "\"12\"");
        assert_eq!(serde_json::from_str::<Id>("\"12\"").unwrap(), Id(12));
        assert_eq!(serde_json::from_str::<Id>("12").unwrap(), Id(12));
    }

    #[test]
    fn ids_rise() {
        let mut ids = IdSource::default();
        assert!(ids.next() < ids.next());
    }
}
