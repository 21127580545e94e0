//! Logs and slots keep the sum of their units; here everything is counted anew for each question,
//! from a plain list: of a log by times, of slots in the order of their grants.

#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

mod common;

use common::{moment, START};
use proptest::prelude::*;
use tollgate_core::algorithm::charge::Charge;
use tollgate_core::algorithm::state::LimitState;
use tollgate_core::algorithm::{Ask, Hold, Holder, Room, Take};
use tollgate_core::codec::{Line, LineWriter};
use tollgate_core::limit::{Concurrency, Window};
use tollgate_core::row::{get_state, put_state, ROWS};
use tollgate_core::{Algorithm, Duration, Limit, Timestamp};

#[derive(Debug, Clone)]
enum Step {
    /// The clock goes on, or steps back.
    Time(i64),
    /// So many units or slots, to be held so long, or within that delay.
    Take(u64, Option<u64>),
    /// An earlier admission is taken back: in part where units can be.
    Cancel(usize, u64),
    /// The newest units of a log are given back.
    GiveBack(u64),
    /// A permit is held longer.
    Renew(usize, u64),
    /// The definition changes: limit, and window or `ttl`.
    Redefine(u64, u64),
    /// The row is written and read.
    Row,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0i64..40).prop_map(Step::Time),
        1 => (-30i64..0).prop_map(Step::Time),
        1 => (80i64..300).prop_map(Step::Time),
        6 => (1u64..5, proptest::option::of(1u64..150)).prop_map(|(units, time)| Step::Take(units, time)),
        2 => (0usize..20, 1u64..5).prop_map(|(which, units)| Step::Cancel(which, units)),
        1 => (1u64..6).prop_map(Step::GiveBack),
        2 => (0usize..20, 1u64..150).prop_map(|(which, time)| Step::Renew(which, time)),
        1 => (0u64..14, 1u64..120).prop_map(|(limit, time)| Step::Redefine(limit, time)),
        1 => Just(Step::Row),
    ];
    proptest::collection::vec(step, 1..120)
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn read_back(state: &LimitState, algorithm: &Algorithm) -> LimitState {
    let row = put_state(LineWriter::new(ROWS.written(), "limit"), state, algorithm).finish();
    get_state(&Line::parse(&row), algorithm).unwrap()
}

fn changed(state: &LimitState, old: &Algorithm, new: &Algorithm, now: u64) -> LimitState {
    let named = |algorithm: &Algorithm| common::named("x", algorithm.clone());
    let (old, new): (Limit, Limit) = (named(old), named(new));
    state.adopted(&old, &new, Vec::new(), moment(now)).unwrap()
}

/// Times and units, and the newest time seen: counted anew for each question.
struct PlainLog {
    entries: Vec<(u64, u64)>,
    seen: u64,
    limit: u64,
    window: u64,
}

impl PlainLog {
    fn algorithm(&self) -> Algorithm {
        let window = Window::new_log(self.limit, Duration::from_millis(self.window));
        Algorithm::SlidingLog(window.unwrap())
    }

    /// Units in the window that ends with `end`.
    fn in_window(&self, end: u64) -> u64 {
        let inside = |at: u64| at <= end && at + self.window > end;
        let inside = self.entries.iter().filter(|entry| inside(entry.0));
        inside.map(|entry| entry.1).sum()
    }

    /// The most units in any window that `at` is part of.
    fn fullest(&self, at: u64) -> u64 {
        let later = self.entries.iter().map(|entry| entry.0);
        let ends = later.filter(|&end| end > at && end < at + self.window);
        ends.chain([at])
            .map(|end| self.in_window(end))
            .max()
            .unwrap()
    }

    fn earliest(&self, cost: u64, from: u64) -> Option<u64> {
        if cost > self.limit {
            return None;
        }
        let ends = self.entries.iter().map(|entry| entry.0 + self.window);
        let tried = ends.filter(|&end| end > from).chain([from]);
        tried
            .filter(|&at| self.fullest(at) + cost <= self.limit)
            .min()
    }

    fn drop_expired(&mut self, now: u64) {
        self.seen = self.seen.max(now);
        let (seen, window) = (self.seen, self.window);
        self.entries.retain(|entry| entry.0 + window > seen);
    }

    fn take(&mut self, units: u64, now: u64, at: u64) {
        self.drop_expired(now);
        let at = at.max(self.seen);
        match self.entries.iter_mut().find(|entry| entry.0 == at) {
            Some(entry) => entry.1 += units,
            None => self.entries.push((at, units)),
        }
        self.entries.sort_unstable();
    }

    fn give_back(&mut self, mut units: u64, now: u64) {
        self.drop_expired(now);
        let seen = self.seen;
        let spent = self.entries.iter_mut().filter(|entry| entry.0 <= seen);
        for entry in spent.rev() {
            let less = units.min(entry.1);
            entry.1 -= less;
            units -= less;
        }
        self.entries.retain(|entry| entry.1 > 0);
    }

    /// Under another window what is in use counts as used now.
    fn redefine(&mut self, limit: u64, window: u64, now: u64) {
        if window != self.window {
            let seen = self.seen.max(now);
            let used = self.in_window(seen);
            self.entries.retain(|entry| entry.0 > seen);
            self.seen = now;
            if used > 0 {
                self.entries.insert(0, (now, used));
            }
        }
        (self.limit, self.window) = (limit, window);
    }

    fn cancel(&mut self, at: u64, units: u64, now: u64) {
        self.seen = self.seen.max(now);
        let there = self.entries.iter_mut().filter(|entry| entry.0 == at);
        there.for_each(|entry| entry.1 = entry.1.saturating_sub(units));
        self.entries.retain(|entry| entry.1 > 0);
    }
}

/// Asks both for the same, and takes of both what the state admits.
fn take_of_log(plain: &mut PlainLog, state: &mut LimitState, ask: &Ask) -> Option<Charge> {
    let (now, algorithm) = (ask.now.as_millis(), plain.algorithm());
    let first = plain.earliest(ask.cost, plain.seen.max(now));
    let first = first.map(|first| if first <= plain.seen { now } else { first });
    let most = ask.max_delay.map_or(0, Duration::as_millis);
    let room = state.admit(&algorithm, ask, None, moment(now)).unwrap();
    match (room, first) {
        (Room::At(goes), Some(first)) => {
            assert_eq!(goes.as_millis(), first);
            assert!(first <= now + most);
        }
        (Room::Wait(until), Some(first)) if ask.max_delay.is_none() => {
            assert_eq!(until.as_millis(), first);
        }
        (Room::Wait(_), Some(first)) => assert!(first > now + most),
        (room, first) => assert_eq!((room, first), (Room::Never, None)),
    }
    let Room::At(goes) = room else { return None };
    plain.take(ask.cost, now, goes.as_millis());
    let take = Take::of(ask.cost);
    state.charge(&algorithm, &take, goes)
}

fn same_log(plain: &PlainLog, state: &LimitState, now: u64) {
    let (seen, algorithm) = (plain.seen.max(now), plain.algorithm());
    let view = state.view(&algorithm, at(now));
    let left = plain.limit.saturating_sub(plain.fullest(seen));
    let ends = plain.entries.iter().map(|entry| entry.0 + plain.window);
    assert_eq!(view.remaining, left);
    assert_eq!(view.reset, at(ends.max().unwrap_or(0).max(seen)));
    assert_eq!(state.used(&algorithm, at(now)), plain.in_window(seen));
    let waiting = plain.entries.iter().filter(|entry| entry.0 > seen);
    let promised = state.promised(&algorithm, at(now));
    let promised = promised
        .iter()
        .map(|place| (place.at.as_millis(), place.units));
    assert!(promised.eq(waiting.copied()));
}

/// Slots in the order of their grants.
struct PlainSlots {
    /// Permit, units and deadline.
    held: Vec<(u128, u64, u64)>,
    seen: u64,
    limit: u64,
    ttl: u64,
}

impl PlainSlots {
    fn algorithm(&self) -> Algorithm {
        let slots = Concurrency::new(self.limit, Duration::from_millis(self.ttl));
        Algorithm::Concurrency(slots.unwrap())
    }

    fn used(&self, now: u64) -> u64 {
        let live = self.held.iter().filter(|slot| slot.2 > now);
        live.map(|slot| slot.1).sum()
    }

    fn earliest(&self, cost: u64, from: u64) -> Option<u64> {
        let ends = self.held.iter().map(|slot| slot.2);
        let tried = ends.filter(|&end| end > from).chain([from]);
        tried.filter(|&at| self.used(at) + cost <= self.limit).min()
    }
}

fn take_of_slots(plain: &mut PlainSlots, state: &mut LimitState, units: u64, hold: Hold, now: u64) {
    let seen = plain.seen.max(now);
    let ask = Ask {
        cost: units,
        now: at(now),
        max_delay: None,
        before: None,
    };
    let first = plain.earliest(units, seen);
    let room = state
        .admit(&plain.algorithm(), &ask, Some(hold), moment(now))
        .unwrap();
    let expected = match first {
        None => Room::Never,
        Some(first) if first <= plain.seen.max(now) => Room::At(at(now)),
        Some(first) => Room::Wait(at(first)),
    };
    match (room, expected) {
        // Until the clock has caught up, now is the newest time seen.
        (Room::At(_), Room::At(_)) => {}
        (room, expected) => assert_eq!(room, expected),
    }
    if let Room::At(_) = room {
        let deadline = hold.deadline.as_millis() + (seen - now);
        plain.seen = seen;
        plain.held.retain(|slot| slot.2 > seen);
        plain.held.push((hold.holder.permit, units, deadline));
    }
}

fn same_slots(plain: &PlainSlots, state: &LimitState, now: u64) {
    let (seen, algorithm) = (plain.seen.max(now), plain.algorithm());
    let view = state.view(&algorithm, at(now));
    let used = plain.used(seen);
    let ends = plain.held.iter().map(|slot| slot.2);
    assert_eq!(view.remaining, plain.limit.saturating_sub(used));
    assert_eq!(view.reset, at(ends.max().unwrap_or(0).max(seen)));
    assert_eq!(state.used(&algorithm, at(now)), used);
    let LimitState::Slots(slots) = state else {
        panic!("slots stay slots");
    };
    for &(permit, units, deadline) in &plain.held {
        let found = slots.find(permit, at(now));
        let found = found.map(|slot| (slot.units, slot.deadline));
        assert_eq!(found, (deadline > seen).then_some((units, at(deadline))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_log_answers_as_one_that_is_counted_anew(steps in steps()) {
        let mut plain = PlainLog { entries: Vec::new(), seen: START, limit: 8, window: 50 };
        let mut state = LimitState::fresh(&plain.algorithm(), moment(START)).unwrap();
        let (mut now, mut charges) = (START, Vec::new());
        for step in steps {
            let algorithm = plain.algorithm();
            match step {
                Step::Time(millis) => now = now.saturating_add_signed(millis),
                Step::Take(cost, delay) => {
                    let max_delay = delay.map(Duration::from_millis);
                    let ask = Ask { cost, now: at(now), max_delay, before: None };
                    charges.extend(take_of_log(&mut plain, &mut state, &ask));
                }
                Step::Cancel(which, most) => {
                    if let Some(Charge::At { at: charged, units }) = charges.get(which).cloned() {
                        let charge = Charge::At { at: charged, units: units.min(most) };
                        state.cancel(&algorithm, &charge, at(now));
                        plain.cancel(charged.as_millis(), units.min(most), now);
                    }
                }
                Step::GiveBack(units) => {
                    state.give_back(&algorithm, units, at(now));
                    plain.give_back(units, now);
                }
                Step::Renew(..) => {}
                Step::Redefine(limit, window) => {
                    plain.redefine(limit, window, now);
                    state = changed(&state, &algorithm, &plain.algorithm(), now);
                }
                Step::Row => {
                    let read = read_back(&state, &algorithm);
                    prop_assert_eq!(&read, &state);
                    state = read;
                }
            }
            same_log(&plain, &state, now);
        }
    }

    #[test]
    fn slots_answer_as_those_that_are_counted_anew(steps in steps()) {
        let mut plain = PlainSlots { held: Vec::new(), seen: START, limit: 8, ttl: 50 };
        let mut state = LimitState::fresh(&plain.algorithm(), moment(START)).unwrap();
        let (mut now, mut permits) = (START, 0u64);
        for step in steps {
            let algorithm = plain.algorithm();
            match step {
                Step::Time(millis) => now = now.saturating_add_signed(millis),
                Step::Take(units, hold) => {
                    permits += 1;
                    let holder = Holder { permit: u128::from(permits), fence: permits };
                    let deadline = at(now + hold.unwrap_or(plain.ttl));
                    let hold = Hold { holder, deadline };
                    take_of_slots(&mut plain, &mut state, units, hold, now);
                }
                Step::Cancel(which, _) => {
                    let permit = which as u128;
                    state.cancel(&algorithm, &Charge::Slots { permit }, at(now));
                    plain.seen = plain.seen.max(now);
                    plain.held.retain(|slot| slot.0 != permit);
                }
                Step::GiveBack(_) => {}
                Step::Renew(which, time) => {
                    let LimitState::Slots(slots) = &mut state else {
                        panic!("slots stay slots");
                    };
                    let seen = plain.seen.max(now);
                    let renewed = slots.renew(which as u128, Duration::from_millis(time), at(now));
                    let is_meant = |slot: &&mut (u128, u64, u64)| {
                        slot.0 == which as u128 && slot.2 > seen
                    };
                    let known = plain.held.iter_mut().find(is_meant);
                    prop_assert_eq!(renewed.is_some(), known.is_some());
                    if let Some(slot) = known {
                        slot.2 = slot.2.max(seen + time);
                        plain.seen = seen;
                        prop_assert_eq!(renewed.unwrap().deadline, at(slot.2));
                    }
                }
                Step::Redefine(limit, ttl) => {
                    let seen = plain.seen.max(now);
                    (plain.limit, plain.ttl) = (limit, ttl);
                    state = changed(&state, &algorithm, &plain.algorithm(), now);
                    plain.held.retain(|slot| slot.2 > seen);
                }
                Step::Row => {
                    let read = read_back(&state, &algorithm);
                    prop_assert_eq!(&read, &state);
                    state = read;
                }
            }
            same_slots(&plain, &state, now);
        }
    }
}
