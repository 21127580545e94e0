//! What a caller does with permits, as an object applies it.

use tollgate_core::decide::Check;
use tollgate_core::decision::Decision;
use tollgate_core::limit::{Costs, Name, Real};
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Refusal, Settled, Topped, Topup};
use tollgate_core::Duration;

use super::moment;
use super::object::Object;

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn costs(costs: &[(&str, u64)]) -> Costs {
    let cost = |(name, cost): &(&str, u64)| (Name::new("costs", name).unwrap(), *cost);
    Costs::new(costs.iter().map(cost).collect())
}

pub(crate) fn real(cost: u64) -> Real {
    Real {
        cost: Some(cost),
        ..Real::default()
    }
}

pub(crate) fn held_for(cost: i64, hold: u64) -> Check {
    Check {
        hold: Some(ms(hold)),
        ..Check::of(cost)
    }
}

/// What a caller does with permits, each applied as the object applies it.
pub(crate) trait Permits {
    fn hold(&mut self, policy: &Policy, cost: i64, hold: u64, now: u64) -> Decision;
    fn change<T>(&mut self, change: impl FnOnce(&mut Object, &mut Effects) -> T) -> T;
    fn settle(&mut self, permit: u128, real: &Real, now: u64) -> Result<Settled, Refusal>;
    fn release(&mut self, permit: u128, now: u64) -> Result<(), Refusal>;
    fn renew(&mut self, permit: u128, hold: u64, now: u64) -> Result<u64, Refusal>;
    fn top_up(&mut self, topup: &Topup, now: u64) -> Result<Topped, Refusal>;
}

impl Permits for Object {
    fn hold(&mut self, policy: &Policy, cost: i64, hold: u64, now: u64) -> Decision {
        self.limit(policy, held_for(cost, hold), None, now).unwrap()
    }

    fn change<T>(&mut self, change: impl FnOnce(&mut Object, &mut Effects) -> T) -> T {
        let mut effects = Effects::default();
        let changed = change(self, &mut effects);
        self.apply(effects);
        changed
    }

    fn settle(&mut self, permit: u128, real: &Real, now: u64) -> Result<Settled, Refusal> {
        self.change(|it, effects| it.state.settle(permit, real, moment(now), effects))
    }

    fn release(&mut self, permit: u128, now: u64) -> Result<(), Refusal> {
        self.change(|it, effects| it.state.release(permit, moment(now), effects))
    }

    fn renew(&mut self, permit: u128, hold: u64, now: u64) -> Result<u64, Refusal> {
        let hold = Some(ms(hold));
        let grant = self.change(|it, effects| it.state.renew(permit, hold, moment(now), effects));
        grant.map(|grant| grant.expires.as_millis())
    }

    fn top_up(&mut self, topup: &Topup, now: u64) -> Result<Topped, Refusal> {
        self.change(|it, effects| it.state.top_up(topup, moment(now), effects))
    }
}

pub(crate) fn permit(decision: &Decision) -> u128 {
    assert!(decision.success, "{decision:?}");
    decision.grant.as_ref().unwrap().permit
}
