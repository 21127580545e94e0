//! Debts: units that an isolate admitted while an object was unavailable, to be charged to the
//! object once it answers again.
//!
//! For each limit the isolate keeps the state that the object would have if only these units had
//! been used. Units that have refilled, or that belong to a past window, are therefore not charged.
//! Debts are lost with the isolate. At most [`MAX_SUBJECTS`] subjects are kept; each namespace
//! keeps its largest debts in its own part of the map.

use crate::algorithm::state::{LimitState, Moment};
use crate::algorithm::Take;
use crate::calendar::UnknownTimeZone;
use crate::decide::Check;
use crate::idempotency::Keyed;
use crate::isolate::bounded::{BoundedMap, Secret};
use crate::message::Answer;
use crate::policy::Policy;
use crate::subject_state::Item;
use crate::{Algorithm, Limit};

/// Maximum number of subjects with a debt, some hundred bytes each.
pub const MAX_SUBJECTS: usize = 2_048;
/// Maximum number of limits with a debt for one subject: two policies of the largest size. Callers
/// choose windows freely, so this has to be bounded.
const MAX_LIMITS: usize = 16;
/// Maximum number of requests of one subject that are owed one by one, because they are known when
/// they come again. What is beyond is owed together with the rest.
const MAX_KEYED: usize = 64;

/// The debts of one isolate.
#[derive(Debug)]
pub struct Debts {
    secret: Secret,
    subjects: BoundedMap<Vec<Debt>>,
    /// Of requests that are known when they come again, each by itself.
    keyed: BoundedMap<Vec<(Keyed, Vec<Debt>)>>,
}

/// What is known of a charge that an object was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charge {
    /// The object has charged all of it.
    Done,
    /// The object has charged none of it: it refused, or was certainly not reached. It stays owed.
    NotDone,
    /// The object may have charged it. It is never sent again.
    Unknown,
}

impl Charge {
    /// What an object's answer says. A refusal has charged nothing.
    pub const fn of_answer(answer: &Answer) -> Charge {
        match answer {
            Answer::Done => Charge::Done,
            Answer::Refused(..) => Charge::NotDone,
            _ => Charge::Unknown,
        }
    }
}

/// The units admitted under one limit.
#[derive(Debug)]
struct Debt {
    /// One limit, under the policy's name and with its failure mode.
    policy: Policy,
    state: LimitState,
}

impl Debts {
    /// No debts.
    pub fn new(secret: Secret) -> Debts {
        Debts {
            secret,
            subjects: BoundedMap::new(MAX_SUBJECTS),
            keyed: BoundedMap::new(MAX_SUBJECTS),
        }
    }

    /// Whether there are no debts.
    pub fn is_empty(&self) -> bool {
        self.subjects.is_empty() && self.keyed.is_empty()
    }

    /// As [`Debts::record`], of a request that is known when it comes again: however often that is
    /// recorded, it is owed once.
    pub fn record_keyed(
        &mut self,
        object: &str,
        keyed: &Keyed,
        policy: &Policy,
        check: &Check,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        let units = units_of(policy, check);
        if units == 0 {
            return Ok(());
        }
        let key = self.secret.key(object, &());
        let many = |all: &Vec<(Keyed, Vec<Debt>)>| (0, all.len() as u64);
        let (all, _) = self.keyed.get_or_put(key, Vec::new, many);
        let place = match all.iter().position(|(known, _)| known.id == keyed.id) {
            Some(place) => place,
            None if all.len() >= MAX_KEYED => return self.record(object, policy, check, moment),
            None => {
                all.push((*keyed, Vec::new()));
                all.len() - 1
            }
        };
        let debts = &mut all[place].1;
        for limit in policy.limits() {
            let before = debts.len();
            debt_of(debts, policy, limit, moment)?;
            if let Some(new) = debts.get_mut(before) {
                new.take(limit, units, moment)?;
            }
        }
        Ok(())
    }

    /// As [`Debts::take`], of requests that are known when they come again. One of which nothing
    /// is left to charge is told all the same, so that it is not charged when it comes.
    pub fn take_keyed(
        &mut self,
        object: &str,
        moment: Moment,
    ) -> Result<Vec<(Keyed, Vec<Item>)>, UnknownTimeZone> {
        let all = self.keyed.remove(self.secret.key(object, &()));
        let items = |(keyed, debts)| Ok((keyed, items_of(debts, moment)?));
        all.unwrap_or_default().into_iter().map(items).collect()
    }

    /// Records that the cost of `check` was admitted without the object of this name. Permits are
    /// never admitted this way. Refunds are not recorded: the caller can repeat them.
    pub fn record(
        &mut self,
        object: &str,
        policy: &Policy,
        check: &Check,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        let units = units_of(policy, check);
        if units == 0 {
            return Ok(());
        }
        let part = |debt: &Debt| debt.part(moment);
        let largest = |debts: &Vec<Debt>| (0, debts.iter().map(part).max().unwrap_or(0));
        let key = self.secret.key(object, &());
        let (debts, _) = self.subjects.get_or_put(key, Vec::new, largest);
        for limit in policy.limits() {
            if let Some(debt) = debt_of(debts, policy, limit, moment)? {
                debt.take(limit, units, moment)?;
            }
        }
        Ok(())
    }

    /// Removes an object's debts and returns them, one item a limit and failure mode. Units that
    /// have refilled by now are left out.
    pub fn take(&mut self, object: &str, moment: Moment) -> Result<Vec<Item>, UnknownTimeZone> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        let Some(debts) = self.subjects.remove(self.secret.key(object, &())) else {
            return Ok(Vec::new());
        };
        items_of(debts, moment)
    }

    /// Number of subjects with a debt.
    pub fn len(&self) -> usize {
        self.subjects.len()
    }
}

/// The units that a check owes of each limit.
fn units_of(policy: &Policy, check: &Check) -> u64 {
    let is_owed = !check.peek && !policy.gives_permits();
    u64::try_from(check.cost)
        .ok()
        .filter(|_| is_owed)
        .unwrap_or(0)
}

/// What is left of debts, an item each.
fn items_of(debts: Vec<Debt>, moment: Moment) -> Result<Vec<Item>, UnknownTimeZone> {
    let mut items = Vec::with_capacity(debts.len());
    for mut debt in debts {
        if let Some(units) = debt.units(moment)? {
            items.push(Item {
                policy: debt.policy,
                check: Check::of(units),
            });
        }
    }
    Ok(items)
}

/// The debt of one limit, inserted if absent; `None` if the subject has [`MAX_LIMITS`] already.
fn debt_of<'a>(
    debts: &'a mut Vec<Debt>,
    policy: &Policy,
    limit: &Limit,
    moment: Moment,
) -> Result<Option<&'a mut Debt>, UnknownTimeZone> {
    let same = |debt: &Debt| {
        debt.policy.name_or_empty() == policy.name_or_empty()
            && debt.policy.fail_mode() == policy.fail_mode()
            && debt.limit() == Some(limit)
    };
    let place = match debts.iter().position(same) {
        Some(place) => place,
        None if debts.len() >= MAX_LIMITS => return Ok(None),
        None => {
            let Some(debt) = Debt::fresh(policy, limit, moment)? else {
                return Ok(None);
            };
            debts.reserve_exact(1); // most subjects have one, and each holds a policy
            debts.push(debt);
            debts.len() - 1
        }
    };
    Ok(Some(&mut debts[place]))
}

impl Debt {
    fn fresh(
        policy: &Policy,
        limit: &Limit,
        moment: Moment,
    ) -> Result<Option<Debt>, UnknownTimeZone> {
        // One valid limit is a valid policy, and suits the failure mode that all of them suit.
        let alone = Policy::new(vec![limit.clone()]);
        let Ok(mut alone) = alone.and_then(|it| it.with_fail_mode(policy.fail_mode())) else {
            return Ok(None);
        };
        if let Some(name) = policy.name() {
            alone = alone.named(name.clone(), policy.version());
        }
        let algorithm = limit.algorithm();
        let mut state = LimitState::fresh(algorithm, moment)?;
        // A bucket with a low initial level is not a debt: start full.
        state.give_back(algorithm, algorithm.limit(), moment.now);
        let policy = alone;
        Ok(Some(Debt { policy, state }))
    }

    fn limit(&self) -> Option<&Limit> {
        self.policy.limits().first()
    }

    fn take(&mut self, limit: &Limit, units: u64, moment: Moment) -> Result<(), UnknownTimeZone> {
        let algorithm = limit.algorithm();
        self.state.project(algorithm, moment)?;
        self.state
            .take(algorithm, Take::of(units), moment.now, moment)
    }

    /// The units still counted, at most the whole limit; `None` when there are none.
    fn units(&mut self, moment: Moment) -> Result<Option<i64>, UnknownTimeZone> {
        let Some(algorithm) = self.limit().map(Limit::algorithm).cloned() else {
            return Ok(None);
        };
        self.state.project(&algorithm, moment)?;
        let used = used(&algorithm, &self.state, moment);
        Ok(i64::try_from(used).ok().filter(|&units| units > 0))
    }

    /// The part of the limit that was admitted, in thousandths. An evicted debt could be admitted
    /// twice, so the largest stay.
    fn part(&self, moment: Moment) -> u64 {
        self.limit().map_or(0, |limit| {
            let algorithm = limit.algorithm();
            let used = used(algorithm, &self.state, moment);
            used.saturating_mul(1_000) / algorithm.limit().max(1)
        })
    }
}

fn used(algorithm: &Algorithm, state: &LimitState, moment: Moment) -> u64 {
    let left = state.view(algorithm, moment.now).remaining;
    algorithm.limit().saturating_sub(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::UtcOnly;
    use crate::idempotency::Aim;
    use crate::isolate::tests::policy;
    use crate::subject_state::{Effects, SubjectState};
    use crate::Timestamp;

    fn moment(now: u64) -> Moment<'static> {
        Moment {
            now: Timestamp::from_millis(now),
            zones: &UtcOnly,
        }
    }

    fn debts() -> Debts {
        Debts::new(Secret::new(7))
    }

    /// Admits units at these times; the debts of each limit at `later`.
    fn owed(rest: &str, given: &[(u64, i64)], later: u64) -> Vec<i64> {
        let (mut debts, policy) = (debts(), policy(rest));
        for &(now, cost) in given {
            debts
                .record("u1", &policy, &Check::of(cost), moment(now))
                .unwrap();
        }
        let items = debts.take("u1", moment(later)).unwrap();
        items.iter().map(|item| item.check.cost).collect()
    }

    #[test]
    fn what_was_given_out_is_owed_until_it_has_come_back_of_itself() {
        let fixed = r#""algorithm": "fixedWindow", "limit": 100, "window": "1m""#;
        assert_eq!(owed(fixed, &[(0, 3), (59_999, 4)], 59_999), [7]);
        assert_eq!(
            owed(fixed, &[(0, 3), (59_999, 4)], 60_000),
            Vec::<i64>::new(),
            "the window has passed"
        );
        assert_eq!(owed(fixed, &[(0, 3), (60_000, 4)], 60_001), [4]);
        let sliding = r#""limit": 100, "window": "1m""#;
        assert_eq!(owed(sliding, &[(0, 60)], 90_000), [30]);
        let log = r#""algorithm": "slidingLog", "limit": 100, "window": "1m""#;
        assert_eq!(owed(log, &[(0, 60), (30_000, 2)], 60_000), [2]);
        let bucket = r#""algorithm": "tokenBucket", "capacity": 100, "refill": {"amount": 1, "interval": "1s"}, "initial": 5"#;
        assert_eq!(
            owed(bucket, &[(0, 60)], 20_500),
            [40],
            "39.5 rounded up, and nothing for `initial`"
        );
        let quota = r#""algorithm": "quota", "limit": 100, "period": "day""#;
        assert_eq!(owed(quota, &[(0, 60)], 86_399_999), [60]);
    }

    #[test]
    fn no_more_is_owed_than_the_whole_limit() {
        let fixed = r#""algorithm": "fixedWindow", "limit": 100, "window": "1m""#;
        assert_eq!(owed(fixed, &[(0, 90), (1, 90)], 2), [100]);
        let bucket = r#""algorithm": "tokenBucket", "capacity": 10, "refill": {"amount": 1, "interval": "1s"}"#;
        assert_eq!(owed(bucket, &[(0, 1_000)], 0), [10]);
    }

    #[test]
    fn each_limit_of_a_policy_is_owed_its_own() {
        let both = r#""limits": [{"algorithm": "fixedWindow", "limit": 100, "window": "1s"}, {"algorithm": "fixedWindow", "limit": 9, "window": "1h"}]"#;
        assert_eq!(owed(both, &[(0, 3), (1_000, 4)], 1_500), [4, 7]);
    }

    #[test]
    fn peeks_refunds_and_slots_are_not_recorded() {
        let slots = r#""algorithm": "concurrency", "limit": 100, "ttl": "1m""#;
        assert!(owed(slots, &[(0, 3)], 1).is_empty());
        let plain = r#""limit": 100, "window": "1m""#;
        assert!(owed(plain, &[(0, -3), (0, 0)], 1).is_empty());
        let (mut debts, policy) = (debts(), policy(r#""limit": 100, "window": "1m""#));
        let peek = Check {
            peek: true,
            ..Check::ONE
        };
        debts.record("u1", &policy, &peek, moment(0)).unwrap();
        assert!(debts.is_empty());
    }

    fn keyed(id: u128) -> Keyed {
        Keyed {
            id,
            question: 0,
            aim: Aim::Remember,
        }
    }

    #[test]
    fn a_request_that_comes_again_is_owed_once_and_apart_from_others() {
        let (mut debts, policy) = (
            debts(),
            policy(r#""algorithm": "fixedWindow", "limit": 100, "window": "1m""#),
        );
        let mut owe = |id, cost| {
            let check = Check::of(cost);
            let keyed = keyed(id);
            (debts.record_keyed("u1", &keyed, &policy, &check, moment(0))).unwrap();
        };
        for (id, cost) in [(1, 3), (2, 4), (1, 3), (2, 4)] {
            owe(id, cost);
        }
        let owed = debts.take_keyed("u1", moment(1)).unwrap();
        let costs = owed.iter().map(|(keyed, items)| {
            let costs = items.iter().map(|item| item.check.cost);
            (keyed.id, costs.collect())
        });
        let costs: Vec<(u128, Vec<i64>)> = costs.collect();
        assert_eq!(costs, [(1, vec![3]), (2, vec![4])]);
        assert!(debts.is_empty());
    }

    #[test]
    fn a_request_whose_window_has_passed_is_told_and_those_beyond_the_room_are_owed_together() {
        let (mut debts, policy) = (
            debts(),
            policy(r#""algorithm": "fixedWindow", "limit": 1000, "window": "1m""#),
        );
        let many = MAX_KEYED as u128 + 5;
        for id in 0..many {
            (debts.record_keyed("u1", &keyed(id), &policy, &Check::ONE, moment(0))).unwrap();
        }
        let rest = debts.take("u1", moment(1)).unwrap();
        assert_eq!(rest[0].check.cost, 5);
        let owed = debts.take_keyed("u1", moment(60_000)).unwrap();
        assert_eq!(owed.len(), MAX_KEYED);
        assert!(owed.iter().all(|(_, items)| items.is_empty()));
    }

    #[test]
    fn a_debt_is_charged_to_the_object_once_however_often_it_is_sent() {
        let (mut debts, policy) = (
            debts(),
            policy(r#""algorithm": "fixedWindow", "limit": 10, "window": "1m""#),
        );
        for _ in 0..25 {
            debts.record("u1", &policy, &Check::ONE, moment(0)).unwrap();
        }
        let items = debts.take("u1", moment(1)).unwrap();
        assert!(debts.is_empty() && debts.take("u1", moment(1)).unwrap().is_empty());
        let mut object = SubjectState::default();
        let mut effects = Effects::default();
        for _ in 0..3 {
            object.charge(&items, 5, moment(2), &mut effects).unwrap();
        }
        let item = |cost| {
            [Item {
                policy: policy.clone(),
                check: Check::of(cost),
            }]
        };
        let mut ask = |cost, now| {
            let decided = object.limit(&item(cost), None, &mut || 1, moment(now), &mut effects);
            decided.unwrap()[0].clone()
        };
        assert!(!ask(1, 3).success);
        ask(-4, 3);
        assert_eq!(
            ask(0, 3).limits[0].remaining,
            4,
            "ten were charged, not thirty"
        );
        assert!(ask(1, 60_000).success);
    }

    #[test]
    fn a_charge_survives_a_restart_and_is_let_in_past_a_block() {
        let policy = policy(r#""algorithm": "fixedWindow", "limit": 1000, "window": "1m""#);
        let items = [Item {
            policy,
            check: Check::of(400),
        }];
        let mut object = SubjectState::default();
        let mut effects = Effects::default();
        object
            .block(
                None,
                crate::Duration::from_secs(9),
                "",
                moment(0),
                &mut effects,
            )
            .unwrap();
        object.charge(&items, 5, moment(0), &mut effects).unwrap();
        assert!(effects.alarm.is_some());
        let rows: Vec<_> = effects
            .writes
            .iter()
            .filter_map(|write| match write {
                crate::subject_state::Write::Put { key, row } => Some((key.as_str(), row.as_str())),
                _ => None,
            })
            .collect();
        let restarted = SubjectState::from_rows(rows);
        let status = restarted.status(None, moment(1)).unwrap();
        assert!(status.limits[0].remaining <= 600 && status.limits[0].remaining > 585);
    }

    #[test]
    fn memory_is_bounded_and_the_largest_debts_are_kept() {
        let (mut debts, policy) = (debts(), policy(r#""limit": 1000, "window": "1h""#));
        for i in 0..40 {
            let object = format!("large{i}");
            debts
                .record(&object, &policy, &Check::of(1_000), moment(0))
                .unwrap();
        }
        for i in 0..100_000 {
            debts
                .record(&i.to_string(), &policy, &Check::ONE, moment(1))
                .unwrap();
        }
        assert!(debts.len() <= MAX_SUBJECTS);
        for i in 0..40 {
            let items = debts.take(&format!("large{i}"), moment(2)).unwrap();
            assert_eq!(items[0].check.cost, 1_000);
        }
        let many = |i: usize| self::policy(&format!(r#""limit": 9, "window": "{}m""#, i + 1));
        for i in 0..100 {
            debts
                .record("u1", &many(i), &Check::ONE, moment(3))
                .unwrap();
        }
        assert_eq!(debts.take("u1", moment(4)).unwrap().len(), MAX_LIMITS);
    }
}
