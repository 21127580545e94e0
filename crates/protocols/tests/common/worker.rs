//! A Worker that asks several objects, all or nothing: carries out what [`Multi`] wants done, as
//! `src/decide/together` does.

use core::hash::{Hash, Hasher};

use tollgate_core::decide::{Check, OnExpiry};
use tollgate_core::decision::{Decision, Reason, Source};
use tollgate_core::message::{Answer, Call, Holding};
use tollgate_core::multi::{Asked, Effect, Event, Message, Multi, Reply, Terms};
use tollgate_core::subject_state::{Home, Item};
use tollgate_core::Duration;

use super::wire::{Envelope, Wire};
use super::{moment, policy, TICK};

/// What makes the bits of a permit of the operation that takes it.
const MASK: u128 = 0xff00;
const DEADLINE: Duration = Duration::from_secs(1);

/// What a request asks for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The objects, in the order of the entries.
    pub(crate) objects: Vec<usize>,
    /// By what name the Worker knows each object: those of the second round are asked in the order
    /// of their names.
    pub(crate) names: [&'static str; 2],
    pub(crate) cost: u64,
    /// Whether what is admitted is held.
    pub(crate) holds: Option<OnExpiry>,
    /// Whether each entry is answered, also where another one refuses.
    pub(crate) answers_all: bool,
    /// Whether its failure modes admit in place of an object that is silent.
    pub(crate) is_open: bool,
    /// Whether its messages take so long that there is no time to ask again.
    pub(crate) is_slow: bool,
    /// Whether a carrier that is wrong leaves the home's other parts out.
    pub(crate) forgets_parts: bool,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum End {
    Admitted,
    Refused,
    /// It could not be decided.
    Failed,
    /// The Worker died.
    Died,
}

/// One request, and the Worker that decides it.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    /// Which one it is.
    name: usize,
    request: Request,
    multi: Option<Multi<()>>,
    /// All that the machine was told, which is all that it knows.
    told: Vec<String>,
    /// The messages that it waits for, and their replies.
    messages: Vec<(Message, Option<Reply<()>>)>,
    /// How many operations it has begun.
    operations: u128,
    /// Objects that have answered that they charged, each under which operation.
    pub(crate) charged: Vec<(usize, u128)>,
    pub(crate) end: Option<End>,
    /// After how long the replies are there at the earliest, where messages take time.
    pub(crate) ready_in: u8,
}

impl Worker {
    pub(crate) fn new(name: usize, request: Request) -> Worker {
        Worker {
            name,
            request,
            multi: None,
            told: Vec::new(),
            messages: Vec::new(),
            operations: 0,
            charged: Vec::new(),
            end: None,
            ready_in: 0,
        }
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.multi.is_some()
    }

    /// Whether anything is left to be done by it.
    pub(crate) fn is_over(&self) -> bool {
        self.end.is_some()
    }

    /// Which Worker has begun this operation.
    pub(crate) fn of_operation(operation: u128) -> usize {
        (operation >> 4) as usize - 1
    }

    /// The operation of the present round.
    pub(crate) fn operation(&self) -> u128 {
        (self.name as u128 + 1) << 4 | self.operations
    }

    /// Whether it has asked once more.
    pub(crate) fn has_asked_again(&self) -> bool {
        self.operations > 1
    }

    /// The permit that the present round takes.
    pub(crate) fn permit(&self) -> u128 {
        self.operation() ^ MASK
    }

    /// Begins to ask.
    pub(crate) fn begin(&mut self, wire: &mut Wire) {
        let request = self.request.clone();
        let asked = |&object: &usize| Asked {
            object: request.names[object],
            is_peek: false,
            remembered: None,
            refused_last: false,
            gives_back: false,
        };
        let asked = request.objects.iter().map(asked).collect();
        let terms = Terms {
            answers_all: request.answers_all,
            is_revocable: false,
            deadline: DEADLINE,
        };
        let mut random = Random::of(self);
        let begun = moment(0).now;
        let (multi, effects) = Multi::begin(asked, terms, begun, &mut || random.next());
        self.operations = random.operations;
        self.multi = Some(multi);
        self.carry_out(effects, wire);
    }

    /// The replies that it waits for by now are all there.
    pub(crate) fn is_answered(&self) -> bool {
        let waits = self.has_begun() && !self.is_over();
        waits && self.messages.iter().all(|(_, reply)| reply.is_some())
    }

    /// It waits for this reply, or has it and might have lost it.
    pub(crate) fn may_give_up(&self, place: usize) -> bool {
        let waits = self.has_begun() && !self.is_over();
        let message = self.messages.get(place).filter(|_| waits);
        message.is_some_and(|(_, reply)| !matches!(reply, Some(Reply::Silent { .. })))
    }

    pub(crate) fn messages(&self) -> usize {
        self.messages.len()
    }

    /// The reply to a message stays away.
    pub(crate) fn give_up(&mut self, place: usize) {
        self.messages[place].1 = Some(Reply::Silent {
            may_have_counted: true,
        });
    }

    /// An object has answered a message, in time if this step waits for it still.
    pub(crate) fn hear(&mut self, step: usize, place: usize, answer: Answer) {
        if step != self.told.len() || self.is_over() || !self.may_give_up(place) {
            return;
        }
        let (message, reply) = &mut self.messages[place];
        *reply = Some(match (message, answer) {
            (Message::Cancel { .. }, _) => Reply::Cancelled,
            (_, Answer::Decided(decisions)) => Reply::Decided(decisions),
            (_, _) => Reply::Failed(()),
        });
    }

    /// Goes on with the replies.
    pub(crate) fn go_on(&mut self, wire: &mut Wire) {
        let messages = core::mem::take(&mut self.messages);
        for (message, reply) in &messages {
            let (Message::Charge { object, .. }, Some(Reply::Decided(decisions))) =
                (message, reply)
            else {
                continue;
            };
            if decisions.iter().all(|it| it.success) {
                let object = self.request.objects[*object];
                self.charged.push((object, self.operation()));
            }
        }
        let replies = messages.into_iter().filter_map(|(_, reply)| reply);
        self.step(Event::Replied(replies.collect()), wire);
    }

    fn step(&mut self, event: Event<()>, wire: &mut Wire) {
        self.told.push(format!("{event:?}"));
        let mut random = Random::of(self);
        let at = match self.request.is_slow {
            true => moment(0).now.plus(Duration::from_millis(600)),
            false => moment(0).now,
        };
        let multi = self.multi.as_mut().unwrap();
        let effects = multi.step(event, at, &mut || random.next());
        self.operations = random.operations;
        self.carry_out(effects, wire);
    }

    fn carry_out(&mut self, effects: Vec<Effect<()>>, wire: &mut Wire) {
        for effect in effects {
            match effect {
                Effect::Send { messages, .. } => self.send(messages, wire),
                Effect::FallBack { entries, .. } => {
                    let fell_back = entries.iter().map(|_| self.fall_back());
                    let event = Event::FellBack(fell_back.collect());
                    return self.step(event, wire);
                }
                Effect::CancelLater { objects, operation } => {
                    self.cancel_later(objects, operation, wire);
                }
                Effect::Done(decided) => {
                    self.end = Some(match decided {
                        Ok(decided) if decided.success => End::Admitted,
                        Ok(_) => End::Refused,
                        Err(()) => End::Failed,
                    });
                }
                Effect::Learn { .. }
                | Effect::KeepRefusal { .. }
                | Effect::GiveBack { .. }
                | Effect::Owe { .. } => {}
            }
        }
    }

    /// Has objects cancel an operation, and does not wait for it.
    pub(crate) fn cancel_later(&self, objects: Vec<usize>, operation: u128, wire: &mut Wire) {
        for object in objects {
            let text = Call::Cancel { operation }.encode();
            wire.put(self.envelope(object, None, vec![(0, text)]));
        }
    }

    fn fall_back(&self) -> Result<(Decision, Source), ()> {
        let admitted = Decision::bare(moment(0).now, true, Some(Reason::Degraded));
        let is_open = self.request.is_open;
        is_open.then_some((admitted, Source::Fallback)).ok_or(())
    }

    fn send(&mut self, messages: Vec<Message>, wire: &mut Wire) {
        for object in 0..self.request.objects.len() {
            let own = messages.iter().enumerate();
            let own = own.filter(|(_, message)| message.object() == object);
            let calls = own.map(|(place, message)| (place, self.call(*message).encode()));
            let calls: Vec<(usize, String)> = calls.collect();
            if !calls.is_empty() {
                wire.put(self.envelope(object, Some(self.told.len()), calls));
            }
        }
        self.messages = messages.into_iter().map(|it| (it, None)).collect();
        self.ready_in = 2;
    }

    fn envelope(
        &self,
        object: usize,
        step: Option<usize>,
        calls: Vec<(usize, String)>,
    ) -> Envelope {
        Envelope {
            is_fresh: true,
            worker: self.name,
            object: self.request.objects[object],
            step,
            calls,
        }
    }

    fn call(&self, message: Message) -> Call {
        let check = Check {
            hold: self.request.holds.map(|_| TICK),
            on_expiry: self.request.holds.unwrap_or_default(),
            ..Check::of(self.request.cost as i64)
        };
        let policy = policy();
        let item = Item { policy, check };
        match message {
            Message::Cancel { operation, .. } => Call::Cancel { operation },
            Message::Look { .. } => Call::Limit {
                operation: None,
                items: vec![item.peek()],
                holding: None,
            },
            Message::Charge { object, operation } => Call::Limit {
                operation,
                items: vec![item],
                holding: self.request.holds.map(|_| self.holding(object)),
            },
        }
    }

    /// The home is the first object.
    fn holding(&self, object: usize) -> Holding {
        let others = self.request.objects[1..].iter();
        let others = others.map(|it| self.request.names[*it].to_owned());
        let home = match object {
            0 if self.request.forgets_parts => Home::default(),
            0 => Home::Here(others.collect::<Vec<String>>().into()),
            _ => Home::Elsewhere,
        };
        let permit = self.permit();
        Holding { permit, home }
    }
}

/// The numbers of a Worker's operations.
struct Random {
    worker: usize,
    operations: u128,
}

impl Random {
    fn of(worker: &Worker) -> Random {
        Random {
            worker: worker.name,
            operations: worker.operations,
        }
    }

    fn next(&mut self) -> u128 {
        self.operations += 1;
        (self.worker as u128 + 1) << 4 | self.operations
    }
}

impl PartialEq for Worker {
    fn eq(&self, other: &Worker) -> bool {
        let of = |it: &Worker| (it.has_begun(), it.end, it.ready_in, it.operations);
        of(self) == of(other)
            && self.told == other.told
            && self.messages == other.messages
            && self.charged == other.charged
    }
}

impl Eq for Worker {}

impl Hash for Worker {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.has_begun(), self.end, self.ready_in, self.operations).hash(hasher);
        (&self.told, &self.charged).hash(hasher);
        for (_, reply) in &self.messages {
            format!("{reply:?}").hash(hasher);
        }
    }
}
