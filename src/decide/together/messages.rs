//! Messages to the objects of one request, and their replies.

use tollgate_core::message::{Call, Holding};
use tollgate_core::multi::{Decided, Message, Reply};
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{limits_held, Home, Item, Others};
use tollgate_core::Duration;

use super::Request;
use crate::decide::asking::Asking;
use crate::decide::charged::Charged;
use crate::decide::object;
use crate::decide::pending::Pending;
use crate::doors::limiter::{Answered, Told};
use crate::error::ApiError;

impl Request<'_> {
    /// Sends messages at once; what came of each, in their order.
    pub(super) async fn send(
        &mut self,
        messages: &[Message],
        patience: Duration,
    ) -> Vec<Reply<ApiError>> {
        let asking = |message: &Message| self.asking(*message);
        let askings: Vec<Asking> = messages.iter().map(asking).collect();
        let items = |place: usize| self.items_of(messages[place]);
        let answers = object::ask_all(self.context, &askings, &items, patience).await;
        let answers = messages.iter().zip(answers);
        let reply = |(message, answered): (&Message, Answered)| self.reply(*message, answered);
        answers.map(reply).collect()
    }

    fn asking(&self, message: Message) -> Asking {
        let object = self.object_of(message.object());
        let first = self.multi.entries_of(message.object())[0];
        let (operation, keyed) = match message {
            Message::Charge { operation, .. } => (operation, self.pending[first].keyed),
            Message::Look { .. } => (None, None),
            Message::Cancel { operation, .. } => {
                return Asking::call(object, &Call::Cancel { operation })
            }
        };
        let key = |policy: &Policy| object::key_of(object, policy);
        let known = self.context.known;
        let holding = operation.and_then(|it| self.holding(message.object(), it));
        let terms = (operation, holding);
        Asking::new(
            object,
            terms,
            &self.items_of(message),
            Told::new(keyed, known),
            &key,
        )
    }

    /// On what terms an object holds its part of the permit that this operation takes, if it does.
    /// The home is the first object that holds units; where none does, that has a place. Where
    /// slots alone are taken they belong to the same permit, and the home tells of its end as well.
    fn holding(&self, object: usize, operation: u128) -> Option<Holding> {
        let permit = self.permit(operation)?;
        let any = |object: usize, has: fn(&Pending) -> bool| {
            let entries = self.multi.entries_of(object).iter();
            entries.copied().any(|it| has(&self.pending[it]))
        };
        let takes_part = |it: &Pending| {
            let Item { policy, check } = &it.item;
            it.is_of_permit() || (check.hold.is_some() && policy.gives_permits())
        };
        let objects = 0..self.multi.objects();
        let first = |has: fn(&Pending) -> bool| objects.clone().find(|it| any(*it, has));
        let home = first(|it| it.item.holds()).or_else(|| first(Pending::is_of_permit))?;
        let others = objects.filter(|it| *it != home && any(*it, takes_part));
        let name = |it: usize| self.object_of(it).to_owned();
        let home = match object {
            _ if object == home => Home::Here(Others {
                objects: others.map(name).collect(),
                limits: self.limits_beside(home, |_| None),
            }),
            _ if any(object, takes_part) => Home::Elsewhere,
            _ => return None,
        };
        Some(Holding { permit, home })
    }

    /// What the home is to be told where other objects have decided by newer versions of their
    /// policies than the isolate has: it was asked at the same time as they were.
    pub(super) fn newer_names(&self, decided: &Decided) -> Option<(String, Call)> {
        let operation = self.multi.operation().filter(|_| decided.success)?;
        let permit = self.permit(operation)?;
        let decision = |entry: usize| Some(&decided.decisions.get(entry)?.as_ref()?.0);
        let newer = |entry: usize| decision(entry)?.newer.as_deref();
        let mut entries = 0..self.pending.len();
        let home = (0..self.multi.objects()).find(|object| {
            let entries = self.multi.entries_of(*object).iter();
            let grants = |&entry: &usize| decision(entry).is_some_and(|it| it.grant.is_some());
            let mut held = entries.filter(|&&entry| self.pending[entry].item.holds());
            held.any(grants)
        })?;
        entries.find(|entry| newer(*entry).is_some())?;
        let limits = self.limits_beside(home, newer)?;
        Some((
            self.object_of(home).to_owned(),
            Call::Names { permit, limits },
        ))
    }

    /// The bits of the permit that an operation takes, if it takes one.
    fn permit(&self, operation: u128) -> Option<u128> {
        Some((operation ^ self.mask?).max(1))
    }

    /// The names of all limits that are asked together with those of this object, and of those that
    /// are not enforced: costs may be meant for them. Of places nobody settles anything. `newer`:
    /// by what policy an object has decided an entry, where that is newer than the isolate's.
    fn limits_beside<'a>(
        &'a self,
        object: usize,
        newer: impl Fn(usize) -> Option<&'a Policy>,
    ) -> Option<Vec<String>> {
        if !self.pending.iter().any(|it| it.item.holds()) {
            return None;
        }
        let own = self.multi.entries_of(object);
        let entries = 0..self.pending.len();
        let others = entries.filter(|entry| !own.contains(entry));
        let policy = |it: usize| newer(it).unwrap_or(&self.pending[it].item.policy);
        let others = others.flat_map(|it| limits_held(policy(it)));
        let mut names: Vec<String> = others.map(|it| it.as_str().to_owned()).collect();
        names.extend_from_slice(&self.apart);
        names.sort_unstable();
        names.dedup();
        Some(names)
    }

    /// What a message asks of its object.
    fn items_of(&self, message: Message) -> Vec<Item> {
        let peek = matches!(message, Message::Look { .. });
        let item = |&entry: &usize| self.item(entry, peek);
        self.multi
            .entries_of(message.object())
            .iter()
            .map(item)
            .collect()
    }

    /// What an entry asks, for good or only to look.
    pub(super) fn item(&self, entry: usize, peek: bool) -> Item {
        let item = &self.pending[entry].item;
        if peek {
            item.peek()
        } else {
            item.clone()
        }
    }

    fn reply(&mut self, message: Message, Answered { times, answer }: Answered) -> Reply<ApiError> {
        let entries = self.multi.entries_of(message.object());
        let failure = answer.as_ref().err().copied();
        entries
            .iter()
            .for_each(|&entry| self.last[entry] = Some((times, failure)));
        match (message, answer) {
            // Known when it comes again, it is charged once in any case.
            (_, Err(failure)) => Reply::Silent {
                may_have_counted: failure.may_have_counted() && !self.is_stored(),
            },
            (Message::Cancel { .. }, Ok(_)) => Reply::Cancelled,
            (_, Ok(answer)) => match object::decisions(answer) {
                Ok(decisions) if decisions.len() == entries.len() => Reply::Decided(decisions),
                Ok(_) => Reply::Failed(ApiError::object_unavailable()),
                Err(error) => Reply::Failed(error),
            },
        }
    }

    /// Whether the request is known when it comes again, after a restart as well.
    fn is_stored(&self) -> bool {
        let mut keyed = self.pending.iter().filter_map(|it| it.keyed);
        keyed.any(|it| it.is_stored())
    }

    /// Has objects cancel an operation, in the background.
    pub(super) fn cancel_later(&self, objects: &[usize], operation: u128) {
        let names = objects
            .iter()
            .map(|&object| self.object_of(object).to_owned());
        let objects = names.collect();
        let given = Vec::new();
        Charged {
            operation,
            objects,
            given,
        }
        .give_back(self.context);
    }

    /// The name of an object.
    fn object_of(&self, object: usize) -> &str {
        &self.pending[self.multi.entries_of(object)[0]].object
    }
}
