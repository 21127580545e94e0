//! By units that the subject's object has lent to this isolate; by asking the object where they do
//! not suffice. What is left of them when nobody asks any more is given back in the background.

use core::slice;
use std::cell::Cell;

use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Source};
use tollgate_core::idempotency::{Aim, Keyed};
use tollgate_core::isolate::bounded::Key;
use tollgate_core::isolate::leases::Turn;
use tollgate_core::lease::Borrowing;
use tollgate_core::message::Call;
use tollgate_core::store::RateLimitStore;
use tollgate_core::subject_state::Item;
use tollgate_core::Duration;

use super::asking::{record_kept, Asking};
use super::later::{self, Work};
use super::object::{decisions, key_of, remembered, ObjectStore};
use super::outcome::learn_standing;
use super::pending::Pending;
use crate::clock;
use crate::context::Context;
use crate::doors::limiter::{Answered, Limiter, Question, Told};
use crate::error::ApiError;
use crate::hot;
use crate::isolate;
use crate::telemetry::flush;

thread_local! {
    static RETURNING: later::Pending = const { Cell::new(None) };
}

/// What is left of leases is given back when nobody uses it.
static RETURNS: Work = Work {
    pending: &RETURNING,
    overdue: Duration::from_secs(2),
    // The platform ends what goes on for much longer after an answer.
    shift: Some(Duration::from_secs(20)),
    wait: || isolate::with(|isolate| isolate.leases.wait(clock::now())),
};

/// The leases of this isolate, for the time of one request.
pub(super) struct LeaseStore<'a> {
    pub(super) context: &'a Context<'a>,
    /// How the request is known when it comes again.
    pub(super) keyed: Option<Keyed>,
}

impl RateLimitStore for LeaseStore<'_> {
    type Error = ApiError;

    async fn decide(&self, object: &str, item: &Item) -> Result<(Decision, Source), ApiError> {
        let context = self.context;
        let keyed = self.keyed;
        let store = |keyed| ObjectStore { context, keyed };
        // An operation is known to its object alone: what is spent here is not, and says so.
        let may_be_unknown = keyed.is_none_or(|it| it.aim == Aim::Remember);
        if !may_be_unknown || item.check.spendable().is_none() || context.is_here(object) {
            return store(keyed).decide(object, item).await;
        }
        let key = key_of(object, &item.policy);
        // While units are lent no refusal is remembered. Who was admitted before is not refused.
        if let Some(decision) = remembered(key, item).filter(|_| keyed.is_none()) {
            return Ok((decision, Source::Cache));
        }
        let terms = item.policy.lease().unwrap_or_default();
        let now = clock::now();
        let turn = isolate::with(|isolate| {
            let leases = &mut isolate.leases;
            leases.take(key, (object, &terms), &item.check, now, &new_borrower)
        });
        let borrowing = match turn {
            Turn::Spent(decision) => {
                return_later(context);
                return Ok((decision, Source::Lease));
            }
            Turn::Borrow(borrowing) if keyed.is_some() && borrowing.is_bare() => {
                isolate::with(|isolate| isolate.leases.undecided(key, &borrowing, now));
                None
            }
            Turn::Borrow(borrowing) => Some(borrowing),
            Turn::Ask => None,
        };
        let keyed = keyed.filter(|_| borrowing.is_none());
        let decided = store(keyed).ask(key, object, item, borrowing).await;
        if let Some(borrowing) = &borrowing {
            isolate::with(|isolate| isolate.leases.undecided(key, borrowing, clock::now()));
        }
        let decided = decided?;
        if decided.0.loan.is_some() {
            return_later(context);
        }
        Ok(decided)
    }
}

/// The number of a new borrower.
pub(super) fn new_borrower() -> u64 {
    hot::random_bits() as u64
}

/// Has given back what nobody uses any more.
pub(super) fn return_later(context: &Context) {
    RETURNS.later(context, give_back);
}

/// Asks for units in the background, while what is left is spent: nothing else is asked, and nobody
/// waits for the answer.
pub(super) fn borrow_later(context: &Context, key: Key, about: &Pending, borrowing: Borrowing) {
    let item = Item {
        policy: about.item.policy.clone(),
        check: Check {
            cost: 0,
            ..Check::ONE
        },
    };
    let told = Told {
        borrowing: Some(borrowing),
        ..Told::new(None, context.known)
    };
    let items = slice::from_ref(&item);
    let asking = Asking::new(&about.object, (None, None), items, told, &|_| key);
    let limiter = context.limiter(context.config.deadline());
    let object = about.object.clone();
    context.in_background(async move {
        let mut answered = limiter.ask(&asking.question).await;
        if asking.lacks_definition(&answered) {
            let items = slice::from_ref(&item);
            answered = limiter.ask(&asking.whole(items)).await;
        }
        take_in(key, &object, &item, &borrowing, answered);
        RETURNS.now_here(&limiter, give_back).await;
    });
}

/// Takes in what the object has answered to who only borrows.
fn take_in(key: Key, object: &str, item: &Item, borrowing: &Borrowing, answered: Answered) {
    let times = answered.times;
    let decided = match answered.answer {
        Ok(answer) => decisions(answer).ok().and_then(|mut all| all.pop()),
        Err(failure) => {
            flush::failed(failure);
            return isolate::with(|isolate| isolate.leases.failed(key, borrowing));
        }
    };
    match decided {
        Some(decision) => {
            record_kept(key, item, times, &decision);
            learn_standing(object, &item.policy, &decision);
            isolate::with(|isolate| isolate.leases.answered(key, borrowing, times, &decision));
        }
        None => isolate::with(|isolate| {
            let leases = &mut isolate.leases;
            leases.undecided(key, borrowing, times.received);
        }),
    }
}

/// Gives back what is due. What does not arrive counts as spent when its lease is over.
async fn give_back(limiter: &Limiter) {
    let due = isolate::with(|isolate| isolate.leases.take_due(clock::now()));
    let question =
        |(object, returned): (String, _)| Question::new(&object, &Call::Return(returned));
    let questions: Vec<Question> = due.into_iter().map(question).collect();
    if !questions.is_empty() {
        limiter.ask_all(&questions).await;
    }
}
