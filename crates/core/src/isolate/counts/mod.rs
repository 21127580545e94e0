//! Counting without an object: each isolate counts and publishes its counts through KV. The JSON
//! word in `consistency` and `failMode` is `eventual`.
//!
//! Each isolate keeps a count of each limit of a subject ([`count`]). It decides with the core's
//! algorithms over its own count and the last known counts of the others. Every ten seconds it
//! writes its counts to its own key and reads those of all isolates with one list ([`record`],
//! [`sync`]). So isolates together may admit more than the limit: [`bounds`] has the expected and
//! the largest excess. A write to KV is visible elsewhere after up to a minute, and KV takes one
//! write a second per key; hence the rules of
//! [`Consistency::suits`](crate::policy::consistency::Consistency::suits).
//!
//! This module is pure: the caller passes the time and the texts read, and gets the texts to write.
//! It is bounded: [`MAX_SUBJECTS`] subjects and the units of [`MAX_EVICTED`] evicted ones, shared
//! fairly by namespaces. The subjects with the fewest requests are evicted first; among evicted
//! ones, those with an exhausted limit are kept longest.

pub mod bounds;
mod command;
mod count;
mod counted_limit;
mod evicted;
mod hours;
mod keys;
mod others;
mod pair;
mod published;
mod record;
mod status;
mod subject;
mod sync;
mod timing;
mod turns;

pub use command::{Command, Instruction};
pub use evicted::MAX_EVICTED;
pub use record::{read_counts, read_definitions, Definition, Purpose, Put, Record, RECORDS};
pub use status::CountStatus;
pub use subject::MAX_LIMITS;
pub use sync::Sync;
pub use timing::{INTERVAL, MIN_INTERVAL};

use evicted::Evicted;
use subject::SubjectCounts;

use super::bounded::{BoundedMap, Key, Secret};
use crate::algorithm::state::Moment;
use crate::calendar::UnknownTimeZone;
use crate::decide::Check;
use crate::decision::Decision;
use crate::policy::{FailMode, Policy};
use crate::subject_state::Item;
use crate::Timestamp;

/// Maximum number of subjects that an isolate counts at once, up to 1.5 KB each.
pub const MAX_SUBJECTS: usize = 4_096;

/// The counts of one isolate.
#[derive(Debug)]
pub struct IsolateCounts {
    secret: Secret,
    /// The start of every key in KV.
    prefix: &'static str,
    /// This isolate's part of its keys. A subject's number follows it, so no key is reused after
    /// its published units were dropped.
    isolate: String,
    /// The last number assigned to a subject.
    number: u64,
    subjects: BoundedMap<SubjectCounts>,
    /// The units of evicted subjects.
    evicted: BoundedMap<Evicted>,
    /// The earliest instant at which a subject may be due.
    soonest: Timestamp,
}

impl IsolateCounts {
    /// No counts yet. Every key begins with `prefix`. `isolate`: random bits, unique to the
    /// isolate.
    pub fn new(prefix: &'static str, isolate: u64, secret: Secret) -> IsolateCounts {
        IsolateCounts {
            secret,
            prefix,
            isolate: format!("{isolate:016x}"),
            number: 0,
            subjects: BoundedMap::new(MAX_SUBJECTS),
            evicted: BoundedMap::new(MAX_EVICTED),
            soonest: Timestamp::MAX,
        }
    }

    /// Decides, and counts admitted units. `name` is the subject's part of the keys in KV: unique
    /// to the subject and at most 400 bytes long. The policy has to
    /// [suit](crate::policy::consistency::Consistency::suits).
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

    /// Records the use that the subject's object reported in a decision. Counting continues from it
    /// when the object is unavailable.
    pub fn record_decision(
        &mut self,
        name: &str,
        policy: &Policy,
        decision: &Decision,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        if decision.limits.len() != policy.limits().len() {
            return Ok(());
        }
        let policy = &*hours::present(policy, moment)?;
        let counted = self.counted(name, moment.now);
        let places = counted.places(Purpose::Fallback, policy, moment)?;
        for (&place, standing) in places.iter().zip(decision.limits.iter()) {
            let used = standing.limit.saturating_sub(standing.remaining);
            counted.counts[place].set_object_use(used, moment.now);
        }
        Ok(())
    }

    /// Records that the subject's object has been charged these items, which this isolate admitted
    /// in its place ([`Debts::take`](super::debts::Debts::take)). Only those whose failure mode is
    /// `eventual` were counted here.
    pub fn record_charged(
        &mut self,
        name: &str,
        items: &[Item],
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        let is_counted = |item: &&Item| item.policy.fail_mode() == FailMode::Eventual;
        for Item { policy, check } in items.iter().filter(is_counted) {
            let policy = &*hours::present(policy, moment)?;
            let counted = self.counted(name, moment.now);
            for place in counted.places(Purpose::Fallback, policy, moment)? {
                counted.counts[place].move_to_object(check.cost.unsigned_abs());
            }
        }
        Ok(())
    }

    /// Units of the policy's limits in use, of that with the most, as this isolate knows them: one
    /// that has not counted the subject yet has to read those of others first.
    pub fn in_use(
        &mut self,
        name: &str,
        policy: &Policy,
        moment: Moment,
    ) -> Result<u64, UnknownTimeZone> {
        let policy = &*hours::present(policy, moment)?;
        let counted = self.counted(name, moment.now);
        let next = counted.timing.touch(moment.now);
        let places = counted.places(Purpose::Mode, policy, moment)?;
        let used = places
            .iter()
            .map(|&place| counted.counts[place].used(moment.now));
        let used = used.max().unwrap_or(0);
        self.soonest = self.soonest.min(next);
        Ok(used)
    }

    /// Number of subjects that are counted.
    pub fn len(&self) -> usize {
        self.subjects.len()
    }

    /// Whether no subject is counted.
    pub fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    /// Number of evicted subjects whose units are kept.
    pub fn evicted(&self) -> usize {
        self.evicted.len()
    }

    fn key(&self, name: &str) -> Key {
        self.secret.key(name, &())
    }

    fn counted(&mut self, name: &str, now: Timestamp) -> &mut SubjectCounts {
        let key = self.key(name);
        let number = self.number + 1;
        let evicted = &mut self.evicted;
        let make = || match evicted.remove(key) {
            Some(evicted) => SubjectCounts::restored(name, evicted, now),
            None => SubjectCounts::fresh(name, number, now),
        };
        let worth = |counted: &SubjectCounts| counted.worth(now);
        let (counted, removed) = self.subjects.get_or_put(key, make, worth);
        if let Some((key, evicted)) =
            removed.and_then(|(key, removed)| Some((key, removed.evict(now)?)))
        {
            self.evicted.put(key, evicted, |evicted| evicted.worth(now));
        }
        self.number = self.number.max(counted.writer.number);
        counted.asked = counted.asked.saturating_add(1);
        counted.asked_at = now;
        counted
    }
}
