//! What isolates have borrowed and give back.

use tollgate_core::lease::Returned;
use tollgate_core::message::{Answer, Call};

use super::{Event, World};
use crate::fault::Fault;
use crate::isolate::Decides;

impl World {
    /// Has an isolate look what it has to give back, as soon as there is something.
    pub(super) fn give_back_later(&mut self, place: u32) {
        let now = self.clocks.read(place, self.now);
        let isolate = &mut self.isolates[place as usize];
        let life = isolate.life;
        let Decides::Leased(lent) = &mut isolate.decides else {
            return;
        };
        if lent.is_timed {
            return;
        }
        if let Some(wait) = lent.leases.wait(now) {
            lent.is_timed = true;
            let event = Event::GiveBack {
                isolate: place,
                life,
            };
            self.put(wait.as_millis().max(1) * 1_000, event);
        }
    }

    /// Gives back what is due: nobody waits for an answer.
    pub(super) fn give_back(&mut self, place: u32, life: u32) {
        let now = self.clocks.read(place, self.now);
        let isolate = &mut self.isolates[place as usize];
        if isolate.life != life {
            return;
        }
        let Decides::Leased(lent) = &mut isolate.decides else {
            return;
        };
        lent.is_timed = false;
        for (object, mut returned) in lent.leases.take_due(now) {
            // Names end with the number of their subject.
            let subject = object.rsplit('u').next().and_then(|it| it.parse().ok());
            if self.scenario.fault == Fault::ForgetsSpent {
                returned.spent = 0;
            }
            self.send_back((subject.unwrap_or_default(), returned));
        }
        self.give_back_later(place);
    }

    /// Sends what is given back: it comes once, twice or not at all.
    fn send_back(&mut self, returned: (u64, Returned)) {
        let network = self.scenario.network;
        let luck = self.random.u32(0..1_000_000);
        let copies = match luck {
            _ if luck < network.lost => 0,
            _ if luck - network.lost < network.doubled => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let number = self.returns.put(returned);
            let takes = self.takes();
            self.put(takes, Event::Returned { number });
        }
    }

    /// What is given back reaches its object.
    pub(super) fn returned(&mut self, number: u32) -> Result<(), String> {
        let Some((subject, returned)) = self.returns.take(number) else {
            return Err("what is given back came twice".to_owned());
        };
        let object = self.find(subject);
        let now = self.wake(object)?;
        self.tally.calls += 1;
        let Some(awake) = self.objects[object].awake.as_mut() else {
            return Err("nobody is awake".to_owned());
        };
        awake.last = self.now;
        let (answer, effects) = awake.answer(&Call::Return(returned), now);
        self.commit(object, effects, false);
        self.close_later(object);
        match answer {
            Answer::Done => Ok(()),
            other => Err(format!("not taken back: {other:?}")),
        }
    }
}
