//! One limit: an algorithm with its numbers. Fields are private and constructors validate, so a bad
//! limit cannot exist.

mod algorithm;
mod bounds;
mod buckets;
mod costs;
mod credits;
mod kind;
mod label;
pub mod quota;
mod rate;
pub mod schedule;
mod scheduled;
mod shape;
pub mod weights;

pub use algorithm::{Algorithm, Concurrency, Window, MAX_LOG};
pub(crate) use bounds::in_range;
pub use bounds::MAX_WINDOW;
pub use buckets::{LeakyBucket, TokenBucket, FORGET_AFTER};
pub use costs::{Costs, Real};
pub use credits::BurstCredits;
pub use kind::Kind;
pub use rate::Rate;
pub use shape::Shape;

use schedule::Schedule;

use std::sync::Arc;

use crate::dots::{is_dots, NO_DOTS};
use crate::error::InvalidLimit;

/// The longest name of a policy or limit.
pub const MAX_NAME: usize = 64;

/// A name of a policy or a limit: 1 to 64 of `A-Z a-z 0-9 . _ -`, and neither `.` nor `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// Checks the grammar; `field` names the JSON field in the error.
    pub fn new(field: &'static str, text: &str) -> Result<Name, InvalidLimit> {
        if is_dots(text) {
            let expected = NO_DOTS;
            return Err(InvalidLimit::Malformed { field, expected });
        }
        Name::stored(field, text)
    }

    /// A name out of a row or a message: older builds took `.` and `..` too.
    pub fn stored(field: &'static str, text: &str) -> Result<Name, InvalidLimit> {
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(good) {
            Ok(Name(text.to_owned()))
        } else {
            Err(InvalidLimit::Malformed {
                field,
                expected: "1 to 64 of A-Z a-z 0-9 . _ -",
            })
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One algorithm with its numbers, optionally named.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Limit {
    name: Option<Name>,
    /// With the numbers in force.
    algorithm: Algorithm,
    /// Where the numbers change by themselves.
    schedule: Option<Arc<Schedule>>,
}

impl Limit {
    /// A limit; the algorithm has validated itself.
    pub const fn new(name: Option<Name>, algorithm: Algorithm) -> Limit {
        Limit {
            name,
            algorithm,
            schedule: None,
        }
    }

    /// The limit's own name in its policy, if it has one.
    pub const fn name(&self) -> Option<&Name> {
        self.name.as_ref()
    }

    /// What it does, with the numbers that are in force.
    pub const fn algorithm(&self) -> &Algorithm {
        &self.algorithm
    }
}
