//! The limit of a policy that follows what the upstream bears.

use crate::overrides::limited_to;
use crate::policy::outbound::Adapt;
use crate::policy::Policy;
use crate::Limit;

/// Such a limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Adapting<'a> {
    place: usize,
    pub(crate) limit: &'a Limit,
    pub(crate) adapt: &'a Adapt,
}

impl<'a> Adapting<'a> {
    /// That of a policy, if it has one.
    pub(crate) fn of(policy: &'a Policy) -> Option<Adapting<'a>> {
        let (place, adapt) = policy.adapting()?;
        let limit = policy.limits().get(place)?;
        Some(Adapting {
            place,
            limit,
            adapt,
        })
    }

    /// The number of units that the policy gives it, under the overrides that hold.
    fn own(&self) -> u64 {
        self.limit.algorithm().limit()
    }

    /// The same without overrides.
    fn unscaled(&self) -> u64 {
        self.adapt.scaled_from().unwrap_or(self.own())
    }

    /// The most that it rises to, overrides aside.
    pub(super) fn most(&self) -> u64 {
        self.adapt.most(self.unscaled())
    }

    /// The number in force where the upstream bears so many: an override scales that.
    pub(crate) fn in_force(&self, bears: u64) -> u64 {
        let (own, unscaled) = (self.own(), self.unscaled());
        if own == unscaled {
            return bears;
        }
        let scaled = u128::from(bears) * u128::from(own) / u128::from(unscaled.max(1));
        let least = own.min(1);
        u64::try_from(scaled).map_or(own, |it| it.clamp(least, own))
    }

    /// Its policy where the upstream bears so many; `None` where that changes nothing.
    pub(super) fn limited(&self, policy: &Policy, bears: u64) -> Option<Policy> {
        let now = self.in_force(bears);
        if now == self.own() {
            return None;
        }
        let mut limits: Vec<Limit> = policy.limits().to_vec();
        limits[self.place] = limited_to(self.limit, now).ok()?;
        Some(policy.with_adapted(limits))
    }
}
