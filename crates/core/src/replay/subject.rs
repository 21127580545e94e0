//! One subject's calls, decided once more.

use crate::algorithm::state::Moment;
use crate::api::request::suits;
use crate::calendar::TimeZone;
use crate::message::{Answer, Call};
use crate::number::MAX_SAFE;
use crate::overrides::{Matched, Override};
use crate::policy::{Policy, Version};
use crate::subject_state::{Effects, Item, Place, SubjectState};
use crate::Timestamp;

use super::isolates::Isolates;
use super::tally::Tally;
use super::trace::{Apart, Event, SubjectTrace, ALWAYS};

/// The version of a policy that takes the place of all that were recorded: newer than any of them.
/// The instant of its overrides is that of what was recorded.
const NEWEST: Version = Version {
    generation: MAX_SAFE,
    number: MAX_SAFE,
    adjusted: 0,
    edition: 0,
};

/// The policies under which calls are decided once more.
#[derive(Clone, Copy)]
pub(super) struct Under<'a> {
    /// Each takes the place of all versions of its name; others stay as they were recorded.
    pub(super) policies: &'a [Policy],
    /// The policy whose requests are counted.
    pub(super) counted: &'a str,
    pub(super) zones: &'a dyn TimeZone,
}

/// A subject while its calls are replayed.
struct Replayed<'a> {
    under: Under<'a>,
    trace: &'a SubjectTrace,
    /// `None` while it is not known.
    state: Option<SubjectState>,
    isolates: Isolates,
    /// The place of the last call to the object.
    last: Option<Place>,
    /// Permits that nobody has recorded, because their requests were denied.
    permits: u128,
    tally: Tally,
}

/// Decides a subject's calls once more.
pub(super) fn replayed(trace: &SubjectTrace, under: Under) -> Tally {
    let mut replayed = Replayed {
        under,
        trace,
        state: None,
        isolates: Isolates::default(),
        last: None,
        permits: 0,
        tally: Tally::default(),
    };
    for event in trace.in_order() {
        replayed.take(event);
    }
    replayed.tally
}

impl Replayed<'_> {
    fn take(&mut self, event: &Event) {
        if let Some(apart) = event.apart {
            return self.count_apart(event, apart);
        }
        if let Some(place) = event.place {
            self.arrive(place, event.at);
        }
        if self.state.is_none() {
            self.tally.skipped += 1;
            return;
        }
        self.tally.replayed += 1;
        if event.is_repeated() {
            return;
        }
        let call = self.under.call(event);
        let answer = call.as_ref().map(|call| self.answer(call, event));
        self.count(event, answer.as_ref());
    }

    fn moment(&self, now: Timestamp) -> Moment<'_> {
        Moment {
            now,
            zones: self.under.zones,
        }
    }

    /// Sees to it that the state is the one before the call of this place, if that can be known.
    fn arrive(&mut self, place: Place, now: Timestamp) {
        let last = self.last.replace(place);
        let follows = last.is_some_and(|last| place.follows(last));
        if self.state.is_none() || !follows {
            let found = self.trace.state_before(place);
            self.tally.gaps += u64::from(last.is_some() && !follows);
            self.isolates = Isolates::default(); // and what they heard of it is not known either
            self.state = found.map(|it| from_rows(&it.rows));
        } else if last.is_some_and(|last| last.since != place.since) {
            // The object has slept, and remembers what its rows tell.
            let moment = self.moment(now);
            let rows = self.state.as_ref().map(|state| state.exact_rows(moment));
            self.state = rows.map(|rows| from_rows(&rows));
        }
    }

    /// The answer of the isolate by what the object had said, else the object's.
    fn answer(&mut self, call: &Call, event: &Event) -> Answer {
        let single = match call {
            Call::Limit { items, .. } => <&[Item; 1]>::try_from(items.as_slice()).ok(),
            _ => None,
        };
        if let Some([item]) = single {
            if let Some(refusal) = self.isolates.refusal(event.isolate, item, event.at) {
                return Answer::Decided(vec![refusal]);
            }
        }
        let answer = self.asked(call, event);
        if let (Some([item]), Answer::Decided(decisions)) = (single, &answer) {
            let decisions = decisions.iter();
            decisions.for_each(|it| self.isolates.learn(event.isolate, item, event.at, it));
        }
        answer
    }

    /// The object's answer.
    fn asked(&mut self, call: &Call, event: &Event) -> Answer {
        let moment = Moment {
            now: event.at,
            zones: self.under.zones,
        };
        self.permits += 1;
        let permit = event.told.permit.unwrap_or(self.permits);
        let state = self.state.get_or_insert_with(SubjectState::default); // it is known
        state.answer(call, &mut || permit, moment, &mut Effects::default())
    }

    /// Counts a request that is no matter of the object.
    fn count_apart(&mut self, event: &Event, apart: Apart) {
        let Call::Limit { items, .. } = &event.asked.call else {
            return;
        };
        let counted = items.iter().filter(|item| self.under.counts(item)).count() as u64;
        match apart {
            Apart::Stopped => self.tally.stopped += counted,
            Apart::Elsewhere => self.tally.elsewhere += counted,
        }
    }

    /// Counts what the call asked of the policy that is looked at. What cannot be asked of it any
    /// more is denied.
    fn count(&mut self, event: &Event, answer: Option<&Answer>) {
        let Call::Limit { items, .. } = &event.asked.call else {
            return;
        };
        if event.told.is_contended {
            return;
        }
        let decisions = match answer {
            Some(Answer::Decided(decisions)) => decisions.as_slice(),
            _ => &[],
        };
        for (i, item) in items.iter().enumerate() {
            if !self.under.counts(item) {
                continue;
            }
            let before = event.told.admitted.get(i).is_some_and(|told| *told);
            let after = decisions.get(i).is_some_and(|it| it.success);
            let tally = &mut self.tally;
            if event.share >= ALWAYS {
                tally.always.add(before, after);
            } else {
                tally.sampled.add(before, after);
                let share = event.share.max(1);
                tally.share = if tally.share == 0 {
                    share
                } else {
                    tally.share.min(share)
                };
            }
            if before != after && tally.first.is_none() {
                tally.first = Some(event.at);
            }
        }
    }
}

impl Under<'_> {
    /// Whether an item is a request that is counted.
    fn counts(&self, item: &Item) -> bool {
        let is_asked = item.check.cost > 0 && !item.check.peek;
        is_asked && item.policy.name_or_empty() == self.counted
    }

    /// The call under these policies; `None` where it cannot be asked of them.
    fn call(&self, event: &Event) -> Option<Call> {
        let mut call = event.asked.call.clone();
        let items = match &mut call {
            Call::Limit {
                operation, items, ..
            } => {
                *operation = event.operation;
                items.as_mut_slice()
            }
            Call::Charge { operation, items } => {
                *operation = event.operation?;
                items.as_mut_slice()
            }
            Call::Cancel { operation } => {
                *operation = event.operation?;
                &mut []
            }
            _ => &mut [],
        };
        for (i, item) in items.iter_mut().enumerate() {
            let is_named = |policy: &&Policy| policy.name() == item.policy.name();
            let Some(policy) = self.policies.iter().find(is_named) else {
                continue;
            };
            suits(&item.check, policy).ok()?;
            let under = event.asked.under.get(i).map_or(&[][..], Vec::as_slice);
            item.policy = candidate(policy, item, under)?;
        }
        Some(call)
    }
}

/// The policy in the place of an item's, under what was over the head of that one: as isolates
/// have policies under overrides.
fn candidate(policy: &Policy, item: &Item, under: &[Override]) -> Option<Policy> {
    let changed = Matched::of(under.iter().collect()).policy(policy);
    let changed = changed.filter(|policy| suits(&item.check, policy).is_ok());
    let version = Version {
        adjusted: item.policy.version().adjusted,
        ..NEWEST
    };
    let name = policy.name()?.clone();
    Some(
        changed
            .unwrap_or_else(|| policy.clone())
            .named(name, version),
    )
}

fn from_rows(rows: &[(String, String)]) -> SubjectState {
    SubjectState::from_rows(rows.iter().map(|(key, row)| (key.as_str(), row.as_str())))
}
