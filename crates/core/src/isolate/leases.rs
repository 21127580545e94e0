//! What an isolate has borrowed: the borrower's side of [`crate::lease`].
//!
//! A check that fits into what is left is admitted without a question. The first that finds little
//! left, or a lease that is over, asks the object and tells what was spent; while it is under way
//! the others spend the rest, or ask for themselves. What is left when nobody asks any more is
//! given back. An entry that is lost costs what it had, until the limit's window turns.
//!
//! Where others have to admit the check as well, units are set aside for it until they have. To the
//! object these are left; in the last sum of a lease they are spent, whatever becomes of them.

use core::mem;

use crate::decide::Check;
use crate::decision::{Decision, Standing};
use crate::isolate::bounded::{BoundedMap, Key};
use crate::isolate::refusals::CallTimes;
use crate::lease::{Borrowing, Returned, Terms, MAX_LIFE};
use crate::{Duration, Timestamp};

/// The most leases of an isolate, of 200 to 300 bytes each and the name of the object. An evicted
/// one is lost: it has the lowest worth of its namespace, and nothing left where there is one.
pub const MAX_LEASES: usize = 4_096;

/// A question that has not been answered after so long is taken to be lost, as its request may have
/// been cancelled: whatever it brings could not be spent any more.
const LOST: Duration = MAX_LIFE;

/// Units are wanted by who asks so often in a lease's life: then they save more questions than
/// giving back what is left may cost.
const OFTEN: u64 = 4;

/// The time between two questions of who asks so often.
const fn part_of_life(terms: &Terms) -> Duration {
    Duration::from_millis(terms.life().as_millis() / OFTEN)
}

/// With less than this part of what was lent left, more is asked for.
const LITTLE: u64 = 8;

/// One lease.
#[derive(Debug, Clone)]
struct Lease {
    object: String,
    borrower: u64,
    number: u64,
    turn: u64,
    spent: u64,
    left: u64,
    /// What is set aside for checks that others have to admit.
    reserved: u64,
    /// What was spent in the lease before, where there was one.
    before: Option<u64>,
    /// When it is over.
    until: Timestamp,
    /// What was left when more was lent.
    size: u64,
    /// When the question was sent that is under way.
    asked: Option<Timestamp>,
    /// When it was spent from, or asked for, last.
    used: Timestamp,
    /// And the time before.
    used_before: Option<Timestamp>,
    /// Whether answers take so long that leases would be over when they arrive.
    is_slow: bool,
    /// How long nothing was borrowed ahead after nothing was to be had, and until when.
    pause: Duration,
    paused_until: Timestamp,
    /// How the limits stood when more was lent last, with what was left here then.
    standings: Vec<Standing>,
    /// The object's clock then, and the isolate's.
    seen: (Timestamp, Timestamp),
    /// Which of the standings had the least left.
    deciding: Option<u8>,
    /// What was spent since.
    since: u64,
}

/// The leases of one isolate, by object and policy.
#[derive(Debug, Clone)]
pub struct Leases {
    all: BoundedMap<Lease>,
}

impl Default for Leases {
    fn default() -> Leases {
        Leases {
            all: BoundedMap::new(MAX_LEASES),
        }
    }
}

/// What to do with a check.
#[derive(Debug)]
pub enum Turn {
    /// It is admitted.
    Spent(Decision),
    /// Ask the object, and tell it this.
    Borrow(Borrowing),
    /// Ask the object as if nothing were lent: a question is under way.
    Ask,
}

/// Units of a lease that are set aside for a check.
#[derive(Debug, Clone, Copy)]
#[must_use = "what is neither kept nor given up counts as spent"]
pub struct Reserved {
    key: Key,
    borrower: u64,
    number: u64,
    cost: u64,
}

impl Leases {
    /// Decides `check` by what is left of a lease, or says what to ask. `random`: numbers for new
    /// borrowers.
    pub fn take(
        &mut self,
        key: Key,
        (object, terms): (&str, &Terms),
        check: &Check,
        now: Timestamp,
        random: &dyn Fn() -> u64,
    ) -> Turn {
        let Some(cost) = check.spendable() else {
            return Turn::Ask;
        };
        let lease = self.get_or_begin(key, object, now, random);
        let is_asked = lease.is_asked(now);
        if lease.has(cost, now) && (is_asked || lease.has_plenty_beside(cost)) {
            return Turn::Spent(lease.spend(cost, now));
        }
        lease.note_asking(now);
        if is_asked {
            return Turn::Ask;
        }
        Turn::Borrow(lease.ask(cost, terms, now))
    }

    /// Sets units aside for `check`, which others have to admit as well, and decides it but for
    /// them; `None` where too little is left. Beside it what to tell the object, with a question
    /// that asks for nothing: nobody waits for its answer.
    pub fn reserve(
        &mut self,
        key: Key,
        (object, terms): (&str, &Terms),
        check: &Check,
        now: Timestamp,
        random: &dyn Fn() -> u64,
    ) -> (Option<(Decision, Reserved)>, Option<Borrowing>) {
        let Some(cost) = check.spendable() else {
            return (None, None);
        };
        let lease = self.get_or_begin(key, object, now, random);
        let reserved = lease.has(cost, now).then(|| lease.set_aside(cost, now));
        let has_plenty = reserved.is_some() && lease.has_plenty_beside(0);
        if reserved.is_none() {
            lease.note_asking(now);
        }
        let (borrower, number) = (lease.borrower, lease.number);
        let is_free = !lease.is_asked(now) && now >= lease.paused_until;
        let borrowing = (is_free && !has_plenty).then(|| {
            let cost = if reserved.is_some() { 0 } else { cost };
            lease.ask(cost, terms, now)
        });
        let borrowing = borrowing.filter(|it| !it.is_bare());
        if borrowing.is_none() && is_free {
            lease.asked = None;
        }
        let reserved = reserved.map(|decision| {
            let reserved = Reserved {
                key,
                borrower,
                number,
                cost,
            };
            (decision, reserved)
        });
        (reserved, borrowing)
    }

    /// All have admitted the check: its units are spent.
    pub fn keep(&mut self, reserved: &Reserved) {
        if let Some(lease) = self.with(reserved) {
            lease.reserved -= reserved.cost;
            lease.spent += reserved.cost;
        }
    }

    /// Somebody has refused the check: its units are for others.
    pub fn give_up(&mut self, reserved: &Reserved) {
        if let Some(lease) = self.with(reserved) {
            lease.reserved -= reserved.cost;
            lease.left += reserved.cost;
            lease.since = lease.since.saturating_sub(reserved.cost);
        }
    }

    /// The lease of which units are set aside; `None` where it is over, which counts them as spent.
    fn with(&mut self, reserved: &Reserved) -> Option<&mut Lease> {
        let lease = self.all.get_mut(reserved.key)?;
        let is_same = (lease.borrower, lease.number) == (reserved.borrower, reserved.number);
        (is_same && lease.reserved >= reserved.cost).then_some(lease)
    }

    fn get_or_begin(
        &mut self,
        key: Key,
        object: &str,
        now: Timestamp,
        random: &dyn Fn() -> u64,
    ) -> &mut Lease {
        let worth = |lease: &Lease| (u64::from(lease.left > 0), lease.used.as_millis());
        let first = || Lease::first(object, random(), now);
        self.all.get_or_put(key, first, worth).0
    }

    /// What the object has answered to a question that borrows.
    pub fn answered(
        &mut self,
        key: Key,
        borrowing: &Borrowing,
        times: CallTimes,
        decision: &Decision,
    ) {
        let Some(lease) = self.of(key, borrowing) else {
            return;
        };
        lease.asked = None;
        lease.is_slow = times.took() > part_of_life(&borrowing.terms);
        match decision.loan {
            Some(_) => lease.pause = Duration::ZERO,
            None => lease.pause(times.received, &borrowing.terms),
        }
        if !decision.success && decision.reason.is_some_and(|reason| !reason.is_of_room()) {
            // Nothing is to be admitted by it; what is left is given back.
            lease.until = lease.until.min(times.received);
        }
        if let Some(loan) = decision.loan.as_deref() {
            let until = times.sent.plus(loan.life);
            // What comes too late is disclaimed with the next message.
            if until > times.received {
                lease.lend(loan.units, until, times, decision);
            }
        }
    }

    /// A question that borrows was not answered: what was lent by it, if it arrived, is not used.
    pub fn failed(&mut self, key: Key, borrowing: &Borrowing) {
        if let Some(lease) = self.of(key, borrowing) {
            lease.asked = None;
            lease.is_slow = true;
        }
    }

    /// A question that borrows was not decided: it was refused, or something else has answered in
    /// the object's place. Nothing was lent by it; nothing changes where it was answered.
    pub fn undecided(&mut self, key: Key, borrowing: &Borrowing, now: Timestamp) {
        if let Some(lease) = self.of(key, borrowing) {
            lease.asked = None;
            lease.pause(now, &borrowing.terms);
        }
    }

    fn of(&mut self, key: Key, borrowing: &Borrowing) -> Option<&mut Lease> {
        let lease = self.all.get_mut(key)?;
        let told = (borrowing.borrower, borrowing.number, borrowing.turn);
        let is_newest = told == (lease.borrower, lease.number, lease.turn);
        // One answer is taken; a second one tells what was lent by the first.
        (is_newest && lease.asked.is_some()).then_some(lease)
    }

    /// How long until something may be given back; `None` where nothing is to be. Of a lease about
    /// which a question is under way nothing is, so somebody looks again a little later.
    pub fn wait(&self, now: Timestamp) -> Option<Duration> {
        let due = self.all.iter().filter(|it| it.is_to_return());
        let wait = |it: &Lease| match (it.due().since(now), it.is_busy(now)) {
            (Duration::ZERO, true) => IDLE,
            (wait, _) => wait,
        };
        due.map(wait).min()
    }

    /// What is to be given back by now, and to which object: leases that nobody has used for a
    /// while, and those that are over. They are forgotten.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<(String, Returned)> {
        let due = self.all.iter_mut().filter(|(_, it)| {
            let is_idle = it.due() <= now && !it.is_busy(now);
            is_idle && (it.is_to_return() || it.used.plus(FORGOTTEN) <= now)
        });
        let keys: Vec<Key> = due.map(|(key, _)| key).collect();
        let gone = keys.into_iter().filter_map(|key| self.all.remove(key));
        let gone = gone.filter(Lease::is_to_return);
        gone.map(|it| (it.object.clone(), it.returned())).collect()
    }

    /// The number of leases.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// A lease of which nothing is left is forgotten when it was not used for so long.
const FORGOTTEN: Duration = Duration::from_secs(10);

/// So long nothing is borrowed ahead at first, once nothing was to be had: it may have been the end
/// of a window. Each time after that for twice as long, up to a quarter of a life.
const PAUSE: Duration = Duration::from_millis(10);

/// For so long after its last use a lease is taken to be in use.
const IDLE: Duration = Duration::from_millis(250);

impl Lease {
    fn first(object: &str, borrower: u64, now: Timestamp) -> Lease {
        Lease {
            object: object.to_owned(),
            borrower,
            number: 1,
            turn: 0,
            spent: 0,
            left: 0,
            reserved: 0,
            before: None,
            until: now.plus(MAX_LIFE),
            size: 0,
            asked: None,
            used: now,
            used_before: None,
            is_slow: false,
            pause: Duration::ZERO,
            paused_until: now,
            standings: Vec::new(),
            seen: (now, now),
            deciding: None,
            since: 0,
        }
    }

    fn is_asked(&self, now: Timestamp) -> bool {
        self.asked.is_some_and(|at| now.since(at) < LOST)
    }

    /// Whether an answer is awaited that decides what is left.
    fn is_busy(&self, now: Timestamp) -> bool {
        self.is_asked(now) || (self.reserved > 0 && now.since(self.used) < LOST)
    }

    /// Nothing was to be had: nothing is borrowed ahead for a while.
    fn pause(&mut self, now: Timestamp, terms: &Terms) {
        let longer = Duration::from_millis(2 * self.pause.as_millis());
        self.pause = longer.max(PAUSE).min(part_of_life(terms));
        self.paused_until = now.plus(self.pause);
    }

    /// Whether so much is left that may be spent now.
    fn has(&self, cost: u64, now: Timestamp) -> bool {
        self.left >= cost && now < self.until
    }

    /// Whether no more has to be asked for once `cost` units are taken.
    const fn has_plenty_beside(&self, cost: u64) -> bool {
        self.left.saturating_sub(cost) >= self.size / LITTLE
    }

    fn spend(&mut self, cost: u64, now: Timestamp) -> Decision {
        self.spent += cost;
        self.take(cost, now)
    }

    fn set_aside(&mut self, cost: u64, now: Timestamp) -> Decision {
        self.reserved += cost;
        self.take(cost, now)
    }

    /// Takes units of what is left: the decision that admits them.
    fn take(&mut self, cost: u64, now: Timestamp) -> Decision {
        self.left -= cost;
        self.since += cost;
        self.note_use(now);
        let (object, own) = self.seen;
        let left = |it: &Standing| Standing {
            remaining: it.remaining.saturating_sub(self.since),
            refused: None,
            retry_at: None,
            ..*it
        };
        Decision {
            deciding: self.deciding,
            limits: self.standings.iter().map(left).collect(),
            ..Decision::bare(object.plus(now.since(own)), true, None)
        }
    }

    /// The message of a question: of the next lease where this one is over.
    fn ask(&mut self, cost: u64, terms: &Terms, now: Timestamp) -> Borrowing {
        if now >= self.until {
            self.number += 1;
            self.turn = 0;
            self.before = Some(mem::take(&mut self.spent) + mem::take(&mut self.reserved));
            self.left = 0;
        }
        self.turn += 1;
        self.asked = Some(now);
        let is_frequent = |before: Timestamp| now.since(before) <= part_of_life(terms);
        let is_hot = self.used_before.is_some_and(is_frequent);
        let is_told = is_hot || self.spent > 0 || self.before.is_some_and(|it| it > 0);
        if self.left < cost && is_told {
            self.left = 0; // somebody else has a use for it
        }
        Borrowing {
            borrower: self.borrower,
            number: self.number,
            turn: self.turn,
            spent: self.spent,
            left: self.left + self.reserved,
            before: self.before,
            wants: is_hot && !mem::take(&mut self.is_slow),
            terms: *terms,
        }
    }

    fn lend(&mut self, units: u64, until: Timestamp, times: CallTimes, decision: &Decision) {
        self.left = self.left.saturating_add(units);
        self.until = until;
        self.size = self.left;
        self.seen = (decision.at, times.received);
        self.deciding = decision.deciding;
        self.since = 0;
        let own = self.left - units;
        let with_own = |it: &Standing| Standing {
            remaining: it.remaining.saturating_add(own),
            ..*it
        };
        self.standings = decision.limits.iter().map(with_own).collect();
    }

    const fn is_to_return(&self) -> bool {
        self.left > 0
    }

    /// When it is taken to be idle.
    const fn due(&self) -> Timestamp {
        self.used.plus(IDLE)
    }

    /// Notes a use that has to ask; of a new lease it is known already.
    const fn note_asking(&mut self, now: Timestamp) {
        if self.turn > 0 || self.number > 1 {
            self.note_use(now);
        }
    }

    const fn note_use(&mut self, now: Timestamp) {
        self.used_before = Some(self.used);
        self.used = now;
    }

    const fn returned(&self) -> Returned {
        Returned {
            borrower: self.borrower,
            number: self.number,
            spent: self.spent + self.reserved,
        }
    }
}
