//! Stripe says why it refused: `Stripe-Rate-Limited-Reason: global-rate`. ("Rate limits")

use crate::dialect::{Dialect, Header};
use crate::notes::Notes;
use crate::{Measure, Scope, Why};

pub(super) const DIALECT: Dialect = Dialect {
    knows: |name| name == "stripe-rate-limited-reason",
    read,
};

fn read(header: &Header<'_>, notes: &mut Notes) -> Result<(), Why> {
    let (scope, measure) = match header.value.to_ascii_lowercase().as_str() {
        "global-rate" => (Scope::Everything, Some(Measure::Rate)),
        "global-concurrency" => (Scope::Everything, Some(Measure::Concurrency)),
        "endpoint-rate" => (Scope::Endpoint, Some(Measure::Rate)),
        "endpoint-concurrency" => (Scope::Endpoint, Some(Measure::Concurrency)),
        "resource-specific" => (Scope::Resource, None),
        _ => return Err(Why::Malformed),
    };
    notes.cause(Some(scope), measure);
    Ok(())
}
