//! A permit, its two objects and its Worker at one instant, and what is known of them by answers
//! and clocks alone.

use core::hash::{Hash, Hasher};
use std::sync::Arc;

use tollgate_core::message::Answer;
use tollgate_core::parts::{NewTotal, Renewal};
use tollgate_core::subject_state::{Notice, Outcome};

use crate::common::object::Object;
use crate::common::wire::Wire;
use crate::common::worker::{End, Worker};
use crate::common::LIMIT;

/// What is held at first, of each limit.
pub(crate) const ESTIMATE: u64 = 2;
pub(crate) const HOME: usize = 0;
pub(crate) const OTHER: usize = 1;

pub(crate) const NEVER_ABOVE: &str = "only settling takes a limit beyond what it has";
pub(crate) const EARLY: &str = "a part ends when it is told, or its home is silent for too long";
pub(crate) const COMES_BACK: &str = "what has ended never comes back";
pub(crate) const TOTALS: &str = "what is held is the estimate or a total that was named";
pub(crate) const ALIKE: &str = "a permit has one outcome, and each call is answered by it";
pub(crate) const AS_LONG: &str = "no part ends before the deadline that a renewal was answered";

/// How the permit has ended at its home, as callers were answered and its clock has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Ending {
    Settled {
        cost: u64,
        /// What was kept before, because it came late.
        kept: u64,
    },
    /// Not settled in time, the estimate is charged.
    Kept(u64),
    GivenBack,
    Released,
}

/// How a part has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Ended {
    /// What it held until then.
    pub(crate) held: u64,
    /// Whether nobody told it: its time was over.
    pub(crate) is_alone: bool,
    /// When, by its own clock.
    pub(crate) at: u64,
}

/// Why a part may end in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Only because its time is over.
    Time,
    /// It is told its outcome, by a caller or by its home.
    Told,
    /// Its taking is taken back.
    Cancelled,
}

/// A call of a Worker that does something in all parts, on its way to an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Errand {
    pub(crate) object: usize,
    pub(crate) text: String,
    /// Which of the Workers waits for the answer, and to which of its questions, if one does.
    pub(crate) waits: Option<(usize, usize)>,
}

/// A Worker that does something in all parts of the permit, and what it has heard of what it has
/// asked at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Working {
    pub(crate) machine: Machine,
    pub(crate) heard: Vec<Option<Option<Answer>>>,
}

/// What a Worker does in all parts of the permit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Machine {
    /// With the number that the home has given it.
    TopUp(NewTotal, u64),
    Renew(Renewal),
}

/// All of it at one instant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    pub(crate) objects: [Arc<Object>; 2],
    pub(crate) clocks: [u64; 2],
    pub(crate) worker: Arc<Worker>,
    pub(crate) wire: Wire,
    /// What may yet happen.
    pub(crate) silent: u8,
    pub(crate) deaths: u8,
    pub(crate) acts: Vec<u8>,
    pub(crate) asks: [u8; 2],
    pub(crate) crashes: [u8; 2],
    /// Those at work; none where one is done.
    pub(crate) machines: Vec<Option<Working>>,
    pub(crate) errands: Vec<Errand>,
    /// What the home is telling now, and whether it was acknowledged.
    pub(crate) telling: Option<(Notice, bool)>,
    /// What it has told: each may arrive late, and again and again.
    pub(crate) told: Vec<Outcome>,
    /// Units that were charged beside the permit.
    pub(crate) asked: [u64; 2],
    /// Each part's deadline, by its own clock.
    pub(crate) until: [u64; 2],
    pub(crate) ending: Option<Ending>,
    pub(crate) ended: [Option<Ended>; 2],
    pub(crate) is_dropped: [bool; 2],
    pub(crate) has_restarted: [bool; 2],
    /// Totals that the permit may hold.
    pub(crate) totals: Vec<u64>,
    /// The number of the newest topup at home.
    pub(crate) turn: u64,
    /// What every part holds at least: the total that was answered last, but for a smaller one to
    /// which all have agreed since.
    pub(crate) least: u64,
    /// What was seen that must not be.
    pub(crate) broken: Vec<&'static str>,
    gives_back: bool,
}

impl State {
    /// Nothing has happened yet.
    pub(crate) fn new(worker: Worker, gives_back: bool) -> State {
        State {
            objects: Default::default(),
            clocks: [0, 0],
            worker: Arc::new(worker),
            wire: Wire::default(),
            silent: 0,
            deaths: 0,
            acts: Vec::new(),
            asks: [0, 0],
            crashes: [0, 0],
            machines: Vec::new(),
            errands: Vec::new(),
            telling: None,
            told: Vec::new(),
            asked: [0, 0],
            until: [0, 0],
            ending: None,
            ended: [None, None],
            is_dropped: [false, false],
            has_restarted: [false, false],
            totals: vec![ESTIMATE],
            turn: 0,
            least: ESTIMATE,
            broken: Vec::new(),
            gives_back,
        }
    }

    pub(crate) fn flag(&mut self, what: &'static str) {
        if !self.broken.contains(&what) {
            self.broken.push(what);
            self.broken.sort_unstable();
        }
    }

    /// Whether callers know the permit.
    pub(crate) fn is_known(&self) -> bool {
        self.worker.end == Some(End::Admitted)
    }

    /// Does something with an object, and notes what became of its part.
    pub(crate) fn with<T>(
        &mut self,
        object: usize,
        why: Why,
        run: impl FnOnce(&mut Object) -> T,
    ) -> T {
        let before = self.objects[object].seen;
        let done = run(Arc::make_mut(&mut self.objects[object]));
        let after = self.objects[object].seen;
        let [total_before, total] = [before, after].map(|seen| seen.spent + seen.held);
        if total > LIMIT && total > total_before && why != Why::Told {
            self.flag(NEVER_ABOVE);
        }
        if before.held == 0 && after.held > 0 {
            let came_back = self.is_dropped[object] && !self.has_restarted[object];
            if came_back || self.ended[object].is_some() {
                self.flag(COMES_BACK);
            }
            self.until[object] = self.clocks[object] + 1;
        }
        if after.held > 0 && !self.totals.contains(&after.held) {
            self.flag(TOTALS);
        }
        if before.held > 0 && after.held == 0 {
            match why {
                Why::Cancelled => self.is_dropped[object] = true,
                _ => self.end(object, before.held, why),
            }
        }
        done
    }

    /// A part holds nothing any more.
    fn end(&mut self, object: usize, held: u64, why: Why) {
        let over_at = match object {
            HOME => self.until[HOME],
            _ => self.until[OTHER] + 1, // it waits for its home for as long again
        };
        let is_alone = self.clocks[object] >= over_at;
        if !is_alone && why != Why::Told {
            self.flag(EARLY);
        }
        if is_alone && object == HOME {
            self.ending = Some(match self.gives_back {
                true => Ending::GivenBack,
                false => Ending::Kept(held),
            });
        }
        self.ended[object] = Some(Ended {
            held,
            is_alone,
            at: self.clocks[object].min(over_at),
        });
    }

    /// What the permit was charged at an object.
    pub(crate) fn charged(&self, object: usize) -> u64 {
        self.objects[object].seen.spent - self.asked[object]
    }

    /// What it is to be charged at home, at any instant.
    pub(crate) fn is_charged_at_home(&self) -> bool {
        let charge = match self.ending {
            Some(Ending::Settled { cost, kept }) => cost.max(kept),
            Some(Ending::Kept(units)) => units,
            Some(Ending::GivenBack | Ending::Released) | None => 0,
        };
        self.charged(HOME) == charge
    }

    /// Whether its home has ended and owes nothing to anybody.
    pub(crate) fn is_quiet(&self) -> bool {
        let is_over = self.ended[HOME].is_some();
        is_over && self.wire.0.is_empty() && self.objects[HOME].owes_nothing()
    }

    /// What it is to be charged elsewhere, once its home owes nothing.
    pub(crate) fn is_charged_elsewhere(&self) -> bool {
        let charged = self.charged(OTHER);
        let Some(ended) = self.ended[OTHER] else {
            // It was never taken there, or is not told.
            return charged == 0 && self.objects[OTHER].seen.held == 0;
        };
        match self.ending {
            Some(Ending::Settled { cost, .. }) if ended.is_alone => charged == cost.max(ended.held),
            Some(Ending::Settled { cost, kept: 0 }) => charged == cost,
            // Whether it was told what was kept before it was told the cost, or not.
            Some(Ending::Settled { cost, .. }) => {
                charged == cost || charged == cost.max(ended.held)
            }
            Some(Ending::Kept(_)) => charged == ended.held,
            _ if ended.is_alone => charged == ended.held,
            _ => charged == 0,
        }
    }
}

impl Eq for State {}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (&self.objects, self.clocks, &self.worker, &self.wire).hash(hasher);
        (
            self.silent,
            self.deaths,
            &self.acts,
            self.asks,
            self.crashes,
        )
            .hash(hasher);
        format!("{:?}", self.machines).hash(hasher);
        self.errands.hash(hasher);
        format!("{:?} {:?}", self.telling, self.told).hash(hasher);
        (self.asked, self.until, self.ending, self.ended).hash(hasher);
        (self.is_dropped, self.has_restarted).hash(hasher);
        (&self.totals, self.turn, self.least, &self.broken).hash(hasher);
    }
}
