//! The dialects: which headers are each one's own, and what they say.

mod anthropic;
mod azure;
mod discord;
mod fields;
mod github;
mod gitlab;
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

use crate::dialect::Dialect;

/// All of them. A header is read in the first that knows it, so those that take every header of a
/// family stand last.
static DIALECTS: [Dialect; 15] = [
    retry_after::DIALECT,
    ietf::DIALECT,
    github::DIALECT,
    gitlab::DIALECT,
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
