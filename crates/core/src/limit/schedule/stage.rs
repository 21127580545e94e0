//! One step of `stages`.

use super::Numbers;
use crate::error::InvalidLimit;
use crate::limit::bounds::span;
use crate::Duration;

/// Numbers that hold for a time, counted from the end of the step before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stage {
    length: Option<Duration>,
    numbers: Numbers,
}

impl Stage {
    /// A step of 1 ms to 366 d; `None` for the last one, which stays in force.
    pub fn new(length: Option<Duration>, numbers: Numbers) -> Result<Stage, InvalidLimit> {
        if let Some(length) = length {
            span("for", length)?;
        }
        Ok(Stage { length, numbers })
    }

    /// How long it is in force; `None`: for ever.
    pub const fn length(&self) -> Option<Duration> {
        self.length
    }

    /// What is in force.
    pub const fn numbers(&self) -> &Numbers {
        &self.numbers
    }
}
