//! The object that lends: the state of its subject, its storage and its clock, and a second limit
//! that is asked for what was admitted, and for nothing else.

use core::hash::{Hash, Hasher};
use std::collections::BTreeMap;
use std::hash::DefaultHasher;

use tollgate_core::algorithm::state::Moment;
use tollgate_core::calendar::UtcOnly;
use tollgate_core::decide::Check;
use tollgate_core::decision::Decision;
use tollgate_core::message::{Answer, Call};
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Item, SubjectState, Write};
use tollgate_core::{Limit, Timestamp};

pub(crate) fn moment(now: u64) -> Moment<'static> {
    Moment {
        now: Timestamp::from_millis(now),
        zones: &UtcOnly,
    }
}

/// How the limit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub(crate) struct Seen {
    pub(crate) remaining: u64,
    pub(crate) lent: u64,
    pub(crate) held: u64,
}

/// An object, awake.
#[derive(Clone)]
pub(crate) struct Lender {
    policy: Policy,
    state: SubjectState,
    rows: BTreeMap<String, String>,
    /// Of its clock and the real time: the former is ahead by so many milliseconds.
    pub(crate) skew: i64,
    /// Its clock at the last call.
    pub(crate) called: u64,
    /// The limit, asked for what was admitted.
    exact: SubjectState,
    /// A fingerprint of all of the above: two objects of one identity go on alike.
    identity: u64,
}

impl Lender {
    pub(crate) fn new(policy: &Policy, now: u64) -> Lender {
        Lender {
            policy: policy.clone(),
            state: SubjectState::default(),
            rows: BTreeMap::new(),
            skew: 0,
            called: now,
            exact: SubjectState::default(),
            identity: 0,
        }
    }

    pub(crate) fn clock(&self, now: u64) -> u64 {
        now.saturating_add_signed(self.skew)
    }

    /// Answers a call, both as text. `is_stored`: whether its rows are written before it answers.
    pub(crate) fn answer(&mut self, text: &str, now: u64, is_stored: bool) -> String {
        let (version, call) = Call::decode(text).unwrap();
        let mut effects = Effects::default();
        self.called = self.clock(now);
        let moment = moment(self.called);
        let answer = self.state.answer(&call, &mut || 7, moment, &mut effects);
        if is_stored {
            self.store(effects);
        }
        self.identify();
        answer.encode_in(version)
    }

    /// The cleaning alarm rings.
    pub(crate) fn clean(&mut self, now: u64) {
        let mut effects = Effects::default();
        self.called = self.clock(now);
        self.state.clean(moment(self.called), &mut effects).unwrap();
        self.store(effects);
        self.identify();
    }

    fn store(&mut self, effects: Effects) {
        for write in effects.writes {
            match write {
                Write::Put { key, row } => drop(self.rows.insert(key, row)),
                Write::Delete { key } => drop(self.rows.remove(&key)),
                Write::DeleteAll => self.rows.clear(),
                keys => unreachable!("no key is used: {keys:?}"),
            }
        }
    }

    /// So many units were admitted, here or by a lease; whether the limit has room for them.
    ///
    /// What is spent by a lease is counted at the instant of the last call: until the next one the
    /// object has set it aside in the window that it was in then, whatever its clock shows.
    pub(crate) fn admit(&mut self, units: u64) -> bool {
        let cost = i64::try_from(units).unwrap();
        let items = [Item {
            policy: self.policy.clone(),
            check: Check::of(cost),
        }];
        let (moment, effects) = (moment(self.called), &mut Effects::default());
        let decided = self.exact.limit(&items, None, &mut || 7, moment, effects);
        self.identify();
        decided.unwrap()[0].success
    }

    /// Its memory is gone: what is left is what its rows tell.
    pub(crate) fn crash(&mut self, skew: i64) {
        let rows = self.rows.iter();
        self.state = SubjectState::from_rows(rows.map(|(key, row)| (key.as_str(), row.as_str())));
        self.skew += skew;
        self.identify();
    }

    /// How the limit stands.
    pub(crate) fn seen(&self, now: u64) -> Seen {
        self.seen_of(&self.state, now)
    }

    /// How much of it is left by what was admitted.
    pub(crate) fn left(&self, now: u64) -> u64 {
        self.seen_of(&self.exact, now).remaining
    }

    fn seen_of(&self, state: &SubjectState, now: u64) -> Seen {
        let status = state.status(None, moment(self.clock(now))).unwrap();
        let limits = self.policy.limits();
        let capacity = limits
            .first()
            .map_or(0, |it: &Limit| it.algorithm().limit());
        let fresh = Seen {
            remaining: capacity,
            ..Seen::default()
        };
        status.limits.first().map_or(fresh, |it| Seen {
            remaining: it.remaining,
            lent: it.lent,
            held: it.held,
        })
    }

    fn identify(&mut self) {
        let state = format!("{:?} {:?}", self.state, self.exact);
        let state = without(&state, "denials: ", "alarm: "); // nothing is decided by them
        self.identity = fingerprint(&(self.skew, self.called, &self.rows, state));
    }
}

pub(crate) fn fingerprint(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// The text without what stands between two words.
pub(crate) fn without(text: &str, from: &str, to: &str) -> String {
    let mut parts = text.split(from);
    let mut kept = parts.next().unwrap().to_owned();
    for part in parts {
        kept.push_str(&part[part.find(to).unwrap()..]);
    }
    kept
}

pub(crate) fn decision_of(text: &str) -> Option<Decision> {
    match Answer::decode(text).unwrap() {
        Answer::Decided(mut decisions) => Some(decisions.remove(0)),
        _ => None,
    }
}

impl PartialEq for Lender {
    fn eq(&self, other: &Lender) -> bool {
        self.identity == other.identity
    }
}

impl Eq for Lender {}

impl Hash for Lender {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.identity.hash(hasher);
    }
}

impl core::fmt::Debug for Lender {
    fn fmt(&self, to: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(to, "{} {:?}", self.called, self.rows)
    }
}
