//! Heeding what a caller reports of an upstream's answer.
//!
//! **Which limit.** A limit that the upstream told moves the one that the report names, else the
//! one of its name, else the only one of its number, else, where it told no number, the only one
//! within whose window it comes back. It only ever takes units away. Anything else moves nothing
//! and says why: another limit's remainder would cost an hour of this one.
//!
//! A policy that isolates count through KV has no limits here: its gate and its breaker do, which
//! the isolates are told of.
//!
//! **The gate** closes for the policy's subject. What was promised before is kept; buckets are
//! spent so that they are empty when it opens.

use crate::algorithm::emptied::time_to_full;
use crate::algorithm::state::{span_at, Moment};
use crate::calendar::UnknownTimeZone;
use crate::decide::Check;
use crate::limit::Name;
use crate::policy::outbound::{Outbound, MIN_COOL_DOWN, USUAL_MAX_COOL_DOWN};
use crate::policy::Policy;
use crate::report::{Adjusted, ClosedBy, Heeded, Report, Reported, Told, Unfit};
use crate::{Algorithm, Duration, Limit, Timestamp};

use super::decider::Decider;
use super::holds::Terms;
use super::outlook::{adapting, Asked, Closing, Outlook};
use super::picked::Picked;
use super::policies::Policies;
use super::{Effects, Item, Refusal, SubjectState};

impl SubjectState {
    /// Heeds a report: closes the gate of its policy, and takes units away that the upstream does
    /// not have. It never gives any. An older version of the policy than was decided here is taken
    /// for the newest one. An error changes nothing.
    pub fn report(
        &mut self,
        report: &Report,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Reported, Refusal> {
        self.loaded.readable()?;
        self.end(moment, effects);
        self.limits.expire(moment, effects)?;
        let asked = [Item {
            policy: report.policy.clone(),
            check: Check::of(0),
        }];
        let items = self.policies.newest(&asked, &|_| false);
        Policies::are_whole(&items)?;
        let [item] = &*items else {
            return Err(Refusal::Cancelled); // not reached: there is one
        };
        let mut heard = Heard::new(report, &item.policy, moment)?;
        let asked = heard.asked(report, &item.policy, moment)?;
        let is_elsewhere = report.in_use.is_some();
        if is_elsewhere {
            heard.move_none();
        }
        let counted = self.count(report, &item.policy, moment)?;
        let outlook = self.blocks.outlooks.of(item.policy.name_or_empty());
        let before = outlook.clone();
        if is_elsewhere {
            let outbound = item.policy.outbound().filter(|_| counted > 0);
            let breaker = outbound.and_then(|it| it.breaker.as_ref());
            outlook.admitted_elsewhere(breaker, heard.answered, moment.now);
        }
        let told = (asked.as_ref(), counted);
        let closing = heard.heed(report, &item.policy, told, outlook, moment.now);
        let after = outlook.clone();
        let opens = after.gate.closed(moment.now).map(|it| it.until);
        let opens = opens.filter(|_| closing.is_longer);
        let done = match is_elsewhere {
            true => Ok(Vec::new()),
            false => self.take_away(&items, &heard, opens, moment, effects),
        };
        if done.is_err() {
            self.blocks.outlooks.put(before.clone());
        }
        let moved = done?;
        self.blocks.outlooks.drop_unused();
        if after != before {
            effects.writes.push(after.write());
        }
        self.ensure_alarm(moment, effects);
        let outlooks = (&before, &after);
        Ok(heard.reported(asked.as_ref(), &item.policy, outlooks, &moved, moment.now))
    }

    /// Takes units away from the limits of the only one of these items.
    fn take_away(
        &mut self,
        items: &[Item],
        heard: &Heard,
        opens: Option<Timestamp>,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Vec<Moved>, Refusal> {
        let items = self.in_force(items, moment)?;
        let mut moved = Vec::new();
        for item in items.iter() {
            let mut decider = self.decider(Terms::default());
            let (all, final_for) = decider.heed(item, &heard.fits, opens, moment, effects)?;
            moved = all;
            self.operations.drop_charges_of(&final_for);
        }
        self.policies.settle(&self.limits, effects);
        Ok(moved)
    }

    /// How many of the calls that are reported count: no more than were admitted.
    fn count(&mut self, report: &Report, policy: &Policy, moment: Moment) -> Result<u64, Refusal> {
        let name = policy.name_or_empty();
        let mut in_use = report.in_use.unwrap_or(0);
        for entry in self.limits.entries.iter().filter(|it| it.policy == name) {
            in_use = entry.usage.in_use(moment)?.max(in_use);
        }
        let outlooks = &mut self.blocks.outlooks;
        Ok(outlooks.count(policy, (report.count, in_use), moment.now))
    }
}

/// From what number to which the limit has gone that adapts, if it has.
fn adapted(policy: &Policy, before: &Outlook, after: &Outlook) -> Option<Adjusted> {
    let (place, adapt) = adapting(policy)?;
    let limit = policy.limits().get(place)?;
    let own = limit.algorithm().limit();
    let [from, to] = [before, after].map(|it| it.adapted.of(adapt, own));
    (from != to).then(|| Adjusted {
        limit: limit.label(),
        from,
        to,
    })
}

/// A report that was compared with the limits of its policy.
struct Heard {
    /// When the upstream answered.
    answered: Timestamp,
    /// Which limit each one that was told is, in their order, and how many units it leaves.
    fits: Vec<Result<(usize, u64), Unfit>>,
}

impl Heard {
    fn new(report: &Report, policy: &Policy, moment: Moment) -> Result<Heard, UnknownTimeZone> {
        let answered = moment
            .now
            .as_millis()
            .saturating_sub(report.age.as_millis());
        let answered = Timestamp::from_millis(answered);
        let mut fits = Vec::with_capacity(report.limits.len());
        for told in &report.limits {
            let fit = fit(told, report, answered, moment)?;
            fits.push(fit.and_then(|(at, remaining)| {
                let limit = &report.policy.limits()[at];
                let newest = policy.limits().iter().map(|it| is_same(it, limit));
                Ok((only(newest)?, remaining))
            }));
        }
        Ok(Heard { answered, fits })
    }

    /// No limit of the policy is here.
    fn move_none(&mut self) {
        for fit in &mut self.fits {
            *fit = fit.and(Err(Unfit::Eventual));
        }
    }

    /// Tells what is known of the upstream. `counted`: so many of the calls count.
    fn heed(
        &self,
        report: &Report,
        policy: &Policy,
        (asked, counted): (Option<&Asked>, u64),
        outlook: &mut Outlook,
        now: Timestamp,
    ) -> Closing {
        let is_success = report.status < 400 && !report.refused;
        let closing = match asked {
            Some(asked) => outlook.gate.close(asked, now),
            None => Closing::default(),
        };
        if is_success {
            outlook.gate.succeeded(self.answered, now);
        }
        let Some(outbound) = policy.outbound() else {
            return closing;
        };
        // Rate-limited is not failed.
        if let Some(breaker) = outbound.breaker.as_ref().filter(|_| !report.refused) {
            let is_failure = breaker.is_failure(report.status);
            (outlook.circuit).count(breaker, (counted, is_failure), self.answered, now);
        }
        if let Some((place, adapt)) = adapting(policy) {
            let own = policy
                .limits()
                .get(place)
                .map_or(0, |it| it.algorithm().limit());
            let adapted = &mut outlook.adapted;
            if report.refused && closing.begins && counted > 0 {
                adapted.lower(adapt, own, now);
            } else if is_success {
                adapted.raise(adapt, (counted, own), now);
            }
        }
        if outbound.pace {
            for (told, fit) in report.limits.iter().zip(&self.fits) {
                if let (Ok((place, remaining)), Some(reset)) = (fit, told.reset) {
                    let reset = reset.instant(self.answered);
                    outlook.paces.set(*place, *remaining, reset, now);
                }
            }
        }
        closing
    }

    /// What was done: by a report that asked for this, with what is known of the upstream before
    /// and after.
    fn reported(
        &self,
        asked: Option<&Asked>,
        policy: &Policy,
        (before, after): (&Outlook, &Outlook),
        moved: &[Moved],
        now: Timestamp,
    ) -> Reported {
        let gate = after.gate.closed(now);
        let is_beyond = |it: &Asked| it.told.is_some_and(|(until, _)| until > now.plus(it.most));
        Reported {
            at: now,
            is_cut: asked.is_some_and(is_beyond),
            is_late: asked.is_some() && gate.is_none(),
            gate,
            breaker: after.circuit.status(now),
            adapted: adapted(policy, before, after),
            limits: heeded(policy, &self.fits, moved),
        }
    }

    /// How the gate is to be closed, if it is: where the upstream refused, or failed and told how
    /// long.
    fn asked<'a>(
        &self,
        report: &'a Report,
        policy: &Policy,
        moment: Moment,
    ) -> Result<Option<Asked<'a>>, UnknownTimeZone> {
        let wait = report.wait.map(|it| it.instant(self.answered));
        let asks = report.refused || (report.status == 503 && wait.is_some());
        if !asks {
            return Ok(None);
        }
        let usual = Outbound::default();
        let outbound = policy.outbound().unwrap_or(&usual);
        let told = wait.map(|until| (until, ClosedBy::Told));
        Ok(Some(Asked {
            // At once is no time.
            told: told
                .filter(|(until, _)| *until > self.answered)
                .or_else(|| self.reset(report)),
            back_off: outbound.back_off(),
            most: longest(outbound, policy, moment)?,
            answered: self.answered,
            by: &report.by,
        }))
    }

    /// When a limit comes back of which nothing remained: the last of those that are the policy's.
    fn reset(&self, report: &Report) -> Option<(Timestamp, ClosedBy)> {
        let told = report.limits.iter().zip(&self.fits);
        let empty = told.filter(|(told, fit)| told.remaining == Some(0) && fit.is_ok());
        let resets = empty.filter_map(|(told, _)| Some(told.reset?.instant(self.answered)));
        resets.max().map(|reset| (reset, ClosedBy::Reset))
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

/// The time over which a limit counts: of a bucket, in which it is full again; slots have none.
fn window_of(limit: &Limit, moment: Moment) -> Result<Option<Duration>, UnknownTimeZone> {
    let algorithm = limit.algorithm();
    if let Some(window) = time_to_full(algorithm).or(algorithm.window()) {
        return Ok(Some(window));
    }
    let span = span_at(algorithm, moment)?;
    Ok(span.map(|span| span.end.since(span.start)))
}

/// Which limit of the policy a told one is, and how many units it leaves.
fn fit(
    told: &Told,
    report: &Report,
    answered: Timestamp,
    moment: Moment,
) -> Result<Result<(usize, u64), Unfit>, UnknownTimeZone> {
    let reset = told.reset.map(|it| it.instant(answered));
    if reset.is_some_and(|reset| reset <= moment.now) {
        return Ok(Err(Unfit::Passed));
    }
    let Some(remaining) = told.remaining else {
        return Ok(Err(Unfit::Unsaid));
    };
    let policy = &report.policy;
    let found = match place(told, report) {
        Err(Unfit::Unsaid) => within(reset, policy, moment)?,
        found => found,
    };
    Ok(found.and_then(|at| match policy.limits()[at].algorithm() {
        Algorithm::Concurrency(_) => Err(Unfit::Slots),
        _ => Ok((at, remaining)),
    }))
}

/// The limit that is named, or has the number; `Unsaid` where neither is told.
fn place(told: &Told, report: &Report) -> Result<usize, Unfit> {
    let limits = report.policy.limits();
    let position = |is: &dyn Fn(&Limit) -> bool| only(limits.iter().map(is));
    let is_it = |at: usize| is_number(told, &limits[at]);
    if let Some(label) = &report.limit {
        let named = position(&|limit| limit.label() == *label)?;
        // Of several that were told, the others say of which they are.
        let is_alone = report.limits.len() == 1;
        return match is_alone || is_it(named) || is_name(told, &limits[named]) {
            true => Ok(named),
            false => Err(Unfit::AnotherLimit),
        };
    }
    let by_name = position(&|limit| is_name(told, limit));
    match (by_name, told.limit) {
        (Ok(at), _) => Ok(at),
        (Err(_), Some(_)) => position(&|limit| is_number(told, limit)),
        (Err(_), None) => Err(Unfit::Unsaid),
    }
}

/// Whether a limit of a newer version is this one.
fn is_same(newer: &Limit, limit: &Limit) -> bool {
    let is_named = newer.name().is_some() && newer.name() == limit.name();
    is_named || newer.shares_state_with(limit)
}

fn is_name(told: &Told, limit: &Limit) -> bool {
    let name = limit.name().map(Name::as_str);
    name.is_some() && name == told.name.as_deref()
}

/// Whether the upstream's number is that of the limit; with another window it is another limit.
fn is_number(told: &Told, limit: &Limit) -> bool {
    let windows = (told.window, limit.algorithm().window());
    let is_other = matches!(windows, (Some(told), Some(own)) if told != own);
    told.limit == Some(limit.own().algorithm().limit()) && !is_other
}

/// The only limit within whose window an instant lies.
fn within(
    reset: Option<Timestamp>,
    policy: &Policy,
    moment: Moment,
) -> Result<Result<usize, Unfit>, UnknownTimeZone> {
    let Some(reset) = reset else {
        return Ok(Err(Unfit::AnotherLimit));
    };
    let mut lies = Vec::new();
    for limit in policy.limits() {
        let window = window_of(limit, moment)?;
        lies.push(window.is_some_and(|window| reset.since(moment.now) <= window));
    }
    Ok(only(lies.into_iter()))
}

/// The place of the only one that is it.
fn only(are: impl Iterator<Item = bool>) -> Result<usize, Unfit> {
    let mut places = are.enumerate().filter(|(_, is)| *is).map(|(at, _)| at);
    match (places.next(), places.next()) {
        (Some(at), None) => Ok(at),
        (Some(_), Some(_)) => Err(Unfit::Ambiguous),
        (None, _) => Err(Unfit::AnotherLimit),
    }
}

/// What is left of a limit, by its place, before and after.
type Moved = (usize, (u64, u64));

/// What became of each limit that was told.
fn heeded(policy: &Policy, fits: &[Result<(usize, u64), Unfit>], moved: &[Moved]) -> Vec<Heeded> {
    let heeded = fits.iter().map(|fit| match *fit {
        Err(unfit) => Heeded::Ignored(unfit),
        Ok((at, _)) => {
            let moved = moved.iter().find(|(place, _)| *place == at);
            let (from, to) = moved.map_or((0, 0), |(_, left)| *left); // each that fits is there
            Heeded::Of {
                limit: policy.limits()[at].label(),
                from,
                to,
            }
        }
    });
    heeded.collect()
}

impl Decider<'_> {
    /// Takes units away from the limits of an item, and spends its buckets so that they are empty
    /// when its gate opens. Answers what is left of each before and after, and the keys of the
    /// states to which earlier charges can no longer be taken back. An error changes nothing.
    fn heed(
        &mut self,
        item: &Item,
        fits: &[Result<(usize, u64), Unfit>],
        opens: Option<Timestamp>,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(Vec<Moved>, Vec<String>), Refusal> {
        let is_any = fits.iter().any(Result::is_ok) || opens.is_some();
        if !is_any {
            return Ok((Vec::new(), Vec::new()));
        }
        self.or_restored(effects, |decider, _, effects| {
            let limits = &mut *decider.limits;
            let mut picked = Picked::pick(item, limits, moment, effects)?;
            picked.is_whole = false;
            let mut moved: Vec<Moved> = Vec::new();
            let mut changed = Vec::new();
            for &(at, remaining) in fits.iter().flatten() {
                let place = picked.places[at];
                let (from, to) = limits.entries[place].usage.leave(remaining, moment)?;
                changed.extend((to < from).then_some(place));
                match moved.iter_mut().find(|(place, _)| *place == at) {
                    Some((_, left)) => left.1 = to,
                    None => moved.push((at, (from, to))),
                }
            }
            if let Some(at) = opens {
                for &place in &picked.places {
                    let has_spent = limits.entries[place].usage.empty_at(at, moment)?;
                    changed.extend(has_spent.then_some(place));
                }
            }
            let mut final_for = picked.put_in_force(limits, moment, effects);
            for place in changed.into_iter().filter(|place| *place < picked.known) {
                let entry = &mut limits.entries[place];
                picked.set_policy(entry);
                entry.write_exact(moment, effects);
                final_for.push(entry.key());
            }
            Ok((moved, final_for))
        })
    }
}
