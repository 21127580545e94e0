//! Policies that are asked where others refuse: whether they can be.

use std::collections::BTreeSet;

use tollgate_core::limit::Name;

use crate::refused::Refused;

/// Whether each policy that this one falls back to is there, and none of them falls back to it in
/// turn. `of` tells the names of a policy's fallbacks; `None` where there is no such policy.
pub(crate) fn check(name: &str, of: &dyn Fn(&str) -> Option<Vec<Name>>) -> Result<(), Refused> {
    let (mut chain, mut seen) = (vec![name.to_owned()], BTreeSet::new());
    for next in of(name).unwrap_or_default() {
        let next = next.as_str();
        if of(next).is_none() {
            return Err(Refused::UnknownFallback(next.to_owned()));
        }
        if comes_back(name, next, of, (&mut chain, &mut seen)) {
            return Err(Refused::FallbackCycle(chain));
        }
    }
    Ok(())
}

/// Whether `name` stands among the fallbacks of `next`, or of those in turn; `chain` is the way.
fn comes_back(
    name: &str,
    next: &str,
    of: &dyn Fn(&str) -> Option<Vec<Name>>,
    (chain, seen): (&mut Vec<String>, &mut BTreeSet<String>),
) -> bool {
    chain.push(next.to_owned());
    if next == name {
        return true;
    }
    if seen.insert(next.to_owned()) {
        for further in of(next).unwrap_or_default() {
            if comes_back(name, further.as_str(), of, (chain, seen)) {
                return true;
            }
        }
    }
    chain.pop();
    false
}
