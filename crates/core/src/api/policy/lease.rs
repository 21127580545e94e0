//! What bounds the leases of a policy: `lease: {max, life}`, or by the words of other limiters
//! `localBurst` and `syncInterval`.

use super::numbers::at;
use crate::api::fields::Fields;
use crate::api::{BadRequest, Problem};
use crate::lease::{Terms, MAX_LIFE, MIN_LIFE};
use crate::number::MAX_SAFE;
use crate::policy::Policy;

/// The field, and the two others that stand for its parts.
pub(super) const FIELDS: [&str; 3] = ["lease", "localBurst", "syncInterval"];

const SAME: &str = "`lease`, whose `max` and `life` are the same";

/// Takes them, if they are there, for `policy`.
pub(super) fn take(fields: &mut Fields<'_>, policy: Policy) -> Result<Policy, BadRequest> {
    let burst = fields.count("localBurst", 1, MAX_SAFE)?;
    let interval = fields.duration("syncInterval", MIN_LIFE, MAX_LIFE)?;
    let other = burst
        .map(|_| "localBurst")
        .or(interval.map(|_| "syncInterval"));
    let (field, max, life) = match (fields.object("lease")?, other) {
        (Some(_), Some(other)) => {
            return Err(fields.error(other, Problem::Conflict { with: SAME }));
        }
        (Some(mut inner), None) => {
            let max = inner.count("max", 1, MAX_SAFE)?;
            let life = inner.duration("life", MIN_LIFE, MAX_LIFE)?;
            inner.finish()?;
            ("lease", max, life)
        }
        (None, Some(other)) => (other, burst, interval),
        (None, None) => return Ok(policy),
    };
    let terms = Terms::new(max, life).map_err(|error| at(fields, error))?;
    let leased = policy.with_lease(terms);
    leased.map_err(|_| {
        let with = "`consistency`: only `leased` lends";
        fields.error(field, Problem::Conflict { with })
    })
}
