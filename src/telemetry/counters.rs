//! Counters of checks by kind, since the isolate's start. They are bounded and lose no check: when
//! there is no room for a kind, its checks are added to a common counter, first to one of its
//! namespace.

use serde::Serialize;
use tollgate_core::isolate::bounded::{BoundedMap, Key, Secret, Worth};
use tollgate_core::Duration;

use super::histogram::Histogram;

/// Maximum number of kinds with their own counter, and of common counters. Namespaces share both
/// fairly.
const MAX_COUNTERS: usize = 256;
/// The name of common counters.
const OTHERS: &str = "…";

/// One kind of decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// The policy's name, empty for inline limits.
    pub policy: &'a str,
    /// Where it was decided.
    pub source: &'static str,
    /// `allowed`, or the reason of the denial.
    pub outcome: &'static str,
}

/// The counter of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counter {
    /// The namespace; `…` for several.
    pub namespace: String,
    /// The policy's name, empty for inline limits; `…` for several.
    pub policy: String,
    /// As in [`Kind`].
    pub source: &'static str,
    /// As in [`Kind`].
    pub outcome: &'static str,
    /// Number of checks.
    pub count: u64,
    /// How many of them were admitted near a limit.
    #[serde(skip_serializing_if = "is_none")]
    pub near_limit: u64,
    /// How long those have to wait that were promised a turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delays: Option<Box<Histogram>>,
    /// For how long answers were held until the caller's turn had come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<Box<Histogram>>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_none(count: &u64) -> bool {
    *count == 0
}

/// All counters of one isolate.
#[derive(Debug)]
pub(super) struct Counters {
    secret: Secret,
    own: BoundedMap<Counter>,
    /// Policies counted together, by namespace.
    together: BoundedMap<Counter>,
    /// Namespaces counted together: one for each source and outcome.
    rest: Vec<Counter>,
}

impl Counters {
    pub(super) fn new(secret: Secret) -> Counters {
        Counters {
            secret,
            own: BoundedMap::new(MAX_COUNTERS),
            together: BoundedMap::new(MAX_COUNTERS),
            rest: Vec::new(),
        }
    }

    /// Counts one check, and how long its caller has to wait, if that was promised.
    pub(super) fn count(&mut self, kind: &Kind, is_near: bool, delay: Option<Duration>) {
        self.add(
            kind,
            Counter {
                count: 1,
                near_limit: u64::from(is_near),
                delays: delay.map(|delay| Box::new(Histogram::of(delay))),
                ..Counter::none(kind)
            },
        );
    }

    /// Counts how long the answer to a check was held that is counted already.
    pub(super) fn waited(&mut self, kind: &Kind, time: Duration) {
        self.add(
            kind,
            Counter {
                waits: Some(Box::new(Histogram::of(time))),
                ..Counter::none(kind)
            },
        );
    }

    fn add(&mut self, kind: &Kind, one: Counter) {
        let key = self.secret.key_in(kind.namespace, kind);
        if let Some(counter) = self.own.get_mut(key) {
            counter.add(&one);
            return;
        }
        // An existing counter stays, unless another namespace needs the room.
        let others = |other: Key, _: &Counter| other.namespace() != key.namespace();
        let moved = match self.own.try_put(key, one, by_count, others) {
            Ok(gone) => gone.map(|(_, gone)| gone),
            Err(newcomer) => Some(newcomer),
        };
        if let Some(moved) = moved {
            self.count_together(moved);
        }
    }

    fn count_together(&mut self, moved: Counter) {
        let kind = Kind {
            policy: OTHERS,
            ..moved.kind()
        };
        let key = self.secret.key_in(kind.namespace, &kind);
        let none = || Counter::none(&kind);
        let (counter, gone) = self.together.get_or_put(key, none, by_count);
        counter.add(&moved);
        if let Some((_, gone)) = gone {
            self.count_rest(gone);
        }
    }

    fn count_rest(&mut self, gone: Counter) {
        let same = |it: &&mut Counter| (it.source, it.outcome) == (gone.source, gone.outcome);
        match self.rest.iter_mut().find(same) {
            Some(counter) => counter.add(&gone),
            None => self.rest.push(Counter {
                namespace: OTHERS.to_owned(),
                ..gone
            }),
        }
    }

    /// All counters.
    pub(super) fn all(&self) -> Vec<&Counter> {
        let own = self.own.iter().chain(self.together.iter());
        own.chain(&self.rest).collect()
    }
}

fn add_times(times: &mut Option<Box<Histogram>>, more: &Option<Box<Histogram>>) {
    if let Some(more) = more {
        times.get_or_insert_default().add(more);
    }
}

fn by_count(counter: &Counter) -> Worth {
    (0, counter.count)
}

impl Counter {
    fn none(kind: &Kind) -> Counter {
        Counter {
            namespace: kind.namespace.to_owned(),
            policy: kind.policy.to_owned(),
            source: kind.source,
            outcome: kind.outcome,
            count: 0,
            near_limit: 0,
            delays: None,
            waits: None,
        }
    }

    fn add(&mut self, other: &Counter) {
        self.count += other.count;
        self.near_limit += other.near_limit;
        add_times(&mut self.delays, &other.delays);
        add_times(&mut self.waits, &other.waits);
    }

    fn kind(&self) -> Kind<'_> {
        Kind {
            namespace: &self.namespace,
            policy: &self.policy,
            source: self.source,
            outcome: self.outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(counters: &mut Counters, namespace: &str, policy: &str) {
        let kind = Kind {
            namespace,
            policy,
            source: "object",
            outcome: "allowed",
        };
        counters.count(&kind, policy == "near", None);
    }

    fn of(counters: &Counters, namespace: &str, policy: &str) -> u64 {
        let all = counters.all();
        let found = all
            .iter()
            .filter(|it| it.namespace == namespace && it.policy == policy);
        found.map(|it| it.count).sum()
    }

    #[test]
    fn admissions_near_a_limit_are_a_part_of_all_and_none_is_lost() {
        let mut counters = Counters::new(Secret::new(1));
        for i in 0..2 * MAX_COUNTERS {
            count(&mut counters, "a", &format!("p{i}"));
            count(&mut counters, "a", "near");
        }
        let all = counters.all();
        let near: Vec<&Counter> = all.into_iter().filter(|it| it.near_limit > 0).collect();
        assert_eq!(
            near.iter().map(|it| it.near_limit).sum::<u64>(),
            2 * MAX_COUNTERS as u64
        );
        assert!(near.iter().all(|it| it.near_limit <= it.count));
        let text = tollgate_core::api::response::to_json(near[0]);
        assert!(text.ends_with(r#","count":512,"nearLimit":512}"#), "{text}");
    }

    #[test]
    fn times_are_counted_by_policy_and_none_is_lost_beyond_the_room() {
        let mut counters = Counters::new(Secret::new(1));
        let ms = Duration::from_millis;
        for i in 0..2 * MAX_COUNTERS as u64 {
            let kind = Kind {
                namespace: "a",
                policy: &format!("p{i}"),
                source: "object",
                outcome: "allowed",
            };
            counters.count(&kind, false, Some(ms(i)));
            counters.waited(&kind, ms(2 * i));
        }
        let n = 2 * MAX_COUNTERS as u64;
        let all = counters.all();
        let counted = |times: fn(&Counter) -> Option<&Histogram>| {
            let all = all.iter().filter_map(|it| times(it));
            all.fold((0, 0), |(count, sum), it| {
                (count + it.counts.iter().sum::<u64>(), sum + it.sum)
            })
        };
        let delays = counted(|it| it.delays.as_deref());
        let waits = counted(|it| it.waits.as_deref());
        assert_eq!((delays, waits), ((n, n * (n - 1) / 2), (n, n * (n - 1))));
        assert_eq!(all.iter().map(|it| it.count).sum::<u64>(), n);
        let first = all.iter().find(|it| it.policy == "p7");
        let text = first.map(tollgate_core::api::response::to_json).unwrap();
        let end = r#""count":1,"delays":{"counts":[0,1,0,0,0,0,0,0,0,0,0,0,0,0],"sum":7},"waits":{"counts":[0,0,1,0,0,0,0,0,0,0,0,0,0,0],"sum":14}}"#;
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn policies_beyond_the_room_are_counted_together() {
        let mut counters = Counters::new(Secret::new(1));
        for _ in 0..3 {
            for i in 0..MAX_COUNTERS + 10 {
                count(&mut counters, "a", &format!("p{i}"));
            }
        }
        assert_eq!(
            (of(&counters, "a", "p0"), of(&counters, "a", OTHERS)),
            (3, 30)
        );
        assert_eq!(counters.all().len(), MAX_COUNTERS + 1);
    }

    #[test]
    fn a_namespace_with_many_policies_leaves_others_their_counters() {
        let mut counters = Counters::new(Secret::new(1));
        count(&mut counters, "quiet", "before");
        for i in 0..10_000 {
            count(&mut counters, "loud", &format!("p{i}"));
        }
        for policy in ["before", "after"] {
            count(&mut counters, "quiet", policy);
        }
        assert_eq!(
            (
                of(&counters, "quiet", "before"),
                of(&counters, "quiet", "after")
            ),
            (2, 1)
        );
        assert_eq!(of(&counters, "quiet", OTHERS), 0);
        let sum: u64 = counters.all().iter().map(|it| it.count).sum();
        assert_eq!(sum, 10_003, "and nothing is lost");
    }

    #[test]
    fn more_namespaces_than_there_is_room_lose_no_count() {
        let mut counters = Counters::new(Secret::new(1));
        for i in 0..5_000 {
            count(&mut counters, &format!("n{i}"), "");
        }
        assert!(counters.all().len() <= 2 * MAX_COUNTERS + 1);
        let sum: u64 = counters.all().iter().map(|it| it.count).sum();
        assert_eq!(sum, 5_000);
    }
}
