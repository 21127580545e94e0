//! One isolate: how it decides a check, with the core's machines.

use std::collections::HashMap;

use tollgate_core::decision::Decision;
use tollgate_core::isolate::bounded::{Key, Secret};
use tollgate_core::isolate::counts::{IsolateCounts, Purpose};
use tollgate_core::isolate::leases::{Leases, Turn};
use tollgate_core::isolate::refusals::{CallTimes, Refusals};
use tollgate_core::lease::{Borrowing, Terms};
use tollgate_core::subject_state::Item;
use tollgate_core::Timestamp;

use crate::object::moment;
use crate::scenario::Mode;

/// The secret of all isolates: with one the same seed gives the same run.
pub(crate) const SECRET: Secret = Secret::new(7);
/// What the keys in KV begin with.
const PREFIX: &str = "eventual";

/// An isolate.
#[derive(Debug)]
pub(crate) struct Isolate {
    /// Which one of all that ever were.
    pub(crate) life: u32,
    pub(crate) build: u32,
    pub(crate) decides: Decides,
}

/// How an isolate decides a check. A further mode is a further line here, and one in each of the
/// functions below.
#[derive(Debug)]
pub(crate) enum Decides {
    /// By what an object refused a moment ago, else by the object.
    Strong(Box<Refusals>),
    /// By what an object refused a moment ago, by what it has lent, else by the object.
    Leased(Box<Lent>),
    /// By its own counts and those that it has read.
    Eventual(Box<Counting>),
}

/// What an isolate has borrowed.
#[derive(Debug)]
pub(crate) struct Lent {
    refusals: Refusals,
    pub(crate) leases: Leases,
    pub(crate) is_timed: bool,
}

/// What becomes of a check.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The isolate has decided.
    Decided(Decision),
    /// The object is to be asked.
    Ask,
    /// The object is to be asked, and told this.
    Borrow(Borrowing),
}

/// An isolate's counts, and what is known of each subject's.
#[derive(Debug)]
pub(crate) struct Counting {
    pub(crate) counts: IsolateCounts,
    pub(crate) subjects: HashMap<String, Counted>,
    pub(crate) is_timed: bool,
}

/// What an isolate counts of one subject.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) subject: u64,
    /// Units admitted since it wrote last.
    pub(crate) unwritten: u64,
    /// When it read last, in ms.
    pub(crate) read: Option<u64>,
}

impl Isolate {
    pub(crate) fn new(mode: Mode, life: u32, build: u32) -> Isolate {
        let decides = match mode {
            Mode::Strong => Decides::Strong(Box::new(Refusals::new(SECRET))),
            Mode::Leased => Decides::Leased(Box::new(Lent {
                refusals: Refusals::new(SECRET),
                leases: Leases::default(),
                is_timed: false,
            })),
            Mode::Eventual => Decides::Eventual(Box::new(Counting {
                counts: IsolateCounts::new(PREFIX, life.into(), SECRET),
                subjects: HashMap::new(),
                is_timed: false,
            })),
        };
        Isolate {
            life,
            build,
            decides,
        }
    }

    /// Decides by itself, or says what to ask. `random`: of this check alone.
    pub(crate) fn decide(
        &mut self,
        name: &str,
        key: Key,
        item: &Item,
        now: Timestamp,
        random: u64,
    ) -> Verdict {
        let Item { policy, check } = item;
        let decided = match &mut self.decides {
            Decides::Strong(refusals) => refusals.find(key, policy, check, now),
            Decides::Leased(lent) => match lent.refusals.find(key, policy, check, now) {
                Some(refused) => Some(refused),
                None => {
                    let about = (name, &Terms::default());
                    match lent.leases.take(key, about, check, now, &|| random) {
                        Turn::Spent(decision) => Some(decision),
                        Turn::Borrow(borrowing) => return Verdict::Borrow(borrowing),
                        Turn::Ask => None,
                    }
                }
            },
            Decides::Eventual(counting) => {
                let counts = &mut counting.counts;
                let decided = counts.check(Purpose::Mode, name, policy, check, moment(now));
                decided.ok() // no limit here has a time zone that could be unknown
            }
        };
        decided.map_or(Verdict::Ask, Verdict::Decided)
    }

    /// An object has decided.
    pub(crate) fn learn(
        &mut self,
        key: Key,
        item: &Item,
        borrowing: Option<&Borrowing>,
        times: CallTimes,
        decision: &Decision,
    ) {
        match &mut self.decides {
            Decides::Strong(refusals) => {
                refusals.record_decision(key, &item.check, times, decision);
            }
            Decides::Leased(lent) => {
                lent.refusals
                    .record_decision(key, &item.check, times, decision);
                if let Some(borrowing) = borrowing {
                    lent.leases.answered(key, borrowing, times, decision);
                }
            }
            Decides::Eventual(_) => {}
        }
    }

    /// An object has not answered.
    pub(crate) fn fail(&mut self, key: Key, borrowing: Option<&Borrowing>) {
        if let (Decides::Leased(lent), Some(borrowing)) = (&mut self.decides, borrowing) {
            lent.leases.failed(key, borrowing);
        }
    }
}
