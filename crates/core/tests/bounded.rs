//! The room of an isolate's memory: bounded, shared by its namespaces, and none can take another's.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tollgate_core::isolate::bounded::{BoundedMap, Key, Secret, Worth};

const SECRET: Secret = Secret::new(0x5eed);

#[derive(Debug, Clone)]
enum Step {
    /// A namespace puts an entry of some worth.
    Put(u8, u16, u64),
    /// It changes what an entry is worth.
    Change(u8, u16, u64),
    /// It removes an entry.
    Remove(u8, u16),
}

fn steps() -> impl Strategy<Value = (usize, Vec<Step>)> {
    // One namespace floods, some use much, many use little.
    let namespace = || prop_oneof![4 => Just(0u8), 2 => 1u8..4, 1 => 4u8..20];
    let step = prop_oneof![
        8 => (namespace(), 0u16..200, 0u64..50).prop_map(|(n, i, w)| Step::Put(n, i, w)),
        1 => (namespace(), 0u16..200, 0u64..50).prop_map(|(n, i, w)| Step::Change(n, i, w)),
        1 => (namespace(), 0u16..200).prop_map(|(n, i)| Step::Remove(n, i)),
    ];
    (1usize..40, prop::collection::vec(step, 1..400))
}

fn key(namespace: u8, i: u16) -> Key {
    let object = if namespace == 0 {
        format!("rate-limit:default:{i}")
    } else {
        format!("n{namespace}/rate-limit:default:{i}")
    };
    SECRET.key(&object, &())
}

fn worth(value: &(u8, u16, u64)) -> Worth {
    (0, value.2)
}

/// The entries by namespace, as they have to be.
#[derive(Default)]
struct Model(BTreeMap<u8, BTreeSet<u16>>);

impl Model {
    fn has(&self, namespace: u8) -> usize {
        self.0.get(&namespace).map_or(0, BTreeSet::len)
    }

    fn len(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    fn remove(&mut self, namespace: u8, i: u16) -> bool {
        let entries = self.0.entry(namespace).or_default();
        let known = entries.remove(&i);
        self.0.retain(|_, entries| !entries.is_empty());
        known
    }
}

proptest! {
    #[test]
    fn whatever_others_do_a_namespace_within_its_share_loses_nothing((most, steps) in steps()) {
        let mut map = BoundedMap::new(most);
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Put(namespace, i, value) => {
                    let full = model.len() == most;
                    let gone = map.put(key(namespace, i), (namespace, i, value), worth);
                    let is_new = model.0.entry(namespace).or_default().insert(i);
                    let namespaces = model.0.len();
                    prop_assert_eq!(gone.is_some(), full && is_new);
                    if let Some((_, (loser, lost, _))) = gone {
                        let share = most / namespaces;
                        prop_assert!(loser == namespace || model.has(loser) > share, "{} had {} of {}", loser, model.has(loser), share);
                        prop_assert!(model.remove(loser, lost));
                    }
                }
                Step::Change(namespace, i, value) => {
                    if let Some(known) = map.get_mut(key(namespace, i)) {
                        known.2 = value;
                    }
                }
                Step::Remove(namespace, i) => {
                    let known = model.remove(namespace, i);
                    prop_assert_eq!(map.remove(key(namespace, i)).is_some(), known);
                }
            }
            prop_assert!(model.len() <= most);
            prop_assert_eq!(map.len(), model.len());
        }
        let mut found: Vec<(u8, u16)> = map.iter_mut().map(|(_, value)| (value.0, value.1)).collect();
        found.sort_unstable();
        let expected = model.0.iter().flat_map(|(n, entries)| entries.iter().map(|i| (*n, *i)));
        prop_assert_eq!(found, expected.collect::<Vec<_>>());
        for (namespace, entries) in &model.0 {
            for i in entries {
                prop_assert!(map.get_mut(key(*namespace, *i)).is_some());
            }
        }
    }

    #[test]
    fn of_one_namespace_what_is_worth_most_stays(values in prop::collection::vec(0u64..1_000, 1..600)) {
        let most = 32;
        let mut map = BoundedMap::new(most);
        let value_of = |i: usize, value: u64| (0u8, i as u16, value * 1_000 + i as u64);
        for (i, value) in values.iter().enumerate() {
            map.put(key(0, i as u16), value_of(i, *value), worth);
        }
        let mut kept: Vec<u64> = map.iter_mut().map(|(_, value)| value.2).collect();
        kept.sort_unstable();
        // The newest is in, whatever it is worth; all others are those worth most.
        let newest = value_of(values.len() - 1, values[values.len() - 1]).2;
        let mut best: Vec<u64> = values.iter().enumerate().map(|(i, value)| value_of(i, *value).2).filter(|it| *it != newest).collect();
        best.sort_unstable();
        let rest = best.split_off(best.len().saturating_sub(most - 1));
        kept.retain(|it| *it != newest);
        prop_assert_eq!(kept, rest);
    }
}

#[test]
fn alone_a_namespace_may_use_all_the_room_and_gives_it_back_to_others() {
    let mut map = BoundedMap::new(100);
    for i in 0..100 {
        map.put(key(1, i), (1, i, 0), worth);
    }
    assert_eq!(map.len(), 100);
    for i in 0..100 {
        map.put(key(2, i), (2, i, 0), worth);
    }
    let of = |map: &mut BoundedMap<(u8, u16, u64)>, n: u8| {
        map.iter_mut().filter(|(_, value)| value.0 == n).count()
    };
    assert_eq!((of(&mut map, 1), of(&mut map, 2)), (50, 50));
    for i in 0..10_000 {
        map.put(key(3, i), (3, i, 0), worth);
    }
    let shares = [1, 2, 3].map(|n| of(&mut map, n));
    assert!(shares.iter().all(|&share| share >= 33), "{shares:?}");
}
