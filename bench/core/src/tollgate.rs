//! tollgate-core: of every algorithm the admission alone, the complete decision, and a refusal; and
//! how many rows a subject's state writes. Time passes by a millisecond from one decision to the
//! next, so that nothing is decided by remembering: buckets refill and windows turn.

use crate::harness::Subject;
use std::error::Error;
use tollgate_core::algorithm::state::{LimitState, Moment};
use tollgate_core::algorithm::{Ask, Hold, Holder, Room};
use tollgate_core::calendar::UtcOnly;
use tollgate_core::decide::{decide, Check};
use tollgate_core::limit::quota::{Anchor, Period, Quota, TimeZoneName};
use tollgate_core::limit::{Concurrency, LeakyBucket, Rate, TokenBucket, Window, MAX_WINDOW};
use tollgate_core::number::Decimal;
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Item, SubjectState};
use tollgate_core::{Algorithm, Duration, Limit, Timestamp};

/// Some instant of the present age.
const START: u64 = 1_795_222_800_000;

const SECOND: Duration = Duration::from_millis(1_000);

/// All seven, with numbers that admit one unit per millisecond for ever. The last two keep a list:
/// 500 entries and 100 slots here.
fn admitting() -> Result<Vec<Algorithm>, Box<dyn Error>> {
    let thousand = Decimal::new(1_000, 0).ok_or("a thousand is a number")?;
    let rate = Rate::new("refill.interval", thousand, SECOND)?;
    let zone = TimeZoneName::default();
    Ok(vec![
        Algorithm::FixedWindow(Window::new(10_000, SECOND)?),
        Algorithm::SlidingWindow(Window::new(10_000, SECOND)?),
        Algorithm::TokenBucket(TokenBucket::new(10_000, rate)?),
        Algorithm::LeakyBucket(LeakyBucket::new(10_000, rate)?),
        Algorithm::Quota(Quota::new(
            1_000_000,
            Period::Hour,
            zone,
            Anchor::default(),
        )?),
        Algorithm::SlidingLog(Window::new_log(1_000, Duration::from_millis(500))?),
        Algorithm::Concurrency(Concurrency::new(1_000, Duration::from_millis(100))?),
    ])
}

/// The two algorithms most used, with one unit that does not come back while the benchmark runs.
fn refusing() -> Result<Vec<Algorithm>, Box<dyn Error>> {
    let one = Decimal::new(1, 0).ok_or("one is a number")?;
    let rate = Rate::new("refill.interval", one, MAX_WINDOW)?;
    Ok(vec![
        Algorithm::SlidingWindow(Window::new(1, MAX_WINDOW)?),
        Algorithm::TokenBucket(TokenBucket::new(1, rate)?),
    ])
}

/// What a decision is to answer.
#[derive(Clone, Copy, PartialEq)]
enum Answer {
    Admitted,
    Refused,
}

/// A clock that a caller reads once per decision: a millisecond later each time.
struct Clock(u64);

impl Clock {
    fn next(&mut self) -> Moment<'static> {
        self.0 += 1;
        Moment {
            now: Timestamp::from_millis(START + self.0),
            zones: &UtcOnly,
        }
    }
}

/// Everything that is timed.
pub(crate) fn subjects() -> Result<Vec<Subject>, Box<dyn Error>> {
    let mut subjects = Vec::new();
    for algorithm in admitting()? {
        subjects.push(admission(algorithm.clone())?);
        subjects.push(decision(algorithm, Answer::Admitted)?);
    }
    for algorithm in refusing()? {
        subjects.push(decision(algorithm, Answer::Refused)?);
    }
    Ok(subjects)
}

/// The algorithm alone: is there room, and take it.
fn admission(algorithm: Algorithm) -> Result<Subject, Box<dyn Error>> {
    let mut clock = Clock(0);
    let mut state = LimitState::fresh(&algorithm, clock.next())?;
    let name = format!("admit and update: {}", algorithm.word());
    let mut admit = move |_| {
        let moment = clock.next();
        let ask = Ask {
            cost: 1,
            now: moment.now,
            max_delay: None,
            before: None,
        };
        let deadline = Timestamp::from_millis(moment.now.as_millis() + 100);
        let holder = Holder {
            permit: u128::from(clock.0),
            fence: clock.0,
        };
        let hold = Some(Hold { holder, deadline });
        state.admit(&algorithm, &ask, hold, moment)
    };
    for step in 0..10_000 {
        if !matches!(admit(step)?, Room::At(_)) {
            return Err(format!("{name}: refused").into());
        }
    }
    Ok(Subject::new(name, admit))
}

/// The whole pure function: from policy, state, question and time to the decision that is answered.
fn decision(algorithm: Algorithm, answer: Answer) -> Result<Subject, Box<dyn Error>> {
    let mut clock = Clock(0);
    let mut state = LimitState::fresh(&algorithm, clock.next())?;
    let refused = if answer == Answer::Refused {
        ", refused"
    } else {
        ""
    };
    let name = format!("complete decision: {}{refused}", algorithm.word());
    let policy = Policy::new(vec![Limit::new(None, algorithm)])?;
    let mut ask = move |_| {
        let moment = clock.next();
        let holder = Holder {
            permit: u128::from(clock.0),
            fence: clock.0,
        };
        decide(
            &policy,
            &mut [&mut state],
            &Check::ONE,
            Some(holder),
            moment,
        )
    };
    let first = usize::from(answer == Answer::Refused); // the one unit that there is
    for step in 0..10_000 {
        let success = ask(step)?.success;
        if step as usize >= first && success != (answer == Answer::Admitted) {
            return Err(format!("{name}: the wrong answer").into());
        }
    }
    Ok(Subject::new(name, ask))
}

/// What 10,000 calls have the object write.
#[derive(Default)]
pub(crate) struct Written {
    /// Rows put or deleted.
    pub(crate) rows: usize,
    /// Settings of the cleaning alarm.
    pub(crate) alarms: usize,
}

/// What a subject writes at a limit of 10,000 a window: for the first 10,000 checks, which are
/// admitted, and for the next 10,000, which are refused.
pub(crate) fn written() -> Result<[Written; 2], Box<dyn Error>> {
    let limit = Algorithm::FixedWindow(Window::new(10_000, Duration::from_millis(86_400_000))?);
    let policy = Policy::new(vec![Limit::new(None, limit)])?;
    let items = [Item {
        policy,
        check: Check::ONE,
    }];
    let (mut state, mut clock) = (SubjectState::default(), Clock(0));
    let mut written = <[Written; 2]>::default();
    for (half, written) in written.iter_mut().enumerate() {
        for _ in 0..10_000 {
            let mut effects = Effects::default();
            let answers = state.limit(&items, None, &mut || 1, clock.next(), &mut effects)?;
            if answers.iter().any(|answer| answer.success != (half == 0)) {
                return Err("rows: the wrong answer".into());
            }
            written.rows += effects.writes.len();
            written.alarms += usize::from(effects.alarm.is_some());
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_timed_on_the_answers_it_is_meant_for() {
        assert_eq!(subjects().unwrap().len(), 16);
    }

    #[test]
    fn what_is_written_is_counted_for_admissions_and_for_refusals() {
        let [admitted, refused] = written().unwrap();
        assert!((1..=10_000).contains(&admitted.rows));
        assert!(
            admitted.alarms >= 1,
            "the state has to be cleaned up some day"
        );
        assert!(refused.rows <= 10_000);
    }
}
