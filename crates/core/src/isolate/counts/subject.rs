//! The counts of one subject in one isolate.

use crate::algorithm::state::Moment;
use crate::block::Block;
use crate::calendar::UnknownTimeZone;
use crate::decide::Check;
use crate::decision::{Decision, Reason};
use crate::isolate::bounded::Worth;
use crate::policy::Policy;
use crate::{Duration, Timestamp};

use super::command::{shut_out, Instruction};
use super::count::{decided, Count};
use super::evicted::{Evicted, EvictedCount};
use super::hours::{present, Later};
use super::keys::Writer;
use super::record::{Definition, Purpose, Record};
use super::timing::Timing;

/// After this time without requests, a subject ranks no higher than a new one.
const IDLE_AFTER: Duration = Duration::from_secs(3_600);
/// Maximum number of limits of one subject: their records fit into the 1,024 bytes of metadata that
/// a list returns.
pub const MAX_LIMITS: usize = 10;

/// One subject in this isolate.
#[derive(Debug)]
pub(super) struct SubjectCounts {
    /// Its part of the keys in KV.
    pub(super) name: String,
    /// The last part of its own key.
    pub(super) writer: Writer,
    /// Number of requests, and the time of the last. The subject with the fewest is evicted first.
    pub(super) asked: u64,
    pub(super) asked_at: Timestamp,
    pub(super) counts: Vec<Count>,
    /// Limits counted before its eviction and not requested since.
    pub(super) evicted: Vec<EvictedCount>,
    /// What refuses requests, and the resets of lately.
    pub(super) instructions: Vec<Instruction>,
    /// What the subject's object has said to this isolate alone, until it is written.
    pub(super) untold: Vec<Instruction>,
    pub(super) timing: Timing,
}

impl SubjectCounts {
    pub(super) fn fresh(name: &str, number: u64, now: Timestamp) -> SubjectCounts {
        SubjectCounts {
            name: name.to_owned(),
            writer: Writer { number, turn: 0 },
            asked: 0,
            asked_at: now,
            counts: Vec::with_capacity(1),
            evicted: Vec::new(),
            instructions: Vec::new(),
            untold: Vec::new(),
            timing: Timing::default(),
        }
    }

    pub(super) fn check(
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
        let present = present(policy, moment)?;
        let places = self.places(purpose, &present, moment)?;
        let counts: Vec<&Count> = places.iter().map(|&place| &self.counts[place]).collect();
        let mut decision = decided(&present, counts.iter().copied(), check, moment)?;
        if !decision.success {
            let later = Later {
                policy,
                check,
                counts,
            };
            later.look_ahead(&mut decision, moment)?;
        }
        if let Some(shut) = self.shut(policy, check, moment.now) {
            decision = shut_out(shut, &decision, moment.now);
        }
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

    /// The block in force for this request, the longest if there are several. Refunds are not
    /// blocked.
    fn block(&self, policy: &Policy, check: &Check, now: Timestamp) -> Option<Block> {
        let instructions = self.instructions.iter().filter(|_| check.cost >= 0);
        let named = instructions.filter(|instruction| instruction.is_for(policy.name_or_empty()));
        let in_force = named.filter_map(|instruction| instruction.block(now));
        in_force.max_by_key(|block| block.until)
    }

    /// Why and until when the policy's upstream is not to be called. What was used may be given
    /// back.
    fn shut(&self, policy: &Policy, check: &Check, now: Timestamp) -> Option<(Timestamp, Reason)> {
        let name = Some(policy.name_or_empty());
        let instructions = self.instructions.iter().filter(|_| check.cost >= 0);
        let own = instructions.filter(|instruction| instruction.policy.as_deref() == name);
        own.filter_map(|instruction| instruction.shut(now))
            .max_by_key(|(until, _)| *until)
    }

    /// The index of each limit's count, inserted if absent and advanced to the current window.
    pub(super) fn places(
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
                .position(|count| count.limit.is_that_of(purpose, policy, limit));
            let place = match known {
                Some(place) => {
                    self.counts[place].advance(policy, limit, moment)?;
                    place
                }
                None => {
                    let mut count = Count::fresh(purpose, policy, limit, moment)?;
                    if let Some(evicted) = self
                        .evicted
                        .iter()
                        .position(|evicted| evicted.id == count.limit.id())
                    {
                        count.restore(self.evicted.swap_remove(evicted));
                        count.advance(policy, limit, moment)?;
                    }
                    self.add(count, &places)
                }
            };
            places.push(place);
        }
        Ok(places)
    }

    /// Adds a count. If there are too many, it replaces the least used one that this request does
    /// not need.
    fn add(&mut self, count: Count, asked: &[usize]) -> usize {
        if self.counts.len() + self.evicted.len() >= MAX_LIMITS {
            // Their published units stay in the abandoned key.
            self.counts.iter_mut().for_each(Count::disown);
            self.evicted.clear();
            self.writer.turn = self.writer.turn.wrapping_add(1);
        }
        if self.counts.len() < MAX_LIMITS {
            self.counts.reserve_exact(1); // most subjects have one
            self.counts.push(count);
            return self.counts.len() - 1;
        }
        let others = (0..self.counts.len()).filter(|place| !asked.contains(place));
        let least = others.min_by_key(|&place| self.counts[place].part_used(count.time()));
        let place = least.unwrap_or(0); // a policy has fewer than MAX_LIMITS limits
        self.counts[place] = count;
        place
    }

    /// Eviction rank: whether it has something to tell, number of requests, then recency. Cost and
    /// limit are ignored, so that no caller can buy a place.
    pub(super) fn worth(&self, now: Timestamp) -> Worth {
        let forgotten = self.asked_at.plus(IDLE_AFTER) <= now;
        let asked = match self.untold.is_empty() {
            // What nobody else knows yet is not lost.
            false => u64::MAX,
            true if forgotten => 0,
            true => self.asked,
        };
        (asked, self.asked_at.as_millis())
    }

    pub(super) fn part_used(&self, now: Timestamp) -> u64 {
        let part = |count: &Count| count.part_used(now);
        self.counts.iter().map(part).max().unwrap_or(0)
    }

    /// The records that this isolate publishes, those of evicted counts included.
    pub(super) fn records(&self, now: Timestamp) -> impl Iterator<Item = Record> + '_ {
        let counts = self.counts.iter().map(move |count| count.record(now));
        counts.chain(self.evicted.iter().map(EvictedCount::record))
    }

    /// The definitions of the counts that `GET /limit` shows.
    pub(super) fn definitions(&self) -> impl Iterator<Item = Definition> + '_ {
        let shown = self.counts.iter().filter(|count| count.limit.is_shown());
        shown.map(|count| count.limit.definition())
    }

    /// The part to keep after eviction; `None` if nothing of it still matters.
    pub(super) fn evict(self, now: Timestamp) -> Option<Evicted> {
        let used = self
            .counts
            .iter()
            .filter_map(|count| count.evict(now))
            .chain(self.evicted);
        let counts: Box<[EvictedCount]> = used.filter(|count| count.until > now).collect();
        let mut instructions = self.instructions;
        instructions.retain(|it| it.refuses_until(now).is_some() || it.is_late_reset(now));
        let refusing = instructions.iter();
        let refused_until = refusing.filter_map(|it| it.refuses_until(now)).max();
        let exhausted = counts.iter().filter(|count| count.exhausted);
        let exhausted_until = exhausted.map(|count| count.until).max().max(refused_until);
        let until = counts.iter().map(|count| count.until).max();
        Some(Evicted {
            writer: self.writer,
            asked: self.asked,
            asked_at: self.asked_at,
            until: until.max(refused_until)?,
            exhausted_until: exhausted_until.unwrap_or(Timestamp::ZERO),
            counts,
            instructions,
            untold: self.untold,
        })
    }

    /// The subject of this name, restored from its evicted part.
    pub(super) fn restored(name: &str, evicted: Evicted, now: Timestamp) -> SubjectCounts {
        let mut counts = evicted.counts.into_vec();
        counts.retain(|count| count.until > now);
        SubjectCounts {
            name: name.to_owned(),
            writer: evicted.writer,
            asked: evicted.asked,
            asked_at: now,
            counts: Vec::with_capacity(1),
            evicted: counts,
            instructions: evicted.instructions,
            untold: evicted.untold,
            timing: Timing::default(),
        }
    }
}
