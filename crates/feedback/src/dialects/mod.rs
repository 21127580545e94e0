//! The dialects: which headers are each one's own, and what they say.

mod anthropic;
mod azure;
mod discord;
mod fields;
mod github;
mod hubspot;
mod ietf;
mod plain;
mod retry_after;
mod salesforce;
mod shopify;
mod stripe;
mod twilio;
mod x;
mod zendesk;

use crate::notes::Notes;
use crate::Why;

/// A header.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    /// Its name in lower case.
    pub(crate) name: String,
    /// Its value without white space around it.
    pub(crate) value: &'a str,
}

/// How an upstream, or many of them, tell limits.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// Whether a header is one of this dialect, by its name in lower case.
    knows: fn(&str) -> bool,
    /// Reads a header of this dialect. What of it was understood is noted also where the rest was
    /// not.
    pub(crate) read: fn(&Header<'_>, &mut Notes) -> Result<(), Why>,
}

/// All of them. A header is read in the first that knows it, so those that take every header of a
/// family stand last.
static DIALECTS: [Dialect; 14] = [
    retry_after::DIALECT,
    ietf::DIALECT,
    github::DIALECT,
    discord::DIALECT,
    stripe::DIALECT,
    salesforce::DIALECT,
    shopify::DIALECT,
    twilio::DIALECT,
    hubspot::DIALECT,
    zendesk::DIALECT,
    anthropic::DIALECT,
    azure::DIALECT,
    x::DIALECT,
    plain::DIALECT,
];

/// The dialect of a header, by its name in lower case.
pub(crate) fn of(name: &str) -> Option<&'static Dialect> {
    DIALECTS.iter().find(|it| (it.knows)(name))
}

/// Does the same with each part of a value, also after one that was not understood; why the first
/// was not.
fn each<T>(
    parts: impl IntoIterator<Item = T>,
    mut act: impl FnMut(T) -> Result<(), Why>,
) -> Result<(), Why> {
    let mut first = Ok(());
    for part in parts {
        first = first.and(act(part));
    }
    first
}
