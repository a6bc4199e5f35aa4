//! JSON in which every name stands once in its object. Of two values under one name, readers differ in which they take:
//! a request that holds both says nothing that could be relied on.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::fields::pointer;

/// Reads a value, and notes the pointer of each name that stands in its object before, compared without case.
pub(super) fn read(bytes: &[u8]) -> Result<(Value, Vec<String>), serde_json::Error> {
    let twice = RefCell::new(Vec::new());
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = Once {
        at: String::new(),
        twice: &twice,
    }
    .deserialize(&mut json)?;
    json.end()?;
    Ok((value, twice.into_inner()))
}

/// A value at this place.
struct Once<'a> {
    at: String,
    twice: &'a RefCell<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Once<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Once<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut out = Vec::new();
        loop {
            let entry = Once {
                at: format!("{}/{}", self.at, out.len()),
                twice: self.twice,
            };
            match entries.next_element_seed(entry)? {
                Some(entry) => out.push(entry),
                None => return Ok(Value::Array(out)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut out = Map::new();
        let mut seen = BTreeSet::new();
        while let Some(name) = entries.next_key::<String>()? {
            let at = format!("{}{}", self.at, pointer(&name));
            if !seen.insert(name.to_lowercase()) {
                self.twice.borrow_mut().push(at.clone());
            }
            let value = entries.next_value_seed(Once {
                at,
                twice: self.twice,
            })?;
            out.insert(name, value);
        }
        Ok(Value::Object(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_stands_twice_is_noted_wherever_it_is_and_whatever_its_case() {
        for (text, twice) in [
            (r#"{"a":1,"b":{"a":2}}"#, &[][..]),
            (r#"{"a":1,"A":2}"#, &["/A"]),
            (r#"{"s":{"x":1,"x":1}}"#, &["/s/x"]),
            (r#"{"l":[{"x":1},{"x":1,"X":2}],"l":0}"#, &["/l/1/X", "/l"]),
        ] {
            assert_eq!(read(text.as_bytes()).unwrap().1, twice, "{text}");
        }
    }

    #[test]
    fn all_else_is_read_as_json_is() {
        for text in [
            "null",
            "[1,-2,3.5,true,\"x\",{}]",
            "18446744073709551615",
            "{\"a\":{\"b\":[null]}}",
            "\"\\ud83d\\ude00\"",
        ] {
            let plain: Value = serde_json::from_str(text).unwrap();
            assert_eq!(read(text.as_bytes()).unwrap(), (plain, Vec::new()), "{text}");
        }
        for bad in ["", "{", "{} {}", "nul", "[1,]", "{\"a\"}", "1e999", "\"\\ud800\""] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
