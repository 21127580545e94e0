//! Has go wrong what a scenario says.

use super::{Event, World};
use crate::arrivals::exponential;
use crate::isolate::{Decides, Isolate};
use crate::trouble::Trouble;

/// How long two builds run side by side, in µs.
const SIDE_BY_SIDE: u64 = 5_000_000;
/// By how much the version of a build rises: one is left out.
const RISES: u32 = 2;
/// An alarm of which the step was lost rings again after this long, in µs.
const RINGS_AGAIN: u64 = 2_000_000;
/// So many objects are looked at for one that is awake.
const TRIES: usize = 20;

impl World {
    /// Has it happen some time.
    pub(super) fn expect(&mut self, trouble: Trouble) {
        let troubles = &self.scenario.troubles;
        let every = match trouble {
            Trouble::Crash => troubles.crash,
            Trouble::KillAll => troubles.kill_all,
            Trouble::IsolateEnds => troubles.isolate_ends,
            Trouble::ClockSteps => troubles.clock_steps,
            Trouble::Deploy => troubles.deploy,
            Trouble::DeployRest => 0,
        };
        if every == 0 || !self.is_open() {
            return;
        }
        let wait = match trouble {
            // Rows are read by the next build, not by the one after it: all are cleaned till then.
            Trouble::Deploy => every as f64,
            _ => exponential(&mut self.random) * every as f64,
        };
        self.put((wait * 1_000.0) as u64, Event::Trouble(trouble));
    }

    pub(super) fn trouble(&mut self, trouble: Trouble) {
        if !self.is_open() && trouble != Trouble::DeployRest {
            return;
        }
        match trouble {
            Trouble::Crash => {
                let picked = (0..TRIES).map(|_| self.random.u32(0..self.objects.end().max(1)));
                let picked: Vec<u32> = picked.collect();
                let is_awake =
                    |&it: &u32| self.objects.get(it).is_some_and(|it| it.awake.is_some());
                if let Some(number) = picked.into_iter().find(is_awake) {
                    self.crash(number);
                }
            }
            Trouble::KillAll => {
                self.tally.kills += 1;
                self.replace(|_| true);
            }
            Trouble::IsolateEnds => {
                let place = self.random.u32(0..self.scenario.isolates);
                self.end_isolate(place);
            }
            Trouble::ClockSteps => {
                self.tally.steps += 1;
                self.clocks.step(&mut self.random);
            }
            Trouble::Deploy => {
                self.tally.deploys += 1;
                self.build += RISES;
                self.replace(|number| number % 2 == 0);
                self.put(SIDE_BY_SIDE, Event::Trouble(Trouble::DeployRest));
            }
            Trouble::DeployRest => self.replace(|number| number % 2 == 1),
        }
        self.expect(trouble);
    }

    /// Objects and isolates of these numbers end.
    fn replace(&mut self, which: impl Fn(u32) -> bool) {
        for number in self.objects.numbers() {
            if which(number) && self.objects[number].awake.is_some() {
                self.crash(number);
            }
        }
        for place in 0..self.scenario.isolates {
            if which(place) {
                self.end_isolate(place);
            }
        }
    }

    /// An object loses its memory, what is not durable, and the answers that wait for it.
    fn crash(&mut self, number: u32) {
        self.tally.crashes += 1;
        self.awake -= 1;
        let rule = self.scenario.rule;
        let object = &mut self.objects[number];
        object.store.crash(self.now);
        object.lose_memory();
        object.has_slept = false;
        let unsent = core::mem::take(&mut object.unsent);
        for lost in unsent {
            if let Some(told) = lost.told {
                self.objects[number].judge.died(&rule, told);
            }
            self.replies.take(lost.answer);
            self.give_up(lost.request);
            self.arrived(lost.request);
        }
        self.expect_alarm(number, RINGS_AGAIN);
    }

    /// An isolate ends, and another begins in its place.
    fn end_isolate(&mut self, place: u32) {
        self.tally.ended += 1;
        let isolate = Isolate::new(self.scenario.mode, self.next_life(), self.build);
        let ended = core::mem::replace(&mut self.isolates[place as usize], isolate);
        if let Decides::Eventual(counting) = ended.decides {
            self.lose(&counting);
        }
    }
}
