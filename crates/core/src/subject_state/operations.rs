//! What is remembered of recent operations and released permits, in memory only: enough to answer a
//! repeated call alike and to take a charge back. A restart forgets it: then a charge that should
//! be cancelled stays until its window passes, never the other way round.

use std::collections::{HashMap, VecDeque};

use crate::algorithm::charge::Charge;
use crate::decision::Decision;
use crate::policy::Policy;
use crate::{Duration, Timestamp};

use super::recent::{Recent, REMEMBERED};
use super::Refusal;

/// How long every operation is remembered unless [`Operations::kept_for`] says otherwise: twice the
/// usual deadline.
const KEPT: Duration = Duration::from_secs(2);
/// What older operations may take. All objects of an isolate share 128 MB.
const MAX_IDLE_BYTES: usize = 1 << 20;
/// What operations may take that are younger: about 20,000 of them.
const MAX_BYTES: usize = 8 << 20;

/// A charge, with the key of the entry that was charged.
pub(super) type KeyedCharge = (String, Charge);

/// An operation that charged something here.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    id: u128,
    charges: Vec<KeyedCharge>,
    /// The policies whose calls are counted, and of which it is one.
    calls: Vec<String>,
    answers: Vec<Decision>,
    at: Timestamp,
    /// The key under which it is known when its request comes again, where it is.
    key: Option<u128>,
    /// The other attempts of that request, which were given the same answers.
    others: Vec<u128>,
    /// Whether its own attempt has been cancelled, and only others hold it.
    is_left: bool,
}

/// So many other attempts at most are told apart; after more of them the charge stays.
const MAX_ATTEMPTS: usize = 64;

impl Operation {
    pub(super) const fn new(
        id: u128,
        charges: Vec<KeyedCharge>,
        answers: Vec<Decision>,
        at: Timestamp,
    ) -> Operation {
        Operation {
            id,
            charges,
            calls: Vec::new(),
            answers,
            at,
            key: None,
            others: Vec::new(),
            is_left: false,
        }
    }

    /// The same, which is a call of these policies.
    pub(super) fn calling(self, calls: Vec<String>) -> Operation {
        Operation { calls, ..self }
    }

    pub(super) const fn id(&self) -> u128 {
        self.id
    }

    /// Whether it charged one of these.
    fn charged(&self, keys: &[String]) -> bool {
        self.charges.iter().any(|(key, _)| keys.contains(key))
    }

    /// The answers given; `None` when it was cancelled.
    pub(super) fn answers(&self) -> Option<Vec<Decision>> {
        (!self.answers.is_empty()).then(|| self.answers.clone())
    }

    /// What it takes in memory, with its place in the index; a guess on the large side.
    fn bytes(&self) -> usize {
        let charge = |(key, charge): &KeyedCharge| {
            let by = match charge {
                Charge::Granted { by: Some(by), .. } => by.len(),
                _ => 0,
            };
            size_of::<KeyedCharge>() + key.len() + by
        };
        let call = |policy: &String| size_of::<String>() + policy.len();
        let policy = |it: &Policy| size_of::<Policy>() + size_of_val(it.limits());
        let answer = |answer: &Decision| {
            let newer = answer.newer.as_deref().map_or(0, policy);
            size_of::<Decision>() + size_of_val(&*answer.limits) + newer
        };
        size_of::<Operation>()
            + 64
            + 64 * self.others.len()
            + self.charges.iter().map(charge).sum::<usize>()
            + self.calls.iter().map(call).sum::<usize>()
            + self.answers.iter().map(answer).sum::<usize>()
    }
}

/// The recent operations.
#[derive(Debug, Clone, Default)]
pub(super) struct Operations {
    /// Oldest first; their numbers rise by one.
    recent: VecDeque<Operation>,
    /// The number of the first of `recent`.
    first: u64,
    numbers: HashMap<u128, u64>,
    bytes: usize,
    kept: Option<Duration>,
    /// Cancelled before they came.
    cancelled: Recent,
}

/// What is known of an operation.
pub(super) enum Known<'a> {
    /// It was answered, or cancelled after it was.
    Operation(&'a Operation),
    /// It was cancelled before it came.
    Cancelled,
}

impl Known<'_> {
    /// The answers given; `None` when it was cancelled.
    pub(super) fn answers(&self) -> Option<Vec<Decision>> {
        match self {
            Known::Operation(operation) => operation.answers(),
            Known::Cancelled => None,
        }
    }
}

impl Operations {
    /// None yet; every one is kept at least so long, or for [`KEPT`].
    pub(super) fn kept_for(kept: Option<Duration>) -> Operations {
        Operations {
            kept,
            ..Operations::default()
        }
    }

    /// How long every operation is kept at least, where it was said.
    pub(super) const fn kept(&self) -> Option<Duration> {
        self.kept
    }

    pub(super) fn find(&self, id: u128, now: Timestamp) -> Option<Known<'_>> {
        match self.position(id) {
            Some(place) => Some(Known::Operation(&self.recent[place])),
            None => self.cancelled.contains(id, now).then_some(Known::Cancelled),
        }
    }

    fn position(&self, id: u128) -> Option<usize> {
        let number = self.numbers.get(&id)?;
        usize::try_from(number - self.first).ok()
    }

    /// Those that may yet be taken back, newest first.
    fn young_ones(&self, now: Timestamp) -> impl Iterator<Item = &Operation> {
        let kept = self.kept.unwrap_or(KEPT);
        let newest_first = self.recent.iter().rev();
        newest_first.take_while(move |operation| operation.at.min(now).plus(kept) > now)
    }

    /// When none of those that have charged one of these keys by now can be taken back any more;
    /// `None` where there is none.
    pub(super) fn young_until(&self, keys: &[String], now: Timestamp) -> Option<Timestamp> {
        let newest = self
            .young_ones(now)
            .find(|operation| operation.charged(keys));
        newest.map(|operation| operation.at.min(now).plus(self.kept.unwrap_or(KEPT)))
    }

    /// Those that have charged one of these keys and may yet be taken back, oldest first; `None`
    /// where there are more than `most`.
    pub(super) fn young(
        &self,
        keys: &[String],
        now: Timestamp,
        most: usize,
    ) -> Option<Vec<Operation>> {
        let young = self
            .young_ones(now)
            .filter(|operation| operation.charged(keys));
        let mut young: Vec<Operation> = young.take(most + 1).cloned().collect();
        young.reverse();
        (young.len() <= most).then_some(young)
    }

    /// Forgets what is old. An error when all of what is left is young and takes too much: no
    /// operation may be charged that could not be taken back.
    pub(super) fn make_room(&mut self, now: Timestamp) -> Result<(), Refusal> {
        let kept = self.kept.unwrap_or(KEPT);
        if self.recent.back().is_some_and(|newest| newest.at > now) {
            // The clock has stepped back: their ages count from now, else none would be forgotten
            // until it has caught up.
            for operation in &mut self.recent {
                operation.at = operation.at.min(now);
            }
        }
        while let Some(oldest) = self.recent.front() {
            let age = now.since(oldest.at);
            if age < kept || (age < REMEMBERED && self.bytes <= MAX_IDLE_BYTES) {
                break;
            }
            self.bytes -= oldest.bytes();
            self.numbers.remove(&oldest.id);
            for other in &oldest.others {
                self.numbers.remove(other);
            }
            self.recent.pop_front();
            self.first += 1;
        }
        if self.bytes > MAX_BYTES {
            return Err(Refusal::TooManyOperations);
        }
        Ok(())
    }

    /// Remembers an operation, for which there is room and which is not known.
    pub(super) fn remember(&mut self, operation: Operation) {
        let number = self.first + self.recent.len() as u64;
        self.numbers.insert(operation.id, number);
        self.bytes += operation.bytes();
        self.recent.push_back(operation);
    }

    /// Whether it was cancelled before it came.
    pub(super) fn is_cancelled(&self, id: u128, now: Timestamp) -> bool {
        self.cancelled.contains(id, now)
    }

    /// Notes under which key the newest operation is known.
    pub(super) fn set_key(&mut self, id: u128, key: u128) {
        if let Some(place) = self.position(id) {
            self.recent[place].key = Some(key);
        }
    }

    /// Another attempt was given the answers of an operation: only when all attempts are cancelled
    /// is it taken back.
    pub(super) fn share(&mut self, id: u128, attempt: u128) {
        let Some(place) = self
            .position(id)
            .filter(|_| self.position(attempt).is_none())
        else {
            return;
        };
        let number = self.first + place as u64;
        let operation = &mut self.recent[place];
        if operation.answers.is_empty() {
            return; // it was taken back
        }
        self.bytes -= operation.bytes();
        if operation.others.len() < MAX_ATTEMPTS {
            operation.others.push(attempt);
            self.numbers.insert(attempt, number);
        } else {
            operation.charges = Vec::new();
            operation.key = None;
        }
        self.bytes += operation.bytes();
    }

    /// An attempt is cancelled: whether another one was given the same answers, so that nothing is
    /// to be taken back. It is known as cancelled either way.
    pub(super) fn leave(&mut self, attempt: u128, now: Timestamp) -> bool {
        let Some(place) = self.position(attempt) else {
            return false;
        };
        let operation = &mut self.recent[place];
        let is_own = operation.id == attempt;
        let holders = operation.others.len() + usize::from(!operation.is_left);
        if holders < 2 && !(is_own && operation.is_left) {
            return false;
        }
        self.bytes -= operation.bytes();
        if is_own {
            operation.is_left = true; // it stays the number by which others find it
        } else {
            operation.others.retain(|other| *other != attempt);
            self.numbers.remove(&attempt);
        }
        self.bytes += operation.bytes();
        self.cancelled.remember(attempt, now);
        true
    }

    /// The operation of an attempt, by the number under which it was charged, and its key.
    pub(super) fn charged_as(&self, attempt: u128) -> Option<(u128, Option<u128>)> {
        let operation = &self.recent[self.position(attempt)?];
        Some((operation.id, operation.key))
    }

    /// What an operation charged and has not been taken back; nothing for one that is not known.
    pub(super) fn charges_of(&self, id: u128) -> &[KeyedCharge] {
        let operation = self.position(id).map(|place| &self.recent[place]);
        operation.map_or(&[], |operation| &operation.charges)
    }

    /// The charges to take back, and the operation's place in the order of all. The operation stays
    /// known without charges and with a refusal to answer, so that a second cancellation does
    /// nothing, and a charge that comes late does nothing either.
    pub(super) fn cancel(&mut self, id: u128, now: Timestamp) -> Option<(usize, Vec<KeyedCharge>)> {
        let Some(place) = self.position(id) else {
            self.cancelled.remember(id, now);
            return None;
        };
        let operation = &mut self.recent[place];
        self.bytes -= operation.bytes();
        operation.answers = Vec::new();
        let charges = core::mem::take(&mut operation.charges);
        self.bytes += operation.bytes();
        Some((place, charges))
    }

    /// The policies of which an operation is a call, once.
    pub(super) fn take_calls(&mut self, id: u128) -> Vec<String> {
        let Some(place) = self.position(id) else {
            return Vec::new();
        };
        let operation = &mut self.recent[place];
        self.bytes -= operation.bytes();
        let calls = core::mem::take(&mut operation.calls);
        self.bytes += operation.bytes();
        calls
    }

    /// Lowers what later operations remember of a bucket from which `parts` were taken back.
    pub(super) fn lower_later(&mut self, place: usize, key: &str, parts: u128) {
        if parts == 0 {
            return; // not a bucket, or nothing was left to take back
        }
        for operation in self.recent.iter_mut().skip(place + 1) {
            for (other, charge) in &mut operation.charges {
                if let Charge::Bucket { after, .. } = charge {
                    if other == key {
                        after.deficit = after.deficit.saturating_sub(parts);
                    }
                }
            }
        }
    }

    /// Makes cancelling what was charged to these keys do nothing: the units were given back
    /// otherwise, or the numbers have changed.
    pub(super) fn drop_charges_of(&mut self, keys: &[String]) {
        if keys.is_empty() {
            return;
        }
        for operation in &mut self.recent {
            if operation.charged(keys) {
                self.bytes -= operation.bytes();
                operation.charges.retain(|(key, _)| !keys.contains(key));
                self.bytes += operation.bytes();
            }
        }
    }
}
