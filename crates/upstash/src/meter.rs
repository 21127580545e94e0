//! The budget of a call. Code that reads members asks the meter first. Once the budget is used up,
//! collections appear empty and nothing is changed any more, so the running command ends soon and
//! its result is dropped.

use std::cell::Cell;
use std::rc::Rc;

use crate::bounds::{LOOKS_PER_CONVERSION, LOOK_BYTES, LOOK_STEPS, MAX_LOOKS};
use crate::error::RedisError;

/// Whole numbers below it are written digit by digit.
const SHORT: f64 = 1e14;

/// The meter, shared by an object's keys and all code that works on them within a call.
#[derive(Clone, Debug)]
pub struct Meter(Rc<Counts>);

#[derive(Debug)]
struct Counts {
    looks: Cell<usize>,
    /// The bound that was exceeded.
    passed: Cell<Option<RedisError>>,
}

impl Default for Meter {
    fn default() -> Self {
        Meter(Rc::new(Counts {
            looks: Cell::new(MAX_LOOKS),
            passed: Cell::new(None),
        }))
    }
}

impl Meter {
    /// Begins a call that may look at so many members.
    pub fn begin(&self, looks: usize) {
        self.0.looks.set(looks);
        self.0.passed.set(None);
    }

    /// How many members the call may still look at.
    pub fn left(&self) -> usize {
        self.0.looks.get()
    }

    /// The bound that the call has exceeded, if any.
    pub fn passed(&self) -> Option<RedisError> {
        self.0.passed.get()
    }

    /// Records that a bound is exceeded.
    pub fn exceed(&self, bound: RedisError) {
        self.0.passed.set(Some(bound));
    }

    /// Clears the exceeded bound for the next command of the call, which continues with the rest of
    /// the budget.
    pub fn resume(&self) {
        self.0.passed.set(None);
    }

    /// Charges reading so many members; false when the budget does not allow it. An exceeded bound
    /// stays exceeded for the command.
    pub fn look(&self, members: usize) -> bool {
        match self.left().checked_sub(members) {
            Some(left) => self.0.looks.set(left),
            None => self.exceed(RedisError::ManyMembers),
        }
        self.passed().is_none()
    }

    /// Charges work whose result was dropped, as far as the budget goes.
    pub fn waste(&self, members: usize) {
        self.0.looks.set(self.left().saturating_sub(members));
    }

    /// The same as an error.
    pub fn check(&self) -> Result<(), RedisError> {
        self.passed().map_or(Ok(()), Err)
    }

    /// Counts looking at so many bytes.
    pub fn look_at_bytes(&self, bytes: usize) -> bool {
        self.look(bytes / LOOK_BYTES)
    }

    /// Counts so many steps of a pattern.
    pub fn step(&self, steps: usize) -> bool {
        self.look(steps.div_ceil(LOOK_STEPS))
    }

    /// Counts writing a double as text: small whole numbers take a short way.
    pub fn convert(&self, value: f64) -> bool {
        let short = value == value.floor() && value.abs() < SHORT;
        self.look(if short { 1 } else { LOOKS_PER_CONVERSION })
    }

    /// Counts reading a double from a text.
    pub fn read(&self, text: &[u8]) -> bool {
        let short = text.len() <= 15 && text.iter().all(u8::is_ascii_digit);
        self.look(match short {
            true => 1,
            false => LOOKS_PER_CONVERSION + text.len(),
        })
    }
}
