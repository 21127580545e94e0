//! Anthropic: `anthropic-ratelimit-requests-limit`, `-remaining`, `-reset`, and the same of
//! `tokens`, `input-tokens` and `output-tokens`; of what a priority tier has bought
//! `anthropic-priority-input-tokens-limit`. ("Rate limits", "Service tiers")
//!
//! The headers `anthropic-ratelimit-unified-…`, which no page describes, are not understood.

use super::fields;
use crate::dialect::{Dialect, Header};
use crate::notes::{Family, Notes};
use crate::Why;

const FAMILY: Family = "anthropic-ratelimit-";
/// Its limits are named with this, to be others than those beside them.
const PRIORITY: &str = "anthropic-priority-";
const UNIFIED: &str = "unified-";

pub(super) const DIALECT: Dialect = Dialect {
    knows: |name| name.starts_with(FAMILY) || name.starts_with(PRIORITY),
    read,
};

fn read(header: &Header<'_>, notes: &mut Notes) -> Result<(), Why> {
    let words = match header.name.strip_prefix(FAMILY) {
        Some(words) if words.starts_with(UNIFIED) => return Err(Why::Unknown),
        Some(words) => words,
        None => header.name.strip_prefix("anthropic-").ok_or(Why::Unknown)?,
    };
    let field = fields::field_of(words).ok_or(Why::Unknown)?;
    fields::read(FAMILY, field, header.value, notes)
}
