//! Circuit breakers: an isolate stops calling an object that is overloaded or unreachable.
//!
//! An immediate retry makes an overloaded object worse, so one `overloaded` error of the platform
//! opens its circuit. Other failures open it after [`FAILURES_TO_OPEN`] in a row. While the circuit
//! is open, the object is not called and the failure mode answers at once. Afterwards one call at a
//! time probes the object: [`SUCCESSES_TO_CLOSE`] successes in a row close the circuit, and a
//! failure opens it for twice as long. Each isolate has its own circuits. The open time has a
//! random part, so that isolates do not return at the same moment.

use crate::isolate::bounded::{BoundedMap, Key, Secret};
use crate::{Duration, Timestamp};

/// Failures in a row that open a circuit. Fewer may be one deployment or one network fault, which
/// every object meets now and then.
pub const FAILURES_TO_OPEN: u32 = 5;
/// Successful probes in a row that close a circuit. A single success may be luck.
pub const SUCCESSES_TO_CLOSE: u32 = 3;
/// The first open time, at most.
pub const FIRST_OPEN_TIME: Duration = Duration::from_secs(1);
/// The longest open time: callers return at most this long after the object has recovered.
pub const MAX_OPEN_TIME: Duration = Duration::from_secs(30);
/// A probe without an outcome after this time was cancelled with its request. Longer than any
/// deadline.
const PROBE_TIMEOUT: Duration = Duration::from_secs(31);
/// Maximum number of objects with failures or an open circuit, about 100 bytes each.
pub const MAX_CIRCUITS: usize = 4_096;

/// The circuits of one isolate.
#[derive(Debug)]
pub struct Circuits {
    secret: Secret,
    circuits: BoundedMap<Circuit>,
}

#[derive(Debug)]
enum Circuit {
    /// Calls are allowed. `failures` in a row have failed.
    Closed { failures: u32 },
    /// No calls before `until`. The open time, without its random part, is `open_for`.
    Open {
        until: Timestamp,
        open_for: Duration,
    },
    /// One call at a time is allowed. `successes` in a row have succeeded.
    Probing {
        successes: u32,
        open_for: Duration,
        /// When the pending probe was sent.
        since: Option<Timestamp>,
    },
}

/// Permission for one call. The caller returns it together with the call's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// The circuit is closed.
    Normal,
    /// This call is the probe.
    Probe,
    /// This call goes out while the circuit is open too, and says nothing about the object: it
    /// takes back what a call that was let through has charged.
    Always,
}

/// The outcome of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// The object answered, with any content.
    Answered,
    /// The platform reported the object as overloaded.
    Overloaded,
    /// The object did not answer.
    Failed,
    /// The caller had too little time left to wait for an answer. This says nothing about the
    /// object.
    CutShort,
}

impl Circuits {
    /// All circuits are closed.
    pub fn new(secret: Secret) -> Circuits {
        Circuits {
            secret,
            circuits: BoundedMap::new(MAX_CIRCUITS),
        }
    }

    /// Permission to call the object of this name now; `None` while its circuit is open.
    pub fn request_call(&mut self, object: &str, now: Timestamp) -> Option<CallKind> {
        if self.circuits.is_empty() {
            return Some(CallKind::Normal);
        }
        let Some(circuit) = self.circuits.get_mut(self.secret.key(object, &())) else {
            return Some(CallKind::Normal);
        };
        if let Circuit::Open { until, open_for } = *circuit {
            // The clock has stepped back by more than the longest open time, so `until` means
            // nothing: probe.
            if now < until && until.since(now) <= MAX_OPEN_TIME {
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
                let under_way = |sent: Timestamp| sent <= now && now < sent.plus(PROBE_TIMEOUT);
                if since.is_some_and(under_way) {
                    return None;
                }
                *since = Some(now);
                Some(CallKind::Probe)
            }
            _ => Some(CallKind::Normal),
        }
    }

    /// Records the outcome of a permitted call. `random`: random bits, for the open time.
    pub fn record_outcome(
        &mut self,
        object: &str,
        kind: CallKind,
        outcome: CallOutcome,
        now: Timestamp,
        random: u64,
    ) {
        if kind == CallKind::Always || outcome == CallOutcome::Answered && self.circuits.is_empty()
        {
            return;
        }
        let key = self.secret.key(object, &());
        match (outcome, kind) {
            (CallOutcome::Answered, _) => self.answered(key, kind),
            (CallOutcome::CutShort, CallKind::Probe) => self.probe_cut_short(key),
            (CallOutcome::CutShort, _) | (_, CallKind::Always) => {}
            (_, CallKind::Probe) => self.probe_failed(key, now, random),
            (CallOutcome::Overloaded, CallKind::Normal) => {
                if !self.is_open(key) {
                    self.open(key, FIRST_OPEN_TIME, now, random);
                }
            }
            (CallOutcome::Failed, CallKind::Normal) => self.failed(key, now, random),
        }
    }

    /// Number of objects with failures or an open circuit.
    pub fn len(&self) -> usize {
        self.circuits.len()
    }

    /// Whether every circuit is closed and without failures.
    pub fn is_empty(&self) -> bool {
        self.circuits.is_empty()
    }

    /// Calls sent before a circuit opened return while it is open. Their failures are not counted
    /// again.
    fn is_open(&mut self, key: Key) -> bool {
        let circuit = self.circuits.get_mut(key);
        circuit.is_some_and(|circuit| !matches!(circuit, Circuit::Closed { .. }))
    }

    fn answered(&mut self, key: Key, kind: CallKind) {
        let done = match self.circuits.get_mut(key) {
            Some(Circuit::Closed { .. }) => true,
            Some(Circuit::Probing {
                successes, since, ..
            }) if kind == CallKind::Probe => {
                *successes += 1;
                *since = None;
                *successes >= SUCCESSES_TO_CLOSE
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
                if *failures >= FAILURES_TO_OPEN {
                    self.open(key, FIRST_OPEN_TIME, now, random);
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
        self.open(key, twice.min(MAX_OPEN_TIME), now, random);
    }

    /// Lets another call probe at once.
    fn probe_cut_short(&mut self, key: Key) {
        if let Some(Circuit::Probing { since, .. }) = self.circuits.get_mut(key) {
            *since = None;
        }
    }

    /// Opens the circuit for a random time between half and all of `open_for`.
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
        fn request_call(&mut self, now: u64) -> Option<CallKind> {
            self.circuits.request_call(self.object, at(now))
        }

        /// A call that takes no time; whether it was let through.
        fn call(&mut self, outcome: CallOutcome, now: u64) -> bool {
            let Some(kind) = self.request_call(now) else {
                return false;
            };
            self.record_outcome(kind, outcome, now);
            true
        }

        fn record_outcome(&mut self, kind: CallKind, outcome: CallOutcome, now: u64) {
            // The largest random part: open for the whole time.
            self.circuits
                .record_outcome(self.object, kind, outcome, at(now), 500);
        }
    }

    #[test]
    fn one_overloaded_answer_opens_and_others_need_five_in_a_row() {
        let mut it = world();
        assert!(it.call(CallOutcome::Overloaded, 0));
        assert!(!it.call(CallOutcome::Answered, 1));
        let mut it = world();
        for _ in 0..10 {
            for _ in 0..4 {
                assert!(it.call(CallOutcome::Failed, 0));
            }
            assert!(
                it.call(CallOutcome::Answered, 0),
                "an answer in between starts anew"
            );
        }
        for _ in 0..5 {
            assert!(it.call(CallOutcome::Failed, 0));
        }
        assert!(!it.call(CallOutcome::Failed, 999));
    }

    #[test]
    fn single_probes_close_it_when_three_in_a_row_succeed() {
        let mut it = world();
        it.call(CallOutcome::Overloaded, 0);
        assert_eq!(it.request_call(999), None);
        assert_eq!(it.request_call(1_000), Some(CallKind::Probe));
        assert_eq!(it.request_call(1_001), None, "one at a time");
        it.record_outcome(CallKind::Probe, CallOutcome::Answered, 1_100);
        assert!(it.call(CallOutcome::Answered, 1_100) && !it.circuits.is_empty());
        assert!(it.call(CallOutcome::Answered, 1_100));
        assert!(it.circuits.is_empty());
        assert_eq!(it.request_call(1_101), Some(CallKind::Normal));
        assert_eq!(
            it.request_call(1_101),
            Some(CallKind::Normal),
            "no longer one at a time"
        );
    }

    #[test]
    fn a_call_that_was_cut_short_says_nothing_about_the_object() {
        let mut it = world();
        for _ in 0..50 {
            assert!(it.call(CallOutcome::CutShort, 0));
        }
        assert!(it.circuits.is_empty());
        for _ in 0..4 {
            it.call(CallOutcome::Failed, 0);
        }
        it.call(CallOutcome::CutShort, 0);
        it.call(CallOutcome::Failed, 0);
        assert_eq!(
            it.request_call(999),
            None,
            "nor does it end a row of failures"
        );
        assert_eq!(it.request_call(1_000), Some(CallKind::Probe));
        it.record_outcome(CallKind::Probe, CallOutcome::CutShort, 1_001);
        assert_eq!(
            it.request_call(1_001),
            Some(CallKind::Probe),
            "neither closed nor opened"
        );
    }

    #[test]
    fn what_is_taken_back_neither_opens_nor_closes_it_nor_is_the_probe() {
        let mut it = world();
        for _ in 0..50 {
            it.record_outcome(CallKind::Always, CallOutcome::Failed, 0);
            it.record_outcome(CallKind::Always, CallOutcome::Overloaded, 0);
        }
        assert!(it.circuits.is_empty());
        it.call(CallOutcome::Overloaded, 0);
        for _ in 0..50 {
            it.record_outcome(CallKind::Always, CallOutcome::Answered, 1_000);
        }
        assert_eq!(it.request_call(1_000), Some(CallKind::Probe));
        it.record_outcome(CallKind::Always, CallOutcome::Answered, 1_001);
        assert_eq!(it.request_call(1_001), None, "the probe has not come back");
    }

    #[test]
    fn a_failed_probe_opens_for_twice_as_long_up_to_half_a_minute() {
        let mut it = world();
        it.call(CallOutcome::Overloaded, 0);
        let (mut now, mut waits) = (0, Vec::new());
        for _ in 0..8 {
            let opened = now;
            while it.request_call(now).is_none() {
                now += 1;
            }
            waits.push(now - opened);
            it.record_outcome(CallKind::Probe, CallOutcome::Failed, now);
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
        let kinds: Vec<_> = (0..50).map(|_| it.request_call(0).unwrap()).collect();
        for kind in kinds {
            it.record_outcome(kind, CallOutcome::Overloaded, 10);
        }
        assert_eq!(it.request_call(1_009), None);
        assert_eq!(
            it.request_call(1_010),
            Some(CallKind::Probe),
            "not twice as long"
        );
        it.record_outcome(CallKind::Normal, CallOutcome::Answered, 1_020);
        assert_eq!(it.request_call(1_020), None, "the probe has not come back");
    }

    #[test]
    fn a_probe_that_was_cancelled_is_not_waited_for_for_ever() {
        let mut it = world();
        it.call(CallOutcome::Overloaded, 0);
        assert_eq!(it.request_call(1_000), Some(CallKind::Probe));
        assert_eq!(it.request_call(31_999), None);
        assert_eq!(it.request_call(32_000), Some(CallKind::Probe));
    }

    #[test]
    fn isolates_come_back_at_different_times() {
        let returns = [0, 100, 250, 499, u64::MAX].map(|random| {
            let mut it = world();
            it.circuits.record_outcome(
                it.object,
                CallKind::Normal,
                CallOutcome::Overloaded,
                at(0),
                random,
            );
            (0..).find(|&now| it.request_call(now).is_some())
        });
        assert_eq!(returns[..4], [Some(500), Some(600), Some(750), Some(999)]);
        assert!(returns[4] <= Some(1_000));
    }

    #[test]
    fn a_clock_that_steps_back_does_not_keep_it_open() {
        let mut it = world();
        it.circuits.record_outcome(
            it.object,
            CallKind::Normal,
            CallOutcome::Overloaded,
            at(0),
            0,
        );
        let long_before = Timestamp::from_millis(0);
        assert_eq!(
            it.circuits.request_call(it.object, long_before),
            Some(CallKind::Probe)
        );
    }

    #[test]
    fn each_object_has_its_own_and_memory_is_bounded() {
        let mut it = world();
        it.call(CallOutcome::Overloaded, 0);
        assert_eq!(
            it.circuits.request_call("u2", at(0)),
            Some(CallKind::Normal)
        );
        for i in 0..100_000 {
            let other = i.to_string();
            it.circuits
                .record_outcome(&other, CallKind::Normal, CallOutcome::Failed, at(1), 0);
        }
        assert!(it.circuits.len() <= MAX_CIRCUITS);
        assert_eq!(it.request_call(2), None, "the open one outlives the flood");
    }
}
