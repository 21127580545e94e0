//! What an admission does with what a limit has no room for.

use serde::{Serialize, Serializer};

use super::Check;
use crate::decision::{Decision, Granted};
use crate::limit::{Costs, Name};
use crate::policy::Policy;

/// What is done with what the limits have no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Overage {
    /// It is refused, with all the rest.
    #[default]
    Deny,
    /// What is left is admitted, if anything is, and the answer says how much that is.
    Cap,
    /// It is admitted as debt, of each limit at most the whole of it once more, unless it is in
    /// debt already.
    Debt,
}

impl Overage {
    /// All of them, in the order of the docs.
    pub const ALL: [Overage; 3] = [Overage::Deny, Overage::Cap, Overage::Debt];

    /// The word in JSON and messages.
    pub const fn word(self) -> &'static str {
        match self {
            Overage::Deny => "deny",
            Overage::Cap => "cap",
            Overage::Debt => "debt",
        }
    }

    /// The one of this word.
    pub fn of_word(word: &str) -> Option<Overage> {
        Overage::ALL.into_iter().find(|it| it.word() == word)
    }
}

impl Serialize for Overage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl From<Check> for Box<Granted> {
    /// What a check asks for that was admitted.
    fn from(check: Check) -> Box<Granted> {
        Box::new(Granted {
            cost: check.cost,
            costs: check.costs,
        })
    }
}

/// What is left of a check that limits refused, at all `levels` at once: each limit that is named
/// in `costs` gives what it has, all others the least that any of them has. `None` where that is
/// nothing, or as much as was asked for.
pub fn capped<'a>(
    check: &Check,
    levels: impl Iterator<Item = (&'a Policy, &'a Decision)> + Clone,
) -> Option<Check> {
    let left = || {
        let limits = levels.clone().flat_map(|(policy, decision)| {
            let limits = policy.limits().iter();
            limits.zip(decision.limits.iter())
        });
        limits.map(|(limit, standing)| (limit, standing.remaining))
    };
    let cost = left().filter(|(limit, _)| check.costs.of(limit).is_none());
    let cost = cost.map(|(_, left)| left).min();
    let cost = cost.map_or(check.cost, |left| {
        check.cost.min(i64::try_from(left).unwrap_or(i64::MAX))
    });
    let of_name = |(name, cost): &(Name, u64)| {
        let left = left().filter(|(limit, _)| limit.name() == Some(name));
        let left = left.map(|(_, left)| left).min();
        (name.clone(), left.map_or(*cost, |left| left.min(*cost)))
    };
    let capped = Check {
        cost,
        costs: Costs::new(check.costs.iter().map(of_name).collect()),
        overage: Overage::Deny,
        ..check.clone()
    };
    let asks_less = capped.cost < check.cost || capped.costs != check.costs;
    (asks_less && !capped.wants_nothing()).then_some(capped)
}
