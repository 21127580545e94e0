//! Synchronisation of a subject's counts with KV: when an isolate writes and reads, and which text.
//!
//! A subject in use is synchronised a second after its first request and then every [`INTERVAL`];
//! the interval falls to a second as the limit gets near, and grows after failures. All of it
//! happens in the background: no answer waits for KV.

use crate::isolate::bounded::Key;
use crate::{Duration, Timestamp};

use super::command::{keep_newest, Command, Instruction};
use super::count::Count;
use super::evicted::EvictedCount;
use super::keys::prefix_of;
use super::record::{read_counts, write_counts, write_definitions, Put, MIN_LIFE};
use super::subject::SubjectCounts;
use super::timing::{INTERVAL, MAX_INTERVAL, MIN_INTERVAL};
use super::turns::in_turn;
use super::IsolateCounts;

/// So much of what the object has said is told at once; the rest a second later.
const MAX_TOLD: usize = 4;

/// Number of synchronisations before the limit is reached at the current rate.
const LOOKS: u64 = 4;

/// One subject's pending synchronisation: counts to write, if unpublished, and keys to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sync {
    /// The subject, for [`IsolateCounts::record_sync`].
    pub subject: Key,
    /// The key under which this isolate publishes the counts.
    pub own: String,
    /// The key to write, if anything is unpublished.
    pub put: Option<Put>,
    /// Further keys to write, by which the others learn what the subject's object has said.
    pub told: Vec<Put>,
    /// The prefix of the keys to list, with their metadata.
    pub prefix: String,
}

impl IsolateCounts {
    /// Starts the synchronisation of up to `max` due subjects: of all namespaces in turn, and in
    /// each namespace in descending order of the part of their limits that is used.
    pub fn due(&mut self, now: Timestamp, max: usize) -> Vec<Sync> {
        if now < self.soonest {
            return Vec::new();
        }
        let due = self.subjects.iter_mut();
        let due = due.filter(|(_, counted)| counted.timing.is_due(now));
        let due: Vec<(Key, u64)> = due
            .map(|(key, counted)| (key, counted.part_used(now)))
            .collect();
        let (prefix, isolate) = (self.prefix, &self.isolate);
        let subjects = &mut self.subjects;
        let sync = |key: Key| {
            let counted = subjects.get_mut(key)?;
            Some(counted.sync(key, prefix, isolate, now))
        };
        let due = in_turn(&due).take(max).filter_map(sync).collect();
        let waiting = self.subjects.iter_mut();
        let soonest = waiting.filter_map(|(_, counted)| counted.timing.next).min();
        self.soonest = soonest.unwrap_or(Timestamp::MAX);
        due
    }

    /// The earliest instant at which a subject may be due; `None` while none is waiting.
    pub fn next_due(&self) -> Option<Timestamp> {
        Some(self.soonest).filter(|&soonest| soonest < Timestamp::MAX)
    }

    /// Records the outcome of a synchronisation. `written`: whether all its keys were written, or
    /// there was none to write. `read`: key and metadata of each listed key; `None` if the list
    /// failed.
    pub fn record_sync(
        &mut self,
        sync: &Sync,
        written: bool,
        read: Option<&[(String, String)]>,
        now: Timestamp,
    ) {
        if let Some(counted) = self.subjects.get_mut(sync.subject) {
            counted.record_sync(sync, written, read, now);
            let next = counted.timing.next.unwrap_or(Timestamp::MAX);
            self.soonest = self.soonest.min(next);
        }
    }

    /// Applies an operator's instruction here at once. Returns the key to write, through which the
    /// other isolates read it. `until`, for a reset: when the last of the subject's keys expires.
    pub fn apply_instruction(
        &mut self,
        name: &str,
        instruction: Instruction,
        until: Timestamp,
        now: Timestamp,
    ) -> Put {
        let put = instruction.put(&self.prefix_of(name), None, until, now);
        self.counted(name, now).apply(instruction, now);
        put
    }

    /// Notes that the upstream of a policy is not to be called before an instant, as the subject's
    /// object says. Here it is in force at once; the other isolates read it after the next
    /// synchronisation, which is due as soon as KV takes it.
    pub fn shut(&mut self, name: &str, instruction: Instruction, now: Timestamp) {
        let counted = self.counted(name, now);
        let next = counted.hear(instruction, now);
        self.soonest = self.soonest.min(next.unwrap_or(Timestamp::MAX));
    }

    /// Before every key of a subject.
    pub fn prefix_of(&self, name: &str) -> String {
        prefix_of(self.prefix, name)
    }
}

impl SubjectCounts {
    fn sync(&mut self, subject: Key, prefix: &str, isolate: &str, now: Timestamp) -> Sync {
        self.timing.next = None;
        self.timing.last = Some(now);
        self.timing.under_way = Some(now);
        let prefix = prefix_of(prefix, &self.name);
        let own = self.writer.key(&prefix, isolate);
        let put = self
            .counts
            .iter()
            .any(|count| count.published.has_unpublished())
            .then(|| Put {
                key: own.clone(),
                value: write_definitions(self.definitions()),
                metadata: write_counts(now, self.records(now)),
                life: self.life(now),
            });
        if put.is_some() {
            self.counts
                .iter_mut()
                .for_each(|count| count.published.mark_published(now));
        }
        self.untold.retain(|it| it.refuses_until(now).is_some());
        let untold = self.untold.iter().take(MAX_TOLD);
        let told = untold.map(|it| it.put(&prefix, Some(isolate), now, now));
        Sync {
            subject,
            own,
            put,
            told: told.collect(),
            prefix,
        }
    }

    /// Takes in what the subject's object has said, if it is news; when a synchronisation is due
    /// then.
    fn hear(&mut self, instruction: Instruction, now: Timestamp) -> Option<Timestamp> {
        let until = instruction.refuses_until(now)?;
        let alike = self.instructions.iter();
        let mut alike = alike.filter(|known| known.is_like(&instruction));
        let is_known = |known: &Instruction| {
            known.refuses_until(now) == Some(until) || !instruction.is_newer(known)
        };
        if alike.any(is_known) {
            return None;
        }
        keep_newest(&mut self.untold, instruction.clone(), now);
        keep_newest(&mut self.instructions, instruction, now);
        Some(self.timing.hurry(now))
    }

    /// The life of the key: until the last of its windows no longer matters.
    fn life(&self, now: Timestamp) -> Duration {
        let counts = self.counts.iter().map(Count::matters_until);
        let until = counts
            .chain(self.evicted.iter().map(|count| count.until))
            .max();
        until
            .map_or(Duration::ZERO, |until| until.since(now))
            .max(MIN_LIFE)
    }

    fn record_sync(
        &mut self,
        sync: &Sync,
        written: bool,
        read: Option<&[(String, String)]>,
        now: Timestamp,
    ) {
        self.timing.under_way = None;
        if written {
            let is_told = |it: &Instruction| {
                let metadata = it.put(&sync.prefix, None, now, now).metadata;
                sync.told.iter().any(|told| told.metadata == metadata)
            };
            self.untold.retain(|it| !is_told(it));
        } else {
            self.counts
                .iter_mut()
                .for_each(|count| count.published.mark_unpublished());
        }
        if let Some(read) = read {
            self.read(&sync.own, read, now);
        }
        if written && read.is_some() {
            self.timing.failures = 0;
        } else {
            self.timing.failures = self.timing.failures.saturating_add(1);
        }
        let interval = self.interval(now);
        self.timing.interval = Some(interval);
        let mut counts = self.counts.iter();
        let is_untold = !self.untold.is_empty();
        if self.timing.next.is_some()
            || is_untold
            || counts.any(|count| count.published.has_unpublished())
        {
            // What the object has said since this one began is told as soon as KV takes it.
            let wait = if written && is_untold {
                MIN_INTERVAL
            } else {
                interval
            };
            self.timing.next = self.timing.last.map(|last| last.plus(wait));
        }
    }

    fn read(&mut self, own: &str, read: &[(String, String)], now: Timestamp) {
        // A block also ends when its key is gone. Because of KV's delay, a new key may still be
        // missing from the list, and a deleted one may still be in it.
        self.instructions.retain(|it| it.is_lately(now));
        for count in &mut self.counts {
            count.begin_reading(now);
        }
        // What was not written yet is not missing, and neither is a reset that the list lacks.
        let mut instructions = self.untold.clone();
        let resets = self.instructions.iter().filter(|it| it.is_late_reset(now));
        instructions.extend(resets.cloned());
        for (_, metadata) in read.iter().filter(|(key, _)| key != own) {
            // Texts of another version or another author are not added.
            let Ok((at, records)) = read_counts(metadata) else {
                instructions.extend(Instruction::read(metadata).ok().flatten());
                continue;
            };
            for record in &records {
                let mut counts = self.counts.iter_mut();
                if let Some(count) = counts.find(|count| count.limit.id() == record.id) {
                    count.add_other(record, at);
                }
            }
        }
        // A reset comes after what it ends.
        instructions.sort_by_key(|it| it.command == Command::Reset);
        for instruction in instructions {
            self.apply(instruction, now);
        }
    }

    /// Applies an instruction.
    pub(super) fn apply(&mut self, instruction: Instruction, now: Timestamp) {
        if instruction.command == Command::Reset {
            let counts = self.counts.iter_mut();
            counts
                .filter(|count| instruction.is_for(count.limit.policy()))
                .for_each(|count| count.reset(instruction.at));
            // The policy of an evicted count is unknown. It is reset when it is next requested.
            let stays = |count: &EvictedCount| {
                instruction.policy.is_some() || !count.is_before(instruction.at)
            };
            self.evicted.retain(stays);
            self.instructions
                .retain(|known| !known.is_ended_by(&instruction));
            self.untold.retain(|known| !known.is_ended_by(&instruction));
        }
        keep_newest(&mut self.instructions, instruction, now);
    }

    /// The time until the next synchronisation: shorter than usual if a limit would soon be
    /// reached, longer after failures.
    fn interval(&self, now: Timestamp) -> Duration {
        if self.timing.failures > 0 {
            let times = 1 << self.timing.failures.min(6);
            return Duration::from_millis(INTERVAL.as_millis() * times / 2).min(MAX_INTERVAL);
        }
        let soonest = self.counts.iter().map(|count| time_to_limit(count, now));
        let soonest = soonest.min().unwrap_or(INTERVAL);
        Duration::from_millis(soonest.as_millis() / LOOKS).clamp(MIN_INTERVAL, INTERVAL)
    }
}

/// The time until a limit is reached at the current rate; the longest time if it is reached
/// already.
fn time_to_limit(count: &Count, now: Timestamp) -> Duration {
    let algorithm = count.limit.algorithm();
    let left = count.estimate(now).view(algorithm, now).remaining;
    let rate = count.total_rate(now);
    if left == 0 || rate == 0 {
        return Duration::from_millis(u64::MAX);
    }
    let millis = u128::from(left) * 1_000_000_000 / u128::from(rate);
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}
