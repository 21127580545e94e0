//! Several questions, all or nothing: does what the core's machine wants done, and tells it what
//! came of it.

use tollgate_core::api::multi as form;
use tollgate_core::api::response::MultiBody;
use tollgate_core::api::to_json;
use tollgate_core::decision::Decision;
use tollgate_core::message::Call;
use tollgate_core::multi::{deciding, Asked as Entry, Effect, Event, Message, Multi, Reply, Terms};
use tollgate_core::subject_state::Item;
use tollgate_core::{Duration, Timestamp};

use crate::asked::Asked;
use crate::failure::Failure;
use crate::limiter::{bounded, decisions, Limiter};

/// How long the machine may take; nothing takes any time here.
const DEADLINE: Duration = Duration::from_secs(1);

const SEVERAL: &str =
    "permits and places over several subjects need a server; ask for each subject by itself";
const NOT_ENFORCED: &str = "policies that are not enforced are asked by themselves here";
const NO_WAIT: &str = "the clock is yours; send `maxDelay`, and wait as long as `delay` says";

impl Limiter {
    /// `POST /limit/multi`.
    pub fn multi(&mut self, body: &str, now: Timestamp) -> Result<String, Failure> {
        let checks = form::parse(bounded(body)?)?;
        if checks.wait.is_some() {
            return Err(Failure::unsupported("wait", NO_WAIT));
        }
        let question = checks.repeat.as_ref().map(|_| checks.question());
        let mut all = Vec::with_capacity(checks.limits.len());
        for (i, request) in checks.limits.into_iter().enumerate() {
            let asked = Asked::of(request, &mut self.policies)?;
            form::suits(i, &asked.item.policy)?;
            if asked.is_shadow {
                let field = format!("limits[{i}].policy.shadow");
                return Err(Failure::unsupported(field, NOT_ENFORCED));
            }
            all.push(asked);
        }
        is_of_one(&all)?;
        if let Some((repeat, question)) = checks.repeat.zip(question) {
            let kept_for = all.iter().map(Asked::kept_for).min();
            let first = all.first().zip(kept_for);
            let keyed = first.map(|(first, kept)| first.keyed_by(&repeat, &question, kept));
            all.iter_mut().for_each(|it| it.keyed = keyed);
        }
        let (success, decided) = self.decide_all(&all, now)?;
        let deciding = deciding(success, decided.iter().map(Some));
        let retry_after = deciding.and_then(|i| decided[i].retry_after);
        let pairs = || all.iter().zip(&decided);
        let mut held = pairs().filter(|(it, _)| it.is_of_permit());
        let permit = held.find_map(|(asked, decision)| asked.body(decision).permit);
        let results = pairs().map(|(asked, decision)| asked.body(decision));
        let body = MultiBody::new(success, retry_after, permit, results.collect());
        Ok(to_json(&body))
    }

    /// Whether all are admitted, and the decision on each.
    fn decide_all(
        &mut self,
        all: &[Asked],
        now: Timestamp,
    ) -> Result<(bool, Vec<Decision>), Failure> {
        let entry = |asked: &Asked| asked.item.check.cost < 0;
        let entries = all.iter().map(|asked| Entry {
            object: &asked.object,
            is_peek: asked.item.check.peek,
            remembered: None,
            refused_last: false,
            gives_back: entry(asked),
        });
        let terms = Terms {
            answers_all: true,
            is_revocable: false,
            deadline: DEADLINE,
        };
        let random = &mut || self.random.bits();
        let (mut multi, mut effects) = Multi::begin(entries.collect(), terms, now, random);
        loop {
            let mut event = Event::Replied(Vec::new());
            for effect in effects {
                match effect {
                    Effect::Send { messages, .. } => {
                        let replies = messages.into_iter();
                        let replies = replies.map(|it| self.send(it, &multi, all, now));
                        event = Event::Replied(replies.collect());
                    }
                    Effect::Done(decided) => {
                        let decided = decided?;
                        let known = decided.decisions.into_iter();
                        let known = known.map(|it| it.map(|(decision, _)| decision));
                        let known = known.collect::<Option<Vec<_>>>(); // each is answered
                        return Ok((decided.success, known.ok_or_else(Failure::unavailable)?));
                    }
                    // Nobody is silent here, and no place but the states remembers anything.
                    Effect::FallBack { .. }
                    | Effect::CancelLater { .. }
                    | Effect::Learn { .. }
                    | Effect::KeepRefusal { .. }
                    | Effect::GiveBack { .. }
                    | Effect::Owe { .. } => {}
                }
            }
            effects = multi.step(event, now, &mut || self.random.bits());
        }
    }

    fn send(
        &mut self,
        message: Message,
        multi: &Multi<Failure>,
        all: &[Asked],
        now: Timestamp,
    ) -> Reply<Failure> {
        let entries = multi.entries_of(message.object());
        let first = &all[entries[0]];
        let items = |peek: bool| {
            let item = |&entry: &usize| match peek {
                true => all[entry].item.peek(),
                false => all[entry].item.clone(),
            };
            entries.iter().map(item).collect::<Vec<Item>>()
        };
        let limit = |operation, peek| Call::Limit {
            operation,
            items: items(peek),
            holding: None,
        };
        let call = match message {
            Message::Charge { operation, .. } => {
                limit(operation, false).with_fields(first.keyed, None, None)
            }
            Message::Look { .. } => limit(None, true),
            Message::Cancel { operation, .. } => Call::Cancel { operation },
        };
        match (message, self.ask(&first.object, &call, now)) {
            (_, Err(failure)) => Reply::Failed(failure),
            (Message::Cancel { .. }, Ok(_)) => Reply::Cancelled,
            (_, Ok(answer)) => match decisions(answer) {
                Ok(decisions) => Reply::Decided(decisions),
                Err(failure) => Reply::Failed(failure),
            },
        }
    }
}

/// What is held or promised belongs to one permit, which is that of one subject here.
fn is_of_one(all: &[Asked]) -> Result<(), Failure> {
    let is_of_one = all.windows(2).all(|pair| pair[0].object == pair[1].object);
    let holder = all.iter().position(Asked::is_of_permit);
    match holder.filter(|_| !is_of_one) {
        Some(i) if all[i].item.holds() => {
            Err(Failure::unsupported(format!("limits[{i}].hold"), SEVERAL))
        }
        Some(i) => Err(Failure::unsupported(
            format!("limits[{i}].maxDelay"),
            SEVERAL,
        )),
        None => Ok(()),
    }
}
