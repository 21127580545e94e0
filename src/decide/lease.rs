//! By units that the subject's object has lent to this isolate; by asking the object where they do
//! not suffice. What is left of them when nobody asks any more is given back in the background.

use std::cell::Cell;

use tollgate_core::decision::{Decision, Source};
use tollgate_core::idempotency::{Aim, Keyed};
use tollgate_core::isolate::leases::Turn;
use tollgate_core::message::Call;
use tollgate_core::store::RateLimitStore;
use tollgate_core::subject_state::Item;
use tollgate_core::Duration;

use super::later::{Pending, Work};
use super::object::{key_of, remembered, ObjectStore};
use crate::clock;
use crate::context::Context;
use crate::doors::limiter::{Limiter, Question};
use crate::error::ApiError;
use crate::hot;
use crate::isolate;

thread_local! {
    static RETURNING: Pending = const { Cell::new(None) };
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
            let random = &|| hot::random_bits() as u64;
            leases.take(key, (object, &terms), &item.check, now, random)
        });
        let borrowing = match turn {
            Turn::Spent(decision) => {
                RETURNS.later(context, give_back);
                return Ok((decision, Source::Lease));
            }
            Turn::Borrow(borrowing) if keyed.is_some() && borrowing.is_bare() => {
                isolate::with(|isolate| isolate.leases.undecided(key, &borrowing));
                None
            }
            Turn::Borrow(borrowing) => Some(borrowing),
            Turn::Ask => None,
        };
        let keyed = keyed.filter(|_| borrowing.is_none());
        let decided = store(keyed).ask(key, object, item, borrowing).await;
        if let Some(borrowing) = &borrowing {
            isolate::with(|isolate| isolate.leases.undecided(key, borrowing));
        }
        let decided = decided?;
        if decided.0.loan.is_some() {
            RETURNS.later(context, give_back);
        }
        Ok(decided)
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
