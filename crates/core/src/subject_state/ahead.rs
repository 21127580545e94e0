//! Looking ahead over definitions that change at known instants: when a refused request fits, and
//! when all of a bucket is back.
//!
//! Between two changes everything is decided under one definition, and what that says is exact. So
//! an instant that lies before the next change stands; one that lies behind it is looked for again
//! at the change, with what is in force then. Anything whose instant is known may be such a change:
//! whoever answers [`Foresight`] says which there are.

use crate::algorithm::state::Moment;
use crate::calendar::UnknownTimeZone;
use crate::decision::Decision;
use crate::limit::schedule::StageClock;
use crate::{Duration, Timestamp};

use super::coming::Coming;
use super::usage::Usage;

/// Over so many changes it is looked: two a day for a month, and every hour for two days. What is
/// told beyond is told as if the last of them stayed.
pub(super) const MAX_CHANGES: usize = 64;

/// What would be decided later, if nothing is decided until then.
pub(crate) trait Foresight {
    /// The answer at this instant, under the definition that is in force then. Its wait holds until
    /// the next change.
    fn decided_at(&self, moment: Moment) -> Result<Decision, UnknownTimeZone>;

    /// When all of the present use is forgotten, as it is after the change gone on to last.
    fn forgotten_at(&self, now: Timestamp) -> Timestamp;

    /// Goes on to a change; it is gone on from one to the next, and never back.
    fn advance(&mut self, moment: Moment) -> Result<(), UnknownTimeZone>;

    /// The first instant after this one at which another definition is in force; `None` where none
    /// is known. Asked for later and later ones.
    fn next_change(&mut self, moment: Moment) -> Result<Option<Timestamp>, UnknownTimeZone>;
}

/// The first instant at which a request fits that was refused now by `decision`; `None` where it
/// never does, as far as is known.
pub(crate) fn first_fit(
    foresight: &mut dyn Foresight,
    decision: &Decision,
    moment: Moment,
) -> Result<Option<Timestamp>, UnknownTimeZone> {
    let mut at = moment;
    let mut fits = retry_at(decision);
    for _ in 0..MAX_CHANGES {
        let Some(change) = foresight.next_change(at)? else {
            break;
        };
        if fits.is_some_and(|fits| fits < change) {
            break;
        }
        at.now = change;
        foresight.advance(at)?;
        let decided = foresight.decided_at(at)?;
        if decided.success {
            return Ok(Some(change));
        }
        fits = retry_at(&decided);
    }
    Ok(fits)
}

fn retry_at(decision: &Decision) -> Option<Timestamp> {
    decision.retry_after.map(|wait| decision.at.plus(wait))
}

/// The first instant at which a request is admitted that is refused now, where its own definition
/// comes into force by being decided and so no wait can be told by the one in force: between two
/// changes use only gets less, and it is found by halving. `None` where there is none, not even
/// once all use is forgotten.
pub(super) fn first_admitted(
    foresight: &mut dyn Foresight,
    moment: Moment,
) -> Result<Option<Timestamp>, UnknownTimeZone> {
    let is_admitted = |foresight: &dyn Foresight, now| {
        let decided = foresight.decided_at(Moment { now, ..moment });
        decided.map(|decision| decision.success)
    };
    let mut refused = moment.now;
    for _ in 0..MAX_CHANGES {
        let at = Moment {
            now: refused,
            ..moment
        };
        let change = foresight.next_change(at)?;
        let last = foresight.forgotten_at(refused);
        let end = change.map_or(last, |change| {
            last.min(Timestamp::from_millis(change.as_millis() - 1))
        });
        if end > refused && is_admitted(foresight, end)? {
            let is_admitted = |now| is_admitted(foresight, now);
            return halved(refused, end, &is_admitted).map(Some);
        }
        let Some(now) = change else { break };
        foresight.advance(Moment { now, ..moment })?;
        if is_admitted(foresight, now)? {
            return Ok(Some(now));
        }
        refused = now;
    }
    Ok(None)
}

/// The first instant of admission between one of refusal and one of admission.
fn halved(
    mut refused: Timestamp,
    mut admitted: Timestamp,
    is_admitted: &dyn Fn(Timestamp) -> Result<bool, UnknownTimeZone>,
) -> Result<Timestamp, UnknownTimeZone> {
    while admitted.since(refused) > Duration::from_millis(1) {
        let half = Duration::from_millis(admitted.since(refused).as_millis() / 2);
        let now = refused.plus(half);
        if is_admitted(now)? {
            admitted = now;
        } else {
            refused = now;
        }
    }
    Ok(admitted)
}

/// When all use is forgotten or the window is over, with every change of the numbers until then and
/// with every definition that comes until then.
pub(super) fn reset(
    usage: &Usage,
    coming: &Coming,
    clock: Option<&StageClock>,
    moment: Moment,
) -> Result<Timestamp, UnknownTimeZone> {
    let mut at = moment;
    let mut usage = usage.present(clock, at)?;
    for _ in 0..MAX_CHANGES {
        let reset = usage.view(at)?.reset;
        let (step, end) = (usage.limit.next_change(clock, at)?, coming.next_at(at.now));
        let change = step.into_iter().chain(end).min();
        at.now = match change.filter(|change| *change < reset) {
            Some(change) => change,
            None => return Ok(reset),
        };
        usage = match coming.at(at.now, &usage.limit) {
            Some(limit) => usage.becoming(&limit.in_force(clock, at)?, clock, at)?,
            None => usage.in_force(clock, at)?,
        };
    }
    Ok(usage.view(at)?.reset)
}
