//! What a policy stands on (its base, its parent, its fallbacks) never leads back to it.
//!
//! No circle would make a check endless: what is asked is at most the policy and its fallbacks,
//! each with what stands above it, for nobody follows the fallbacks of a fallback or of a parent.
//! But of the policies in a circle none can be made first or deleted first, so that nobody could
//! keep them as files, or take them away, without taking them apart.

use tollgate_core::limit::Name;

use crate::content::Content;

/// How one policy stands on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It extends it.
    Extends,
    /// It has it as its parent.
    Below,
    /// It falls back to it.
    FallsBack,
}

impl Relation {
    /// The words between the two names.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Relation::Extends => "extends",
            Relation::Below => "is below",
            Relation::FallsBack => "falls back to",
        }
    }

    /// The field that says so.
    pub(crate) const fn field(self) -> &'static str {
        match self {
            Relation::Extends => "extends",
            Relation::Below => "parent",
            Relation::FallsBack => "fallbackTo",
        }
    }
}

/// A policy on the way round a circle, and how it stands on the next one.
pub type Link = (String, Relation);

/// What is under a name.
type Of<'o, 'c> = &'o dyn Fn(&str) -> Option<&'c Content>;

/// A circle of fallbacks alone to which one of these policies leads.
pub(crate) fn of_fallbacks(from: &[&str], of: Of<'_, '_>) -> Option<Vec<Link>> {
    find(from, &|name| fallbacks(of, name))
}

/// A circle of whatever relations to which one of these policies leads.
pub(crate) fn of_any(from: &[&str], of: Of<'_, '_>) -> Option<Vec<Link>> {
    find(from, &|name| all(of, name))
}

fn fallbacks(of: Of<'_, '_>, name: &str) -> Vec<Link> {
    let names = of(name).map(Content::fallbacks).unwrap_or_default();
    let link = |name: Name| (name.as_str().to_owned(), Relation::FallsBack);
    names.into_iter().map(link).collect()
}

fn all(of: Of<'_, '_>, name: &str) -> Vec<Link> {
    let content = of(name);
    let base = content.and_then(|it| it.base.clone());
    let parent = content.and_then(|it| it.parent.clone());
    let base = base.map(|name| (name, Relation::Extends));
    let parent = parent.map(|name| (name, Relation::Below));
    let above = base.into_iter().chain(parent);
    above.chain(fallbacks(of, name)).collect()
}

/// A circle that can be come to from one of these; `None` where there is none. Each name is looked
/// at once.
fn find(from: &[&str], next: &dyn Fn(&str) -> Vec<Link>) -> Option<Vec<Link>> {
    let mut done = Vec::new();
    from.iter()
        .find_map(|name| walk(name, next, (&mut Vec::new(), &mut done)))
}

/// `way`: from where the search began to `name`, which is not on it.
fn walk(
    name: &str,
    next: &dyn Fn(&str) -> Vec<Link>,
    (way, done): (&mut Vec<Link>, &mut Vec<String>),
) -> Option<Vec<Link>> {
    if done.iter().any(|it| it == name) {
        return None;
    }
    for (other, relation) in next(name) {
        way.push((name.to_owned(), relation));
        if let Some(at) = way.iter().position(|(before, _)| *before == other) {
            return Some(way.split_off(at));
        }
        let circle = walk(&other, next, (way, done));
        if circle.is_some() {
            return circle;
        }
        way.pop();
    }
    done.push(name.to_owned());
    None
}
