//! Stops an isolate from hammering an object that cannot cope, or cannot be reached.
//!
//! An object that the platform calls `overloaded` must not be asked again at once, for that makes
//! it worse: one such answer opens its circuit. Other failures open it when [`FAILURES`] come in a
//! row. While it is open the object is left alone and the failure mode answers at once. Then single
//! calls probe it, one at a time; [`SUCCESSES`] of them in a row close the circuit, and a failed
//! one opens it for twice as long. Each isolate has circuits of its own, and each opens for a
//! random part of its time, so that they do not all come back in the same moment.

use crate::isolate::bounded::{Bounded, Key, Secret};
use crate::{Duration, Timestamp};

/// So many failures in a row open a circuit: fewer may be the one deployment or the one network
/// that every object sees now and then.
pub const FAILURES: u32 = 5;
/// So many probes in a row have to succeed: one may have been lucky.
pub const SUCCESSES: u32 = 3;
/// How long a circuit is open at first, at most.
pub const FIRST: Duration = Duration::from_secs(1);
/// How long it is ever open, at most: so much later than the object its callers are back.
pub const LONGEST: Duration = Duration::from_secs(30);
/// A probe that has not come back after this long has been cancelled with its request: longer than
/// any deadline.
const PROBE_PATIENCE: Duration = Duration::from_secs(31);
/// The most objects with a circuit that is not closed and quiet, about 100 bytes each.
pub const MAX_CIRCUITS: usize = 4_096;

/// The circuits of one isolate.
#[derive(Debug)]
pub struct Circuits {
    secret: Secret,
    circuits: Bounded<Circuit>,
}

#[derive(Debug)]
enum Circuit {
    /// Calls go; so many in a row have failed.
    Closed { failures: u32 },
    /// No calls go until then. It was `open_for` this time.
    Open {
        until: Timestamp,
        open_for: Duration,
    },
    /// One call at a time goes; so many have succeeded.
    Probing {
        successes: u32,
        open_for: Duration,
        /// When the probe under way was sent.
        since: Option<Timestamp>,
    },
}

/// The leave to call an object once, to be handed back with what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// The circuit is closed.
    Free,
    /// This call is the probe.
    Probe,
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The object answered, whatever it said.
    Answered,
    /// The platform says that it has too much to do.
    Overloaded,
    /// It did not answer.
    Failed,
}

impl Circuits {
    /// All circuits are closed.
    pub fn new(secret: Secret) -> Circuits {
        Circuits {
            secret,
            circuits: Bounded::new(MAX_CIRCUITS),
        }
    }

    /// Whether the object of this name may be called now; `None` means that it is to be left alone.
    pub fn pass(&mut self, object: &str, now: Timestamp) -> Option<Pass> {
        if self.circuits.is_empty() {
            return Some(Pass::Free);
        }
        let Some(circuit) = self.circuits.get_mut(self.secret.key(object, &())) else {
            return Some(Pass::Free);
        };
        if let Circuit::Open { until, open_for } = *circuit {
            // A clock that has stepped back by more than the circuit may be open says nothing:
            // better ask than wait for it.
            if now < until && until.since(now) <= LONGEST {
                return None;
            }
            *circuit = Circuit::Probing {
                successes: 0,
                open_for,
                since: None,
            };
        }
        match circuit {
            Circuit::Probing { since, .. } => {
                let under_way = |sent: Timestamp| sent <= now && now < sent.plus(PROBE_PATIENCE);
                if since.is_some_and(under_way) {
                    return None;
                }
                *since = Some(now);
                Some(Pass::Probe)
            }
            _ => Some(Pass::Free),
        }
    }

    /// Tells what came of a call. `random`: any bits.
    pub fn came_to(
        &mut self,
        object: &str,
        pass: Pass,
        outcome: Outcome,
        now: Timestamp,
        random: u64,
    ) {
        if outcome == Outcome::Answered && self.circuits.is_empty() {
            return;
        }
        let key = self.secret.key(object, &());
        match (outcome, pass) {
            (Outcome::Answered, _) => self.answered(key, pass),
            (_, Pass::Probe) => self.probe_failed(key, now, random),
            (Outcome::Overloaded, Pass::Free) => {
                if !self.is_open(key) {
                    self.open(key, FIRST, now, random);
                }
            }
            (Outcome::Failed, Pass::Free) => self.failed(key, now, random),
        }
    }

    /// How many circuits are not closed and quiet.
    pub fn len(&self) -> usize {
        self.circuits.len()
    }

    /// Whether every circuit is closed and quiet.
    pub fn is_empty(&self) -> bool {
        self.circuits.is_empty()
    }

    /// Calls that were sent before a circuit opened come back while it is open: they say nothing
    /// new.
    fn is_open(&mut self, key: Key) -> bool {
        let circuit = self.circuits.get_mut(key);
        circuit.is_some_and(|circuit| !matches!(circuit, Circuit::Closed { .. }))
    }

    fn answered(&mut self, key: Key, pass: Pass) {
        let done = match self.circuits.get_mut(key) {
            Some(Circuit::Closed { .. }) => true,
            Some(Circuit::Probing {
                successes, since, ..
            }) if pass == Pass::Probe => {
                *successes += 1;
                *since = None;
                *successes >= SUCCESSES
            }
            _ => false,
        };
        if done {
            self.circuits.remove(key);
        }
    }

    fn failed(&mut self, key: Key, now: Timestamp, random: u64) {
        match self.circuits.get_mut(key) {
            Some(Circuit::Closed { failures }) => {
                *failures += 1;
                if *failures >= FAILURES {
                    self.open(key, FIRST, now, random);
                }
            }
            Some(_) => {}
            None => self.put(key, Circuit::Closed { failures: 1 }),
        }
    }

    fn probe_failed(&mut self, key: Key, now: Timestamp, random: u64) {
        let open_for = match self.circuits.get_mut(key) {
            Some(Circuit::Probing { open_for, .. }) => *open_for,
            _ => return, // forgotten meanwhile
        };
        let twice = Duration::from_millis(open_for.as_millis() * 2);
        self.open(key, twice.min(LONGEST), now, random);
    }

    /// Open for a half to the whole of `open_for`.
    fn open(&mut self, key: Key, open_for: Duration, now: Timestamp, random: u64) {
        let half = open_for.as_millis() / 2;
        let until = now.plus(Duration::from_millis(half + random % (half + 1)));
        self.put(key, Circuit::Open { until, open_for });
    }

    fn put(&mut self, key: Key, circuit: Circuit) {
        let worth = |circuit: &Circuit| match circuit {
            Circuit::Closed { failures } => (0, u64::from(*failures)),
            Circuit::Probing { open_for, .. } | Circuit::Open { open_for, .. } => {
                (1, open_for.as_millis())
            }
        };
        self.circuits.put(key, circuit, worth);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    struct World {
        circuits: Circuits,
        object: &'static str,
    }

    fn world() -> World {
        World {
            circuits: Circuits::new(Secret::new(3)),
            object: "u1",
        }
    }

    impl World {
        fn pass(&mut self, now: u64) -> Option<Pass> {
            self.circuits.pass(self.object, at(now))
        }

        /// A call that takes no time; whether it was let through.
        fn call(&mut self, outcome: Outcome, now: u64) -> bool {
            let Some(pass) = self.pass(now) else {
                return false;
            };
            self.came_to(pass, outcome, now);
            true
        }

        fn came_to(&mut self, pass: Pass, outcome: Outcome, now: u64) {
            // The largest random part: open for the whole time.
            self.circuits
                .came_to(self.object, pass, outcome, at(now), 500);
        }
    }

    #[test]
    fn one_overloaded_answer_opens_and_others_need_five_in_a_row() {
        let mut it = world();
        assert!(it.call(Outcome::Overloaded, 0));
        assert!(!it.call(Outcome::Answered, 1));
        let mut it = world();
        for _ in 0..10 {
            for _ in 0..4 {
                assert!(it.call(Outcome::Failed, 0));
            }
            assert!(
                it.call(Outcome::Answered, 0),
                "an answer in between starts anew"
            );
        }
        for _ in 0..5 {
            assert!(it.call(Outcome::Failed, 0));
        }
        assert!(!it.call(Outcome::Failed, 999));
    }

    #[test]
    fn single_probes_close_it_when_three_in_a_row_succeed() {
        let mut it = world();
        it.call(Outcome::Overloaded, 0);
        assert_eq!(it.pass(999), None);
        assert_eq!(it.pass(1_000), Some(Pass::Probe));
        assert_eq!(it.pass(1_001), None, "one at a time");
        it.came_to(Pass::Probe, Outcome::Answered, 1_100);
        assert!(it.call(Outcome::Answered, 1_100) && !it.circuits.is_empty());
        assert!(it.call(Outcome::Answered, 1_100));
        assert!(it.circuits.is_empty());
        assert_eq!(it.pass(1_101), Some(Pass::Free));
        assert_eq!(it.pass(1_101), Some(Pass::Free), "no longer one at a time");
    }

    #[test]
    fn a_failed_probe_opens_for_twice_as_long_up_to_half_a_minute() {
        let mut it = world();
        it.call(Outcome::Overloaded, 0);
        let (mut now, mut waits) = (0, Vec::new());
        for _ in 0..8 {
            let opened = now;
            while it.pass(now).is_none() {
                now += 1;
            }
            waits.push(now - opened);
            it.came_to(Pass::Probe, Outcome::Failed, now);
        }
        // Half of each, and the 500 ms that the random part comes to.
        assert_eq!(
            waits,
            [1_000, 1_500, 2_500, 4_500, 8_500, 15_500, 15_500, 15_500]
        );
    }

    #[test]
    fn calls_that_were_under_way_when_it_opened_change_nothing() {
        let mut it = world();
        let passes: Vec<_> = (0..50).map(|_| it.pass(0).unwrap()).collect();
        for pass in passes {
            it.came_to(pass, Outcome::Overloaded, 10);
        }
        assert_eq!(it.pass(1_009), None);
        assert_eq!(it.pass(1_010), Some(Pass::Probe), "not twice as long");
        it.came_to(Pass::Free, Outcome::Answered, 1_020);
        assert_eq!(it.pass(1_020), None, "the probe has not come back");
    }

    #[test]
    fn a_probe_that_was_cancelled_is_not_waited_for_for_ever() {
        let mut it = world();
        it.call(Outcome::Overloaded, 0);
        assert_eq!(it.pass(1_000), Some(Pass::Probe));
        assert_eq!(it.pass(31_999), None);
        assert_eq!(it.pass(32_000), Some(Pass::Probe));
    }

    #[test]
    fn isolates_come_back_at_different_times() {
        let returns = [0, 100, 250, 499, u64::MAX].map(|random| {
            let mut it = world();
            it.circuits
                .came_to(it.object, Pass::Free, Outcome::Overloaded, at(0), random);
            (0..).find(|&now| it.pass(now).is_some())
        });
        assert_eq!(returns[..4], [Some(500), Some(600), Some(750), Some(999)]);
        assert!(returns[4] <= Some(1_000));
    }

    #[test]
    fn a_clock_that_steps_back_does_not_keep_it_open() {
        let mut it = world();
        it.circuits
            .came_to(it.object, Pass::Free, Outcome::Overloaded, at(0), 0);
        let long_before = Timestamp::from_millis(0);
        assert_eq!(it.circuits.pass(it.object, long_before), Some(Pass::Probe));
    }

    #[test]
    fn each_object_has_its_own_and_memory_is_bounded() {
        let mut it = world();
        it.call(Outcome::Overloaded, 0);
        assert_eq!(it.circuits.pass("u2", at(0)), Some(Pass::Free));
        for i in 0..100_000 {
            let other = i.to_string();
            it.circuits
                .came_to(&other, Pass::Free, Outcome::Failed, at(1), 0);
        }
        assert!(it.circuits.len() <= MAX_CIRCUITS);
        assert_eq!(it.pass(2), None, "the open one outlives the flood");
    }
}
