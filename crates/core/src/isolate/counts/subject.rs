//! The counts of one subject in one isolate.

use crate::algorithm::state::{LimitState, Moment};
use crate::block::Block;
use crate::calendar::UnknownTimeZone;
use crate::decide::{decide, Check};
use crate::decision::{Decision, Reason};
use crate::isolate::bounded::Worth;
use crate::policy::Policy;
use crate::{Duration, Timestamp};

use super::count::Count;
use super::kept::{Kept, KeptCount};
use super::keys::Writer;
use super::mark::Mark;
use super::record::{Definition, Purpose, Record};
use super::timing::Timing;

/// For how long a subject that nobody asks for is worth more than a new one.
const REMEMBERED: Duration = Duration::from_secs(3_600);
/// The most limits of one subject: so many fit in the 1,024 bytes of metadata that a list shows.
pub const MAX_LIMITS: usize = 10;

/// One subject in this isolate.
#[derive(Debug)]
pub(super) struct SubjectCounts {
    /// Its part of the keys in KV.
    pub(super) name: String,
    /// The last part of its own key.
    pub(super) writer: Writer,
    /// How often it was asked, and when last: who is asked least is forgotten first.
    pub(super) asked: u64,
    pub(super) asked_at: Timestamp,
    pub(super) counts: Vec<Count>,
    /// Limits that were counted before it had to go, and that have not been asked for since.
    pub(super) kept: Vec<KeptCount>,
    pub(super) blocks: Vec<Mark>,
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
            kept: Vec::new(),
            blocks: Vec::new(),
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
        let places = self.places(purpose, policy, moment)?;
        let estimate = |&place: &usize| self.counts[place].estimate(moment.now);
        let mut states: Vec<LimitState> = places.iter().map(estimate).collect();
        let mut borrowed: Vec<&mut LimitState> = states.iter_mut().collect();
        let mut decision = decide(policy, &mut borrowed, check, None, moment)?;
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

    /// The block that shuts this request out, the longest if there are several. What was used may
    /// be given back.
    fn block(&self, policy: &Policy, check: &Check, now: Timestamp) -> Option<Block> {
        let marks = self.blocks.iter().filter(|_| check.cost >= 0);
        let named = marks.filter(|mark| mark.is_for(policy.name_or_empty()));
        let in_force = named.filter_map(|mark| mark.block(now));
        in_force.max_by_key(|block| block.until)
    }

    /// Finds or makes the count of each limit, turned to the window that holds now.
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

    /// Adds a count; where there are too many in the place of the least used one, of those that are
    /// not asked for just now.
    fn add(&mut self, count: Count, asked: &[usize]) -> usize {
        if self.counts.len() + self.kept.len() >= MAX_LIMITS {
            // What was told of them stays told, by a key that is left behind.
            self.counts.iter_mut().for_each(Count::leave_to_others);
            self.kept.clear();
            self.writer.turn = self.writer.turn.wrapping_add(1);
        }
        if self.counts.len() < MAX_LIMITS {
            self.counts.push(count);
            return self.counts.len() - 1;
        }
        let others = (0..self.counts.len()).filter(|place| !asked.contains(place));
        let least = others.min_by_key(|&place| self.counts[place].part_used(count.time()));
        let place = least.unwrap_or(0); // a policy has fewer limits than there is room for
        self.counts[place] = count;
        place
    }

    /// How much it is worth to be remembered: by how often it is asked, which no cost and no limit
    /// distorts; of those that are asked equally often, by how lately.
    pub(super) fn worth(&self, now: Timestamp) -> Worth {
        let forgotten = self.asked_at.plus(REMEMBERED) <= now;
        let asked = if forgotten { 0 } else { self.asked };
        (asked, self.asked_at.as_millis())
    }

    pub(super) fn part_used(&self, now: Timestamp) -> u64 {
        let part = |count: &Count| count.part_used(now);
        self.counts.iter().map(part).max().unwrap_or(0)
    }

    /// What this isolate tells: of each limit that it counts, and of those of which only units are
    /// kept.
    pub(super) fn records(&self, now: Timestamp) -> impl Iterator<Item = Record> + '_ {
        let counts = self.counts.iter().map(move |count| count.record(now));
        counts.chain(self.kept.iter().map(KeptCount::record))
    }

    /// What the ids of its counts stand for, of those that are shown.
    pub(super) fn definitions(&self) -> impl Iterator<Item = Definition> + '_ {
        let shown = self.counts.iter().filter(|count| count.is_shown());
        shown.map(Count::definition)
    }

    /// What is to be kept of it; `None` when nothing of it matters any more.
    pub(super) fn keep(self, now: Timestamp) -> Option<Kept> {
        let used = self
            .counts
            .iter()
            .filter_map(|count| count.keep(now))
            .chain(self.kept);
        let counts: Box<[KeptCount]> = used.filter(|count| count.until > now).collect();
        let mut blocks = self.blocks;
        blocks.retain(|mark| mark.block(now).is_some());
        let blocked = blocks.iter().filter_map(|mark| mark.block(now));
        let blocked_until = blocked.map(|block| block.until).max();
        let exhausted = counts.iter().filter(|count| count.exhausted);
        let exhausted_until = exhausted.map(|count| count.until).max().max(blocked_until);
        let until = counts.iter().map(|count| count.until).max();
        Some(Kept {
            writer: self.writer,
            asked: self.asked,
            asked_at: self.asked_at,
            until: until.max(blocked_until)?,
            exhausted_until: exhausted_until.unwrap_or(Timestamp::ZERO),
            counts,
            blocks,
        })
    }

    /// The subject of this name again, of which so much was kept.
    pub(super) fn restored(name: &str, kept: Kept, now: Timestamp) -> SubjectCounts {
        let mut counts = kept.counts.into_vec();
        counts.retain(|count| count.until > now);
        SubjectCounts {
            name: name.to_owned(),
            writer: kept.writer,
            asked: kept.asked,
            asked_at: now,
            counts: Vec::with_capacity(1),
            kept: counts,
            blocks: kept.blocks,
            timing: Timing::default(),
        }
    }
}
