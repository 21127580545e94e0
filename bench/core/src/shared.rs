//! A bucket that classes share: an object's whole answer with 1, 8 and 63 of them, which all ask
//! for more than there is. Each decision looks at all classes.

use crate::harness::Subject;
use std::error::Error;
use tollgate_core::algorithm::state::Moment;
use tollgate_core::calendar::UtcOnly;
use tollgate_core::decide::Check;
use tollgate_core::limit::weights::{By, Weights};
use tollgate_core::limit::{Name, Rate, TokenBucket};
use tollgate_core::number::Decimal;
use tollgate_core::policy::{Policy, Version};
use tollgate_core::subject_state::{Effects, Item, SubjectState};
use tollgate_core::{Algorithm, Duration, Limit, Timestamp};

/// Some instant of the present age.
const START: u64 = 1_795_222_800_000;
/// The capacity, and what comes back in a second.
const UNITS: u64 = 640;
/// One decision takes as long as a thousand of those that nobody shares.
const DEAR: u64 = 1_000;

/// Everything that is timed.
pub(crate) fn subjects() -> Result<Vec<Subject>, Box<dyn Error>> {
    let mut subjects = Vec::new();
    for classes in [1, 8, 63] {
        for is_kept in [false, true] {
            subjects.push(subject(classes, is_kept)?);
        }
    }
    Ok(subjects)
}

/// All classes ask in turn, eight of them in each millisecond. `is_kept`: all were refused more
/// than their parts before.
fn subject(classes: usize, is_kept: bool) -> Result<Subject, Box<dyn Error>> {
    let items = items(classes)?;
    let (mut state, mut asked) = (SubjectState::default(), 0u64);
    let mut ask = move |item: usize, cost: i64| {
        asked += 1;
        let moment = Moment {
            now: Timestamp::from_millis(START + asked / 8),
            zones: &UtcOnly,
        };
        let item = [Item {
            check: Check::of(cost),
            ..items[item].clone()
        }];
        state.limit(&item, None, &mut || 1, moment, &mut Effects::default())
    };
    for step in 0..2 * classes {
        ask(step % classes, 10)?;
    }
    for step in 0..classes {
        let cost = if is_kept { UNITS as i64 } else { 1 };
        ask(step, cost)?;
    }
    let kept = if is_kept { ", more is kept" } else { "" };
    let name = format!("an object's answer: a bucket shared by {classes}{kept}");
    let subject = Subject::new(name, move |step| ask(step as usize % classes, 1));
    Ok(subject.fewer(DEAR))
}

fn items(classes: usize) -> Result<Vec<Item>, Box<dyn Error>> {
    let units = Decimal::new(UNITS, 0).ok_or("it is a number")?;
    let rate = Rate::new("refill.interval", units, Duration::from_millis(1_000))?;
    let bucket = Algorithm::TokenBucket(TokenBucket::new(UNITS, rate)?);
    let policy = Policy::new(vec![Limit::new(Some(Name::new("name", "all")?), bucket)])?
        .named(
            Name::new("policy", "shared")?,
            Version {
                number: 1,
                ..Version::NONE
            },
        )
        .with_weights(Weights::new(By::Child, vec![("nobody".to_owned(), 1)])?)?;
    let item = |class| Item {
        policy: policy
            .clone()
            .asked_with(None, Some(&format!("tenant-{class}"))),
        check: Check::ONE,
    };
    Ok((0..classes).map(item).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_and_many_classes_are_timed() {
        assert_eq!(subjects().unwrap().len(), 6);
    }
}
