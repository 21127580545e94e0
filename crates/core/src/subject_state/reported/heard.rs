//! A report that was compared with the limits of its policy, and what it does to what is known of
//! the upstream.
//!
//! **The gate** closes for the policy's subject. What was promised before is kept; buckets are
//! spent so that they are empty when it opens.
//!
//! **Bounds.** Whoever may report may stop everybody else. So a gate is closed for at most the
//! policy's longest cool-down; what remains of a limit is believed for at most as long, or for as
//! long as the limit's own window; and of the breaker and of a limit that adapts no more reports
//! count than calls were admitted.

use crate::algorithm::state::Moment;
use crate::calendar::UnknownTimeZone;
use crate::policy::outbound::{Outbound, MIN_COOL_DOWN, USUAL_MAX_COOL_DOWN};
use crate::policy::Policy;
use crate::report::{self, Adjusted, ClosedBy, Report, Reported, Unfit};
use crate::subject_state::outlook::{Adapting, Answers, Asked, Kind, Outlook, Remains};
use crate::{Duration, Timestamp};

use super::fit::{fits, window_of, Fit};
use super::taken_away::Moved;

/// Such a report.
pub(super) struct Heard<'a> {
    pub(super) report: &'a Report,
    /// The newest version of the policy that it names.
    policy: &'a Policy,
    /// When the upstream answered.
    pub(super) answered: Timestamp,
    /// Which limit each one that was told is, in their order.
    fits: Vec<Result<Fit, Unfit>>,
    /// How it asks for the gate to be closed, if it does.
    asked: Option<Asked<'a>>,
    /// What remains of those whose reset was told.
    spread: Vec<Remains>,
}

/// What a report did.
#[derive(Clone, Copy)]
pub(super) struct Heeded<'a> {
    /// What was known of the upstream before.
    pub(super) before: &'a Outlook,
    /// What is known now.
    pub(super) after: &'a Outlook,
    pub(super) moved: &'a [Moved],
}

impl<'a> Heard<'a> {
    pub(super) fn new(
        report: &'a Report,
        policy: &'a Policy,
        moment: Moment,
    ) -> Result<Heard<'a>, UnknownTimeZone> {
        let now = moment.now.as_millis();
        let answered = Timestamp::from_millis(now.saturating_sub(report.age.as_millis()));
        let mut heard = Heard {
            report,
            policy,
            answered,
            fits: fits(report, policy, answered, moment)?,
            asked: None,
            spread: Vec::new(),
        };
        heard.asked = heard.asks(moment)?;
        if report.in_use.is_some() {
            // No limit of the policy is here.
            for fit in &mut heard.fits {
                *fit = fit.and(Err(Unfit::Eventual));
            }
        }
        heard.spread = heard.spreads(moment)?;
        Ok(heard)
    }

    /// What is to be spread over the time until it comes back.
    fn spreads(&self, moment: Moment) -> Result<Vec<Remains>, UnknownTimeZone> {
        let mut remains = Vec::new();
        let Some(outbound) = self.policy.outbound().filter(|it| it.pace) else {
            return Ok(remains);
        };
        let longest = longest(outbound, self.policy, moment)?;
        for (told, fit) in self.report.limits.iter().zip(&self.fits) {
            let (Ok(fit), Some(reset)) = (fit, told.reset) else {
                continue;
            };
            let limit = &self.policy.limits()[fit.place];
            let window = window_of(limit, moment)?.unwrap_or(longest);
            remains.push(Remains {
                limit: limit.known_as(),
                units: fit.remaining,
                reset: reset.instant(self.answered),
                most: longest.max(window),
            });
        }
        Ok(remains)
    }

    /// What remains of the limits that it moves.
    pub(super) fn remains(&self) -> impl Iterator<Item = Fit> + '_ {
        self.fits.iter().flatten().copied()
    }

    /// Tells what is known of the upstream; whether the gate is closed for longer. `counted`: so
    /// many of the calls count.
    pub(super) fn heed(&self, counted: u64, outlook: &mut Outlook, now: Timestamp) -> bool {
        let report = self.report;
        let is_success = report.status < 400 && !report.refused;
        let closing = self.asked.as_ref().map(|it| outlook.gate.close(it, now));
        let closing = closing.unwrap_or_default();
        if is_success {
            outlook.gate.succeeded(self.answered, now);
        }
        let breaker = self.policy.outbound().and_then(|it| it.breaker.as_ref());
        if let Some(breaker) = breaker {
            let answers = Answers {
                calls: counted,
                kind: match breaker.is_failure(report.status) {
                    _ if report.refused => Kind::Refused,
                    true => Kind::Failed,
                    false => Kind::Well,
                },
                at: self.answered,
            };
            outlook.circuit.count(breaker, answers, now);
        }
        if let Some(adapting) = Adapting::of(self.policy) {
            if report.refused && closing.begins && counted > 0 {
                outlook.adapted.lower(&adapting, now);
            } else if is_success {
                outlook.adapted.raise(&adapting, counted, now);
            }
        }
        outlook.paces.set(&self.spread, now);
        closing.is_longer
    }

    /// How the gate is to be closed, if it is: where the upstream refused, or failed and told how
    /// long.
    fn asks(&self, moment: Moment) -> Result<Option<Asked<'a>>, UnknownTimeZone> {
        let report = self.report;
        let wait = report.wait.map(|it| it.instant(self.answered));
        let asks = report.refused || (report.status == 503 && wait.is_some());
        if !asks {
            return Ok(None);
        }
        let usual = Outbound::default();
        let outbound = self.policy.outbound().unwrap_or(&usual);
        let told = wait.map(|until| (until, ClosedBy::Told));
        Ok(Some(Asked {
            // At once is no time.
            told: told
                .filter(|(until, _)| *until > self.answered)
                .or_else(|| self.reset()),
            back_off: outbound.back_off(),
            most: longest(outbound, self.policy, moment)?,
            answered: self.answered,
            by: &report.by,
        }))
    }

    /// When a limit comes back of which nothing remained: the last of those that are the policy's.
    fn reset(&self) -> Option<(Timestamp, ClosedBy)> {
        let told = self.report.limits.iter().zip(&self.fits);
        let empty = told.filter(|(told, fit)| told.remaining == Some(0) && fit.is_ok());
        let resets = empty.filter_map(|(told, _)| Some(told.reset?.instant(self.answered)));
        resets.max().map(|reset| (reset, ClosedBy::Reset))
    }

    /// What was done.
    pub(super) fn reported(&self, done: Heeded, now: Timestamp) -> Reported {
        let gate = done.after.gate.closed(now);
        let is_beyond = |it: &Asked| it.told.is_some_and(|(until, _)| until > now.plus(it.most));
        let is_cut = self.asked.as_ref().is_some_and(is_beyond);
        Reported {
            at: now,
            is_cut: is_cut || self.spread.iter().any(|it| it.is_beyond(now)),
            is_late: self.asked.is_some() && gate.is_none(),
            gate,
            breaker: done.after.circuit.status(now),
            adapted: self.adapted(done, now),
            limits: self.moved(done.moved),
        }
    }

    /// From what number to which the limit has gone that adapts, if it has.
    fn adapted(&self, done: Heeded, now: Timestamp) -> Option<Adjusted> {
        let adapting = Adapting::of(self.policy)?;
        let [from, to] = [done.before, done.after].map(|it| {
            let bears = it.adapted.of(&adapting, now);
            adapting.in_force(bears)
        });
        (from != to).then(|| Adjusted {
            limit: adapting.limit.label(),
            from,
            to,
        })
    }

    /// What became of each limit that was told.
    fn moved(&self, moved: &[Moved]) -> Vec<report::Heeded> {
        let heeded = self.fits.iter().map(|fit| match *fit {
            Err(unfit) => report::Heeded::Ignored(unfit),
            Ok(fit) => {
                let moved = moved.iter().find(|it| it.place == fit.place);
                let (from, to) = moved.map_or((0, 0), |it| (it.from, it.to)); // it is there
                report::Heeded::Of {
                    limit: self.policy.limits()[fit.place].label(),
                    from,
                    to,
                }
            }
        });
        heeded.collect()
    }
}

/// The longest time for which a report closes the gate.
fn longest(
    outbound: &Outbound,
    policy: &Policy,
    moment: Moment,
) -> Result<Duration, UnknownTimeZone> {
    if let Some(longest) = outbound.max_cool_down {
        return Ok(longest);
    }
    let mut longest = None;
    for limit in policy.limits() {
        longest = longest.max(window_of(limit, moment)?);
    }
    let longest = longest.unwrap_or(USUAL_MAX_COOL_DOWN);
    Ok(longest.clamp(MIN_COOL_DOWN, USUAL_MAX_COOL_DOWN))
}
