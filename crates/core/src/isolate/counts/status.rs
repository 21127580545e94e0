//! The status of a subject from the counts of all isolates, for `GET /limit`.

use crate::algorithm::state::Moment;
use crate::calendar::UnknownTimeZone;
use crate::Timestamp;

use super::bounds::{Bounds, Conditions, KV_DELAY};
use super::command::{Command, Instruction};
use super::count::Count;
use super::record::{read_counts, Definition, Purpose, Record};
use super::subject::SubjectCounts;
use super::IsolateCounts;

/// The status of one limit, and its possible excess.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountStatus {
    /// The limit.
    pub definition: Definition,
    /// Estimated units left.
    pub remaining: u64,
    /// When the limit is full again, as in a decision.
    pub reset: Timestamp,
    /// Number of isolates that have counted in this window, ended ones included.
    pub isolates: u64,
    /// Units above the limit that this window may admit, at the current rate.
    pub over: Bounds,
}

/// The texts read for a subject, and the time.
struct Reading<'a> {
    records: Vec<(Timestamp, Record)>,
    resets: Vec<Instruction>,
    own: Option<&'a SubjectCounts>,
    moment: Moment<'a>,
}

impl IsolateCounts {
    /// The status of each limit that is not idle. `read`: key and metadata of each key listed under
    /// [`prefix_of`](IsolateCounts::prefix_of). `definitions`: from the values of the keys that
    /// [`missing_definitions`](IsolateCounts::missing_definitions) returned.
    pub fn statuses(
        &mut self,
        name: &str,
        read: &[(String, String)],
        definitions: &[Definition],
        moment: Moment,
    ) -> Result<Vec<CountStatus>, UnknownTimeZone> {
        let prefix = self.prefix_of(name);
        let key = self.key(name);
        let own = self.subjects.get_mut(key).map(|counted| &*counted);
        let own_key = own.map(|counted| counted.writer.key(&prefix, &self.isolate));
        let mut reading = Reading {
            records: Vec::new(),
            resets: Vec::new(),
            own,
            moment,
        };
        for (key, metadata) in read {
            if let Ok((at, records)) = read_counts(metadata) {
                // The isolate's own counts are newer than its published ones.
                if Some(key) != own_key.as_ref() {
                    reading
                        .records
                        .extend(records.into_iter().map(|record| (at, record)));
                }
            } else if let Ok(Some(instruction)) = Instruction::read(metadata) {
                reading.resets.extend(
                    Some(instruction).filter(|instruction| instruction.command == Command::Reset),
                );
            }
        }
        let known = own.into_iter().flat_map(SubjectCounts::definitions);
        let mut all: Vec<Definition> = Vec::new();
        for definition in known.chain(definitions.iter().cloned()) {
            if all.iter().all(|other| other.id != definition.id) {
                all.push(definition);
            }
        }
        let statuses = all
            .into_iter()
            .map(|definition| reading.status_of(definition));
        let statuses: Result<Vec<_>, _> = statuses.collect();
        Ok(statuses?.into_iter().flatten().collect())
    }

    /// Keys whose values define limits unknown to this isolate, at most `max`.
    pub fn missing_definitions(
        &mut self,
        name: &str,
        read: &[(String, String)],
        max: usize,
    ) -> Vec<String> {
        let key = self.key(name);
        let own = self.subjects.get_mut(key);
        let mut defined: Vec<u64> = own.map_or_else(Vec::new, |counted| {
            counted
                .counts
                .iter()
                .map(|count| count.limit.id())
                .collect()
        });
        let mut keys = Vec::new();
        for (key, metadata) in read {
            let Ok((_, records)) = read_counts(metadata) else {
                continue;
            };
            let ids = records.iter().map(|record| record.id);
            let news: Vec<u64> = ids.filter(|id| !defined.contains(id)).collect();
            if !news.is_empty() {
                defined.extend(news);
                keys.push(key.clone());
            }
            if keys.len() >= max {
                break;
            }
        }
        keys
    }
}

impl Reading<'_> {
    /// `None` for a limit of which nothing is used.
    fn status_of(&self, told: Definition) -> Result<Option<CountStatus>, UnknownTimeZone> {
        let definition = Definition {
            limit: told.limit.in_force(None, self.moment)?,
            ..told
        };
        let Some(policy) = definition.policy() else {
            return Ok(None);
        };
        let now = self.moment.now;
        let mut count = Count::fresh(Purpose::Mode, &policy, &definition.limit, self.moment)?;
        let resets = self.resets.iter();
        resets
            .filter(|instruction| instruction.is_for(&definition.policy))
            .for_each(|instruction| count.reset(instruction.at));
        count.begin_reading(now);
        let own = self.own.into_iter().flat_map(|own| own.records(now));
        let own = own.map(|record| (now, record));
        let published = self.records.iter().copied().chain(own);
        let isolates = published
            .filter(|(_, record)| record.id == definition.id)
            .filter(|(at, record)| count.add_other(record, *at))
            .count();
        let algorithm = definition.limit.algorithm();
        let limit = algorithm.limit();
        let view = count.estimate(now).view(algorithm, now);
        if view.remaining >= limit && limit > 0 {
            return Ok(None);
        }
        let conditions = Conditions {
            limit: definition.limit.largest().algorithm().limit(),
            isolates: isolates as u64,
            rate: count.total_rate(now),
            delay: KV_DELAY,
        };
        Ok(Some(CountStatus {
            definition,
            remaining: view.remaining,
            reset: view.reset,
            isolates: conditions.isolates,
            over: conditions.bounds(),
        }))
    }
}
