//! Which checks can be asked of which policies.

use super::{BadRequest, Problem};
use crate::decide::{Check, Overage};
use crate::limit::Name;
use crate::policy::consistency::Consistency;
use crate::policy::Policy;
use crate::Duration;

/// Whether `check` can be asked of `policy`. Parsing has seen to it for an inline policy; whoever
/// looks up a named one asks here. A `concurrency` limit counts slots, so it takes no refund (its
/// permits are released) and promises nothing for later (`maxDelay`); cost 0 takes no slot and
/// always succeeds. What is held, is taken in part, costs differently or is recorded needs the
/// subject's object, and is held from now on.
pub fn suits(check: &Check, policy: &Policy) -> Result<(), BadRequest> {
    match of_policy(check, policy) {
        Some((field, problem)) => Err(BadRequest::new(field, problem)),
        None => Ok(()),
    }
}

/// The same where the answer may be held for so long until the caller's turn has come: for what can
/// promise a place (`maxDelay`), and not for what a native binding sheds in front.
pub fn suits_waiting(
    check: &Check,
    wait: Option<Duration>,
    policy: &Policy,
) -> Result<(), BadRequest> {
    match clash(check, wait, policy) {
        Some((field, problem)) => Err(BadRequest::new(field, problem)),
        None => Ok(()),
    }
}

pub(super) fn clash(
    check: &Check,
    wait: Option<Duration>,
    policy: &Policy,
) -> Option<(&'static str, Problem)> {
    let max_delay = check.max_delay.or(wait);
    let clash = of_policy(
        &Check {
            max_delay,
            ..check.clone()
        },
        policy,
    );
    if wait.is_none() {
        return clash;
    }
    let clash = clash.map(|(field, problem)| match field {
        "maxDelay" => ("wait", problem),
        field => (field, problem),
    });
    let with = "`shed`, which keeps floods from the subject's object: nobody waits there";
    let sheds = policy.shed().map(|_| ("wait", Problem::Conflict { with }));
    clash.or(sheds)
}

/// What cannot be asked together with `wait`, whatever the policy.
pub(super) fn clash_of_wait(
    check: &Check,
    wait: Option<Duration>,
) -> Option<(&'static str, Problem)> {
    wait?;
    let with = match check {
        Check {
            max_delay: Some(_), ..
        } => "`maxDelay`: with `wait` the answer comes when it is your turn",
        Check { peek: true, .. } => "`peek`, which keeps no place",
        _ => return None,
    };
    Some(("wait", Problem::Conflict { with }))
}

fn of_policy(check: &Check, policy: &Policy) -> Option<(&'static str, Problem)> {
    let slots = policy.gives_permits();
    let conflict = |with| Problem::Conflict { with };
    if slots && check.cost < 0 {
        let with = "`concurrency` when it is below 0: release the permit instead";
        return Some(("cost", conflict(with)));
    }
    if slots && check.max_delay.is_some() {
        let with = "`concurrency`: nobody knows when a slot is released";
        return Some(("maxDelay", conflict(with)));
    }
    let clashes = [
        clash_of_hold,
        clash_of_costs,
        clash_of_overage,
        clash_of_record,
        clash_of_weights,
    ];
    let mut clashes = clashes.iter().filter_map(|clash| clash(check, policy));
    if let Some((field, with)) = clashes.next() {
        return Some((field, conflict(with)));
    }
    if let Some(clash) = clash_of_mode(check, policy.consistency()) {
        return Some(clash);
    }
    if check.cost < 0 && !policy.refunds() {
        let with = "`refunds: false` when it is below 0";
        return Some(("cost", conflict(with)));
    }
    None
}

type Clash = Option<(&'static str, &'static str)>;

/// What cannot be held.
fn clash_of_hold(check: &Check, policy: &Policy) -> Clash {
    check.hold?;
    let with = if check.cost < 0 {
        "`cost` when it is below 0: what is given back is not held"
    } else if !policy.consistency().is_of_object() {
        "`consistency`: only the subject's object keeps permits; take `strong`"
    } else if check.max_delay.is_some() || policy.shapes() {
        "a delay (`maxDelay`, `wait`): what is held is held from now on"
    } else {
        return None;
    };
    Some(("hold", with))
}

/// Where single limits cannot take costs of their own.
fn clash_of_costs(check: &Check, policy: &Policy) -> Clash {
    let with = if check.costs.is_empty() {
        return None;
    } else if check.cost < 0 {
        "`cost` when it is below 0"
    } else if !policy.consistency().is_of_object() {
        "`consistency`: one cost holds for all limits there; take `strong`"
    } else {
        return None;
    };
    Some(("costs", with))
}

/// What cannot be taken past a limit, or in part.
fn clash_of_overage(check: &Check, policy: &Policy) -> Clash {
    let with = if check.overage == Overage::Deny {
        return None;
    } else if !policy.consistency().is_of_object() {
        "`consistency`: only the subject's object knows what is left; take `strong`"
    } else if check.max_delay.is_some() || policy.shapes() {
        "a delay (`maxDelay`, `wait`): nobody knows what will be left then"
    } else if policy.gives_permits() && check.overage == Overage::Debt {
        "`concurrency`: there are no slots beyond the limit"
    } else {
        return None;
    };
    Some(("overage", with))
}

/// What cannot be asked of limits that classes share.
fn clash_of_weights(check: &Check, policy: &Policy) -> Clash {
    policy.weights()?;
    let (field, with) = if check.max_delay.is_some() {
        let with = "`weights`: whoever comes later may have a part in what would be promised";
        ("maxDelay", with)
    } else if check.hold.is_some() {
        ("hold", "`weights`: what is held is no class's part")
    } else if check.overage != Overage::Deny {
        (
            "overage",
            "`weights`: a class takes no more than what is there",
        )
    } else if check.record {
        (
            "record",
            "`weights`: a class takes no more than what is there",
        )
    } else {
        return None;
    };
    Some((field, with))
}

/// What cannot have happened already.
fn clash_of_record(check: &Check, policy: &Policy) -> Clash {
    let with = if !check.record {
        return None;
    } else if check.cost < 0 {
        "`cost` when it is below 0: send the refund without it"
    } else if check.peek {
        "`peek`, which changes nothing"
    } else if check.hold.is_some() {
        "`hold`: what has happened is charged at once"
    } else if check.max_delay.is_some() {
        "`maxDelay` and `wait`: what has happened does not wait"
    } else if check.overage != Overage::Deny {
        "`overage`: what has happened is charged whole"
    } else if policy.gives_permits() {
        "`concurrency`: ask for a slot before it is needed"
    } else if !policy.consistency().is_of_object() {
        "`consistency`: only the subject's object charges past its limits; take `strong`"
    } else {
        return None;
    };
    Some(("record", with))
}

/// Refuses costs of limits that none of these policies has.
pub fn knows_costs<'a>(
    check: &Check,
    policies: impl Iterator<Item = &'a Policy> + Clone,
) -> Result<(), BadRequest> {
    match unknown_cost(check, policies) {
        Some((field, problem)) => Err(BadRequest::new(field, problem)),
        None => Ok(()),
    }
}

pub(super) fn unknown_cost<'a>(
    check: &Check,
    policies: impl Iterator<Item = &'a Policy> + Clone,
) -> Option<(String, Problem)> {
    let is_unknown = |name: &&Name| {
        let mut limits = policies.clone().flat_map(Policy::limits);
        !limits.any(|limit| limit.name() == Some(name))
    };
    let unknown = check.costs.iter().map(|(name, _)| name).find(is_unknown)?;
    Some((format!("costs.{}", unknown.as_str()), Problem::Unknown))
}

/// What cannot be asked of counts that no object keeps.
fn clash_of_mode(check: &Check, consistency: Consistency) -> Option<(&'static str, Problem)> {
    let conflict = |with| Problem::Conflict { with };
    match consistency {
        Consistency::Eventual if check.max_delay.is_some() => {
            let with = "`consistency: \"eventual\"`: nobody keeps a place there; take `strong`";
            Some(("maxDelay", conflict(with)))
        }
        Consistency::Local if check.max_delay.is_some() => {
            let with = "`consistency: \"local\"`: nobody keeps a place there; take `strong`";
            Some(("maxDelay", conflict(with)))
        }
        Consistency::Local if !matches!(check.cost, 0 | 1) => {
            let with = "`consistency: \"local\"` when it is not 0 or 1: a native binding counts requests; take `strong`";
            Some(("cost", conflict(with)))
        }
        Consistency::Local if check.peek => {
            let with = "`consistency: \"local\"`: a native binding cannot be asked without counting; take `strong`";
            Some(("peek", conflict(with)))
        }
        _ => None,
    }
}
