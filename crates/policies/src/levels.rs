//! Policies that are asked together, because one is the parent of the other: whether they can be.

use tollgate_core::api::policy::named::parse;
use tollgate_core::policy::consistency::Consistency;
use tollgate_core::policy::Policy;

use crate::book::Content;
use crate::bounds::MAX_LEVELS;
use crate::refused::Refused;

/// Whether the policy of this name can be asked together with all that stand above it. `of` tells
/// the policy of a name.
pub(crate) fn check<'a>(
    name: &str,
    of: &dyn Fn(&str) -> Option<&'a Content>,
) -> Result<(), Refused> {
    let mut chain = vec![name.to_owned()];
    let mut contents: Vec<&Content> = of(name).into_iter().collect();
    while let Some(parent) = contents.last().and_then(|it| it.parent.as_deref()) {
        let is_circle = chain.iter().any(|below| below == parent);
        chain.push(parent.to_owned());
        if is_circle {
            return Err(Refused::ParentCycle(chain));
        }
        if chain.len() > MAX_LEVELS {
            return Err(Refused::TooManyLevels(chain));
        }
        let above = of(parent).ok_or_else(|| Refused::UnknownParent(parent.to_owned()))?;
        contents.push(above);
    }
    if chain.len() > 1 {
        check_modes(&chain, &contents)?;
    }
    Ok(())
}

fn check_modes(chain: &[String], contents: &[&Content]) -> Result<(), Refused> {
    let mut permits = 0;
    for (name, content) in chain.iter().zip(contents) {
        let policy = parse(&content.canonical)?.policy;
        if !is_decided_by_its_object(&policy) {
            return Err(Refused::NotTogether(name.clone()));
        }
        permits += usize::from(policy.gives_permits());
    }
    if permits > 1 {
        return Err(Refused::SeveralPermits(chain.to_vec()));
    }
    Ok(())
}

fn is_decided_by_its_object(policy: &Policy) -> bool {
    policy.consistency() == Consistency::Strong && policy.shed().is_none()
}
