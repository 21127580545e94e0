//! When an isolate writes and reads the counts of a subject, and what.
//!
//! While a subject is in use: a second after its first request, then every [`INTERVAL`]; sooner,
//! down to a second, the nearer its limit is. After failures less and less often. All of it in the
//! background: no answer waits for KV.

use crate::isolate::bounded::{in_order, Key};
use crate::{Duration, Timestamp};

use super::bounds::KV_DELAY;
use super::count::Count;
use super::kept::KeptCount;
use super::keys::prefix_of;
use super::mark::{keep, Mark, Said};
use super::record::{read_counts, write_counts, write_definitions, Put, SHORTEST_LIFE};
use super::subject::SubjectCounts;
use super::timing::{INTERVAL, LONGEST_INTERVAL, SHORTEST_INTERVAL};
use super::IsolateCounts;

/// How many times a limit is looked at before it can be reached at the present rate.
const LOOKS: u64 = 4;

/// One subject's counts to write, where others do not know them, and to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sync {
    /// To hand back with the outcome.
    pub subject: Key,
    /// The key by which the counts are told.
    pub own: String,
    /// What to write, if anything.
    pub put: Option<Put>,
    /// Every key that starts so is to be listed, with its metadata.
    pub prefix: String,
}

impl IsolateCounts {
    /// Takes out up to `most` subjects whose counts are due: of each namespace those first that
    /// have used most of their limits, and of all namespaces in turn.
    pub fn due(&mut self, now: Timestamp, most: usize) -> Vec<Sync> {
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
        let due = in_turn(&due).take(most).filter_map(sync).collect();
        let waiting = self.subjects.iter_mut();
        let soonest = waiting.filter_map(|(_, counted)| counted.timing.next).min();
        self.soonest = soonest.unwrap_or(Timestamp::MAX);
        due
    }

    /// Before when no subject is due; `None` while none is waiting.
    pub fn next_due(&self) -> Option<Timestamp> {
        Some(self.soonest).filter(|&soonest| soonest < Timestamp::MAX)
    }

    /// Tells what came of a sync: whether its key was written (or there was none to write), and
    /// what was read, key and metadata each; `None` when nothing could be.
    pub fn synced(
        &mut self,
        sync: &Sync,
        written: bool,
        read: Option<&[(String, String)]>,
        now: Timestamp,
    ) {
        if let Some(counted) = self.subjects.get_mut(sync.subject) {
            counted.synced(&sync.own, written, read, now);
            let next = counted.timing.next.unwrap_or(Timestamp::MAX);
            self.soonest = self.soonest.min(next);
        }
    }

    /// Does at once here what an operator says about a subject; the key to write, so that others do
    /// it as well. `until` is when the last of the subject's keys expires, for a reset.
    pub fn mark(&mut self, name: &str, mark: Mark, until: Timestamp, now: Timestamp) -> Put {
        let put = mark.put(&self.prefix_of(name), until, now);
        self.counted(name, now).apply(mark, now);
        put
    }

    /// Before every key of a subject.
    pub fn prefix_of(&self, name: &str) -> String {
        prefix_of(self.prefix, name)
    }
}

/// Of each namespace those first that have used most, and one of each namespace before the second
/// of any.
fn in_turn(due: &[(Key, u64)]) -> impl Iterator<Item = Key> + '_ {
    let most_used_first = |part: u64| u64::MAX - part;
    let by_namespace = due
        .iter()
        .map(|(key, part)| (key.room(), most_used_first(*part)));
    let by_namespace = in_order(by_namespace);
    let mut turns = vec![0; due.len()];
    for pair in by_namespace.windows(2) {
        let [before, it] = [pair[0], pair[1]];
        if due[before].0.room() == due[it].0.room() {
            turns[it] = turns[before] + 1;
        }
    }
    let by_turn = due
        .iter()
        .zip(turns)
        .map(|((_, part), turn)| (turn, most_used_first(*part)));
    in_order(by_turn).into_iter().map(|place| due[place].0)
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
            .any(|count| count.told.has_news())
            .then(|| Put {
                key: own.clone(),
                value: write_definitions(self.definitions()),
                metadata: write_counts(now, self.records(now)),
                life: self.life(now),
            });
        if put.is_some() {
            self.counts
                .iter_mut()
                .for_each(|count| count.told.tell(now));
        }
        Sync {
            subject,
            own,
            put,
            prefix,
        }
    }

    /// A key says something until the last window that it speaks of has passed.
    fn life(&self, now: Timestamp) -> Duration {
        let counts = self.counts.iter().map(Count::matters_until);
        let until = counts
            .chain(self.kept.iter().map(|count| count.until))
            .max();
        until
            .map_or(Duration::ZERO, |until| until.since(now))
            .max(SHORTEST_LIFE)
    }

    fn synced(
        &mut self,
        own: &str,
        written: bool,
        read: Option<&[(String, String)]>,
        now: Timestamp,
    ) {
        self.timing.under_way = None;
        if !written {
            self.counts.iter_mut().for_each(|count| count.told.fail());
        }
        if let Some(read) = read {
            self.read(own, read, now);
        }
        if written && read.is_some() {
            self.timing.failures = 0;
        } else {
            self.timing.failures = self.timing.failures.saturating_add(1);
        }
        let interval = self.interval(now);
        self.timing.interval = Some(interval);
        if self.timing.next.is_some() || self.counts.iter().any(|count| count.told.has_news()) {
            self.timing.next = self.timing.last.map(|last| last.plus(interval));
        }
    }

    fn read(&mut self, own: &str, read: &[(String, String)], now: Timestamp) {
        // What an operator said is taken back by its key's end too. It may not be shown yet, or may
        // still be shown.
        let lately = |mark: &Mark| mark.at.plus(KV_DELAY).plus(KV_DELAY) > now;
        self.blocks.retain(lately);
        for count in &mut self.counts {
            count.begin_reading(now);
        }
        for (_, metadata) in read.iter().filter(|(key, _)| key != own) {
            // What is of another version, or not ours at all, is not added.
            let Ok((at, records)) = read_counts(metadata) else {
                if let Ok(Some(mark)) = Mark::read(metadata) {
                    self.apply(mark, now);
                }
                continue;
            };
            for record in &records {
                let mut counts = self.counts.iter_mut();
                if let Some(count) = counts.find(|count| count.id() == record.id) {
                    count.add_other(record, at);
                }
            }
        }
    }

    /// Does what an operator said.
    pub(super) fn apply(&mut self, mark: Mark, now: Timestamp) {
        if mark.what == Said::Reset {
            let counts = self.counts.iter_mut();
            counts
                .filter(|count| mark.is_for(count.policy()))
                .for_each(|count| count.reset(mark.at));
            // Of those of which only units are kept the policy is not known: they learn of it when
            // they are asked for.
            let stays = |count: &KeptCount| mark.policy.is_some() || !count.is_before(mark.at);
            self.kept.retain(stays);
        } else {
            keep(&mut self.blocks, mark, now);
        }
    }

    /// Until the next sync: the usual interval, shorter where a limit would be reached soon, longer
    /// after failures.
    fn interval(&self, now: Timestamp) -> Duration {
        if self.timing.failures > 0 {
            let times = 1 << self.timing.failures.min(6);
            return Duration::from_millis(INTERVAL.as_millis() * times / 2).min(LONGEST_INTERVAL);
        }
        let soonest = self.counts.iter().map(|count| time_to_limit(count, now));
        let soonest = soonest.min().unwrap_or(INTERVAL);
        Duration::from_millis(soonest.as_millis() / LOOKS).clamp(SHORTEST_INTERVAL, INTERVAL)
    }
}

/// How long until a limit is reached at the present rate. Once it is, there is no hurry.
fn time_to_limit(count: &Count, now: Timestamp) -> Duration {
    let algorithm = count.limit().algorithm();
    let left = count.estimate(now).view(algorithm, now).remaining;
    let rate = count.total_rate(now);
    if left == 0 || rate == 0 {
        return Duration::from_millis(u64::MAX);
    }
    let millis = u128::from(left) * 1_000_000_000 / u128::from(rate);
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}
