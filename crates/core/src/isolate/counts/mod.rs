//! Counting without an object: isolates count for themselves and tell each other through KV.
//! `consistency` and `failMode` call it `eventual`.
//!
//! Each isolate keeps the count of each limit of a subject ([`count`]), decides by the core's own
//! arithmetic over its count and what it knows of the others', and every ten seconds writes its
//! counts under a key of its own and reads everybody's with one list ([`record`], [`sync`]). So it
//! may admit too much: how much is expected and how much is possible at most is in [`bounds`]. KV
//! shows a write elsewhere after up to a minute and takes one write a second per key, hence the
//! rules of [`Consistency::suits`](crate::policy::consistency::Consistency::suits).
//!
//! Pure: time comes in, what is to be written comes out, the texts that were read come in. Bounded:
//! [`MAX_SUBJECTS`] and what is kept of [`MAX_KEPT`] more, of which each namespace has its part;
//! within it those that are asked least go first, and those of which nothing is left last.

pub mod bounds;
mod count;
mod kept;
mod keys;
mod mark;
mod pair;
mod record;
mod status;
mod subject;
mod sync;
mod timing;
mod told;

pub use kept::MAX_KEPT;
pub use mark::{Mark, Said};
pub use record::{read_counts, read_definitions, Definition, Purpose, Put, Record, RECORDS};
pub use status::CountStatus;
pub use subject::MAX_LIMITS;
pub use sync::Sync;
pub use timing::{INTERVAL, SHORTEST_INTERVAL};

use kept::Kept;
use subject::SubjectCounts;

use super::bounded::{Bounded, Key, Secret};
use crate::algorithm::state::Moment;
use crate::calendar::UnknownTimeZone;
use crate::decide::Check;
use crate::decision::Decision;
use crate::policy::Policy;
use crate::Timestamp;

/// The most subjects that an isolate counts at once: up to 1.5 KB each.
pub const MAX_SUBJECTS: usize = 4_096;

/// The counts of one isolate.
#[derive(Debug)]
pub struct IsolateCounts {
    secret: Secret,
    /// In front of every key in KV.
    prefix: &'static str,
    /// This isolate's part of its keys; behind it each subject has a number, so that no key is
    /// taken up again by one that has forgotten what it told there.
    isolate: String,
    /// The last number given.
    number: u64,
    subjects: Bounded<SubjectCounts>,
    /// What is left of those for which there was no room.
    kept: Bounded<Kept>,
    /// No subject is due before this instant.
    soonest: Timestamp,
}

impl IsolateCounts {
    /// Counts nothing yet. `prefix` stands in front of every key, `isolate` are random bits that no
    /// other isolate has.
    pub fn new(prefix: &'static str, isolate: u64, secret: Secret) -> IsolateCounts {
        IsolateCounts {
            secret,
            prefix,
            isolate: format!("{isolate:016x}"),
            number: 0,
            subjects: Bounded::new(MAX_SUBJECTS),
            kept: Bounded::new(MAX_KEPT),
            soonest: Timestamp::MAX,
        }
    }

    /// Decides for a purpose, and counts what was admitted. `name` is the subject's part of the
    /// keys in KV: no two subjects may share one, and it is at most 400 bytes long. The policy has
    /// to [suit](crate::policy::consistency::Consistency::suits).
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

    /// Takes over what the subject's object said, so that counting can go on from there when it is
    /// out of reach.
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

    fn counted(&mut self, name: &str, now: Timestamp) -> &mut SubjectCounts {
        let key = self.key(name);
        let number = self.number + 1;
        let kept = &mut self.kept;
        let make = || match kept.remove(key) {
            Some(kept) => SubjectCounts::restored(name, kept, now),
            None => SubjectCounts::fresh(name, number, now),
        };
        let worth = |counted: &SubjectCounts| counted.worth(now);
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
