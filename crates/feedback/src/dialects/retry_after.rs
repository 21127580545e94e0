//! `Retry-After` (RFC 9110, 10.2.3), which Slack, Stripe, Shopify and Zendesk, among others, send
//! alone or beside their own headers; and the same in milliseconds, as Azure Cosmos DB
//! (`x-ms-retry-after-ms`) and OpenAI (`retry-after-ms`) say it.
//!
//! The RFC has whole seconds or a date. Shopify says `2.0`, some say an instant in Unix seconds.

use crate::dialect::{each, Dialect, Header};
use crate::notes::Notes;
use crate::value::{parts, when};
use crate::Why;

const IN_MILLIS: [&str; 2] = ["retry-after-ms", "x-ms-retry-after-ms"];

pub(super) const DIALECT: Dialect = Dialect {
    knows: |name| name == "retry-after" || IN_MILLIS.contains(&name),
    read,
};

fn read(header: &Header<'_>, notes: &mut Notes) -> Result<(), Why> {
    let in_millis = IN_MILLIS.contains(&header.name.as_str());
    each(parts(header.value), |part| {
        let when = if in_millis {
            when::millis(part)?
        } else {
            when::wait(part, notes.answered)?
        };
        notes.wait(when)
    })
}
