//! `X-RateLimit-Limit`, `-Remaining`, `-Reset`, and what is spelled nearly so, which most upstreams
//! say: GitHub, Discord, SendGrid, Vercel, Reddit (`X-Ratelimit-Used`), OpenAI
//! (`x-ratelimit-remaining-tokens`), Kong (`X-RateLimit-Limit-Minute`), X (`x-rate-limit-reset`),
//! Zendesk (`X-Rate-Limit: 700`), Brevo (`x-sib-ratelimit-limit`), GitLab (`RateLimit-Observed`),
//! and with `RateLimit-Limit` all that follow the IETF's drafts 0 to 6.

use super::fields::{self, Field};
use crate::dialect::{Dialect, Header};
use crate::notes::{Family, Notes};
use crate::Why;

/// The family of the IETF's drafts 0 to 7.
pub(super) const RATELIMIT: Family = "ratelimit-";
/// The family of what upstreams say in place of a standard.
pub(super) const X_RATELIMIT: Family = "x-ratelimit-";

const X_RATE_LIMIT: Family = "x-rate-limit-";
const FAMILIES: [Family; 4] = [RATELIMIT, X_RATELIMIT, X_RATE_LIMIT, "x-sib-ratelimit-"];
/// The limit itself, as Zendesk says it.
const LIMIT: &str = "x-rate-limit";

pub(super) const DIALECT: Dialect = Dialect {
    knows: |name| name == LIMIT || family_of(name).is_some(),
    read,
};

fn read(header: &Header<'_>, notes: &mut Notes) -> Result<(), Why> {
    if header.name == LIMIT {
        return fields::read(X_RATE_LIMIT, (Field::Limit, None), header.value, notes);
    }
    let (family, words) = family_of(&header.name).ok_or(Why::Unknown)?;
    let field = fields::field_of(words).ok_or(Why::Unknown)?;
    fields::read(family, field, header.value, notes)
}

fn family_of(name: &str) -> Option<(Family, &str)> {
    FAMILIES
        .iter()
        .find_map(|family| Some((*family, name.strip_prefix(family)?)))
}
