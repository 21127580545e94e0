//! `POST /limit/settle`, `/topup`, `/renew` and `/release`, under `/limit`: what a caller does with
//! a permit.
//!
//! A permit is opaque here: whether it is one, and whose, the permit's own code and the subject's
//! object know. What is read can be written, with durations in whole milliseconds.

use serde::Serialize;

use super::fields::Fields;
use super::{terms, BadRequest, Problem};
use crate::decide::Overage;
use crate::limit::{Real, MAX_WINDOW};
use crate::number::MAX_SAFE;
use crate::Duration;

/// The fields of a settlement.
pub const SETTLE: [&str; 3] = ["permit", "cost", "costs"];
/// The fields of a topup.
pub const TOP_UP: [&str; 4] = ["permit", "cost", "costs", "overage"];
/// The fields of a renewal.
pub const RENEW: [&str; 2] = ["permit", "hold"];
/// The fields of a release.
pub const RELEASE: [&str; 1] = ["permit"];
/// The longest text that is looked at as a permit, in bytes; every permit is shorter.
pub const MAX_PERMIT: usize = 4_096;

/// A permit to extend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Renew {
    /// The permit as presented: 1 to 4,096 bytes.
    pub permit: String,
    /// For how long from now: 1 ms to 366 d; `None` means the limit's own `ttl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Duration>,
}

/// A permit to give back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Release {
    /// The permit as presented: 1 to 4,096 bytes.
    pub permit: String,
}

/// A permit whose real cost is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settle {
    /// The permit as presented: 1 to 4,096 bytes.
    pub permit: String,
    /// What it was: each cost 0 to 2^53, and at least one of both fields.
    #[serde(flatten)]
    pub real: Real,
}

/// A permit that is to hold other units in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopUp {
    /// The permit as presented: 1 to 4,096 bytes.
    pub permit: String,
    /// The new totals, as [`Settle::real`].
    #[serde(flatten)]
    pub total: Real,
    /// What is done with what there is no room for.
    #[serde(skip_serializing_if = "is_usual")]
    pub overage: Overage,
}

fn is_usual(overage: &Overage) -> bool {
    *overage == Overage::Deny
}

/// Reads `{permit, cost?, costs?}`.
pub fn parse_settle(body: &str) -> Result<Settle, BadRequest> {
    let mut fields = Fields::parse(body)?;
    fields.only(&[&SETTLE])?;
    let settle = Settle {
        permit: permit(&mut fields)?,
        real: real(&mut fields)?,
    };
    fields.finish()?;
    Ok(settle)
}

/// Reads `{permit, cost?, costs?, overage?}`.
pub fn parse_topup(body: &str) -> Result<TopUp, BadRequest> {
    let mut fields = Fields::parse(body)?;
    fields.only(&[&TOP_UP])?;
    let topup = TopUp {
        permit: permit(&mut fields)?,
        total: real(&mut fields)?,
        overage: terms::overage(&mut fields)?,
    };
    fields.finish()?;
    Ok(topup)
}

fn real(fields: &mut Fields<'_>) -> Result<Real, BadRequest> {
    let real = Real {
        cost: fields.count("cost", 0, MAX_SAFE)?,
        costs: terms::costs(fields)?,
    };
    match real.cost.is_none() && real.costs.is_empty() {
        true => Err(fields.error("cost", Problem::Missing)),
        false => Ok(real),
    }
}

/// Reads `{permit, hold?}`.
pub fn parse_renew(body: &str) -> Result<Renew, BadRequest> {
    let mut fields = Fields::parse(body)?;
    fields.only(&[&RENEW])?;
    let renew = Renew {
        permit: permit(&mut fields)?,
        hold: fields.duration("hold", Duration::from_millis(1), MAX_WINDOW)?,
    };
    fields.finish()?;
    Ok(renew)
}

/// Reads `{permit}`.
pub fn parse_release(body: &str) -> Result<Release, BadRequest> {
    let mut fields = Fields::parse(body)?;
    fields.only(&[&RELEASE])?;
    let permit = permit(&mut fields)?;
    fields.finish()?;
    Ok(Release { permit })
}

fn permit(fields: &mut Fields<'_>) -> Result<String, BadRequest> {
    let permit = fields.text("permit", 1, MAX_PERMIT)?;
    fields.required("permit", permit).map(String::from)
}
