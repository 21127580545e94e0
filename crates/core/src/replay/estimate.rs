//! What a sample of subjects says about all of them.
//!
//! Subjects are sampled by a hash of their names: each with the same probability, the share, and
//! independently of the others. So a sum over the sampled ones, divided by the share, is right on
//! average (Horvitz and Thompson), with the variance Σ (1 − s)/s² · y² over the sampled subjects.
//! The busiest subjects are always recorded and counted as they are: what is left to estimate has
//! a tail that a sample can bear.
//!
//! The interval is Student's, with as many degrees of freedom as the sample bears out: where few
//! subjects make up most of the variance, the variance is itself uncertain, and a normal interval
//! too narrow. By Satterthwaite's approximation there are (Σ y²)² / Σ y⁴ of them. It never lies
//! below what was counted. A sample in which nobody adds anything says that few do: at most so many
//! as are all missed in one case of forty, each with as many requests as any that was sampled.

/// A number of all subjects, from those that were recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The best guess.
    pub value: f64,
    /// With a probability of 95 % the true number is at least this,
    pub low: f64,
    /// and at most this. All three are equal where everybody is recorded.
    pub high: f64,
}

impl Estimate {
    /// A number that is known.
    pub const fn exact(value: f64) -> Estimate {
        Estimate {
            value,
            low: value,
            high: value,
        }
    }

    /// Whether it is known.
    pub fn is_exact(&self) -> bool {
        self.low == self.high
    }
}

/// What one sampled subject adds to a number, and its share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// The number of this subject.
    pub value: f64,
    /// The most that it could be: how many requests the subject made.
    pub most: f64,
    /// The probability of having been sampled, above 0 and at most 1.
    pub share: f64,
}

/// The probability with which a number may lie above the interval.
const MISSED: f64 = 0.025;

/// A number of all subjects: `counted` of those that are always recorded, and the parts of the
/// others that were sampled.
pub fn estimated(counted: f64, parts: &[Part]) -> Estimate {
    let mut seen = counted;
    let (mut value, mut variance, mut fourth, mut missed) = (counted, 0.0, 0.0, 0.0f64);
    for part in parts {
        seen += part.value;
        let scaled = part.value / part.share;
        value += scaled;
        let own = (1.0 - part.share) * scaled * scaled;
        variance += own;
        fourth += own * own;
        if part.share < 1.0 {
            missed = missed.max(part.most * MISSED.ln() / (1.0 - part.share).ln());
        }
    }
    if variance == 0.0 {
        return Estimate {
            high: value + missed,
            ..Estimate::exact(value)
        };
    }
    let freedom = variance * variance / fourth;
    let half = quantile(freedom) * variance.sqrt();
    Estimate {
        value,
        low: (value - half).max(seen),
        high: value + half,
    }
}

/// The 97.5 % quantile of Student's distribution with this many degrees of freedom: exact to three
/// digits from 1 on, by the series of Cornish and Fisher above 5 and by the table below.
fn quantile(freedom: f64) -> f64 {
    const TABLE: [f64; 5] = [12.706, 4.303, 3.182, 2.776, 2.571];
    const NORMAL: f64 = 1.959_964;
    if freedom < 5.0 {
        let at = freedom.max(1.0);
        let below = at as usize; // 1 to 4
        let part = at - below as f64;
        return TABLE[below - 1] + (TABLE[below] - TABLE[below - 1]) * part;
    }
    let z = NORMAL;
    let first = (z * z * z + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + first / freedom + second / freedom.powi(2) + third / freedom.powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantiles_are_those_of_the_tables() {
        for (freedom, expected) in [
            (1.0, 12.706),
            (2.0, 4.303),
            (4.0, 2.776),
            (5.0, 2.571),
            (10.0, 2.228),
            (30.0, 2.042),
            (1e9, 1.960),
        ] {
            let found = quantile(freedom);
            assert!((found - expected).abs() < 0.01, "{freedom}: {found}");
        }
    }

    #[test]
    fn what_everybody_is_recorded_of_is_known() {
        let whole = Part {
            value: 7.0,
            most: 9.0,
            share: 1.0,
        };
        assert_eq!(estimated(3.0, &[whole]), Estimate::exact(10.0));
        assert!(estimated(3.0, &[]).is_exact());
    }

    #[test]
    fn a_sample_in_which_nobody_adds_anything_does_not_say_that_nobody_does() {
        let part = Part {
            value: 0.0,
            most: 10.0,
            share: 0.1,
        };
        let found = estimated(5.0, &[part]);
        assert_eq!((found.value, found.low), (5.0, 5.0));
        // 0.9 to the 35th is 0.025.
        assert!((found.high - 355.0).abs() < 1.0, "{found:?}");
    }
}
