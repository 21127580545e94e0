//! How a policy heeds its upstream: `maxCoolDown`, `backOff`, `pace`, `breaker` and `adapt`.

use serde::{Serialize, Serializer};

use super::numbers::at;
use super::rate::exact;
use crate::api::element::Element;
use crate::api::fields::Fields;
use crate::api::{BadRequest, Problem};
use crate::limit::MAX_NAME;
use crate::number::Decimal;
use crate::policy::outbound::{
    Adapt, BackOff, Breaker, Failing, Outbound, DECREASE, FACTOR, FAILING, MAX_BREAK,
    MAX_COOL_DOWN, MAX_PROBES, MAX_STATUSES, MAX_THRESHOLD, MIN_BREAK, MIN_COOL_DOWN, MIN_FIRST,
};
use crate::policy::Policy;
use crate::Duration;

/// The fields.
pub(super) const FIELDS: [&str; 5] = ["maxCoolDown", "backOff", "pace", "breaker", "adapt"];

/// Takes what of it is there, for `policy`.
pub(super) fn take(fields: &mut Fields<'_>, policy: Policy) -> Result<Policy, BadRequest> {
    let Some(first) = fields.find(|name| FIELDS.contains(&name)) else {
        return Ok(policy);
    };
    let first = first.to_owned();
    let mut outbound = Outbound::default();
    if let Some(longest) = fields.duration("maxCoolDown", MIN_COOL_DOWN, MAX_COOL_DOWN)? {
        outbound = outbound
            .with_max_cool_down(longest)
            .map_err(|error| at(fields, error))?;
    }
    outbound.back_off = fields.object("backOff")?.map(back_off).transpose()?;
    outbound.pace = fields.boolean("pace")?.unwrap_or(false);
    outbound.breaker = fields.object("breaker")?.map(breaker).transpose()?;
    outbound.adapt = match fields.object("adapt")? {
        Some(inner) => Some(adapt(inner, &policy)?),
        None => None,
    };
    let heeding = policy.with_outbound(outbound);
    heeding.map_err(|error| of_setting(fields, &first, error))
}

/// Where the policy cannot be asked so, the first setting is named.
fn of_setting(fields: &Fields<'_>, first: &str, error: crate::InvalidLimit) -> BadRequest {
    let mut error = at(fields, error);
    if error.field == "consistency" {
        first.clone_into(&mut error.field);
    }
    error
}

fn back_off(mut fields: Fields<'_>) -> Result<BackOff, BadRequest> {
    let usual = BackOff::USUAL;
    let first = fields.duration("first", MIN_FIRST, MAX_COOL_DOWN)?;
    let factor = fields.decimal_within("factor", FACTOR, |_| true)?;
    let max = fields.duration("max", MIN_FIRST, MAX_COOL_DOWN)?;
    let first = first.unwrap_or(usual.first());
    let factor = factor.or(Decimal::new(usual.factor(), 3));
    let factor = fields.required("factor", factor)?; // there is one
    let max = max.unwrap_or(usual.max().max(first));
    let back_off = BackOff::new(first, factor, max).map_err(|error| at(&fields, error))?;
    fields.finish()?;
    Ok(back_off)
}

fn breaker(mut fields: Fields<'_>) -> Result<Breaker, BadRequest> {
    let statuses = match fields.array("statuses", MAX_STATUSES)? {
        Some(statuses) => statuses
            .into_iter()
            .map(failing)
            .collect::<Result<_, _>>()?,
        None => Breaker::USUAL_STATUSES.to_vec(),
    };
    let threshold = fields.count("threshold", 1, MAX_THRESHOLD)?;
    let window = fields.duration("window", MIN_BREAK, MAX_BREAK)?;
    let open = fields.duration("open", MIN_BREAK, MAX_BREAK)?;
    let probes = fields.count("probes", 1, MAX_PROBES)?;
    let opens = (
        threshold.unwrap_or(Breaker::USUAL_THRESHOLD),
        window.unwrap_or(Breaker::USUAL_WINDOW),
    );
    let open = open.unwrap_or(Breaker::USUAL_OPEN);
    let closes = (open, probes.unwrap_or(Breaker::USUAL_PROBES));
    let breaker = Breaker::new(statuses, opens, closes).map_err(|error| at(&fields, error))?;
    fields.finish()?;
    Ok(breaker)
}

/// A status, or a text such as `5xx`.
fn failing(element: Element<'_>) -> Result<Failing, BadRequest> {
    let status = |it: u64| Failing::new(it).ok().filter(|_| it >= 100);
    let class = |text: &str| match text {
        "4xx" => Some(Failing::Class(4)),
        "5xx" => Some(Failing::Class(5)),
        _ => None,
    };
    element.number_or_text(FAILING, status, class)
}

fn adapt(mut fields: Fields<'_>, policy: &Policy) -> Result<Adapt, BadRequest> {
    let label = fields.text("limit", 1, MAX_NAME)?.map(String::from);
    let adapted = match (&label, policy.limits()) {
        (Some(label), limits) => limits.iter().find(|it| it.label() == *label),
        (None, [only]) => Some(only),
        (None, _) => return Err(fields.error("limit", Problem::Missing)),
    };
    let adapted = adapted.ok_or_else(|| fields.error("limit", NO_SUCH_LIMIT))?;
    if adapted.schedule().is_some() {
        let with = "a limit with `stages` or `times`, whose numbers change by themselves";
        return Err(fields.error("limit", Problem::Conflict { with }));
    }
    let own = adapted.algorithm().limit();
    let floor = fields.count("floor", 1, own.max(1))?;
    let floor = floor.unwrap_or(Adapt::USUAL_FLOOR);
    let ceiling = fields.count("ceiling", floor, own.max(floor))?;
    let increase = fields.count("increase", 1, own.max(1))?;
    let increase = increase.unwrap_or(Adapt::USUAL_INCREASE);
    let decrease = fields.decimal_within("decrease", DECREASE, |_| true)?;
    let decrease = decrease.or(Decimal::new(Adapt::USUAL_DECREASE, 3));
    let decrease = fields.required("decrease", decrease)?; // there is one
    let adapt = Adapt::new(label, (floor, ceiling), increase, decrease);
    let adapt = adapt.map_err(|error| at(&fields, error))?;
    fields.finish()?;
    Ok(adapt)
}

/// What is wrong with the label of a limit that there is not.
pub const NO_SUCH_LIMIT: Problem = Problem::Malformed {
    expected: "the name of a limit of the policy, or of one without a name such as \"100/15m\"",
};

/// The canonical form of the settings.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OutboundForm {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_cool_down: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    back_off: Option<BackOffForm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pace: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    breaker: Option<BreakerForm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adapt: Option<AdaptForm>,
}

#[derive(Serialize)]
struct BreakerForm {
    statuses: Vec<FailingForm>,
    threshold: u64,
    window: Duration,
    open: Duration,
    probes: u64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum FailingForm {
    Status(u16),
    Class(String),
}

#[derive(Serialize)]
struct AdaptForm {
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<String>,
    floor: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ceiling: Option<u64>,
    increase: u64,
    #[serde(serialize_with = "thousandths")]
    decrease: u64,
}

#[derive(Serialize)]
struct BackOffForm {
    first: Duration,
    #[serde(serialize_with = "thousandths")]
    factor: u64,
    max: Duration,
}

impl From<&Outbound> for OutboundForm {
    fn from(outbound: &Outbound) -> OutboundForm {
        OutboundForm {
            max_cool_down: outbound.max_cool_down,
            back_off: outbound.back_off.map(|it| BackOffForm {
                first: it.first(),
                factor: it.factor(),
                max: it.max(),
            }),
            pace: outbound.pace.then_some(true),
            breaker: outbound.breaker.as_ref().map(BreakerForm::from),
            adapt: outbound.adapt.as_ref().map(AdaptForm::from),
        }
    }
}

impl From<&Breaker> for BreakerForm {
    fn from(it: &Breaker) -> BreakerForm {
        let form = |it: &Failing| match *it {
            Failing::Status(status) => FailingForm::Status(status),
            Failing::Class(class) => FailingForm::Class(format!("{class}xx")),
        };
        BreakerForm {
            statuses: it.statuses().iter().map(form).collect(),
            threshold: it.threshold(),
            window: it.window(),
            open: it.open(),
            probes: it.probes(),
        }
    }
}

impl From<&Adapt> for AdaptForm {
    fn from(it: &Adapt) -> AdaptForm {
        AdaptForm {
            limit: it.limit.clone(),
            floor: it.floor(),
            ceiling: it.ceiling(),
            increase: it.increase(),
            decrease: it.decrease(),
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn thousandths<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    match Decimal::new(*number, 3) {
        Some(number) => exact::serialize(&number, serializer),
        None => serializer.serialize_u64(0),
    }
}
