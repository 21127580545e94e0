//! The text of how a policy heeds its upstream: settings with their numbers, such as
//! `outbound=maxCoolDown:60000,backOff:1000:2000:60000`, durations in ms, factors in thousandths.
//! What a build does not know of it, it passes over.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::number::Decimal;
use crate::policy::outbound::{Adapt, BackOff, Breaker, Failing, Outbound};
use crate::policy::Policy;
use crate::Duration;

use super::items;

const KEY: &str = "outbound";
/// The label of the limit that adapts.
const ADAPTS: &str = "adapts";
const DAMAGED: Unreadable = Unreadable::Damaged(KEY);

/// Adds it, where the policy says anything of it. An object of a build from before passes over it.
pub(super) fn put_outbound(line: LineWriter, policy: &Policy) -> LineWriter {
    let outbound = policy.outbound();
    let line = line.put_some(KEY, outbound.map(text));
    let adapts = outbound.and_then(|it| it.adapt.as_ref()?.limit.as_deref());
    match adapts {
        Some(label) => line.text(ADAPTS, label),
        None => line,
    }
}

fn text(outbound: &Outbound) -> String {
    let mut parts = Vec::new();
    if let Some(longest) = outbound.max_cool_down {
        parts.push(format!("maxCoolDown:{}", longest.as_millis()));
    }
    if let Some(it) = &outbound.back_off {
        let (first, max) = (it.first().as_millis(), it.max().as_millis());
        parts.push(format!("backOff:{first}:{}:{max}", it.factor()));
    }
    if outbound.pace {
        parts.push("pace:1".to_owned());
    }
    if let Some(it) = &outbound.breaker {
        let (window, open) = (it.window().as_millis(), it.open().as_millis());
        let mut text = format!("breaker:{}:{window}:{open}:{}", it.threshold(), it.probes());
        for failing in it.statuses() {
            text.push_str(&format!(":{}", failing.number()));
        }
        parts.push(text);
    }
    if let Some(it) = &outbound.adapt {
        let (floor, ceiling) = (it.floor(), it.ceiling().unwrap_or(0));
        let numbers = format!(
            "adapt:{floor}:{ceiling}:{}:{}",
            it.increase(),
            it.decrease()
        );
        parts.push(numbers);
        // Apart, so that a build from before reads the rest.
        let scaled = it.scaled_from().map(|from| format!("scaledFrom:{from}"));
        parts.extend(scaled);
    }
    parts.join(",")
}

/// Reads it.
pub(super) fn get_outbound(line: &Line) -> Result<Option<Outbound>, Unreadable> {
    let mut outbound = Outbound::default();
    for item in items(line, KEY) {
        let (name, numbers) = item.split_once(':').ok_or(DAMAGED)?;
        let numbers = numbers.split(':').map(|it| it.parse().map_err(|_| DAMAGED));
        let numbers: Vec<u64> = numbers.collect::<Result<_, _>>()?;
        outbound = read(outbound, name, &numbers)?;
    }
    if let (Some(adapt), Some(_)) = (&mut outbound.adapt, line.get(ADAPTS)) {
        adapt.limit = Some(line.text(ADAPTS)?);
    }
    Ok((!outbound.is_default()).then_some(outbound))
}

fn read(outbound: Outbound, name: &str, numbers: &[u64]) -> Result<Outbound, Unreadable> {
    Ok(match (name, numbers) {
        ("maxCoolDown", [longest]) => {
            outbound.with_max_cool_down(Duration::from_millis(*longest))?
        }
        ("backOff", [first, factor, max]) => {
            let factor = Decimal::new(*factor, 3).ok_or(DAMAGED)?;
            let [first, max] = [*first, *max].map(Duration::from_millis);
            Outbound {
                back_off: Some(BackOff::new(first, factor, max)?),
                ..outbound
            }
        }
        ("pace", _) => Outbound {
            pace: true,
            ..outbound
        },
        ("breaker", [threshold, window, open, probes, statuses @ ..]) => {
            let [window, open] = [*window, *open].map(Duration::from_millis);
            let statuses = statuses.iter().map(|it| Failing::new(*it));
            let statuses = statuses.collect::<Result<_, _>>()?;
            Outbound {
                breaker: Some(Breaker::new(
                    statuses,
                    (*threshold, window),
                    (open, *probes),
                )?),
                ..outbound
            }
        }
        ("adapt", [floor, ceiling, increase, decrease]) => {
            let decrease = Decimal::new(*decrease, 3).ok_or(DAMAGED)?;
            let bounds = (*floor, Some(*ceiling).filter(|it| *it > 0));
            Outbound {
                adapt: Some(Adapt::new(None, bounds, *increase, decrease)?),
                ..outbound
            }
        }
        ("scaledFrom", [from]) => Outbound {
            adapt: outbound.adapt.map(|it| it.of_scaled(*from)),
            ..outbound
        },
        ("maxCoolDown" | "backOff" | "breaker" | "adapt", _) => return Err(DAMAGED),
        _ => outbound,
    })
}
