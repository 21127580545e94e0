//! How a request is known again when its caller sends it once more.
//!
//! The caller names it, by an idempotency key or by an operation. Objects never see that name: they
//! are told numbers of 128 bits that are made of it, which no two requests of a namespace share
//! unless somebody breaks SHA-256. A name counts for one subject: that of the request, and of
//! several in one request the first.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::Duration;

/// The longest name, in bytes.
pub const MAX_NAME: usize = 255;
/// How long an answer is kept under its key unless the policy says otherwise.
pub const KEPT_FOR: Duration = Duration::from_secs(60);
/// The shortest time for which a policy may have it kept.
pub const MIN_KEPT_FOR: Duration = Duration::from_secs(1);
/// The longest time for which a policy may have it kept.
pub const MAX_KEPT_FOR: Duration = Duration::from_secs(86_400);
/// How long an operation is known, in memory.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// What a caller calls a request, so that it is known when it comes again: 1 to [`MAX_NAME`] bytes
/// without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Repeat {
    /// An idempotency key: stored with the admission.
    #[serde(rename = "idempotencyKey")]
    Key(String),
    /// An operation: remembered in memory alone.
    #[serde(rename = "operation")]
    Operation(String),
}

/// A request that is known again, as its objects are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keyed {
    /// The same for every attempt of one request.
    pub id: u128,
    /// What is asked: another one under the same `id` is refused.
    pub question: u128,
    /// What is to become of it.
    pub aim: Aim,
}

/// What is to become of a request that is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// An admission is stored, and known for this long.
    Store(Duration),
    /// An admission is known in memory, for [`REMEMBERED_FOR`].
    Remember,
    /// Units are given back that were charged under `id`, which is forgotten: at most those.
    TakeBack {
        /// Whether nothing is given back where `id` is not known.
        only_known: bool,
    },
}

impl Keyed {
    /// The same of a policy that is asked by itself: in place of the one that was named, or because
    /// it is not enforced. Which of them has admitted a request is known when it comes again.
    #[must_use]
    pub fn instead(self, policy: &str) -> Keyed {
        let id = number(&["instead", &format!("{:x}", self.id), policy]);
        Keyed { id, ..self }
    }

    /// Whether it is known after a restart as well, so that it may be charged again and again.
    pub const fn is_stored(&self) -> bool {
        matches!(self.aim, Aim::Store(_))
    }
}

impl Repeat {
    /// What the caller calls the request.
    pub fn name(&self) -> &str {
        match self {
            Repeat::Key(name) | Repeat::Operation(name) => name,
        }
    }

    /// What is to become of a request that is called so, has this cost, and whose policy keeps
    /// answers for this long.
    pub const fn aim(&self, cost: i64, kept_for: Duration) -> Aim {
        match self {
            Repeat::Operation(_) => Aim::Remember,
            // It names what is taken back.
            Repeat::Key(_) if cost < 0 => Aim::TakeBack { only_known: true },
            Repeat::Key(_) => Aim::Store(kept_for),
        }
    }

    /// What objects are told of it: of a request that asks `question`, in its canonical form, of
    /// the subject whose object is `object`.
    pub fn keyed(&self, object: &str, question: &str, aim: Aim) -> Keyed {
        let kind = match self {
            Repeat::Key(_) => "key",
            Repeat::Operation(_) => "operation",
        };
        Keyed {
            id: number(&[kind, object, self.name()]),
            question: number(&[question]),
            aim,
        }
    }
}

/// The first 128 bits of the SHA-256 of texts, of which each is told with its length.
fn number(texts: &[&str]) -> u128 {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    let bytes = hash.finalize();
    let first = bytes.iter().take(16);
    first.fold(0, |number, byte| (number << 8) | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(repeat: &Repeat, object: &str) -> u128 {
        repeat.keyed(object, "", Aim::Remember).id
    }

    /// Rows are found by it: every build has to agree.
    #[test]
    fn the_numbers_are_the_same_in_every_build() {
        let keyed = Repeat::Key("k".to_owned()).keyed("o", "q", Aim::Remember);
        assert_eq!(keyed.id, 0x07d2_720c_52e0_fb0e_3422_172c_42ea_1731);
        assert_eq!(keyed.question, 0x7f34_5ab6_19fe_0c50_b6ed_7c22_9b4d_2ac3);
    }

    #[test]
    fn other_names_kinds_and_subjects_are_other_numbers() {
        let key = |name: &str| Repeat::Key(name.to_owned());
        let all = [
            id(&key("k"), "o"),
            id(&key("l"), "o"),
            id(&key("k"), "p"),
            id(&key("ok"), ""),
            id(&key(""), "ok"),
            id(&Repeat::Operation("k".to_owned()), "o"),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(!all[..i].contains(one), "{i}");
        }
    }
}
