//! An object beside its answers: it wakes, writes, closes rows, cleans, sleeps, and is gone.

use tollgate_core::subject_state::{Effects, Write};
use tollgate_core::Timestamp;

use super::asks::SLEEPS_AFTER;
use super::{Event, World};
use crate::clocks::{true_time, START};
use crate::fault::Fault;
use crate::object::moment;
use crate::scenario::Mode;

/// An alarm rings so late at most, in µs.
const ALARM_LATE: u64 = 100_000;

impl World {
    /// Loads an object's state if it is not in memory, and reads its clock.
    pub(super) fn wake(&mut self, number: u32) -> Result<Timestamp, String> {
        let rule = self.scenario.rule;
        if self.objects[number].awake.is_none() {
            let machine = self.clocks.pick(&mut self.random);
            let life = self.next_life();
            self.run_as(self.build);
            let object = &mut self.objects[number];
            object.store.settle(self.now);
            let state = object.load(self.scenario.fault != Fault::ForgetsRows);
            object.wake(state, machine, self.build, life);
            self.awake += 1;
            self.tally.most_awake = self.tally.most_awake.max(self.awake);
            let now = self.clock_of(machine);
            self.read(number, now);
            let object = &mut self.objects[number];
            if let Some(awake) = &object.awake {
                let end = |at: u64| at - at % rule.window + rule.window;
                let window = awake.window(now);
                let (end, used) = window.unwrap_or((end(now.as_millis()), 0));
                let is_exact = self.scenario.mode != Mode::Leased;
                let has_slept = object.has_slept;
                object.judge.woke(&rule, (end, used), has_slept, is_exact)?;
            }
            self.watch(number, SLEEPS_AFTER);
            return Ok(now);
        }
        let machine = self.objects[number].awake.as_ref().map(|it| it.machine);
        let now = self.clock_of(machine.unwrap_or_default());
        self.read(number, now);
        Ok(now)
    }

    fn clock_of(&self, machine: u32) -> Timestamp {
        let now = self.clocks.read(machine, self.now);
        match self.scenario.fault {
            Fault::WrongClock => {
                Timestamp::from_millis(now.as_millis() + self.scenario.rule.window)
            }
            _ => now,
        }
    }

    fn read(&mut self, number: u32, now: Timestamp) {
        let judge = &mut self.objects[number].judge;
        let is_behind = judge.reads(&self.scenario.rule, now.as_millis());
        self.tally.behind += u64::from(is_behind);
    }

    /// Writes what a step changes. `rang`: the step was that of an alarm.
    pub(super) fn commit(&mut self, number: u32, mut effects: Effects, rang: bool) {
        if effects.writes.is_empty() && effects.alarm.is_none() && !rang {
            return;
        }
        match self.scenario.fault {
            Fault::ForgetsWrites if self.random.u32(0..20) == 0 => {
                effects.writes.retain(|it| matches!(it, Write::DeleteAll));
            }
            Fault::ForgetsAlarms => effects.alarm = None,
            _ => {}
        }
        self.tally.rows += effects.writes.len() as u64;
        let durable_at = self.now + self.random.u64(0..=self.scenario.network.durable);
        let store = &mut self.objects[number].store;
        store.settle(self.now);
        match rang {
            true => store.commit_ring(effects, durable_at),
            false => store.commit(effects, durable_at),
        }
        self.expect_alarm(number, 0);
    }

    /// Has the alarm ring that storage has, at the earliest after so long.
    pub(super) fn expect_alarm(&mut self, number: u32, after: u64) {
        let object = &mut self.objects[number];
        let alarm = object.store.alarm();
        if alarm == object.rings_at {
            return;
        }
        object.rings_at = alarm;
        if let Some(at) = alarm {
            object.events += 1;
            let due = (at.as_millis() - START) * 1_000;
            let late = self.random.u64(0..ALARM_LATE);
            let wait = due.saturating_sub(self.now).max(after);
            self.put(wait + late, Event::Alarm { object: number });
        }
    }

    /// An alarm is due, unless it was set anew.
    pub(super) fn ring(&mut self, number: u32) -> Result<(), String> {
        let object = &mut self.objects[number];
        object.events -= 1;
        let is_due = object.rings_at.is_some_and(|at| at <= true_time(self.now));
        if !is_due {
            return Ok(());
        }
        object.rings_at = None;
        let now = self.wake(number)?;
        let object = &mut self.objects[number];
        let mut effects = Effects::default();
        if let Some(awake) = &mut object.awake {
            awake.last = self.now;
            let cleaned = awake.state.clean(moment(now), &mut effects);
            cleaned.map_err(|wrong| format!("not cleaned: {wrong}"))?;
        }
        if effects.writes == [Write::DeleteAll] {
            object.judge.deleted(now.as_millis());
        }
        self.commit(number, effects, true);
        Ok(())
    }

    /// Writes exact what ran ahead, as `src/entry.js` has it done.
    pub(super) fn close(&mut self, number: u32) -> Result<(), String> {
        let object = &mut self.objects[number];
        object.events -= 1;
        let Some(awake) = object.awake.as_mut().filter(|it| it.is_closing) else {
            return Ok(()); // that life is over
        };
        awake.is_closing = false;
        let now = self.wake(number)?;
        let mut effects = Effects::default();
        if let Some(awake) = &mut self.objects[number].awake {
            awake.state.close(moment(now), &mut effects);
        }
        self.commit(number, effects, false);
        self.close_later(number);
        Ok(())
    }

    /// Looks after so long whether an object sleeps, or is gone.
    pub(super) fn watch(&mut self, number: u32, after: u64) {
        let object = &mut self.objects[number];
        if !core::mem::replace(&mut object.is_idle_timed, true) {
            object.events += 1;
            self.put(after, Event::Idle { object: number });
        }
    }

    /// An object sleeps that was not called for ten seconds; a subject of which nothing is left is
    /// gone.
    pub(super) fn idle(&mut self, number: u32) -> Result<(), String> {
        let (now, rule) = (self.now, self.scenario.rule);
        let object = &mut self.objects[number];
        object.events -= 1;
        object.is_idle_timed = false;
        if let Some(awake) = &object.awake {
            let sleeps_at = awake.last + SLEEPS_AFTER;
            if sleeps_at > now || awake.is_closing {
                let wait = sleeps_at.saturating_sub(now).max(1);
                self.watch(number, wait);
                return Ok(());
            }
            object.store.settle(now);
            object.lose_memory();
            object.has_slept = true;
            self.awake -= 1;
            self.tally.sleeps += 1;
        }
        object.store.settle(now);
        if !object.store.is_empty() || object.rings_at.is_some() || object.events > 0 {
            return Ok(()); // its alarm comes
        }
        let judged = object
            .judge
            .idle_from(&rule)
            .max(object.ideal.idle_from(&rule));
        let wait = (judged + self.clocks.most() + 1).saturating_sub(true_time(now).as_millis());
        if wait > 0 {
            self.watch(number, wait * 1_000);
        } else if let Some(gone) = self.objects.take(number) {
            self.by_subject.remove(&gone.subject);
        }
        Ok(())
    }
}
