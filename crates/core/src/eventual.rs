//! The KV mode: isolates count for themselves and tell each other through KV, without any object.
//!
//! Each isolate keeps the count of each limit of a subject ([`count`]), decides by the core's own arithmetic over its count and what
//! it knows of the others', and every ten seconds writes its counts under a key of its own and reads everybody's with one list
//! ([`record`], [`sync`](Eventual::due)). So it may admit too much: how much is expected and how much is possible at most is in
//! [`bounds`]. KV shows a write elsewhere after up to a minute and takes one write a second per key, hence the rules in [`suits`].
//!
//! Pure: time comes in, what is to be written comes out, the texts that were read come in. Bounded: [`MOST_SUBJECTS`] and what is kept
//! of [`MOST_KEPT`] more, of which each namespace has its part; within it those that are asked least go first, and those of
//! which nothing is left last.

pub mod bounds;
mod count;
mod kept;
mod marks;
mod record;
mod standing;
mod sync;
mod told;

pub use kept::MOST_KEPT;
pub use marks::{Mark, Said};
pub use record::{read_counts, read_definitions, Definition, Record, RECORDS};
pub use standing::CountedLimit;
pub use sync::{Put, Sync};

use count::Count;
use kept::{Kept, KeptCount};

use crate::algorithm::state::{LimitState, Moment};
use crate::bounded::{Bounded, Key, Secret, Worth};
use crate::calendar::UnknownTimeZone;
use crate::decide::{decide, Check, GrantSeed};
use crate::decision::{Decision, Reason};
use crate::error::InvalidLimit;
use crate::policy::Policy;
use crate::quota::Period;
use crate::subject_state::Block;
use crate::{Algorithm, Duration, Limit, Timestamp};

/// The shortest window that makes sense: KV shows a count to other isolates after up to a minute, and the bounds grow with the part of
/// the window in which isolates do not know of each other.
pub const SHORTEST: Duration = Duration::from_secs(600);
/// How often an isolate writes and reads the counts of a subject that is in use.
pub const INTERVAL: Duration = Duration::from_secs(10);
/// The least time between two writes of one key, which is what KV takes; also how soon a new subject is first told and read.
pub const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
/// The most subjects that an isolate counts at once: up to 1.5 KB each.
pub const MOST_SUBJECTS: usize = 4_096;
/// For how long a subject that nobody asks for is worth more than a new one.
const REMEMBERED: Duration = Duration::from_secs(3_600);
/// The most limits of one subject: so many fit in the 1,024 bytes of metadata that a list shows.
pub const MOST_LIMITS: usize = 10;

/// Whether these limits can be counted through KV. The errors name what to take instead.
pub fn suits(limits: &[Limit]) -> Result<(), InvalidLimit> {
    let conflict = |field, with| Err(InvalidLimit::Conflict { field, with });
    for limit in limits {
        let too_short = match limit.algorithm() {
            Algorithm::FixedWindow(window) | Algorithm::SlidingWindow(window) => {
                window.window() < SHORTEST
            }
            Algorithm::Quota(quota) => quota.period() < Period::Hour,
            _ => return conflict(
                "algorithm",
                "counting through KV (`eventual`), which adds up aligned windows: take fixedWindow, slidingWindow or quota, or `consistency: \"strong\"`",
            ),
        };
        if too_short {
            return conflict(
                "window",
                "counting through KV (`eventual`), which takes windows of 10m and longer: take `consistency: \"strong\"`, or \"local\" for 10s and 1m",
            );
        }
    }
    Ok(())
}

/// For what units are counted. One does not see the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The policy is decided so.
    Mode,
    /// The policy's object is out of reach, and is charged when it is back.
    Fallback,
}

/// The counts of one isolate. See the module's documentation.
#[derive(Debug)]
pub struct Eventual {
    secret: Secret,
    /// In front of every key in KV.
    prefix: &'static str,
    /// This isolate's part of its keys; behind it each subject has a number, so that no key is taken up again by one that has forgotten
    /// what it told there.
    isolate: String,
    /// The last number given.
    number: u64,
    subjects: Bounded<Counted>,
    /// What is left of those for which there was no room.
    kept: Bounded<Kept>,
    /// No subject is due before this instant.
    soonest: Timestamp,
}

/// One subject in this isolate.
#[derive(Debug)]
struct Counted {
    /// Its part of the keys in KV.
    name: String,
    /// The last part of its own key.
    writer: Writer,
    /// How often it was asked, and when last: who is asked least is forgotten first.
    asked: u64,
    asked_at: Timestamp,
    counts: Vec<Count>,
    /// Limits that were counted before it had to go, and that have not been asked for since.
    kept: Vec<KeptCount>,
    blocks: Vec<Mark>,
    timing: sync::Timing,
}

impl Eventual {
    /// Counts nothing yet. `prefix` stands in front of every key, `isolate` are random bits that no other isolate has.
    pub fn new(prefix: &'static str, isolate: u64, secret: Secret) -> Eventual {
        Eventual {
            secret,
            prefix,
            isolate: format!("{isolate:016x}"),
            number: 0,
            subjects: Bounded::new(MOST_SUBJECTS),
            kept: Bounded::new(MOST_KEPT),
            soonest: Timestamp::MAX,
        }
    }

    /// Decides for a purpose, and counts what was admitted. `name` is the subject's part of the keys in KV: no two subjects may share one, and it is at
    /// most 400 bytes long. The policy has to [suit](suits).
    pub fn check(
        &mut self,
        purpose: Purpose,
        name: &str,
        policy: &Policy,
        check: &Check,
        moment: Moment,
    ) -> Result<Decision, UnknownTimeZone> {
        let counted = self.counted(name, moment.now);
        let next = counted.timing.touch(moment.now);
        let decision = counted.check(purpose, policy, check, moment);
        self.soonest = self.soonest.min(next);
        decision
    }

    /// Takes over what the subject's object said, so that counting can go on from there when it is out of reach.
    pub fn learn(
        &mut self,
        name: &str,
        policy: &Policy,
        decision: &Decision,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        if decision.limits.len() != policy.limits().len() {
            return Ok(());
        }
        let counted = self.counted(name, moment.now);
        let places = counted.places(Purpose::Fallback, policy, moment)?;
        for (&place, standing) in places.iter().zip(decision.limits.iter()) {
            let used = standing.limit.saturating_sub(standing.remaining);
            counted.counts[place].learn(used, moment.now);
        }
        Ok(())
    }

    /// The subject's object has been charged what this isolate gave out in its place.
    pub fn charged(
        &mut self,
        name: &str,
        policy: &Policy,
        units: u64,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        let counted = self.counted(name, moment.now);
        for place in counted.places(Purpose::Fallback, policy, moment)? {
            counted.counts[place].charged(units);
        }
        Ok(())
    }

    /// How many subjects are counted.
    pub fn len(&self) -> usize {
        self.subjects.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    /// How many subjects there are of which only units are kept.
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    fn key(&self, name: &str) -> Key {
        self.secret.key(name, &())
    }

    fn counted(&mut self, name: &str, now: Timestamp) -> &mut Counted {
        let key = self.key(name);
        let number = self.number + 1;
        let kept = &mut self.kept;
        let make = || match kept.remove(key) {
            Some(kept) => Counted::restored(name, kept, now),
            None => Counted::fresh(name, number, now),
        };
        let worth = |counted: &Counted| counted.worth(now);
        let (counted, gone) = self.subjects.get_or_put(key, make, worth);
        if let Some((key, kept)) = gone.and_then(|(key, gone)| Some((key, gone.keep(now)?))) {
            self.kept.put(key, kept, |kept| kept.worth(now));
        }
        self.number = self.number.max(counted.writer.number);
        counted.asked = counted.asked.saturating_add(1);
        counted.asked_at = now;
        counted
    }
}

/// Which of an isolate's keys a subject's counts are told by: the subject's number, and how often it has left one behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Writer {
    number: u64,
    turn: u32,
}

impl Writer {
    fn key(self, prefix: &str, isolate: &str) -> String {
        let Writer { number, turn } = self;
        format!("{prefix}{isolate}.{number:x}.{turn:x}")
    }
}

impl Counted {
    fn fresh(name: &str, number: u64, now: Timestamp) -> Counted {
        Counted {
            name: name.to_owned(),
            writer: Writer { number, turn: 0 },
            asked: 0,
            asked_at: now,
            counts: Vec::with_capacity(1),
            kept: Vec::new(),
            blocks: Vec::new(),
            timing: sync::Timing::default(),
        }
    }

    fn check(
        &mut self,
        purpose: Purpose,
        policy: &Policy,
        check: &Check,
        moment: Moment,
    ) -> Result<Decision, UnknownTimeZone> {
        if let Some(block) = self.block(policy, check, moment.now) {
            return Ok(Decision {
                cache_for: Duration::ZERO,
                ..block.refusal(moment.now)
            });
        }
        let places = self.places(purpose, policy, moment)?;
        let estimate = |&place: &usize| self.counts[place].estimate(moment.now);
        let mut states: Vec<LimitState> = places.iter().map(estimate).collect();
        let mut borrowed: Vec<&mut LimitState> = states.iter_mut().collect();
        let seed = GrantSeed::default();
        let mut decision = decide(policy, &mut borrowed, check, seed, moment)?;
        decision.cache_for = Duration::ZERO;
        if decision.success && !check.peek {
            for &place in &places {
                self.counts[place].charge(check.cost);
            }
        }
        if decision.success && self.timing.is_alone() {
            decision.reason = Some(Reason::Degraded);
        }
        Ok(decision)
    }

    /// The block that shuts this request out, the longest if there are several. What was used may be given back.
    fn block(&self, policy: &Policy, check: &Check, now: Timestamp) -> Option<Block> {
        let marks = self.blocks.iter().filter(|_| check.cost >= 0);
        let named = marks.filter(|mark| mark.is_for(policy.name_or_empty()));
        let in_force = named.filter_map(|mark| mark.block(now));
        in_force.max_by_key(|block| block.until)
    }

    /// Finds or makes the count of each limit, turned to the window that holds now.
    fn places(
        &mut self,
        purpose: Purpose,
        policy: &Policy,
        moment: Moment,
    ) -> Result<Vec<usize>, UnknownTimeZone> {
        let mut places = Vec::with_capacity(policy.limits().len());
        for limit in policy.limits() {
            let known = self
                .counts
                .iter()
                .position(|count| count.keeps(purpose, policy, limit));
            let place = match known {
                Some(place) => {
                    self.counts[place].turn(policy, limit, moment)?;
                    place
                }
                None => {
                    let mut count = Count::fresh(purpose, policy, limit, moment)?;
                    if let Some(kept) = self.kept.iter().position(|kept| kept.id == count.id()) {
                        count.restore(self.kept.swap_remove(kept));
                        count.turn(policy, limit, moment)?;
                    }
                    self.add(count, &places)
                }
            };
            places.push(place);
        }
        Ok(places)
    }

    /// Adds a count; where there are too many in the place of the least used one, of those that are not asked for just now.
    fn add(&mut self, count: Count, asked: &[usize]) -> usize {
        if self.counts.len() + self.kept.len() >= MOST_LIMITS {
            // What was told of them stays told, by a key that is left behind.
            self.counts.iter_mut().for_each(Count::leave_to_others);
            self.kept.clear();
            self.writer.turn = self.writer.turn.wrapping_add(1);
        }
        if self.counts.len() < MOST_LIMITS {
            self.counts.push(count);
            return self.counts.len() - 1;
        }
        let others = (0..self.counts.len()).filter(|place| !asked.contains(place));
        let least = others.min_by_key(|&place| self.counts[place].part_used(count.time()));
        let place = least.unwrap_or(0); // a policy has fewer limits than there is room for
        self.counts[place] = count;
        place
    }

    /// How much it is worth to be remembered: by how often it is asked, which no cost and no limit distorts; of those that are asked
    /// equally often, by how lately.
    fn worth(&self, now: Timestamp) -> Worth {
        let forgotten = self.asked_at.plus(REMEMBERED) <= now;
        let asked = if forgotten { 0 } else { self.asked };
        (asked, self.asked_at.as_millis())
    }

    fn part_used(&self, now: Timestamp) -> u64 {
        let part = |count: &Count| count.part_used(now);
        self.counts.iter().map(part).max().unwrap_or(0)
    }
}
