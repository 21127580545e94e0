//! Several checks over several subjects, all or nothing.
//!
//! Entries of one object go to it in one call, which it decides all or nothing by itself. [`Plan`]
//! says in what order objects are asked, each round under one operation id; here its steps are
//! carried out. If any denies, what the others charged is cancelled at once, and they are asked how
//! they stand without it. If the Worker dies in between, those units stay charged until their
//! windows pass: never above any limit. If the isolate remembers that one is refused, nothing is
//! charged to begin with: the others are only asked how they stand.

use tollgate_core::api::request::LimitRequest;
use tollgate_core::decision::{Decision, Source};
use tollgate_core::isolate::bounded::Key;
use tollgate_core::isolate::refusals::CallTimes;
use tollgate_core::message::{Answer, Call};
use tollgate_core::multi::{Charged, Next, ObjectAnswer, Plan, Round, Time, Verdict};
use tollgate_core::subject_state::Item;
use tollgate_core::Duration;

use super::outcome::Outcome;
use super::pending::Pending;
use super::{debts, fallback, object};
use crate::clock;
use crate::context::Context;
use crate::doors::limiter::{Answered, Limiter, Question};
use crate::doors::Failure;
use crate::error::ApiError;
use crate::hot;
use crate::isolate;
use crate::telemetry::flush;

/// What was decided about all.
pub(crate) struct Together {
    /// Whether all are admitted; else none is charged.
    pub(crate) success: bool,
    /// Of each, in the order of the request.
    pub(crate) outcomes: Vec<Outcome>,
}

/// Decides all of `requests`.
pub(crate) async fn check_all(
    context: &Context<'_>,
    requests: Vec<LimitRequest>,
) -> Result<Together, ApiError> {
    let mut entries = Vec::with_capacity(requests.len());
    for request in requests {
        entries.push(Entry::new(context, request)?);
    }
    let mut asking = Asking {
        groups: groups_of(&entries),
        entries,
        error: None,
    };
    let refused_already = asking.entries.iter().any(|entry| entry.answer.is_some());
    let success = if refused_already {
        let all: Vec<usize> = (0..asking.groups.len()).collect();
        asking.look(context, Vec::new(), &[], &all).await;
        false
    } else {
        asking.ask(context).await
    };
    asking.finish(context, success)
}

/// One entry, from its request to its answer.
struct Entry {
    pending: Pending,
    /// Under what its refusals are remembered.
    key: Key,
    answer: Option<(Decision, Source)>,
    /// Whether its object, if the whole is admitted, has certainly not counted it.
    uncounted: bool,
    /// Whether its failure mode has given out units for it.
    is_given: bool,
}

impl Entry {
    /// An entry, answered already where the isolate remembers that it is refused.
    fn new(context: &Context, request: LimitRequest) -> Result<Entry, ApiError> {
        let pending = Pending::new(context, request)?;
        let (name, policy) = (&pending.object, &pending.item.policy);
        let key = isolate::with(|isolate| isolate.refusals.key(name, policy));
        let answer = object::remembered(key, &pending.item);
        Ok(Entry {
            pending,
            key,
            answer: answer.map(|decision| (decision, Source::Cache)),
            uncounted: false,
            is_given: false,
        })
    }

    fn item(&self) -> &Item {
        &self.pending.item
    }

    /// Its item, to be decided or to be looked at.
    fn item_for(&self, peek: bool) -> Item {
        let mut item = self.pending.item.clone();
        item.check.peek |= peek;
        item
    }

    fn is_admitted(&self) -> bool {
        let answer = self.answer.as_ref();
        answer.is_some_and(|(decision, _)| decision.success)
    }
}

/// Everything asked of one object.
struct Group {
    object: String,
    /// The places of its entries in the request.
    entries: Vec<usize>,
}

/// The entries that have no answer yet, by object.
fn groups_of(entries: &[Entry]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::with_capacity(entries.len());
    for (place, entry) in entries.iter().enumerate() {
        if entry.answer.is_some() {
            continue;
        }
        let object = &entry.pending.object;
        match groups.iter_mut().find(|group| group.object == *object) {
            Some(group) => group.entries.push(place),
            None => groups.push(Group {
                object: object.clone(),
                entries: vec![place],
            }),
        }
    }
    groups
}

/// One request while its objects are asked.
struct Asking {
    entries: Vec<Entry>,
    groups: Vec<Group>,
    /// Why the whole request fails, if it does: the first reason.
    error: Option<ApiError>,
}

impl Asking {
    /// Carries out the plan; whether all were admitted.
    async fn ask(&mut self, context: &Context<'_>) -> bool {
        let begun = clock::now();
        let time = || Time {
            elapsed: clock::now().since(begun),
            deadline: context.deadline(),
        };
        let names: Vec<&str> = self.groups.iter().map(|it| it.object.as_str()).collect();
        let refused_last: Vec<bool> = self.groups.iter().map(|it| self.refused_last(it)).collect();
        let (mut plan, mut wave) = Plan::begin(&names, &refused_last);
        let mut operation = self.operation();
        loop {
            let left = time().left();
            let heard = self.charge(context, &wave, operation, left).await;
            match plan.record_answers(heard, time()) {
                Next::Ask(more) => wave = more,
                Next::Admitted => return true,
                Next::Refused(round) => {
                    self.refuse(context, operation, &round).await;
                    return false;
                }
                Next::Again(round) => {
                    let cancels = self.cancels(context, operation, &round);
                    if !cancels.is_empty() {
                        object::ask_all(context, &cancels, time().left()).await;
                    }
                    let Next::Ask(more) = plan.ask_again(time()) else {
                        return false; // nothing is left to take back
                    };
                    self.forget_round(context, &plan);
                    operation = self.operation();
                    wave = more;
                }
            }
        }
    }

    /// Under which one round charges. One object decides all or nothing by itself: no operation has
    /// to be remembered.
    fn operation(&self) -> Option<u128> {
        (self.groups.len() > 1).then(hot::random_bits)
    }

    /// Whether any entry of a group was refused by its object when it was asked last.
    fn refused_last(&self, group: &Group) -> bool {
        group.entries.iter().any(|&place| {
            let policy = &self.entries[place].item().policy;
            isolate::with(|isolate| isolate.refused_last.contains(&group.object, policy))
        })
    }

    /// Has the objects of these groups charge; the outcome of each.
    async fn charge(
        &mut self,
        context: &Context<'_>,
        wave: &[usize],
        operation: Option<u128>,
        patience: Duration,
    ) -> Vec<(usize, ObjectAnswer)> {
        let question = |&group: &usize| self.question(group, operation, false);
        let questions: Vec<Question> = wave.iter().map(question).collect();
        let answers = object::ask_all(context, &questions, patience).await;
        let mut heard = Vec::with_capacity(wave.len());
        for (&group, answered) in wave.iter().zip(answers) {
            heard.push((group, self.take_in(context, group, answered, false)));
        }
        heard
    }

    /// Everything of one group as one question; a peek changes nothing.
    fn question(&self, group: usize, operation: Option<u128>, peek: bool) -> Question {
        let Group { object, entries } = &self.groups[group];
        let item = |&place: &usize| self.entries[place].item_for(peek);
        let items: Vec<Item> = entries.iter().map(item).collect();
        Question::limit(object, operation, &items)
    }

    /// The charges of a round have been taken back: its entries are undecided again, but for
    /// refusals that the plan keeps.
    fn forget_round(&mut self, context: &Context<'_>, plan: &Plan) {
        self.give_back(context);
        let groups = self.groups.iter().enumerate();
        for (_, group) in groups.filter(|(index, _)| !plan.keeps_refusal(*index)) {
            for &place in &group.entries {
                self.entries[place].answer = None;
                self.entries[place].uncounted = false;
            }
        }
    }

    /// Takes back the charges of a round, and asks how their entries stand without them, and those
    /// of objects that were not asked.
    async fn refuse(&mut self, context: &Context<'_>, operation: Option<u128>, round: &Round) {
        let cancels = self.cancels(context, operation, round);
        self.look(context, cancels, &round.charged, &round.unasked)
            .await;
    }

    /// Asks how these groups stand, after `before`: two questions to one object are answered in
    /// their order.
    async fn look(
        &mut self,
        context: &Context<'_>,
        before: Vec<Question>,
        charged: &[usize],
        unasked: &[usize],
    ) {
        let mut questions = before;
        let first = questions.len();
        let groups = charged.iter().chain(unasked);
        questions.extend(
            groups
                .clone()
                .map(|&group| self.question(group, None, true)),
        );
        if questions.is_empty() {
            return;
        }
        let answers = object::ask_all(context, &questions, context.deadline()).await;
        for (&group, answered) in groups.zip(answers.into_iter().skip(first)) {
            if unasked.contains(&group) {
                self.take_in(context, group, answered, true);
            } else if let Ok(Answer::Decided(decided)) = answered.answer {
                // Without an answer the entries keep what they said before they were cancelled,
                // which was true then.
                self.give(group, decided);
            }
        }
    }

    /// The questions that take back what was charged. Those who did not answer are told in the
    /// background: what is not cancelled stays charged until its window passes.
    fn cancels(
        &self,
        context: &Context<'_>,
        operation: Option<u128>,
        round: &Round,
    ) -> Vec<Question> {
        let Some(operation) = operation else {
            return Vec::new();
        };
        let cancel = |places: &[usize]| -> Vec<Question> {
            let call = Call::Cancel { operation };
            let cancel = |&place: &usize| Question::new(&self.groups[place].object, &call);
            places.iter().map(cancel).collect()
        };
        if !round.silent.is_empty() {
            let (env, deadline) = (context.env.clone(), context.deadline());
            let questions = cancel(&round.silent);
            context.in_background(async move {
                Limiter::new(&env, deadline).ask_all(&questions).await;
            });
        }
        cancel(&round.charged)
    }

    /// Takes in what came of asking one group's object, or of a `peek`.
    fn take_in(
        &mut self,
        context: &Context<'_>,
        group: usize,
        answered: Answered,
        peek: bool,
    ) -> ObjectAnswer {
        let heard = |charged, verdict| ObjectAnswer { charged, verdict };
        match answered.answer.map(object::decisions) {
            Ok(Ok(decided)) => {
                self.learn(group, answered.times, &decided);
                let mut refusals = decided.iter().filter(|decision| !decision.success);
                let heard = if refusals.clone().next().is_none() {
                    heard(Charged::Yes, Verdict::Admitted)
                } else if refusals.all(|decision| decision.contended) {
                    heard(Charged::No, Verdict::Contended)
                } else {
                    heard(Charged::No, Verdict::Refused)
                };
                self.give(group, decided);
                heard
            }
            Ok(Err(error)) => {
                self.error.get_or_insert(error);
                heard(Charged::No, Verdict::Refused)
            }
            // Its refusal of the first round stands ([`Plan::keeps_refusal`]).
            Err(failure) if self.is_decided(group) => {
                flush::failed(failure);
                heard(Charged::Perhaps, Verdict::Refused)
            }
            Err(failure) => {
                let is_admitted = self.fall_back(context, group, failure, peek);
                let verdict = match is_admitted {
                    true => Verdict::Admitted,
                    false => Verdict::Refused,
                };
                heard(Charged::Perhaps, verdict)
            }
        }
    }

    fn is_decided(&self, group: usize) -> bool {
        let mut entries = self.groups[group].entries.iter();
        entries.all(|&place| self.entries[place].answer.is_some())
    }

    /// Has the failure modes decide the entries of a group; whether they admit all. Every entry
    /// that was decided knows it, so that what was counted can be given back. A peek counts nothing.
    fn fall_back(
        &mut self,
        context: &Context<'_>,
        group: usize,
        failure: Failure,
        peek: bool,
    ) -> bool {
        let Group { object, entries } = &self.groups[group];
        let mut all = true;
        for &place in entries {
            let entry = &mut self.entries[place];
            entry.uncounted = !failure.may_have_counted();
            let item = entry.item_for(peek);
            match fallback::decide(context, failure, object, &item) {
                Ok(answer) => {
                    entry.is_given = answer.0.success && !item.check.peek;
                    entry.answer = Some(answer);
                }
                Err(error) => {
                    self.error.get_or_insert(error);
                }
            }
            all &= entry.is_admitted();
        }
        all
    }

    /// Remembers refusals. An entry may be refused because of another entry of the same object,
    /// which is not charged then: so a refusal is remembered for an object's only entry alone,
    /// while the object is asked first the next time in any case.
    fn learn(&self, group: usize, times: CallTimes, decided: &[Decision]) {
        let Group { object, entries } = &self.groups[group];
        for (&place, decision) in entries.iter().zip(decided) {
            if !decision.contended {
                let policy = &self.entries[place].item().policy;
                isolate::with(|isolate| {
                    let last = &mut isolate.refused_last;
                    last.record_answer(object, policy, !decision.success, times.received);
                });
            }
        }
        if let ([place], [decision]) = (entries.as_slice(), decided) {
            let entry = &self.entries[*place];
            object::learn(entry.key, entry.item(), times, decision);
        }
    }

    /// Gives each entry of a group its decision.
    fn give(&mut self, group: usize, decided: Vec<Decision>) {
        for (&place, decision) in self.groups[group].entries.iter().zip(decided) {
            self.entries[place].answer = Some((decision, Source::Object));
        }
    }

    /// Gives back what failure modes gave out, in place of objects that gave no answer, for a
    /// request or a round that is refused as a whole.
    fn give_back(&mut self, context: &Context<'_>) {
        for entry in &mut self.entries {
            if let (true, Some((decision, _))) = (entry.is_given, &entry.answer) {
                let Pending { object, item, .. } = &entry.pending;
                fallback::give_back(context, object, item, decision);
                entry.is_given = false;
            }
        }
    }

    fn finish(mut self, context: &Context<'_>, success: bool) -> Result<Together, ApiError> {
        if !success || self.error.is_some() {
            self.give_back(context);
        }
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut outcomes = Vec::with_capacity(self.entries.len());
        for entry in self.entries {
            // Every group has been decided, and every entry is in one or was refused from memory.
            let (decision, source) = entry.answer.ok_or_else(ApiError::object_unavailable)?;
            if success && entry.uncounted {
                debts::owe(&entry.pending.object, &entry.pending.item);
            }
            let outcome = Outcome::new(entry.pending, decision, source);
            outcome.record(context);
            outcomes.push(outcome);
        }
        Ok(Together { success, outcomes })
    }
}
