//! What is kept of a subject that had to go for lack of room: its units and the key by which they
//! are told, and neither its name nor what its limits are. So a limit does not start again because
//! others were asked for in between.

use crate::calendar::Span;
use crate::isolate::bounded::Worth;
use crate::Timestamp;

use super::keys::Writer;
use super::mark::Mark;
use super::pair::Pair;
use super::record::Record;

/// The most subjects of which so much is kept: a tenth of a KB for a subject with one limit, 1 KB
/// for one with ten.
pub const MAX_KEPT: usize = 16_384;

/// What is kept of a subject that had to go.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) writer: Writer,
    pub(super) asked: u64,
    pub(super) asked_at: Timestamp,
    pub(super) counts: Box<[KeptCount]>,
    /// Those in force.
    pub(super) blocks: Vec<Mark>,
    /// When all of it is over.
    pub(super) until: Timestamp,
    /// Until then nothing is left of a limit, or it is blocked.
    pub(super) exhausted_until: Timestamp,
}

/// The units of one limit, as its count had them.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeptCount {
    pub(super) id: u64,
    pub(super) span: Span,
    pub(super) own: Pair,
    pub(super) base: Pair,
    pub(super) base_at: Timestamp,
    pub(super) others: Pair,
    pub(super) begun: Timestamp,
    /// Until then it matters.
    pub(super) until: Timestamp,
    /// Whether nothing was left.
    pub(super) exhausted: bool,
}

impl KeptCount {
    /// What the isolate goes on telling of it.
    pub(super) const fn record(&self) -> Record {
        Record {
            id: self.id,
            start: self.span.start,
            used: self.own.current,
            previous: self.own.previous,
            rate: 0,
        }
    }

    /// Whether somebody who resets everything at `at` means it too.
    pub(super) fn is_before(&self, at: Timestamp) -> bool {
        self.begun < at && self.base_at < at
    }
}

impl Kept {
    /// How much it is worth to be kept: of what still matters, first those of which nothing is
    /// left, then those that were asked most often, which no cost and no limit distorts.
    pub(super) fn worth(&self, now: Timestamp) -> Worth {
        const ASKED: u32 = 40; // bits: more than an isolate is ever asked
        let rank = u64::from(self.until > now) + u64::from(self.exhausted_until > now);
        let asked = self.asked.min((1 << ASKED) - 1);
        (rank << ASKED | asked, self.asked_at.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{IsolateCounts, Mark, Purpose, Said};
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

    /// What happens to a subject of which there is no room for more than what is kept.
    fn send_away(isolate: &mut IsolateCounts, now: Timestamp) {
        let key = isolate.key("u1");
        let kept = isolate
            .subjects
            .remove(key)
            .and_then(|counted| counted.keep(now));
        if let Some(kept) = kept {
            isolate.kept.put(key, kept, |kept| kept.worth(now));
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Check(usize, i64, bool, bool),
        Learn(usize, u64),
        /// A reset so long ago is heard of.
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

        /// A subject that had to go and is asked for again decides as if it had stayed.
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
                        let what = match step {
                            Step::Block(time) => Said::Block {
                                until: moment.now.plus(Duration::from_millis(time)),
                                reason: String::new(),
                            },
                            _ => Said::Reset,
                        };
                        let age = if let Step::Reset(age) = step { age } else { 0 };
                        let at = self::moment(now.saturating_sub(age)).now;
                        let mark = Mark { policy: None, at, what };
                        for isolate in both {
                            isolate.mark("u1", mark.clone(), moment.now, moment.now);
                        }
                    }
                    Step::Learn(place, used) => {
                        let policy = &policies[place];
                        for isolate in both {
                            let peek = Check { peek: true, ..Check::ONE };
                            let mut said = isolate.check(Purpose::Fallback, "u1", policy, &peek, moment).unwrap();
                            let said_of = |standing: &crate::decision::Standing| crate::decision::Standing {
                                remaining: standing.limit.saturating_sub(used),
                                ..*standing
                            };
                            said.limits = said.limits.iter().map(said_of).collect();
                            isolate.learn("u1", policy, &said, moment).unwrap();
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
