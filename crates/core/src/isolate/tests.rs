//! What the tests of the modules share.

use crate::api::request::{parse, Rule};
use crate::policy::Policy;

/// The inline policy of a request with these fields.
pub(super) fn policy(rest: &str) -> Policy {
    match parse(&format!(r#"{{"identifier": "u1", {rest}}}"#))
        .unwrap()
        .rule
    {
        Rule::Inline(policy) => policy,
        Rule::Named(_) => unreachable!(),
    }
}
