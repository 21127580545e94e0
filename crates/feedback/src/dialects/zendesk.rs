//! Zendesk says of the limits of endpoints
//! `Zendesk-RateLimit-tickets-index: total=100; remaining=99; resets=41`, in seconds; and of that
//! of the account in [`plain`](super::plain) headers. ("Best practices for avoiding rate limiting")

use crate::dialect::{each, Dialect, Header};
use crate::notes::{Family, Notes};
use crate::value::number::integer;
use crate::value::when;
use crate::{Told, Why};

const FAMILY: Family = "zendesk-ratelimit-";

pub(super) const DIALECT: Dialect = Dialect {
    knows: |name| name.starts_with(FAMILY),
    read,
};

fn read(header: &Header<'_>, notes: &mut Notes) -> Result<(), Why> {
    let name = header.name.strip_prefix(FAMILY).ok_or(Why::Unknown)?;
    each(
        header.value.trim_end_matches(';').split([';', ',']),
        |part| {
            let (word, value) = part.split_once('=').ok_or(Why::Malformed)?;
            let value = value.trim();
            let mut told = Told {
                name: Some(name.to_owned()),
                ..Told::default()
            };
            match word.trim() {
                "total" => told.limit = Some(integer(value)?),
                "remaining" => told.remaining = Some(integer(value)?),
                "resets" => told.reset = Some(when::reset(value, notes.answered)?),
                _ => return Err(Why::Unknown),
            }
            notes.tell(FAMILY, told)
        },
    )
}
