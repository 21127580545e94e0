//! Checks: how they come to isolates, and questions to objects.

use std::ops::Range;

use tollgate_core::decision::Decision;
use tollgate_core::isolate::refusals::CallTimes;
use tollgate_core::message::{Call, MESSAGES};
use tollgate_core::subject_state::STEADY;
use tollgate_core::Duration;
use tollgate_versions::pretended::pretend;

use super::{Event, Request, World};
use crate::arrivals::exponential;
use crate::clocks::true_time;
use crate::fault::Fault;
use crate::isolate::{Decides, Verdict, SECRET};
use crate::object::Object;

/// Within this time there is an answer, or none.
pub(super) const DEADLINE: u64 = 1_000_000;
/// A lease tells of its limit as it was up to so long ago, in ms.
const LEASE: u64 = 2_000;
/// When it is first looked whether an object sleeps.
pub(super) const SLEEPS_AFTER: u64 = 10_000_000;
/// Of a thousand messages one takes so many times as long.
const STRAGGLES: Range<u64> = 10..30;

impl World {
    /// A check comes.
    pub(super) fn arrive(&mut self) -> Result<(), String> {
        let next = self.arrivals.next(self.now, &mut self.random);
        if next < self.scenario.seconds * 1_000_000 {
            self.put(next - self.now, Event::Arrive);
        }
        self.tally.checks += 1;
        let subject = self.arrivals.subject(&mut self.random);
        let object = self.find(subject);
        let place = self.random.u32(0..self.scenario.isolates);
        let (rule, at) = (self.scenario.rule, true_time(self.now).as_millis());
        let it = &mut self.objects[object];
        let is_ideal = it.ideal.admit(&rule, at);
        self.tally.ideal += u64::from(is_ideal);
        let isolate = &mut self.isolates[place as usize];
        let now = self.clocks.read(place, self.now);
        let random = self.random.u64(..);
        let verdict = isolate.decide(&it.name, it.key, &self.item, now, random);
        let mut borrowing = None;
        if let Verdict::Borrow(told) = verdict {
            borrowing = Some(told);
        }
        if let Verdict::Decided(mut decision) = verdict {
            decision.success |= self.scenario.fault == Fault::AdmitsRemembered;
            self.give_back_later(place);
            self.tally.by_isolates += 1;
            self.outcome(decision.success, is_ideal);
            return match isolate_counts(&self.isolates[place as usize].decides) {
                true => self.counted(place, object, decision.success),
                false if decision.success => self.admitted_by_isolate(object, &decision),
                false => Ok(()),
            };
        }
        let operation = self.random.u128(..);
        let request = self.requests.put(Request {
            subject,
            isolate: place,
            life: self.isolates[place as usize].life,
            operation: self.scenario.has_operations.then_some(operation),
            borrowing,
            sent: now,
            sent_at: self.now,
            text: None,
            in_flight: 0,
            is_done: false,
            has_asked_again: false,
            charged_in: None,
            is_ideal,
        });
        self.ask(request);
        Ok(())
    }

    /// An isolate that does not count has admitted: by what it was lent, or by mistake.
    fn admitted_by_isolate(&mut self, object: u32, decision: &Decision) -> Result<(), String> {
        let (rule, it) = (self.scenario.rule, &mut self.objects[object]);
        let reset = decision.limits[0].reset.as_millis();
        let now = true_time(self.now).as_millis();
        let told = it
            .judge
            .told(&rule, reset, now, self.clocks.most() + LEASE)?;
        self.tally.charged += 1;
        it.judge.admitted(&rule, told)
    }

    /// What a caller is told.
    pub(super) fn outcome(&mut self, is_admitted: bool, is_ideal: bool) {
        self.tally.admitted += u64::from(is_admitted);
        self.tally.refused += u64::from(!is_admitted);
        self.tally.early += u64::from(!is_admitted && is_ideal);
        self.tally.digest ^= self.tally.admitted << 32;
    }

    /// The object of a subject.
    pub(super) fn find(&mut self, subject: u64) -> u32 {
        if let Some(&known) = self.by_subject.get(&subject) {
            return known;
        }
        let name = format!("rate-limit:default:u{subject}");
        let key = SECRET.key(&name, &self.item.policy);
        let object = Object::new(subject, name, key, &self.scenario.rule);
        let object = self.objects.put(object);
        self.by_subject.insert(subject, object);
        self.tally.subjects += 1;
        self.tally.most_kept = self.tally.most_kept.max(self.objects.len() as u64);
        self.watch(object, SLEEPS_AFTER);
        object
    }

    /// Sends a request's question.
    pub(super) fn ask(&mut self, request: u32) {
        if self.scenario.is_text && self.requests[request].text.is_none() {
            self.run_as(self.isolates[self.requests[request].isolate as usize].build);
            let call = self.call_of(request);
            self.requests[request].text = Some(call.encode());
        }
        self.send(request, Event::Question { request });
    }

    /// The call of a request, as its isolate makes it.
    pub(super) fn call_of(&self, request: u32) -> Call {
        let mut call = self.call.clone();
        let sent = self.scenario.fault != Fault::ForgetsOperations;
        if let Call::Limit { operation, .. } = &mut call {
            *operation = self.requests[request].operation.filter(|_| sent);
        }
        match self.requests[request].borrowing {
            Some(borrowing) => Call::Borrowing {
                borrowing,
                call: Box::new(call),
            },
            None => call,
        }
    }

    /// Another build runs the next step, where builds differ.
    pub(super) fn run_as(&self, build: u32) {
        if self.scenario.troubles.deploy > 0 {
            pretend(build, build);
        }
    }

    /// Has a message of a request arrive, perhaps late, twice, or never.
    pub(super) fn send(&mut self, request: u32, message: Event) {
        let network = self.scenario.network;
        let luck = self.random.u32(0..1_000_000);
        if luck < network.lost {
            self.tally.lost += 1;
            self.drop_reply(message);
            return self.give_up(request);
        }
        let takes = self.takes();
        self.requests[request].in_flight += 1;
        self.put(takes, message);
        // An answer is read once: of a doubled one the second would change nothing.
        let is_question = matches!(message, Event::Question { .. });
        if is_question && luck - network.lost < network.doubled {
            self.tally.doubled += 1;
            self.requests[request].in_flight += 1;
            let takes = self.takes() + self.random.u64(0..500_000);
            self.put(takes, message);
        }
    }

    /// How long a message takes, in µs.
    pub(super) fn takes(&mut self) -> u64 {
        let network = self.scenario.network;
        let mut more = exponential(&mut self.random) * network.more as f64;
        if self.random.u32(0..1_000) == 0 {
            more *= self.random.u64(STRAGGLES) as f64;
        }
        network.least + (more as u64).min(self.longest())
    }

    /// What a message takes at most: operations are known for two seconds, by a clock that steps.
    const fn longest(&self) -> u64 {
        match self.scenario.has_operations {
            true => DEADLINE / 2,
            false => 3 * DEADLINE,
        }
    }

    /// There will be no answer to this message of a request: its deadline passes.
    pub(super) fn give_up(&mut self, request: u32) {
        let passed = self.now - self.requests[request].sent_at;
        self.requests[request].in_flight += 1;
        self.put(DEADLINE.saturating_sub(passed), Event::Fail { request });
    }

    /// A message of a request has arrived; forgets the request after its last one.
    pub(super) fn arrived(&mut self, request: u32) {
        self.requests[request].in_flight -= 1;
        if self.requests[request].in_flight == 0 {
            let over = self.requests.take(request);
            self.tally.failed += u64::from(over.is_some_and(|it| !it.is_done));
        }
    }

    /// How long a request has taken, by its isolate's clock.
    pub(super) fn times(&self, request: &Request) -> CallTimes {
        CallTimes {
            sent: request.sent,
            received: self.clocks.read(request.isolate, self.now),
        }
    }

    /// The timer of an object whose rows run ahead, as in `src/entry.js`.
    pub(super) fn close_later(&mut self, number: u32) {
        if self.scenario.fault == Fault::ForgetsClosing {
            return;
        }
        let object = &mut self.objects[number];
        let Some(awake) = object.awake.as_mut().filter(|it| !it.is_closing) else {
            return;
        };
        let now = self.clocks.read(awake.machine, self.now);
        if let Some(at) = awake.state.closes_at() {
            awake.is_closing = true;
            object.events += 1;
            let wait: Duration = at.since(now).min(STEADY);
            self.put(wait.as_millis() * 1_000, Event::Close { object: number });
        }
    }

    /// In which version another build has answered, where it could not read the question.
    pub(super) fn version_asked(&self, text: &str) -> Option<tollgate_versions::Version> {
        let (number, _) = tollgate_versions::other_version(text)?;
        MESSAGES.read(number)
    }
}

const fn isolate_counts(decides: &Decides) -> bool {
    matches!(decides, Decides::Eventual(_))
}
