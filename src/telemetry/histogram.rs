//! How long callers wait, counted in fixed steps, so that the counts of several isolates can be
//! added up.

use serde::Serialize;
use tollgate_core::Duration;

/// The longest time of each step, in milliseconds; a last step has what is longer.
pub const BOUNDS: [u64; 13] = [
    0, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000,
];

/// Times, by steps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Histogram {
    /// How many were not longer than the bound at the same place, and longer than the one before.
    pub counts: [u64; BOUNDS.len() + 1],
    /// The sum of all, in milliseconds.
    pub sum: u64,
}

impl Histogram {
    /// That of one time.
    pub(super) fn of(time: Duration) -> Histogram {
        let ms = time.as_millis();
        let mut one = Histogram {
            sum: ms,
            ..Histogram::default()
        };
        one.counts[BOUNDS.partition_point(|bound| *bound < ms)] = 1;
        one
    }

    pub(super) fn add(&mut self, other: &Histogram) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.sum = self.sum.saturating_add(other.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_in_the_first_step_that_is_not_shorter() {
        let mut all = Histogram::default();
        for ms in [0, 1, 10, 11, 300_000, 300_001, u64::MAX] {
            all.add(&Histogram::of(Duration::from_millis(ms)));
        }
        assert_eq!(all.counts, [1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(all.sum, u64::MAX);
        assert!(BOUNDS.is_sorted());
    }
}
