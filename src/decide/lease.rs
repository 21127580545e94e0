//! By units that the subject's object has lent to this isolate; by asking the object where they do
//! not suffice. What is left of them when nobody asks any more is given back in the background.

use std::cell::Cell;

use tollgate_core::decision::{Decision, Source};
use tollgate_core::idempotency::Keyed;
use tollgate_core::isolate::leases::{spendable, Turn};
use tollgate_core::message::Call;
use tollgate_core::store::RateLimitStore;
use tollgate_core::subject_state::Item;
use tollgate_core::{Duration, Timestamp};

use super::object::{key_of, remembered, ObjectStore};
use crate::clock;
use crate::context::Context;
use crate::doors::limiter::{Limiter, Question};
use crate::error::ApiError;
use crate::hot;
use crate::isolate;
use crate::task;

thread_local! {
    /// Until when somebody sees to it that leases are given back, if that was not cancelled with
    /// its request.
    static RETURNING: Cell<Option<Timestamp>> = const { Cell::new(None) };
}

/// Who has not given a lease back so long after it was due was cancelled with his request.
const OVERDUE: Duration = Duration::from_secs(2);
/// Then the next request sees to it: the platform ends what goes on for longer after an answer.
const SHIFT: Duration = Duration::from_secs(20);

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
        let store = ObjectStore { context, keyed };
        let is_spendable = keyed.is_none() && spendable(&item.check).is_some();
        if !is_spendable || context.is_here(object) {
            return store.decide(object, item).await;
        }
        let key = key_of(object, &item.policy);
        // While units are lent no refusal is remembered.
        if let Some(decision) = remembered(key, item) {
            return Ok((decision, Source::Cache));
        }
        let terms = item.policy.lease().unwrap_or_default();
        let now = clock::now();
        let turn = isolate::with(|isolate| {
            let leases = &mut isolate.leases;
            let random = &|| hot::random_bits() as u64;
            leases.take(key, (object, &terms), &item.check, now, random)
        });
        let borrowing = match turn {
            Turn::Spent(decision) => {
                give_back_later(context);
                return Ok((decision, Source::Lease));
            }
            Turn::Borrow(borrowing) => Some(borrowing),
            Turn::Ask => None,
        };
        let decided = store.ask(key, object, item, borrowing).await;
        if let Some(borrowing) = &borrowing {
            isolate::with(|isolate| isolate.leases.undecided(key, borrowing));
        }
        let decided = decided?;
        if decided.0.loan.is_some() {
            give_back_later(context);
        }
        Ok(decided)
    }
}

/// Has what is left of leases given back when nobody uses it, in the background.
fn give_back_later(context: &Context) {
    let now = clock::now();
    if RETURNING.get().is_some_and(|until| until > now) {
        return;
    }
    let limiter = context.limiter(context.config.deadline());
    let Some(wait) = next_return() else { return };
    context.in_background(async move {
        let mut next = Some(wait);
        while let Some(wait) = next {
            task::wait(wait).await;
            give_back(&limiter).await;
            next = next_return();
            if clock::now().since(now) > SHIFT {
                RETURNING.set(None);
                return;
            }
        }
    });
}

/// How long until the next one, which is pending from now on; `None` where none is.
fn next_return() -> Option<Duration> {
    let now = clock::now();
    let wait = isolate::with(|isolate| isolate.leases.wait(now));
    RETURNING.set(wait.map(|wait| now.plus(wait).plus(OVERDUE)));
    wait
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
