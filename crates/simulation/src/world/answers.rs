//! Questions at objects, answers through the gate, and what isolates make of them.

use tollgate_core::decision::Decision;
use tollgate_core::message::{in_version, Answer, Call, MESSAGES};
use tollgate_versions::Version;

use super::asks::DEADLINE;
use super::{Event, Reply, World};
use crate::clocks::true_time;
use crate::fault::Fault;
use crate::judge::Told;
use crate::object::Unsent;

/// Of so many steps of an object one is looked at closely: what it counts.
const LOOKS: u32 = 128;
/// And of so many that one waits are tried, on a copy of all that it knows.
const TRIES: u32 = 8;

impl World {
    /// A question reaches its object.
    pub(super) fn question(&mut self, request: u32) -> Result<(), String> {
        let number = self.find(self.requests[request].subject);
        let now = self.wake(number)?;
        self.tally.calls += 1;
        let build = self.objects[number].awake.as_ref().map_or(0, |it| it.build);
        let mut call = None;
        let mut version = None;
        if let Some(text) = &self.requests[request].text {
            self.run_as(build);
            match Call::decode(text) {
                Ok((asked_in, decoded)) => (version, call) = (Some(asked_in), Some(decoded)),
                Err(_) => {
                    let reply = Reply::Text(MESSAGES.other());
                    return self.reply(number, request, reply, None);
                }
            }
        }
        let operation = self.requests[request].operation;
        let is_plain = operation.is_none() && self.requests[request].borrowing.is_none();
        let call = match &call {
            Some(call) => call,
            None if is_plain => &self.call,
            None => &self.call_of(request),
        };
        let object = &mut self.objects[number];
        let Some(awake) = object.awake.as_mut() else {
            return Err("nobody is awake".to_owned());
        };
        awake.last = self.now;
        let (answer, effects) = awake.answer(call, now);
        let life = awake.life;
        let Answer::Decided(decisions) = &answer else {
            return Err(format!("no decision: {answer:?}"));
        };
        let decision = &decisions[0];
        // Under its number a question that comes again is charged once, as long as that is known.
        let is_first = operation.is_none() || self.requests[request].charged_in != Some(life);
        let mut told = None;
        if decision.success && is_first {
            self.requests[request].charged_in = Some(life);
            told = Some(self.told(number, decision)?);
        }
        self.commit(number, effects, false);
        self.close_later(number);
        if self.random.u32(0..LOOKS) == 0 {
            self.look(number, now, told.is_some())?;
            if self.random.u32(0..TRIES) == 0 {
                self.try_wait(number, decision, now)?;
            }
        }
        let reply = match version {
            Some(version) => Reply::Text(answer.encode_in(version)),
            None => Reply::Value(answer),
        };
        self.reply(number, request, reply, told)
    }

    /// What an admission says of when it counts.
    fn told(&self, number: u32, decision: &Decision) -> Result<Told, String> {
        let reset = decision.limits[0].reset.as_millis();
        let now = true_time(self.now).as_millis();
        let off = self.clocks.most() + 1;
        let judge = &self.objects[number].judge;
        judge.told(&self.scenario.rule, reset, now, off)
    }

    /// Sends an answer, once what it rests on is durable.
    fn reply(
        &mut self,
        number: u32,
        request: u32,
        reply: Reply,
        told: Option<Told>,
    ) -> Result<(), String> {
        let answer = self.replies.put(reply);
        let object = &mut self.objects[number];
        let durable_at = object.store.durable_at();
        let has_to_wait = durable_at > self.now || !object.unsent.is_empty();
        if !has_to_wait || self.scenario.fault == Fault::AnswersEarly {
            return self.leave(number, request, answer, told);
        }
        object.unsent.push_back(Unsent {
            leaves_at: durable_at,
            request,
            answer,
            told,
        });
        object.events += 1;
        self.put(
            durable_at.saturating_sub(self.now),
            Event::Gate { object: number },
        );
        Ok(())
    }

    /// Answers leave of which all is durable.
    pub(super) fn open_gate(&mut self, number: u32) -> Result<(), String> {
        self.objects[number].events -= 1;
        loop {
            let unsent = &mut self.objects[number].unsent;
            if unsent.front().is_none_or(|it| it.leaves_at > self.now) {
                return Ok(());
            }
            let Some(next) = unsent.pop_front() else {
                return Ok(());
            };
            self.leave(number, next.request, next.answer, next.told)?;
        }
    }

    fn leave(
        &mut self,
        number: u32,
        request: u32,
        answer: u32,
        told: Option<Told>,
    ) -> Result<(), String> {
        if let Some(told) = told {
            self.tally.charged += 1;
            self.objects[number]
                .judge
                .admitted(&self.scenario.rule, told)?;
        }
        self.send(request, Event::Answer { request, answer });
        self.arrived(request);
        Ok(())
    }

    /// An answer is lost.
    pub(super) fn drop_reply(&mut self, message: Event) {
        if let Event::Answer { answer, .. } = message {
            self.replies.take(answer);
        }
    }

    /// An answer reaches its isolate.
    pub(super) fn answer(&mut self, request: u32, answer: u32) -> Result<(), String> {
        let Some(reply) = self.replies.take(answer) else {
            return Err("an answer came twice".to_owned());
        };
        let asked = &self.requests[request];
        let isolate = &mut self.isolates[asked.isolate as usize];
        if asked.is_done || isolate.life != asked.life {
            self.arrived(request);
            return Ok(());
        }
        if self.now - asked.sent_at > DEADLINE {
            self.fail(request);
            return Ok(());
        }
        let build = isolate.build;
        let answer = match reply {
            Reply::Value(answer) => answer,
            Reply::Text(text) => {
                self.run_as(build);
                if let Some(version) = self.version_asked(&text) {
                    return self.ask_again(request, version);
                }
                Answer::decode(&text).map_err(|wrong| format!("unreadable: {wrong}"))?
            }
        };
        let Answer::Decided(decisions) = &answer else {
            return Err(format!("no decision: {answer:?}"));
        };
        let decision = &decisions[0];
        let asked = &self.requests[request];
        let times = self.times(asked);
        let (place, subject, is_ideal) = (asked.isolate, asked.subject, asked.is_ideal);
        if let Some(&number) = self.by_subject.get(&subject) {
            let key = self.objects[number].key;
            let borrowing = self.requests[request].borrowing;
            let isolate = &mut self.isolates[place as usize];
            isolate.learn(key, &self.item, borrowing.as_ref(), times, decision);
            self.give_back_later(place);
        }
        self.outcome(decision.success, is_ideal);
        self.requests[request].is_done = true;
        self.arrived(request);
        Ok(())
    }

    /// Asks once more, in the version of the object; not again where a doubled question has had it
    /// say so twice.
    fn ask_again(&mut self, request: u32, version: Version) -> Result<(), String> {
        let asked = &mut self.requests[request];
        if !core::mem::replace(&mut asked.has_asked_again, true) {
            let again = in_version(asked.text.as_deref().unwrap_or_default(), version);
            asked.text = Some(again.ok_or("no version is common to two builds")?);
            self.ask(request);
        }
        self.arrived(request);
        Ok(())
    }

    /// There is no answer in time.
    pub(super) fn fail(&mut self, request: u32) {
        let asked = &mut self.requests[request];
        if !core::mem::replace(&mut asked.is_done, true) {
            self.tally.failed += 1;
            let isolate = &mut self.isolates[asked.isolate as usize];
            if isolate.life == asked.life {
                if let Some(&number) = self.by_subject.get(&asked.subject) {
                    isolate.fail(self.objects[number].key, asked.borrowing.as_ref());
                }
            }
        }
        self.arrived(request);
    }
}
