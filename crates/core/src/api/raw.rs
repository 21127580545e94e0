//! JSON split one level deep: names and values that stay text. What is skipped is checked to be
//! JSON, without recursion.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The most fields of one object. No object that is understood has as many; the bound keeps the
/// search for repeated names short.
pub const MAX_FIELDS: usize = 64;

/// Names and unread values of an object: the first [`MAX_FIELDS`], and how many there are.
pub(super) struct Pairs<'a>(pub(super) Vec<(Text<'a>, &'a RawValue)>, pub(super) usize);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs<'de>, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let (mut pairs, mut count) = (Vec::with_capacity(8), 0);
                while let Some(pair) = map.next_entry()? {
                    count += 1;
                    if count <= MAX_FIELDS {
                        pairs.push(pair);
                    }
                }
                Ok(Pairs(pairs, count))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// Unread values of an array: the first [`MAX_FIELDS`], and how many there are.
pub(super) struct Values<'a>(pub(super) Vec<&'a RawValue>, pub(super) usize);

impl<'de> Deserialize<'de> for Values<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Values<'de>, D::Error> {
        struct Array;
        impl<'de> Visitor<'de> for Array {
            type Value = Values<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Values<'de>, A::Error> {
                let (mut values, mut count) = (Vec::new(), 0);
                while let Some(value) = seq.next_element()? {
                    count += 1;
                    if count <= MAX_FIELDS {
                        values.push(value);
                    }
                }
                Ok(Values(values, count))
            }
        }
        deserializer.deserialize_seq(Array)
    }
}

/// A name, borrowed from the body where it has no escapes.
#[derive(Debug)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<'de>, D::Error> {
        struct Name;
        impl<'de> Visitor<'de> for Name {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(Name)
    }
}
