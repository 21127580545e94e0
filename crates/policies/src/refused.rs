//! Why a change of the policies is refused. Nothing is changed then.

use core::fmt;

use tollgate_core::api::BadRequest;

use crate::bounds::{MAX_LEVELS, MAX_OVERRIDE_BYTES, MAX_POLICIES, MAX_POLICY, MAX_SNAPSHOT};
use crate::circles::Link;

/// Why a change is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// There is no policy of this name.
    UnknownPolicy(String),
    /// There is no version of this number to go back to.
    UnknownVersion(u64),
    /// The precondition does not hold: the policy has this version, or there is none.
    Moved(Option<u64>),
    /// There are policies of these names already.
    Taken(Vec<String>),
    /// The policy cannot be read.
    Bad(BadRequest),
    /// A policy that extends this one would no longer be one.
    BadBelow {
        /// Its name.
        name: String,
        /// What would be wrong.
        error: BadRequest,
    },
    /// It extends a policy that there is not.
    UnknownBase(String),
    /// It would extend itself: the names in their order, the first once more at the end.
    Cycle(Vec<String>),
    /// It would be more than [`MAX_LEVELS`] levels: the names, from the lowest.
    TooDeep(Vec<String>),
    /// Its parent is a policy that there is not.
    UnknownParent(String),
    /// It would stand above itself: the names in their order, the first once more at the end.
    ParentCycle(Vec<String>),
    /// More than [`MAX_LEVELS`] policies would be asked together: the names, from the lowest.
    TooManyLevels(Vec<String>),
    /// A policy that its object does not decide alone, and that would be asked together with
    /// others.
    NotTogether(String),
    /// Several of these, which would be asked together, have a limit of slots.
    SeveralPermits(Vec<String>),
    /// It falls back to a policy that there is not.
    UnknownFallback(String),
    /// It would fall back to itself: the names in their order, the first once more at the end.
    FallbackCycle(Vec<String>),
    /// By way of several relations it would stand on itself: each policy of the circle, and how it
    /// stands on the next one.
    MixedCycle(Vec<Link>),
    /// The deployment brings it, and no stored one is there that could be deleted.
    Static(String),
    /// In this field it names a policy that the deployment brings, on which no stored one stands.
    StandsOnStatic(&'static str, String),
    /// These policies extend it, have it as their parent, or fall back to it.
    InUse(Vec<String>),
    /// The policy, with what it extends, would be larger than [`MAX_POLICY`] bytes.
    PolicyTooLarge,
    /// There are [`MAX_POLICIES`] policies.
    TooManyPolicies,
    /// All policies together would be larger than [`MAX_SNAPSHOT`] bytes.
    SnapshotTooLarge,
    /// There is no such override in force.
    UnknownOverride,
    /// The precondition does not hold: the override has this version, or there is none.
    OverrideMoved(Option<u64>),
    /// So many overrides there are of subjects, or of others, which is the most.
    TooManyOverrides(usize),
    /// All overrides together would be larger than [`MAX_OVERRIDE_BYTES`] bytes.
    OverridesTooLarge,
}

impl Refused {
    /// The code as callers see it.
    pub const fn code(&self) -> &'static str {
        match self {
            Refused::UnknownPolicy(_) => "unknownPolicy",
            Refused::UnknownVersion(_) => "unknownVersion",
            Refused::Moved(_) | Refused::OverrideMoved(_) => "versionMoved",
            Refused::UnknownOverride => "unknownOverride",
            Refused::TooManyOverrides(_) | Refused::OverridesTooLarge => "tooManyOverrides",
            Refused::Taken(_) => "nameTaken",
            Refused::InUse(_) => "policyInUse",
            Refused::Static(_) => "staticPolicy",
            Refused::TooManyPolicies | Refused::SnapshotTooLarge => "tooManyPolicies",
            Refused::PolicyTooLarge => "policyTooLarge",
            Refused::Bad(error) => error.code(),
            Refused::BadBelow { .. }
            | Refused::UnknownBase(_)
            | Refused::Cycle(_)
            | Refused::TooDeep(_)
            | Refused::UnknownParent(_)
            | Refused::ParentCycle(_)
            | Refused::TooManyLevels(_)
            | Refused::NotTogether(_)
            | Refused::SeveralPermits(_)
            | Refused::UnknownFallback(_)
            | Refused::FallbackCycle(_)
            | Refused::MixedCycle(_)
            | Refused::StandsOnStatic(..) => "invalidField",
        }
    }

    /// The field that it is about, if it is about one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Refused::Bad(error) => Some(&error.field),
            Refused::UnknownBase(_) | Refused::Cycle(_) | Refused::TooDeep(_) => Some("extends"),
            Refused::UnknownParent(_)
            | Refused::ParentCycle(_)
            | Refused::TooManyLevels(_)
            | Refused::NotTogether(_)
            | Refused::SeveralPermits(_) => Some("parent"),
            Refused::UnknownFallback(_) | Refused::FallbackCycle(_) => Some("fallbackTo"),
            Refused::MixedCycle(circle) => circle.first().map(|(_, relation)| relation.field()),
            Refused::StandsOnStatic(field, _) => Some(field),
            Refused::UnknownVersion(_) => Some("version"),
            _ => None,
        }
    }
}

impl fmt::Display for Refused {
    /// One sentence that says what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::UnknownPolicy(name) => {
                write!(f, "There is no policy `{name}`: GET /policies lists those that there are.")
            }
            Refused::UnknownVersion(version) => write!(
                f,
                "Version {version} is not kept, or it is a deletion: GET /policies/<name>/versions lists those to go back to."
            ),
            Refused::Moved(Some(version)) => write!(
                f,
                "The policy has version {version} now: read it, and send the change with `If-Match: {version}`."
            ),
            Refused::Moved(None) => {
                f.write_str("There is no such policy now: send the change without `If-Match` to make it.")
            }
            Refused::Taken(names) => write!(
                f,
                "There is already a policy {}: delete it first, or install the others one by one.",
                names.join(", ")
            ),
            Refused::Bad(error) => error.fmt(f),
            Refused::BadBelow { name, error } => write!(
                f,
                "`{name}` extends this policy and would no longer be one: {error} Change it first."
            ),
            Refused::UnknownBase(name) => {
                write!(f, "`extends` names `{name}`, and there is no such policy: make it first.")
            }
            Refused::Cycle(names) => write!(
                f,
                "`extends` would go in a circle: {}. Take one of them out.",
                names.join(" extends ")
            ),
            Refused::TooDeep(names) => write!(
                f,
                "`extends` may make {MAX_LEVELS} levels at most, and {} are {}.",
                names.join(" extends "),
                names.len()
            ),
            Refused::UnknownParent(name) => {
                write!(f, "`parent` names `{name}`, and there is no such policy: make it first.")
            }
            Refused::ParentCycle(names) => write!(
                f,
                "`parent` would go in a circle: {}. Take one of them out.",
                names.join(" below ")
            ),
            Refused::TooManyLevels(names) => write!(
                f,
                "`parent` may make {MAX_LEVELS} levels at most, and {} are {}.",
                names.join(" below "),
                names.len()
            ),
            Refused::NotTogether(name) => write!(
                f,
                "`{name}` would be decided together with another level, which only `strong` policies without `shed` can be."
            ),
            Refused::SeveralPermits(names) => write!(
                f,
                "Of {} only one may have a `concurrency` limit: an admission carries one permit.",
                names.join(" below ")
            ),
            Refused::UnknownFallback(name) => write!(
                f,
                "`fallbackTo` names `{name}`, and there is no such policy: make it first."
            ),
            Refused::FallbackCycle(names) => write!(
                f,
                "`fallbackTo` would go in a circle: {}. Take one of them out.",
                names.join(" falls back to ")
            ),
            Refused::MixedCycle(circle) => {
                f.write_str("`extends`, `parent` and `fallbackTo` would go in a circle: ")?;
                let next = circle.iter().cycle().skip(1);
                for ((name, relation), (next, _)) in circle.iter().zip(next) {
                    write!(f, "{name} {} {next}, ", relation.words())?;
                }
                f.write_str("so take one of these out.")
            }
            Refused::Static(name) => write!(
                f,
                "The deployment brings `{name}`, and nothing is stored that could be deleted: take it out of TOLLGATE_POLICIES, or PUT a policy in its place."
            ),
            Refused::StandsOnStatic(field, name) => write!(
                f,
                "`{field}` names `{name}`, which the deployment brings and the next one may not: PUT `{name}` first, so that it is stored."
            ),
            Refused::InUse(names) => write!(
                f,
                "It is the base, the parent or a fallback of {}: change or delete those first.",
                names.join(", ")
            ),
            Refused::PolicyTooLarge => write!(
                f,
                "A policy may be {MAX_POLICY} bytes long, with all that it extends: make it shorter."
            ),
            Refused::TooManyPolicies => write!(
                f,
                "There are {MAX_POLICIES} policies, which is the most: delete one that nobody asks."
            ),
            Refused::UnknownOverride => f.write_str(
                "There is no such override in force: GET /overrides lists those that there are.",
            ),
            Refused::OverrideMoved(Some(version)) => write!(
                f,
                "The override has version {version} now: read it, and send the change with `If-Match: {version}`."
            ),
            Refused::OverrideMoved(None) => f.write_str(
                "There is no such override now: send the change without `If-Match` to set it.",
            ),
            Refused::TooManyOverrides(most) => write!(
                f,
                "There are {most} of these overrides, which is the most: lift one, or set one for a prefix, a policy or a provider."
            ),
            Refused::OverridesTooLarge => write!(
                f,
                "All overrides together may be {MAX_OVERRIDE_BYTES} bytes long: lift one, or name fewer exceptions."
            ),
            Refused::SnapshotTooLarge => write!(
                f,
                "All policies together may be {MAX_SNAPSHOT} bytes long: delete one, or make some shorter."
            ),
        }
    }
}

impl From<BadRequest> for Refused {
    fn from(error: BadRequest) -> Refused {
        Refused::Bad(error)
    }
}
