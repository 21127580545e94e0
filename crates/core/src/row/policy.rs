//! The text of a policy: what of it the object decides by. Its limits are lines of their own.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::limit::Name;
use crate::policy::{Policy, Version};
use crate::Limit;

use super::granted::{get_granted, put_granted};
use super::later::{get_later, put_later};
use super::outbound::{get_outbound, put_outbound};
use super::penalty::{get_penalty, put_penalty};
use super::put_limit;
use super::weights::{get_weights, put_weights};

/// Adds a version to a line, where there is one.
pub fn put_version(line: LineWriter, version: Version) -> LineWriter {
    let put = |line: LineWriter, key, value: u64| line.put_some(key, (value > 0).then_some(value));
    let line = put(line, "version", version.number);
    let line = put(line, "generation", version.generation);
    let line = put(line, "adjusted", version.adjusted);
    put(line, "edition", version.edition)
}

/// Reads a version. Builds before knew no generation, others no overrides or no editions.
pub fn get_version(line: &Line) -> Result<Version, Unreadable> {
    Ok(Version {
        generation: line.number("generation")?.unwrap_or(0),
        number: line.number("version")?.unwrap_or(0),
        adjusted: line.number("adjusted")?.unwrap_or(0),
        edition: line.number("edition")?.unwrap_or(0),
    })
}

/// Adds a policy without its limits to a line.
pub fn put_policy(line: LineWriter, policy: &Policy) -> LineWriter {
    let line = put_reference(line, policy)
        .put_some("writeAhead", policy.write_ahead())
        .flag("replacesInline", policy.replaces_inline());
    let line = put_penalty(put_weights(line, policy), policy);
    let line = put_outbound(line, policy);
    put_later(put_granted(line, policy), policy.later())
}

/// Adds the name and the version of a policy alone.
pub fn put_reference(line: LineWriter, policy: &Policy) -> LineWriter {
    let line = line.put_some("policy", policy.name().map(Name::as_str));
    put_version(line, policy.version())
}

/// Reads a policy of which only the name and the version are told.
pub fn get_reference(line: &Line) -> Result<Policy, Unreadable> {
    let name = line.get("policy").ok_or(Unreadable::Damaged("limits"))?;
    let version = get_version(line)?;
    if !version.is_given() {
        return Err(Unreadable::Damaged("version"));
    }
    Ok(Policy::reference(Name::stored("policy", name)?, version))
}

/// Adds the limits of a policy, each as a line of its own.
pub fn put_limits_of(mut line: LineWriter, policy: &Policy) -> LineWriter {
    for limit in policy.limits() {
        line = put_limit(line.and("limit"), limit);
    }
    line
}

/// Reads a policy of these limits.
pub fn get_policy(line: &Line, limits: Vec<Limit>) -> Result<Policy, Unreadable> {
    let mut policy = Policy::new(limits)?;
    if let Some(name) = line.get("policy") {
        policy = policy.named(Name::stored("policy", name)?, get_version(line)?);
    }
    // `reserve` is what it was called before.
    let units = match line.number("writeAhead")? {
        Some(units) => Some(units),
        None => line.number("reserve")?,
    };
    if line.flag("replacesInline") {
        policy = policy.replacing_inline()?;
    }
    if let Some(penalty) = get_penalty(line)? {
        policy = policy.with_penalty(penalty)?;
    }
    if let Some(weights) = get_weights(line)? {
        policy = policy.with_weights(weights)?;
    }
    if let Some(outbound) = get_outbound(line)? {
        policy = policy.with_outbound(outbound)?;
    }
    policy = policy.with_granted(get_granted(line)?);
    policy = policy.with_later(get_later(line)?);
    match units {
        Some(units) => Ok(policy.with_write_ahead(units)?),
        None => Ok(policy),
    }
}
