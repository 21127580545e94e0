//! What a run was, in numbers.

use std::fmt::Write as _;
use std::ops::AddAssign;

macro_rules! tally {
    ($($(#[$doc:meta])* $name:ident: $how:ident,)*) => {
        /// What has happened.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Tally {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl AddAssign for Tally {
            fn add_assign(&mut self, other: Tally) {
                $(tally!(@$how self.$name, other.$name);)*
            }
        }
    };
    (@sum $own:expr, $other:expr) => { $own += $other };
    (@most $own:expr, $other:expr) => { $own = $own.max($other) };
    (@mix $own:expr, $other:expr) => { $own = $own.rotate_left(7) ^ $other };
}

tally! {
    /// Messages delivered, arrivals, timers, gates that opened, and troubles.
    events: sum,
    /// Checks that came.
    checks: sum,
    /// Checks whose caller was told that it may go on.
    admitted: sum,
    /// Units charged of which an answer left its object.
    charged: sum,
    /// Checks that a perfect limiter without delay would have admitted.
    ideal: sum,
    /// Refusals although the perfect limiter admitted.
    early: sum,
    /// Refusals.
    refused: sum,
    /// Checks that isolates decided by themselves.
    by_isolates: sum,
    /// Calls that objects answered.
    calls: sum,
    /// Rows that objects wrote or deleted.
    rows: sum,
    /// Checks without an answer within the deadline.
    failed: sum,
    /// Objects that lost their memory by a crash.
    crashes: sum,
    /// Times that everything was killed.
    kills: sum,
    /// Isolates that ended.
    ended: sum,
    /// Clocks that stepped.
    steps: sum,
    /// Builds that were deployed.
    deploys: sum,
    /// Messages lost.
    lost: sum,
    /// Messages doubled.
    doubled: sum,
    /// Times that an object fell asleep.
    sleeps: sum,
    /// Waits that were tried: enough, and not too much.
    waits: sum,
    /// Times that a clock stepped back behind the deletion of an idle state.
    behind: sum,
    /// Subjects, counted anew when they come again after all of them had vanished.
    subjects: sum,
    /// The most subjects of which anything was kept.
    most_kept: most,
    /// The most objects awake.
    most_awake: most,
    /// A number that tells two runs apart.
    digest: mix,
}

const HEAD: &str = "\
| scenario | events | checks | admitted/ideal | refused early | calls per 1,000 checks | rows per 1,000 admitted | no answer | crashes | kills | most kept |
|---|---|---|---|---|---|---|---|---|---|---|
";

/// A table of scenarios and their numbers.
pub fn table<'a>(rows: impl IntoIterator<Item = (&'a str, Tally)>) -> String {
    let mut text = HEAD.to_owned();
    for (name, it) in rows {
        // Writing into a text cannot fail.
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {:.4} | {:.3} % | {:.0} | {:.1} | {:.3} % | {} | {} | {} |",
            thousands(it.events),
            thousands(it.checks),
            part(it.admitted, it.ideal),
            part(it.early, it.checks) * 100.0,
            part(it.calls, it.checks) * 1_000.0,
            part(it.rows, it.admitted) * 1_000.0,
            part(it.failed, it.checks) * 100.0,
            thousands(it.crashes),
            thousands(it.kills),
            thousands(it.most_kept),
        );
    }
    text
}

fn part(some: u64, all: u64) -> f64 {
    some as f64 / all.max(1) as f64
}

/// A number with a comma every three digits.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas() {
        let all = [0, 999, 1_000, 1_234_567].map(thousands);
        assert_eq!(all, ["0", "999", "1,000", "1,234,567"]);
    }
}
