//! Policies that are asked together, because one is the parent of the other: whether they can be.

use std::borrow::Cow;

use tollgate_core::api::multi::decided_elsewhere;
use tollgate_core::api::policy::named::stored;

use crate::bounds::MAX_LEVELS;
use crate::content::Content;
use crate::refused::Refused;

/// What has to be known of one policy.
pub(crate) struct Level<'a> {
    /// Its canonical form.
    canonical: &'a str,
    /// The name of what stands above it.
    parent: Option<Cow<'a, str>>,
}

impl Level<'_> {
    /// That of a policy.
    pub(crate) fn of(content: &Content) -> Level<'_> {
        Level {
            canonical: &content.canonical,
            parent: content.parent.as_deref().map(Cow::Borrowed),
        }
    }

    /// That of a policy of which only the canonical form is known; one that cannot be read stands
    /// below nothing, and is found to be unreadable later.
    pub(crate) fn read(canonical: &str) -> Level<'_> {
        let parent = stored(canonical).ok().and_then(|it| it.parent);
        Level {
            canonical,
            parent: parent.map(|it| Cow::Owned(it.policy.as_str().to_owned())),
        }
    }
}

/// Whether the policy of this name can be asked together with all that stand above it. `of` tells
/// the policy of a name, `is_changed` whether it is new: levels of which none is were found good
/// before, and are not read.
pub(crate) fn check<'a>(
    name: &str,
    of: &dyn Fn(&str) -> Option<Level<'a>>,
    is_changed: &dyn Fn(&str) -> bool,
) -> Result<(), Refused> {
    let mut chain = vec![name.to_owned()];
    let mut levels: Vec<Level> = of(name).into_iter().collect();
    while let Some(parent) = levels.last().and_then(|it| it.parent.clone()) {
        let is_circle = chain.iter().any(|below| *below == parent);
        chain.push(parent.clone().into_owned());
        if is_circle {
            return Err(Refused::ParentCycle(chain));
        }
        if chain.len() > MAX_LEVELS {
            return Err(Refused::TooManyLevels(chain));
        }
        let above = of(&parent);
        levels.push(above.ok_or_else(|| Refused::UnknownParent(parent.into_owned()))?);
    }
    if chain.len() > 1 && chain.iter().any(|name| is_changed(name)) {
        check_modes(&chain, &levels)?;
    }
    Ok(())
}

fn check_modes(chain: &[String], levels: &[Level]) -> Result<(), Refused> {
    let mut permits = 0;
    for (name, level) in chain.iter().zip(levels) {
        let policy = stored(level.canonical)?.policy;
        if decided_elsewhere(&policy).is_some() {
            return Err(Refused::NotTogether(name.clone()));
        }
        permits += usize::from(policy.gives_permits());
    }
    if permits > 1 {
        return Err(Refused::SeveralPermits(chain.to_vec()));
    }
    Ok(())
}
