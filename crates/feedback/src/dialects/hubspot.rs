//! HubSpot: `X-HubSpot-RateLimit-Daily` and `-Secondly` are limits by their windows, each with
//! `-Remaining`; `-Max`, `-Remaining` and `-Interval-Milliseconds` are one without a name.
//! ("API usage guidelines")

use super::fields::{self, Field};
use crate::dialect::{Dialect, Header};
use crate::notes::{Family, Notes};
use crate::Why;

const FAMILY: Family = "x-hubspot-ratelimit-";

pub(super) const DIALECT: Dialect = Dialect {
    knows: |name| name.starts_with(FAMILY),
    read,
};

fn read(header: &Header<'_>, notes: &mut Notes) -> Result<(), Why> {
    let words = header.name.strip_prefix(FAMILY).ok_or(Why::Unknown)?;
    let field = match words {
        "daily" | "secondly" => (Field::Limit, Some(words)),
        _ => fields::field_of(words).ok_or(Why::Unknown)?,
    };
    fields::read(FAMILY, field, header.value, notes)
}
