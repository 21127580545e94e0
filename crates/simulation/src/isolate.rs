//! One isolate: how it decides a check, with the core's machines.

use std::collections::HashMap;

use tollgate_core::decision::Decision;
use tollgate_core::isolate::bounded::{Key, Secret};
use tollgate_core::isolate::counts::{IsolateCounts, Purpose};
use tollgate_core::isolate::refusals::{CallTimes, Refusals};
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
/// two functions below.
#[derive(Debug)]
pub(crate) enum Decides {
    /// By what an object refused a moment ago, else by the object.
    Strong(Box<Refusals>),
    /// By its own counts and those that it has read.
    Eventual(Box<Counting>),
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

    /// Decides by itself; `None` where the object has to be asked.
    pub(crate) fn decide(
        &mut self,
        name: &str,
        key: Key,
        item: &Item,
        now: Timestamp,
    ) -> Option<Decision> {
        match &mut self.decides {
            Decides::Strong(refusals) => refusals.find(key, &item.policy, &item.check, now),
            Decides::Eventual(counting) => {
                let (policy, check) = (&item.policy, &item.check);
                let counts = &mut counting.counts;
                let decided = counts.check(Purpose::Mode, name, policy, check, moment(now));
                decided.ok() // no limit here has a time zone that could be unknown
            }
        }
    }

    /// An object has decided.
    pub(crate) fn learn(&mut self, key: Key, item: &Item, times: CallTimes, decision: &Decision) {
        if let Decides::Strong(refusals) = &mut self.decides {
            refusals.record_decision(key, &item.check, times, decision);
        }
    }
}
