//! By several levels, of which some lend: what the check takes of those is set aside here, and no
//! object but that of the one other level is asked. Where too little is left all are asked
//! together, as where none lends.

use tollgate_core::decision::{Decision, Source};
use tollgate_core::idempotency::Aim;
use tollgate_core::isolate::leases::Reserved;
use tollgate_core::policy::consistency::Consistency;
use tollgate_core::store::RateLimitStore;

use super::lease::{borrow_later, new_borrower, return_later};
use super::object::{key_of, ObjectStore};
use super::outcome::Outcome;
use super::pending::{Levels, Pending};
use super::together;
use crate::clock;
use crate::context::Context;
use crate::error::ApiError;
use crate::isolate;

/// What is set aside of a level, and how that stands with it.
type Aside = (Decision, Reserved);

/// Decides one check together with what stands above it: admitted by all, or charged to none.
pub(super) async fn check_levels(
    context: &Context<'_>,
    levels: Levels,
) -> Result<Outcome, ApiError> {
    let aside = match may_be_lent(context, &levels) {
        true => set_aside(context, &levels),
        false => None,
    };
    match aside {
        Some(aside) => decide(context, levels, aside).await,
        None => Box::pin(together::check_levels(context, levels, false)).await,
    }
}

fn lends(level: &Pending) -> bool {
    level.item.policy.consistency() == Consistency::Leased
}

/// Whether the check may be decided by what is lent: at most one level does not lend, and nobody is
/// promised a place, a permit, or an answer that is known again.
fn may_be_lent(context: &Context, levels: &Levels) -> bool {
    let has_lender = levels.all().any(lends);
    has_lender
        && levels.all().filter(|it| !lends(it)).count() <= 1
        && context.here.is_none()
        && !levels.own.waits
        && levels.own.keyed.is_none_or(|it| it.aim == Aim::Remember)
        && levels.all().all(|it| it.item.check.spendable().is_some())
        && !levels.have_shadow()
        && !levels.are_refused()
}

/// Sets aside what the check takes of each level that lends, from the lowest; `None` for the one
/// that does not. `None` for all where any of them has too little.
fn set_aside(context: &Context, levels: &Levels) -> Option<Vec<Option<Aside>>> {
    let mut all = Vec::new();
    let mut is_short = false;
    for level in levels.all() {
        let aside = lends(level).then(|| set_aside_of(context, level));
        is_short |= matches!(aside, Some(None));
        all.push(aside.flatten());
    }
    if is_short {
        resolve(&all, false);
        return_later(context);
        return None;
    }
    Some(all)
}

fn set_aside_of(context: &Context, level: &Pending) -> Option<Aside> {
    let Pending { object, item, .. } = level;
    let key = key_of(object, &item.policy);
    let terms = item.policy.lease().unwrap_or_default();
    let (aside, borrowing) = isolate::with(|isolate| {
        let (leases, now) = (&mut isolate.leases, clock::now());
        leases.reserve(key, (object, &terms), &item.check, now, &new_borrower)
    });
    if let Some(borrowing) = borrowing {
        borrow_later(context, key, level, borrowing);
    }
    aside
}

/// What is set aside is spent, or for others.
fn resolve(all: &[Option<Aside>], is_spent: bool) {
    isolate::with(|isolate| {
        for (_, reserved) in all.iter().flatten() {
            match is_spent {
                true => isolate.leases.keep(reserved),
                false => isolate.leases.give_up(reserved),
            }
        }
    });
}

async fn decide(
    context: &Context<'_>,
    levels: Levels,
    aside: Vec<Option<Aside>>,
) -> Result<Outcome, ApiError> {
    let levels: Vec<Pending> = levels.into_all().collect();
    let asked = aside.iter().position(Option::is_none);
    let asked = asked.map(|place| &levels[place]);
    let answered = match asked {
        Some(Pending {
            object,
            item,
            keyed,
            ..
        }) => {
            let keyed = *keyed;
            Some(ObjectStore { context, keyed }.decide(object, item).await)
        }
        None => None,
    };
    // What may have been charged there has to be here too: a repeat is known there, and nowhere
    // else. So one that is repeated is spent once more, as nobody knows what came of the first.
    let is_spent = match &answered {
        Some(Ok((decision, source))) => decision.success || *source == Source::Fallback,
        Some(Err(error)) => error.stale().is_none(),
        None => true,
    };
    resolve(&aside, is_spent);
    return_later(context);
    let answered = answered.transpose()?;
    let is_admitted = answered.as_ref().is_none_or(|(it, _)| it.success);
    let decision = |aside: Option<Aside>| match aside {
        Some((decision, _)) => is_admitted.then_some((decision, Source::Lease)),
        None => answered.clone(),
    };
    let decisions = aside.into_iter().map(decision).collect();
    let outcome = Outcome::of_levels(context, levels, decisions);
    outcome.ok_or_else(ApiError::object_unavailable) // one is known
}
