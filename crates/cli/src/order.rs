//! Bases, parents and fallbacks before what stands on them.

use std::collections::BTreeMap;

use crate::tree::Tree;

/// The names on which a policy stands: what it extends, its parent, its fallbacks.
pub fn stands_on(policy: &Tree) -> impl Iterator<Item = &str> {
    let base = policy.get("extends").and_then(Tree::text);
    let parent = policy.get("parent").and_then(|it| it.get("policy"));
    let fallbacks = match policy.get("fallbackTo") {
        Some(Tree::List(names)) => names.as_slice(),
        _ => &[],
    };
    let above = base.into_iter().chain(parent.and_then(Tree::text));
    above.chain(fallbacks.iter().filter_map(Tree::text))
}

/// All names, each behind those that it stands on; where these go in a circle, its names.
pub fn ordered(policies: &BTreeMap<String, &Tree>) -> Result<Vec<String>, Vec<String>> {
    let mut ordered = Vec::new();
    for name in policies.keys() {
        visit(policies, name, &mut Vec::new(), &mut ordered)?;
    }
    Ok(ordered)
}

fn visit(
    policies: &BTreeMap<String, &Tree>,
    name: &str,
    above: &mut Vec<String>,
    ordered: &mut Vec<String>,
) -> Result<(), Vec<String>> {
    let Some(policy) = policies.get(name) else {
        return Ok(());
    };
    if ordered.iter().any(|other| other == name) {
        return Ok(());
    }
    let is_circle = above.iter().any(|other| other == name);
    above.push(name.to_owned());
    if is_circle {
        return Err(above.clone());
    }
    for other in stands_on(policy) {
        visit(policies, other, above, ordered)?;
    }
    above.pop();
    ordered.push(name.to_owned());
    Ok(())
}
