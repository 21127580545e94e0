//! What is recorded of a policy's use, so that a change of it can be tried:
//! `record: {share, days}`.

use serde::Serialize;

use super::rate::exact;
use crate::api::fields::Fields;
use crate::api::{BadRequest, Problem};
use crate::number::Decimal;
use crate::policy::consistency::Consistency;
use crate::policy::Policy;

/// The most days that recorded use is kept.
pub const MAX_DAYS: u64 = 30;
/// How many decimals a share has at most.
const DECIMALS: u8 = 6;

/// How much of a policy's use is recorded, and for how long it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Record {
    /// The part of the subjects that is recorded: above 0 and at most 1, with at most 6 decimals.
    /// The busiest are recorded anyway.
    #[serde(serialize_with = "exact::serialize")]
    share: Decimal,
    /// For how many days it is kept: 1 to [`MAX_DAYS`].
    pub days: u64,
}

const SHARE: &str = "a number between 0.000001 and 1, with at most 6 decimals";

impl Record {
    /// How many subjects of a million are recorded: 1 to 1,000,000, which is everybody.
    pub fn millionths(&self) -> u32 {
        millionths(self.share).unwrap_or(1) // it has at most so many decimals
    }
}

/// Takes `record`, if it is there. Only what objects decide can be decided once more.
pub(super) fn take(fields: &mut Fields<'_>) -> Result<Option<Record>, BadRequest> {
    let Some(mut inner) = fields.object("record")? else {
        return Ok(None);
    };
    let share = inner.decimal_within("share", SHARE, |share| millionths(share).is_some())?;
    let share = inner.required("share", share)?;
    let days = inner.count("days", 1, MAX_DAYS)?;
    let days = inner.required("days", days)?;
    inner.finish()?;
    Ok(Some(Record { share, days }))
}

fn millionths(share: Decimal) -> Option<u32> {
    let finer = DECIMALS.checked_sub(share.scale())?;
    let share = share.mantissa().checked_mul(10u64.pow(u32::from(finer)))?;
    let most = 10u64.pow(u32::from(DECIMALS));
    u32::try_from(share).ok().filter(|_| share <= most)
}

/// Whether the use of `policy` can be recorded.
pub(super) fn suits(policy: &Policy) -> Result<(), BadRequest> {
    let with = if policy.consistency() != Consistency::Strong {
        "`consistency`: only what the subject's object decides can be decided once more"
    } else if policy.weights().is_some() {
        "`weights`: records do not tell who asked"
    } else {
        return Ok(());
    };
    Err(BadRequest::new("record", Problem::Conflict { with }))
}
