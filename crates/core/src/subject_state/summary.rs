//! A subject in short, for its namespace's directory.

use crate::algorithm::state::Moment;
use crate::calendar::UnknownTimeZone;
use crate::decide::{decide, Check};
use crate::limit::schedule::StageClock;
use crate::policy::Policy;
use crate::summary::{State, Summary};
use crate::Timestamp;

use super::entry::Entry;
use super::SubjectState;

impl SubjectState {
    /// The policies that limit the subject, and until when it is in which state. Of a state that
    /// cannot be read nothing is known.
    pub fn summary(&self, moment: Moment) -> Summary {
        if self.loaded.readable().is_err() {
            return Summary::default();
        }
        let limits = self.limits.after_ends(moment);
        let names = limits.entries.iter().map(|entry| &entry.policy);
        let named = names.filter(|name| !name.is_empty());
        let mut summary = Summary::of(named.cloned());
        let exhausted = limits.entries.iter().filter_map(|entry| {
            let until = exhausted_until(entry, limits.clock(), moment);
            until.ok().flatten()
        });
        summary.set(State::Exhausted, exhausted.max());
        let blocks = self.blocks.in_force(|_| true, moment.now);
        summary.set(State::Blocked, blocks.map(|block| block.until).max());
        summary
    }
}

/// When a limit that has no unit left has one again, or other numbers; `None` for one that has.
fn exhausted_until(
    entry: &Entry,
    clock: Option<&StageClock>,
    moment: Moment,
) -> Result<Option<Timestamp>, UnknownTimeZone> {
    let usage = entry.usage.present(clock, moment)?;
    let view = usage.view(moment)?;
    if view.remaining > 0 {
        return Ok(None);
    }
    let policy = Policy::of(usage.limit.clone());
    let look = Check {
        peek: true,
        ..Check::ONE
    };
    let state = &mut usage.state.clone();
    let decision = decide(&policy, &mut [state], &look, None, moment)?;
    let wait = decision.retry_after.or(decision.delay);
    let until = wait.map_or(view.reset, |wait| moment.now.plus(wait));
    let change = usage.limit.next_change(clock, moment)?;
    Ok(Some(change.map_or(until, |change| change.min(until))))
}
