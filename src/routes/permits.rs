//! `POST /limit/settle`, `/topup`, `/renew` and `/release`, under `/limit`: what a caller does with
//! a permit. The permit names the subject of its first part; the namespace is the caller's.

use tollgate_core::api::permit as form;
use tollgate_core::api::response::{to_json, RenewedBody, SettledBody, ToppedBody};
use tollgate_core::decide::Overage;
use tollgate_core::limit::{Costs, Name, Real};
use tollgate_core::message::{Answer, Call, RefusalCode};
use tollgate_core::permit::Permit;
use tollgate_core::subject_state::{Topped, Topup};

use super::limit::status_of;
use crate::context::Context;
use crate::decide::object;
use crate::error::ApiError;
use crate::headers::RateLimitHeaders;
use crate::reply::Reply;

/// Renews a permit. Its other parts wait beyond their deadlines for what becomes of it, so they are
/// told in the background.
pub(crate) async fn renew(context: &Context<'_>, body: &str) -> Result<Reply, ApiError> {
    let form = form::parse_renew(body)?;
    let permit = known(context, &form.permit)?;
    let call = Call::Renew {
        permit: permit.bits,
        hold: form.hold,
    };
    match object::call(context, &permit.subject.object_name(), &call).await? {
        Answer::Renewed { grant, others } => {
            object::tell_later(context, &others, &call);
            Ok(Reply::json(to_json(&RenewedBody {
                success: true,
                permit: form.permit,
                fence: grant.fence,
                expires: grant.expires.as_millis(),
            })))
        }
        other => Err(object::refused(&other)),
    }
}

/// Charges the real cost of what a permit holds, and ends it.
pub(crate) async fn settle(context: &Context<'_>, body: &str) -> Result<Reply, ApiError> {
    let form = form::parse_settle(body)?;
    let permit = known(context, &form.permit)?;
    let call = Call::Settle {
        permit: permit.bits,
        real: form.real,
    };
    match object::call(context, &permit.subject.object_name(), &call).await? {
        Answer::Settled(settled) => Ok(Reply::json(to_json(&SettledBody::of(&settled)))),
        other => Err(object::refused(&other)),
    }
}

/// Has a permit hold other units than before, in all of its parts or in none; 200 or 429.
pub(crate) async fn top_up(context: &Context<'_>, body: &str) -> Result<Reply, ApiError> {
    let form = form::parse_topup(body)?;
    let permit = known(context, &form.permit)?;
    let home = permit.subject.object_name();
    let topup = Topup {
        permit: permit.bits,
        total: form.total,
        overage: form.overage,
    };
    let mut topped = asked(context, &home, &topup).await?;
    if topped.success && !topped.others.is_empty() {
        topped = Box::pin(in_all_parts(context, &home, &topup, topped)).await?;
    }
    let body = to_json(&ToppedBody::of(&topped, form.permit));
    let status = status_of(topped.success);
    Ok(Reply::decision(status, body, RateLimitHeaders::default()))
}

async fn asked(context: &Context<'_>, object: &str, topup: &Topup) -> Result<Topped, ApiError> {
    let call = Call::TopUp(topup.clone());
    match object::call(context, object, &call).await? {
        Answer::Topped(topped) => Ok(topped),
        other => Err(object::refused(&other)),
    }
}

/// Asks the other parts for what the home has room for. Where one of them has less, all hold what
/// that one does, or what they did before.
async fn in_all_parts(
    context: &Context<'_>,
    home: &str,
    topup: &Topup,
    at_home: Topped,
) -> Result<Topped, ApiError> {
    let wanted = Topup {
        total: total_of(&at_home, &topup.total),
        ..topup.clone()
    };
    let others = at_home.others.clone();
    let call = Call::TopUp(wanted.clone());
    let answers = object::call_each(context, others.iter().map(String::as_str), &call).await;
    let mut least = wanted.total.clone();
    let mut refused = None;
    let mut is_silent = false;
    for answer in &answers {
        match answer {
            Some(Answer::Topped(topped)) if topped.success => {
                least = smaller(least, &total_of(topped, &wanted.total));
            }
            Some(Answer::Topped(topped)) => refused = Some(topped.clone()),
            // It holds slots alone, or was out of reach when the permit was taken.
            Some(Answer::Refused(RefusalCode::UnknownPermit, _)) => {}
            _ => is_silent = true,
        }
    }
    let is_less = refused.is_none() && !is_silent;
    if is_less && least == wanted.total {
        return Ok(at_home);
    }
    let back = |total: Real| Topup {
        permit: topup.permit,
        total,
        overage: Overage::Deny,
    };
    let at_home_back = match is_less {
        true => back(least),
        false => back(before(&at_home)),
    };
    for (object, answer) in others.iter().zip(&answers) {
        let total = match answer {
            Some(Answer::Topped(topped)) if topped.success && !is_less => before(topped),
            Some(Answer::Topped(topped)) if topped.success => at_home_back.total.clone(),
            Some(_) => continue, // nothing has changed there
            // It may hold more now.
            None => total_of_units(&at_home.before, &at_home.named, &wanted.total),
        };
        object::tell_later(
            context,
            core::slice::from_ref(object),
            &Call::TopUp(back(total)),
        );
    }
    let lowered = asked(context, home, &at_home_back).await?;
    if is_silent {
        return Err(ApiError::object_unavailable());
    }
    Ok(Topped {
        success: is_less,
        retry_after: refused.and_then(|it| it.retry_after),
        ..lowered
    })
}

/// What one object held before, limit by limit.
fn before(topped: &Topped) -> Real {
    let cost = topped.before.iter().find(|(name, _)| name.is_empty());
    let named = topped.before.iter().filter_map(|(name, units)| {
        let name = Name::new("costs", name).ok()?;
        Some((name, *units))
    });
    Real {
        cost: cost.map(|(_, units)| *units),
        costs: Costs::new(named.collect()),
    }
}

/// What one object holds of the limits that are named, and of all others.
fn total_of(topped: &Topped, asked: &Real) -> Real {
    total_of_units(&topped.held, &topped.named, asked)
}

/// The same of these units; those that were asked for by name are none of the others.
fn total_of_units(held: &[(String, u64)], asked_by_name: &[String], asked: &Real) -> Real {
    let of = |name: &Name| {
        let mut held = held.iter();
        held.find(|(known, _)| known == name.as_str())
            .map(|(_, units)| *units)
    };
    let named = asked.costs.iter();
    let named = named.map(|(name, cost)| (name.clone(), of(name).unwrap_or(*cost)));
    let is_other = |(name, _): &&(String, u64)| {
        !asked.costs.iter().any(|(known, _)| known.as_str() == name)
            && !asked_by_name.contains(name)
    };
    let other = held.iter().filter(is_other).map(|(_, units)| *units).min();
    Real {
        cost: asked.cost.map(|cost| other.unwrap_or(cost)),
        costs: Costs::new(named.collect()),
    }
}

/// The smaller one of each.
fn smaller(one: Real, other: &Real) -> Real {
    let costs = one.costs.iter().zip(other.costs.iter());
    let costs = costs.map(|((name, one), (_, other))| (name.clone(), *one.min(other)));
    Real {
        cost: one.cost.min(other.cost),
        costs: Costs::new(costs.collect()),
    }
}

/// Releases a permit.
pub(crate) async fn release(context: &Context<'_>, body: &str) -> Result<Reply, ApiError> {
    let form = form::parse_release(body)?;
    let permit = known(context, &form.permit)?;
    let call = Call::Release {
        permit: permit.bits,
    };
    object::done(object::call(context, &permit.subject.object_name(), &call).await?)?;
    Ok(Reply::done())
}

fn known(context: &Context, text: &str) -> Result<Permit, ApiError> {
    Permit::parse(context.namespace().clone(), text).ok_or_else(ApiError::unknown_permit)
}
