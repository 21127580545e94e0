//! Who asks most, in all isolates together: they are always recorded, whatever the sample, because
//! a few of them make up most of all requests.
//!
//! Each isolate tells whom it has seen most of each policy since it told last; the object adds that
//! up and answers with the list of all. A subject that joins the list does so at an instant that
//! every isolate with requests has heard of by then, so that all of them begin at once. The list is
//! in memory alone: an object that has slept takes it over from the isolate that tells first.

use tollgate_core::{Duration, Timestamp};

use crate::sketch::Sketch;

/// So many of each policy join the list.
pub const BUSIEST: usize = 64;
/// As long as a subject is among so many it stays, so that nobody joins and leaves all the time.
const STAYING: usize = 2 * BUSIEST;
/// How many counters a sketch has.
pub const COUNTERS: usize = 4 * BUSIEST;
/// How long after it was found a subject joins: by then each isolate has sent a parcel, and another
/// one if that was lost.
pub const JOINS_AFTER: Duration = Duration::from_secs(30);
/// After so long what is past counts for half.
const HALVED: Duration = Duration::from_secs(3_600);
/// How many policies have a sketch of their own.
const MAX_POLICIES: usize = 256;

/// Subjects by the hashes of their names, with the instants at which they join.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List(Vec<(u64, Timestamp)>);

impl List {
    /// With the subjects of these hashes.
    pub fn of(pairs: &[(u64, Timestamp)]) -> List {
        // Numbers, as others sort them: each kind of sorting is kilobytes of the Worker.
        let key = |(hash, from): &(u64, Timestamp)| (*hash, from.as_millis(), 0_usize);
        let mut keys: Vec<_> = pairs.iter().map(key).collect();
        keys.sort_unstable();
        let mut list: Vec<(u64, Timestamp)> = Vec::new();
        for (hash, from, _) in keys {
            let is_known = list.last().is_some_and(|(last, _)| *last == hash);
            if !is_known && list.len() < MAX_LIST {
                list.push((hash, Timestamp::from_millis(from)));
            }
        }
        List(list)
    }

    /// When the subject of this hash joins, if it is on the list.
    pub fn joins(&self, hash: u64) -> Option<Timestamp> {
        let place = self.0.binary_search_by_key(&hash, |(hash, _)| *hash);
        place.ok().map(|place| self.0[place].1)
    }

    /// All of them, in the order of their hashes.
    pub fn all(&self) -> &[(u64, Timestamp)] {
        &self.0
    }
}

/// The busiest subjects of one namespace.
#[derive(Debug, Default)]
pub struct Busiest {
    /// Of each policy.
    sketches: Vec<(String, Sketch)>,
    list: List,
    halved: Option<Timestamp>,
}

impl Busiest {
    /// An isolate has this list: it is taken over by an object that has none.
    pub fn adopt(&mut self, list: &List) {
        if self.sketches.is_empty() && self.list.all().is_empty() {
            self.list = list.clone();
        }
    }

    /// An isolate has seen these of a policy most.
    pub fn add(&mut self, policy: &str, seen: &[(u64, u64)]) {
        let known = self.sketches.iter().position(|(name, _)| name == policy);
        let place = known.unwrap_or(self.sketches.len());
        if known.is_none() {
            if self.sketches.len() >= MAX_POLICIES {
                return;
            }
            let sketch = Sketch::new(COUNTERS);
            self.sketches.push((policy.to_owned(), sketch));
        }
        let (_, sketch) = &mut self.sketches[place];
        seen.iter()
            .for_each(|&(hash, count)| sketch.add(hash, count));
    }

    /// The list as it is to be from now on.
    pub fn list(&mut self, now: Timestamp) -> &List {
        let halved = *self.halved.get_or_insert(now);
        if now.since(halved) >= HALVED || now < halved {
            self.sketches.iter_mut().for_each(|(_, it)| it.halve());
            self.halved = Some(now);
        }
        let (mut list, mut are_few) = (Vec::new(), true);
        for (_, sketch) in &self.sketches {
            let busiest = sketch.busiest();
            are_few &= busiest.len() < BUSIEST;
            for (place, (hash, _)) in busiest.into_iter().take(STAYING).enumerate() {
                match self.list.joins(hash) {
                    Some(from) => list.push((hash, from)),
                    None if place < BUSIEST => list.push((hash, now.plus(JOINS_AFTER))),
                    None => {}
                }
            }
        }
        // Whom a list that was taken over names may only not have asked yet.
        if are_few {
            list.extend_from_slice(self.list.all());
        }
        self.list = List::of(&list);
        &self.list
    }
}

/// The most subjects on the list, of all policies.
const MAX_LIST: usize = 4_096;
