//! Azure tells what remains, and neither of how much nor until when.
//!
//! - Resource Manager: `x-ms-ratelimit-remaining-subscription-reads: 11999`. ("Understand how Azure
//!   Resource Manager throttles requests")
//! - Compute: `x-ms-ratelimit-remaining-resource: Microsoft.Compute/HighCostGet3Min;159`, several
//!   in a list. ("Troubleshooting API throttling errors")
//! - Cost Management: `x-ms-ratelimit-microsoft.costmanagement-entity-retry-after: 30`.
//! - Resource Graph: `x-ms-user-quota-remaining: 10`, `x-ms-user-quota-resets-after: 00:00:03`.
//!   ("Guidance for throttled requests in Azure Resource Graph")

use super::fields::{self, Field};
use crate::dialect::{each, Dialect, Header};
use crate::notes::{Family, Notes};
use crate::value::number::integer;
use crate::value::when::after;
use crate::value::{clock, parts};
use crate::{Told, Why};

const FAMILY: Family = "x-ms-ratelimit-";
const RESOURCE: &str = "x-ms-ratelimit-remaining-resource";
const USER_QUOTA: &str = "x-ms-user-quota-";

pub(super) const DIALECT: Dialect = Dialect {
    knows: |name| name.starts_with(FAMILY) || name.starts_with(USER_QUOTA),
    read,
};

fn read(header: &Header<'_>, notes: &mut Notes) -> Result<(), Why> {
    if header.name == RESOURCE {
        return each(parts(header.value), |part| resource(part, notes));
    }
    if let Some(words) = header.name.strip_prefix(USER_QUOTA) {
        return user_quota(words, header.value, notes);
    }
    let words = header.name.strip_prefix(FAMILY).ok_or(Why::Unknown)?;
    let field = fields::field_of(words).ok_or(Why::Unknown)?;
    fields::read(FAMILY, field, header.value, notes)
}

/// `Microsoft.Compute/GetVMScaleSet3Min;197`.
fn resource(part: &str, notes: &mut Notes) -> Result<(), Why> {
    let (name, remaining) = part.split_once(';').ok_or(Why::Malformed)?;
    let told = Told {
        name: Some(name.trim().to_owned()),
        remaining: Some(integer(remaining.trim())?),
        ..Told::default()
    };
    notes.tell(RESOURCE, told)
}

fn user_quota(words: &str, value: &str, notes: &mut Notes) -> Result<(), Why> {
    const NAME: Option<&str> = Some("user-quota");
    match words {
        "remaining" => fields::read(USER_QUOTA, (Field::Remaining, NAME), value, notes),
        "resets-after" => {
            let reset = after(clock(value).ok_or(Why::Malformed)?.as_millis());
            let told = Told {
                name: NAME.map(str::to_owned),
                reset: Some(reset),
                ..Told::default()
            };
            notes.tell(USER_QUOTA, told)
        }
        _ => Err(Why::Unknown),
    }
}
