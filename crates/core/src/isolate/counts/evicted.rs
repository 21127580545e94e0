//! The part of an evicted subject that is kept: its units and its key in KV, but not its name or
//! its limits. So a limit does not start again after the subject was evicted.

use crate::calendar::Span;
use crate::isolate::bounded::Worth;
use crate::Timestamp;

use super::command::Instruction;
use super::keys::Writer;
use super::pair::Pair;
use super::record::Record;

/// Maximum number of evicted subjects: 0.1 KB for a subject with one limit, 1 KB for one with ten.
pub const MAX_EVICTED: usize = 16_384;

/// An evicted subject.
#[derive(Debug)]
pub(super) struct Evicted {
    pub(super) writer: Writer,
    pub(super) asked: u64,
    pub(super) asked_at: Timestamp,
    pub(super) counts: Box<[EvictedCount]>,
    /// The instructions that refuse requests, and the resets of lately.
    pub(super) instructions: Vec<Instruction>,
    /// Those of them that no other isolate can have read yet.
    pub(super) untold: Vec<Instruction>,
    /// When the last of its windows and refusals ends.
    pub(super) until: Timestamp,
    /// When the last exhausted window or refusal ends.
    pub(super) exhausted_until: Timestamp,
}

/// The units of one limit, as in its count.
#[derive(Debug, Clone, Copy)]
pub(super) struct EvictedCount {
    pub(super) id: u64,
    pub(super) span: Span,
    pub(super) own: Pair,
    pub(super) base: Pair,
    pub(super) base_at: Timestamp,
    pub(super) others: Pair,
    pub(super) begun: Timestamp,
    /// When its window no longer matters.
    pub(super) until: Timestamp,
    /// Whether nothing of the limit was left.
    pub(super) exhausted: bool,
}

impl EvictedCount {
    /// The record that the isolate continues to publish.
    pub(super) const fn record(&self) -> Record {
        Record {
            id: self.id,
            start: self.span.start,
            used: self.own.current,
            previous: self.own.previous,
            rate: 0,
        }
    }

    /// Whether a reset of all policies at `at` covers it.
    pub(super) fn is_before(&self, at: Timestamp) -> bool {
        self.begun < at && self.base_at < at
    }
}

impl Evicted {
    /// Eviction rank: exhausted subjects first, then the number of requests. Cost and limit are
    /// ignored, so that no caller can buy a place.
    pub(super) fn worth(&self, now: Timestamp) -> Worth {
        const ASKED: u32 = 40; // bits: more requests than an isolate ever sees
        let rank = u64::from(self.until > now) + u64::from(self.exhausted_until > now);
        let asked = self.asked.min((1 << ASKED) - 1);
        (rank << ASKED | asked, self.asked_at.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command, Instruction, IsolateCounts, Purpose};
    use crate::algorithm::state::Moment;
    use crate::calendar::UtcOnly;
    use crate::decide::Check;
    use crate::isolate::bounded::Secret;
    use crate::isolate::tests::policy;
    use crate::policy::Policy;
    use crate::{Duration, Timestamp};
    use proptest::prelude::*;

    const MINUTE: u64 = 60_000;

    fn policies() -> Vec<Policy> {
        let fixed = r#"{"algorithm": "fixedWindow", "limit": 9, "window": "10m"}"#;
        let sliding = r#"{"algorithm": "slidingWindow", "limit": 20, "window": "30m"}"#;
        let quota = r#"{"algorithm": "quota", "limit": 30, "period": "hour"}"#;
        let lists = [
            fixed.to_owned(),
            sliding.to_owned(),
            quota.to_owned(),
            format!("{fixed}, {sliding}"),
            format!("{sliding}, {quota}"),
        ];
        lists
            .iter()
            .map(|limits| policy(&format!(r#""limits": [{limits}]"#)))
            .collect()
    }

    fn moment(now: u64) -> Moment<'static> {
        Moment {
            now: Timestamp::from_millis(1_700_000_000_000 + now),
            zones: &UtcOnly,
        }
    }

    /// Evicts the subject, as a full map does.
    fn send_away(isolate: &mut IsolateCounts, now: Timestamp) {
        let key = isolate.key("u1");
        let kept = isolate
            .subjects
            .remove(key)
            .and_then(|counted| counted.evict(now));
        if let Some(kept) = kept {
            isolate.evicted.put(key, kept, |kept| kept.worth(now));
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Check(usize, i64, bool, bool),
        Learn(usize, u64),
        /// A reset of that age is read.
        Reset(u64),
        Block(u64),
        SendAway,
    }

    fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
        let step = prop_oneof![
            8 => (0..5usize, -2..6i64, any::<bool>(), any::<bool>()).prop_map(|(p, c, peek, m)| Step::Check(p, c, peek, m)),
            1 => (0..5usize, 0..9u64).prop_map(|(p, used)| Step::Learn(p, used)),
            2 => (0..20 * MINUTE).prop_map(Step::Reset),
            1 => (0..3 * MINUTE).prop_map(Step::Block),
            4 => Just(Step::SendAway),
        ];
        prop::collection::vec((0..8 * MINUTE, step), 1..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        /// A subject that was evicted and is asked for again decides as if it had stayed.
        #[test]
        fn to_have_been_away_changes_nothing(steps in steps()) {
            let policies = policies();
            let isolate = || IsolateCounts::new("eventual", 1, Secret::new(9));
            let (mut stays, mut goes) = (isolate(), isolate());
            let mut now = 0;
            for (pause, step) in steps {
                now += pause;
                let moment = moment(now);
                let both = [&mut stays, &mut goes];
                match step {
                    Step::SendAway => send_away(&mut goes, moment.now),
                    Step::Reset(_) | Step::Block(_) => {
                        let command = match step {
                            Step::Block(time) => Command::Block {
                                until: moment.now.plus(Duration::from_millis(time)),
                                reason: String::new(),
                            },
                            _ => Command::Reset,
                        };
                        let age = if let Step::Reset(age) = step { age } else { 0 };
                        let at = self::moment(now.saturating_sub(age)).now;
                        let instruction = Instruction { policy: None, at, command };
                        for isolate in both {
                            isolate.apply_instruction("u1", instruction.clone(), moment.now, moment.now);
                        }
                    }
                    Step::Learn(place, used) => {
                        let policy = &policies[place];
                        for isolate in both {
                            let peek = Check { peek: true, ..Check::ONE };
                            let mut reported = isolate.check(Purpose::Fallback, "u1", policy, &peek, moment).unwrap();
                            let capped = |standing: &crate::decision::Standing| crate::decision::Standing {
                                remaining: standing.limit.saturating_sub(used),
                                ..*standing
                            };
                            reported.limits = reported.limits.iter().map(capped).collect();
                            isolate.record_decision("u1", policy, &reported, moment).unwrap();
                        }
                    }
                    Step::Check(place, cost, peek, fallback) => {
                        let purpose = if fallback { Purpose::Fallback } else { Purpose::Mode };
                        let check = Check { peek, ..Check::of(cost) };
                        let [stays, goes] = both;
                        let expected = stays.check(purpose, "u1", &policies[place], &check, moment);
                        let found = goes.check(purpose, "u1", &policies[place], &check, moment);
                        prop_assert_eq!(found, expected);
                    }
                }
            }
        }
    }
}
