//! Checks that isolates decide by counting, and KV.

use tollgate_core::isolate::counts::INTERVAL;

use super::{Event, World};
use crate::clocks::true_time;
use crate::fault::Fault;
use crate::isolate::{Counted, Counting, Decides};
use crate::recent::Recent;

/// The Worker looks once a second what is due, in ms.
const TICK: u64 = 1_000;
/// So many subjects are synchronised at once.
const AT_ONCE: usize = 100;

impl World {
    /// An isolate has decided by counting.
    pub(super) fn counted(
        &mut self,
        place: u32,
        object: u32,
        is_admitted: bool,
    ) -> Result<(), String> {
        self.count_on(place);
        let now = true_time(self.now).as_millis();
        let (subject, rule) = (self.objects[object].subject, self.scenario.rule);
        let isolate = &mut self.isolates[place as usize];
        let life = isolate.life;
        let Decides::Eventual(counting) = &mut isolate.decides else {
            return Ok(());
        };
        let prefix = counting.counts.prefix_of(&self.objects[object].name);
        let counted = counting.subjects.entry(prefix).or_insert_with(|| Counted {
            subject,
            ..Counted::default()
        });
        if !is_admitted {
            return Ok(());
        }
        self.tally.charged += 1;
        counted.unwritten += 1;
        // One that has not asked for a while reads within a second, and until then decides by what
        // it knew: within the limit by itself, and in the bounds of all others.
        let interval = INTERVAL.as_millis() + TICK;
        let is_blind = counted.read.is_none_or(|read| read + interval < now);
        let span = 2 * interval + self.scenario.network.kv;
        let recent = self.recent.entry(subject).or_default();
        if recent.end <= now {
            *recent = Recent {
                end: now - now % rule.window + rule.window,
                ..Recent::default()
            };
        }
        while let Some(&(then, who)) = recent.unknown.front() {
            if then + span >= now {
                break;
            }
            recent.unknown.pop_front();
            if let Some(known) = recent.unknown_of.get_mut(&who) {
                *known -= 1;
            }
        }
        recent.admitted += 1;
        let own = recent.unknown_of.entry(life).or_default();
        let most = rule.limit + recent.unknown.len() as u64 - *own + recent.lost;
        *own += 1;
        recent.unknown.push_back((now, life));
        match is_blind || recent.admitted <= most {
            true => Ok(()),
            false => Err(format!("{} admitted, at most {most}", recent.admitted)),
        }
    }

    /// Has an isolate look what it has to write, as long as it has.
    fn count_on(&mut self, place: u32) {
        let isolate = &mut self.isolates[place as usize];
        let life = isolate.life;
        if let Decides::Eventual(counting) = &mut isolate.decides {
            if !core::mem::replace(&mut counting.is_timed, true) {
                let event = Event::Synchronise {
                    isolate: place,
                    life,
                };
                self.put(TICK * 1_000, event);
            }
        }
    }

    /// An isolate writes its counts and reads those of others.
    pub(super) fn synchronise(&mut self, place: u32, life: u32) {
        let at = self.clocks.read(place, self.now);
        let now = true_time(self.now).as_millis();
        let isolate = &mut self.isolates[place as usize];
        let Decides::Eventual(counting) = &mut isolate.decides else {
            return;
        };
        if isolate.life != life {
            return;
        }
        for sync in counting.counts.due(at, AT_ONCE) {
            let puts = sync.put.iter().chain(&sync.told);
            for put in puts {
                let seen_from = now + self.random.u64(0..=self.scenario.network.kv);
                self.kv
                    .put(put.key.clone(), seen_from, put.metadata.clone());
            }
            let mut read = self.kv.list(&sync.prefix, now);
            if self.scenario.fault == Fault::NeverReads {
                read.clear();
            }
            counting.counts.record_sync(&sync, true, Some(&read), at);
            if let Some(counted) = counting.subjects.get_mut(&sync.prefix) {
                counted.read = Some(now);
                counted.unwritten *= u64::from(sync.put.is_none());
            }
        }
        counting.is_timed = false;
        if counting.counts.next_due().is_some() && self.is_open() {
            self.count_on(place);
        }
    }

    /// What an isolate that has ended had not written.
    pub(super) fn lose(&mut self, ended: &Counting) {
        for counted in ended.subjects.values() {
            if let Some(recent) = self.recent.get_mut(&counted.subject) {
                recent.lost += counted.unwritten;
            }
        }
    }
}
