//! A subject with its storage, as the object keeps it: what is written, what a restart finds, when
//! it falls asleep.

use std::collections::BTreeMap;

use tollgate_core::decide::Check;
use tollgate_core::decision::Decision;
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Item, Refusal, SubjectState, Write};
use tollgate_core::{Algorithm, Duration, Limit, Timestamp};

use super::moment;

/// A subject with its storage.
#[derive(Default)]
pub(crate) struct Object {
    pub(crate) state: SubjectState,
    pub(crate) rows: BTreeMap<String, String>,
    /// The rows of keys, each with its number and until when it is needed.
    pub(crate) keys: BTreeMap<u128, (u64, Timestamp, String)>,
    pub(crate) writes: usize,
    pub(crate) alarm: Option<Timestamp>,
    pub(crate) permits: u128,
    /// For how long charges may be taken back, where it was said: their refusals tell no longer
    /// wait.
    pub(crate) young: Option<Duration>,
}

impl Object {
    /// One that takes every charge for final, so that its waits are exact also where operations are
    /// used to take some back.
    #[allow(
        dead_code,
        reason = "not every test that shares this file takes charges back"
    )]
    pub(crate) fn with_exact_waits() -> Object {
        Object {
            state: SubjectState::default().keeping_operations(Duration::ZERO),
            young: Some(Duration::ZERO),
            ..Object::default()
        }
    }

    pub(crate) fn apply(&mut self, effects: Effects) {
        for write in effects.writes {
            self.writes += 1;
            match write {
                Write::Put { key, row } => drop(self.rows.insert(key, row)),
                Write::Delete { key } => drop(self.rows.remove(&key)),
                Write::DeleteAll => {
                    self.rows.clear();
                    self.keys.clear();
                }
                Write::PutKey {
                    id,
                    number,
                    until,
                    row,
                } => {
                    self.keys.insert(id, (number, until, row));
                }
                Write::DeleteKey { id } => drop(self.keys.remove(&id)),
                Write::DropKeys { before, until } => {
                    let is_dead = |key: &(u64, Timestamp, String)| key.0 < before || key.1 <= until;
                    let dead = self.keys.iter().filter(|(_, key)| is_dead(key));
                    let dead: Vec<u128> = dead.take(100).map(|(id, _)| *id).collect();
                    dead.iter().for_each(|id| drop(self.keys.remove(id)));
                }
            }
        }
        self.alarm = effects.alarm.or(self.alarm);
    }

    pub(crate) fn limit(
        &mut self,
        policy: &Policy,
        check: Check,
        operation: Option<u128>,
        now: u64,
    ) -> Result<Decision, Refusal> {
        let mut effects = Effects::default();
        self.permits += 1;
        let permit = self.permits;
        let items = [Item {
            policy: policy.clone(),
            check,
        }];
        let answer = self
            .state
            .limit(&items, operation, &mut || permit, moment(now), &mut effects);
        self.apply(effects);
        answer.map(|mut decisions| decisions.remove(0))
    }

    pub(crate) fn ask(&mut self, policy: &Policy, cost: i64, now: u64) -> Decision {
        self.limit(policy, Check::of(cost), None, now).unwrap()
    }

    pub(crate) fn cancel(&mut self, operation: u128, now: u64) {
        let mut effects = Effects::default();
        self.state
            .cancel(operation, moment(now), &mut effects)
            .unwrap();
        self.apply(effects);
    }

    pub(crate) fn reset(&mut self, now: u64) {
        let mut effects = Effects::default();
        self.state.reset(None, moment(now), &mut effects).unwrap();
        self.apply(effects);
    }

    pub(crate) fn clean(&mut self, now: u64) {
        let mut effects = Effects::default();
        self.alarm = None;
        self.state.clean(moment(now), &mut effects).unwrap();
        self.apply(effects);
    }

    /// The closing timer, at the instants at which it would have come until `now`.
    pub(crate) fn close_until(&mut self, now: u64) {
        while let Some(at) = self.state.closes_at().filter(|at| at.as_millis() <= now) {
            let mut effects = Effects::default();
            self.state.close(moment(at.as_millis()), &mut effects);
            self.apply(effects);
        }
    }

    /// What a process that starts after `kill -9` finds.
    pub(crate) fn restarted(&self) -> Object {
        let rows = self
            .rows
            .iter()
            .map(|(key, row)| (key.as_str(), row.as_str()));
        let state = SubjectState::from_rows(rows);
        Object {
            state: match self.young {
                Some(young) => state.keeping_operations(young),
                None => state,
            },
            young: self.young,
            rows: self.rows.clone(),
            keys: self.keys.clone(),
            permits: self.permits + 1_000,
            writes: self.writes,
            ..Object::default()
        }
    }

    /// The most units that can be had at once.
    pub(crate) fn left(&mut self, policy: &Policy, now: u64) -> u64 {
        let peek = Check {
            peek: true,
            ..Check::of(0)
        };
        self.limit(policy, peek, None, now).unwrap().limits[0].remaining
    }
}

pub(crate) fn policy(algorithm: Algorithm, reserve: Option<u64>) -> Policy {
    let policy = Policy::new(vec![Limit::new(None, algorithm)]).unwrap();
    match reserve {
        Some(reserve) => policy.with_write_ahead(reserve).unwrap(),
        None => policy,
    }
}
