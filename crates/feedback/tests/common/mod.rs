//! What the tests share: an answer's time, what is read of it as one text, and a random generator.

#![allow(dead_code, clippy::unwrap_used)]

pub(crate) mod answers;
pub(crate) mod sound;

use std::fmt::Write;

use tollgate_core::Timestamp;
use tollgate_feedback::{Feedback, Told, When};

/// 2027-01-01 00:00:00 UTC, when the answers of the tests come.
pub(crate) const ANSWERED: Timestamp = Timestamp::from_millis(1_798_761_600_000);

/// What was read, a line for each thing said: `refused`, `cause`, `wait`, each limit, and each
/// header that was ignored. Waits are `+` and milliseconds, instants `@` and milliseconds.
pub(crate) fn shown(feedback: &Feedback) -> String {
    let mut text = String::new();
    if feedback.refused {
        text.push_str("refused\n");
    }
    if let Some(scope) = feedback.cause.scope {
        writeln!(text, "scope {scope:?}").unwrap();
    }
    if let Some(measure) = feedback.cause.measure {
        writeln!(text, "measure {measure:?}").unwrap();
    }
    if let Some(wait) = feedback.wait {
        writeln!(text, "wait {}", when(wait)).unwrap();
    }
    for limit in &feedback.limits {
        writeln!(text, "{}", told(limit)).unwrap();
    }
    for it in &feedback.ignored {
        writeln!(text, "ignored {} {}", it.header, it.why.as_str()).unwrap();
    }
    text
}

/// A limit: its name, or `-`, and what is told of it.
pub(crate) fn told(told: &Told) -> String {
    let mut text = told.name.clone().unwrap_or("-".to_owned());
    let numbers = [
        ("limit", told.limit),
        ("remaining", told.remaining),
        ("used", told.used),
    ];
    for (word, number) in numbers {
        if let Some(number) = number {
            write!(text, " {word}={number}").unwrap();
        }
    }
    if let Some(reset) = told.reset {
        write!(text, " reset={}", when(reset)).unwrap();
    }
    if let Some(window) = told.window {
        write!(text, " window={window}").unwrap();
    }
    if let Some(unit) = &told.unit {
        write!(text, " unit={unit}").unwrap();
    }
    text
}

fn when(when: When) -> String {
    match when {
        When::After(duration) => format!("+{}", duration.as_millis()),
        When::At(instant) => format!("@{}", instant.as_millis()),
    }
}

/// The headers of a text with one a line.
pub(crate) fn headers(text: &str) -> Vec<(&str, &str)> {
    text.lines()
        .filter_map(|line| line.trim().split_once(':'))
        .collect()
}

/// xorshift64*: small, quick and the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound.max(1)
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
