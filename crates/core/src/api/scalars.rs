//! Single values as JSON has them: words that stand for one of a few values, names, and durations
//! in whole milliseconds.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error, Unexpected};
use serde::{Serialize, Serializer};

use crate::decision::{Reason, Source};
use crate::explain::{Admits, HoldsFor};
use crate::limit::quota::{Period, Weekday};
use crate::limit::{Kind, Name};
use crate::policy::consistency::Consistency;
use crate::policy::FailMode;
use crate::Duration;

/// Writes each type as its word, and reads that word and no other.
macro_rules! words {
    ($($type:ty: $expected:literal,)+) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                let word = Cow::<str>::deserialize(deserializer)?;
                <$type>::from_word(&word)
                    .ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&word), &$expected))
            }
        }
    )+};
}

words! {
    Reason: "the reason of a decision",
    Source: "the source of a decision",
    Kind: "the word of an algorithm",
    Consistency: "strong, eventual or local",
    FailMode: "open, closed, share or eventual",
    HoldsFor: "subject, isolate or location",
    Admits: "all, nothing or perIsolate",
    Period: "the period of a quota",
    Weekday: "a day of the week",
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.as_millis())
    }
}
