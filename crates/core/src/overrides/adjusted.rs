//! A policy under an override that changes its limits.

use super::Effect;
use crate::limit::quota::Quota;
use crate::limit::{BurstCredits, Concurrency, LeakyBucket, Rate, TokenBucket, Window, MAX_LOG};
use crate::number::{Decimal, MAX_SAFE};
use crate::policy::Policy;
use crate::{Algorithm, InvalidLimit, Limit};

/// The policy under an override: its limits multiplied, or others in their place. `None` where the
/// override changes none, or where the policy could not be decided with these limits: then it stays
/// as it is. A limit that follows its upstream is multiplied as it is then; those in its place
/// follow none.
pub fn adjusted(policy: &Policy, effect: &Effect) -> Option<Policy> {
    match effect {
        Effect::Scale(factor) => {
            let scaled = policy.limits().iter().map(|limit| scaled(limit, *factor));
            let limits = scaled.collect::<Result<Vec<Limit>, InvalidLimit>>().ok()?;
            let adapt = policy.adapting().map(|(place, adapt)| {
                let own = &policy.limits()[place];
                let mut adapt = adapt.clone().of_scaled(own.algorithm().limit());
                adapt.limit = Some(own.known_as()); // its label has its number
                adapt
            });
            Some(policy.with_limits(limits).ok()?.with_adapt(adapt))
        }
        Effect::Replace(limits) => Some(policy.with_limits(limits.clone()).ok()?.with_adapt(None)),
        Effect::Deny(_) | Effect::Pause(_) | Effect::Bypass | Effect::Grant(_) => None,
    }
}

/// A limit of so many units, with its rate in proportion where it has one.
pub(crate) fn limited_to(limit: &Limit, units: u64) -> Result<Limit, InvalidLimit> {
    let own = u128::from(limit.algorithm().limit().max(1));
    // Rounded up, so that what is rounded down after it is exact up to 10^9 units.
    let part = (u128::from(units) * 1_000_000_000).div_ceil(own);
    let part = u64::try_from(part).ok().and_then(|it| Decimal::new(it, 9));
    match part {
        Some(part) => scaled(limit, part),
        None => Ok(limit.clone()),
    }
}

/// A limit with its units multiplied, in each of its steps, rounded down; at least 1 where there
/// was any, and within the bounds of its algorithm.
fn scaled(limit: &Limit, by: Decimal) -> Result<Limit, InvalidLimit> {
    limit.with_each(&|algorithm| scaled_algorithm(algorithm, by))
}

fn scaled_algorithm(algorithm: &Algorithm, by: Decimal) -> Result<Algorithm, InvalidLimit> {
    let up_to = |units: u64, most: u64| match units {
        0 => 0,
        _ => times(units, by).clamp(1, u128::from(most)) as u64,
    };
    let window =
        |window: &Window, most: u64| Window::new(up_to(window.limit(), most), window.window());
    Ok(match algorithm {
        Algorithm::FixedWindow(it) => Algorithm::FixedWindow(window(it, MAX_SAFE)?),
        Algorithm::FirstUse(it) => Algorithm::FirstUse(window(it, MAX_SAFE)?),
        Algorithm::SlidingWindow(it) => Algorithm::SlidingWindow(window(it, MAX_SAFE)?),
        Algorithm::SlidingLog(it) => Algorithm::SlidingLog(window(it, MAX_LOG)?),
        Algorithm::Quota(it) => {
            let units = up_to(it.limit(), MAX_SAFE);
            let zone = it.time_zone().clone();
            Algorithm::Quota(Quota::new(units, it.period(), zone, it.anchor())?)
        }
        Algorithm::Concurrency(it) => {
            let slots = up_to(it.limit(), Concurrency::MAX_SLOTS);
            Algorithm::Concurrency(Concurrency::new(slots, it.ttl())?)
        }
        Algorithm::TokenBucket(it) => Algorithm::TokenBucket(token_bucket(it, by, &up_to)?),
        Algorithm::LeakyBucket(it) => {
            let leak = rate("leak.interval", it.leak(), by)?;
            let bucket = LeakyBucket::new(up_to(it.capacity(), MAX_SAFE), leak)?;
            Algorithm::LeakyBucket(match it.max_delay() {
                Some(most) => bucket.with_max_delay(most)?,
                None => bucket,
            })
        }
    })
}

fn token_bucket(
    it: &TokenBucket,
    by: Decimal,
    up_to: &dyn Fn(u64, u64) -> u64,
) -> Result<TokenBucket, InvalidLimit> {
    let refill = rate("refill.interval", it.refill(), by)?;
    let capacity = up_to(it.capacity(), MAX_SAFE);
    let mut bucket = TokenBucket::new(capacity, refill)?.with_forget_after(it.forget_after())?;
    if it.is_stepped() {
        bucket = bucket.stepped()?;
    }
    if let Some(initial) = it.initial() {
        bucket = bucket.with_initial(up_to(initial, capacity))?;
    }
    if let Some(credits) = it.burst_credits() {
        let cap = up_to(credits.cap(), MAX_SAFE);
        bucket = bucket.with_burst_credits(BurstCredits::new(cap, credits.expiry())?)?;
    }
    Ok(bucket)
}

/// Units times a factor, rounded down.
fn times(units: u64, by: Decimal) -> u128 {
    u128::from(units) * u128::from(by.mantissa()) / 10u128.pow(u32::from(by.scale()))
}

/// A rate times a factor: exactly, or rounded down in the ninth decimal; never nothing.
fn rate(field: &'static str, rate: Rate, by: Decimal) -> Result<Rate, InvalidLimit> {
    let amount = rate.amount();
    let mut mantissa = u128::from(amount.mantissa()) * u128::from(by.mantissa());
    let mut scale = amount.scale() + by.scale();
    while scale > 0 && (scale > Decimal::MAX_SCALE || mantissa > u128::from(u64::MAX)) {
        mantissa /= 10;
        scale -= 1;
    }
    let most = u128::from(MAX_SAFE) * 10u128.pow(u32::from(scale));
    let mantissa = mantissa.clamp(1, most.min(u128::from(u64::MAX))) as u64;
    let amount = Decimal::new(mantissa, scale).unwrap_or(amount);
    Rate::new(field, amount, rate.interval())
}
