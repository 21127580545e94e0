//! How a subject stands by all that isolates have told of it: what `GET /limit` shows.

use crate::algorithm::state::Moment;
use crate::calendar::UnknownTimeZone;
use crate::Timestamp;

use super::bounds::{Bounds, Conditions, KV_DELAY};
use super::count::Count;
use super::mark::{Mark, Said};
use super::record::{read_counts, Definition, Purpose, Record};
use super::subject::SubjectCounts;
use super::IsolateCounts;

/// How one limit stands, and how far it may be from the truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountStatus {
    /// The limit.
    pub definition: Definition,
    /// Units left, as far as known.
    pub remaining: u64,
    /// As in a decision.
    pub reset: Timestamp,
    /// How many isolates have counted in this window, those that have ended too.
    pub isolates: u64,
    /// How many units above the limit this window may end with, at the present rate.
    pub over: Bounds,
}

/// What was read of a subject, and when.
struct Reading<'a> {
    records: Vec<(Timestamp, Record)>,
    resets: Vec<Mark>,
    own: Option<&'a SubjectCounts>,
    moment: Moment<'a>,
}

impl IsolateCounts {
    /// How each limit stands that is not idle. `read` is what a list of
    /// [`prefix_of`](IsolateCounts::prefix_of) showed, key and metadata each; `definitions` are
    /// those of the values that [`undefined_in`](IsolateCounts::undefined_in) named.
    pub fn standings(
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
        let mut told = Reading {
            records: Vec::new(),
            resets: Vec::new(),
            own,
            moment,
        };
        for (key, metadata) in read {
            if let Ok((at, records)) = read_counts(metadata) {
                // Of itself an isolate knows more than it has written.
                if Some(key) != own_key.as_ref() {
                    told.records
                        .extend(records.into_iter().map(|record| (at, record)));
                }
            } else if let Ok(Some(mark)) = Mark::read(metadata) {
                told.resets
                    .extend(Some(mark).filter(|mark| mark.what == Said::Reset));
            }
        }
        let known = own.into_iter().flat_map(SubjectCounts::definitions);
        let mut all: Vec<Definition> = Vec::new();
        for definition in known.chain(definitions.iter().cloned()) {
            if all.iter().all(|other| other.id != definition.id) {
                all.push(definition);
            }
        }
        let standings = all.into_iter().map(|definition| told.standing(definition));
        let standings: Result<Vec<_>, _> = standings.collect();
        Ok(standings?.into_iter().flatten().collect())
    }

    /// The keys of those values that tell what the limits are which this isolate does not know; at
    /// most `most`.
    pub fn undefined_in(
        &mut self,
        name: &str,
        read: &[(String, String)],
        most: usize,
    ) -> Vec<String> {
        let key = self.key(name);
        let own = self.subjects.get_mut(key);
        let mut defined: Vec<u64> = own.map_or_else(Vec::new, |counted| {
            counted.counts.iter().map(Count::id).collect()
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
            if keys.len() >= most {
                break;
            }
        }
        keys
    }
}

impl Reading<'_> {
    /// `None` for a limit of which nothing is used.
    fn standing(&self, definition: Definition) -> Result<Option<CountStatus>, UnknownTimeZone> {
        let Some(policy) = definition.policy() else {
            return Ok(None);
        };
        let now = self.moment.now;
        let mut count = Count::fresh(Purpose::Mode, &policy, &definition.limit, self.moment)?;
        let resets = self.resets.iter();
        resets
            .filter(|mark| mark.is_for(&definition.policy))
            .for_each(|mark| count.reset(mark.at));
        count.begin_reading(now);
        let own = self.own.into_iter().flat_map(|own| own.records(now));
        let own = own.map(|record| (now, record));
        let told = self.records.iter().copied().chain(own);
        let isolates = told
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
            limit,
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
