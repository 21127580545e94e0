//! Lending: what a borrower tells is heard, what it asks is decided, and more is lent.

use crate::algorithm::state::Moment;
use crate::calendar::UnknownTimeZone;
use crate::decision::{Decision, Reason};
use crate::lease::{life_until, Borrowing, Loan, Returned, MAX_LIFE};
use crate::policy::Policy;
use crate::{Algorithm, Duration, Timestamp};

use super::size::{loan, Out};
use super::{Lease, Part, MAX_BORROWERS};
use crate::subject_state::effects::Effects;
use crate::subject_state::entry::Entry;
use crate::subject_state::item::Item;
use crate::subject_state::policies::Policies;
use crate::subject_state::refusal::Refusal;
use crate::subject_state::SubjectState;

impl SubjectState {
    /// Decides an item as [`SubjectState::limit`] does, after it has heard what the borrower tells;
    /// an admission may bring units to spend without a question.
    pub fn limit_borrowing(
        &mut self,
        item: &Item,
        borrowing: &Borrowing,
        random: &mut dyn FnMut() -> u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Vec<Decision>, Refusal> {
        self.make_up(moment, effects)?;
        let items = core::slice::from_ref(item);
        let newest = self.newest(items, moment).into_owned();
        // Whoever has to ask again has told nothing yet.
        Policies::are_whole(&newest)?;
        // Units are lent of the limits that decide now.
        let policy = match &*self.in_force(&newest, moment)? {
            [it] => it.policy.clone(),
            _ => item.policy.clone(),
        };
        let heard = self.hear(borrowing, moment, effects)?;
        let is_told = heard == Heard::News { is_told: true };
        let lends = heard.is_news()
            && borrowing.wants
            && may_be_lent(item, &policy)
            && self.is_lease_of(borrowing.borrower, &policy);
        let cost = item.check.most_units();
        let carries = lends && self.loan_of(&policy, borrowing, cost, moment)? > 0;
        if carries {
            self.of_policy(&policy)
                .for_each(|entry| entry.begin_carrying());
        }
        let decided = self.limit(items, None, random, moment, effects);
        let carried = match lends {
            true => self.end_carrying(&policy),
            false => Vec::new(),
        };
        let mut decisions = match decided {
            Ok(decisions) => decisions,
            Err(refusal) => {
                if is_told {
                    self.write_lease(borrowing.borrower, Vec::new(), moment, effects);
                }
                return Err(refusal);
            }
        };
        let Some(decision) = decisions.first_mut() else {
            return Ok(decisions);
        };
        if heard == Heard::Again {
            decision.loan = self.loan_again(borrowing, moment.now).map(Box::new);
        }
        if lends && decision.success {
            decision.loan = self
                .lend(&policy, borrowing, moment, effects)?
                .map(Box::new);
        }
        let has_loan = decision.loan.is_some() && heard.is_news();
        if is_told || has_loan || carried.iter().any(|(_, units)| *units > 0) {
            self.write_lease(borrowing.borrower, carried, moment, effects);
        }
        self.ensure_alarm(moment, effects);
        Ok(decisions)
    }

    /// A borrower has stopped: what it has not spent can be taken at once. A lease that is over, or
    /// not known, changes nothing.
    pub fn take_lease_back(
        &mut self,
        returned: &Returned,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        self.make_up(moment, effects)?;
        let Some(lease) = self.leases.all.get(&returned.borrower) else {
            return Ok(());
        };
        if lease.number != returned.number || lease.is_over {
            return Ok(());
        }
        self.told(returned.borrower, returned.spent, 0, moment, effects)?;
        if let Some(lease) = self.leases.all.get_mut(&returned.borrower) {
            lease.is_over = true;
            let (key, row) = lease.row();
            effects.put(key, row);
        }
        Ok(())
    }

    /// Ends the leases whose time is over, for whoever looks. Where rows cannot be read, or a time
    /// zone is gone, there is nothing to see of them.
    pub(crate) fn end_leases(
        &mut self,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        if self.leases.is_empty() || !self.is_readable() {
            return Ok(());
        }
        Ok(self.expire_leases(moment, effects)?)
    }

    /// Counts everything as spent of leases that are over.
    pub(crate) fn expire_leases(
        &mut self,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), UnknownTimeZone> {
        if self.leases.next_end.is_none_or(|end| end > moment.now) {
            return Ok(());
        }
        self.can_charge(moment)?;
        let mut next = None;
        let mut over = Vec::new();
        for lease in self.leases.all.values_mut().filter(|it| it.left > 0) {
            let end = lease.set_end(moment.now);
            if end <= moment.now {
                over.push((end, lease.borrower));
            } else {
                next = Some(next.map_or(end, |next: Timestamp| next.min(end)));
            }
        }
        over.sort_unstable();
        for (now, borrower) in over {
            let at = Moment { now, ..moment };
            let Some(lease) = self.leases.all.get(&borrower) else {
                continue;
            };
            let all = lease.spent.saturating_add(lease.left);
            // It is over a millisecond before the turn, and may be spent until then.
            let has_turned = lease.ends_at_turn && now < moment.now;
            let is_forgotten = has_turned && self.forget_at_turn(&lease.parts);
            let spent = if is_forgotten { lease.spent } else { all };
            self.told(borrower, spent, 0, at, effects)?;
            if let Some(lease) = self.leases.all.get_mut(&borrower) {
                lease.spent = all;
                lease.is_over = true;
                if !is_forgotten {
                    // Else it would be found as live, and count once more.
                    let (key, row) = lease.row();
                    effects.put(key, row);
                }
            }
        }
        self.leases.next_end = next;
        Ok(())
    }

    /// Forgets the leases that are over, with their rows: what these tell of a limit is written
    /// into its own before.
    pub(crate) fn drop_leases(&mut self, moment: Moment, effects: &mut Effects) {
        for entry in &mut self.limits.entries {
            if self.leases.carry_over(&entry.key(), entry.lent.stamp) {
                entry.write_exact(moment, effects);
            }
        }
        self.leases.drop_over(effects);
    }

    /// Whether nothing of what these limits were charged before their turn counts after it: then
    /// nobody has to know how much it was.
    fn forget_at_turn(&self, parts: &[Part]) -> bool {
        parts.iter().all(|part| {
            let mut entries = self.limits.entries.iter();
            let entry = entries.find(|entry| entry.key() == part.key);
            entry.is_none_or(|entry| entry.usage.forgets_at_turn())
        })
    }

    /// Whether all limits can be charged: else nothing is changed.
    fn can_charge(&self, moment: Moment) -> Result<(), UnknownTimeZone> {
        let clock = self.limits.clock();
        let mut entries = self.limits.entries.iter();
        entries.try_for_each(|entry| entry.usage.can_cancel(clock, moment))
    }

    /// How long units may be spent that are lent; `None` where none are.
    pub fn lent_for(&self, now: Timestamp) -> Option<Duration> {
        let until = self.leases.spent_until()?;
        Some(until.since(now)).filter(|left| *left > Duration::ZERO)
    }

    /// Marks the refusals for which units may be that are lent: they come back, or are spent, when
    /// the last lease is over, and nobody may remember them.
    pub(crate) fn mark_lent(&self, items: &[Item], answers: &mut [Decision], moment: Moment) {
        let Some(until) = self.leases.spent_until() else {
            return;
        };
        let until = until.min(moment.now.plus(MAX_LIFE)).max(moment.now);
        let entries = || self.limits.entries.iter().filter(|it| it.lent.units > 0);
        for (item, answer) in items.iter().zip(answers) {
            let policy = &item.policy;
            let mut limits = policy.limits().iter();
            let lends = |limit| entries().any(|it| it.concerns(policy, limit));
            if answer.reason == Some(Reason::Limit) && !answer.success && limits.any(lends) {
                answer.wait_for_leases(until);
            }
        }
    }

    /// Takes up what a borrower tells.
    fn hear(
        &mut self,
        borrowing: &Borrowing,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Heard, Refusal> {
        let borrower = borrowing.borrower;
        let Some(lease) = self.leases.all.get(&borrower) else {
            return Ok(Heard::News { is_told: false });
        };
        let known = (lease.number, lease.turn);
        let told = (borrowing.number, borrowing.turn);
        if told == known {
            return Ok(Heard::Again);
        }
        if told < known || (borrowing.number == lease.number && lease.is_over) {
            return Ok(Heard::Old);
        }
        let is_live = !lease.is_over;
        let before = (lease.spent, lease.left);
        let since = match borrowing.number == lease.number {
            true => borrowing.spent.saturating_sub(lease.spent),
            false => borrowing
                .before
                .map_or(0, |it| it.saturating_sub(lease.spent)),
        };
        if is_live {
            match borrowing.number == lease.number {
                true => self.told(borrower, borrowing.spent, borrowing.left, moment, effects)?,
                false => {
                    let all = lease.spent.saturating_add(lease.left);
                    let is_next = borrowing.number == lease.number + 1;
                    let spent = borrowing.before.filter(|_| is_next).unwrap_or(all);
                    self.told(borrower, spent, 0, moment, effects)?;
                }
            }
        }
        let mut is_told = false;
        if let Some(lease) = self.leases.all.get_mut(&borrower) {
            is_told = before != (lease.spent, lease.left);
            lease.adapt(since, &borrowing.terms, moment.now);
            if borrowing.number > lease.number {
                lease.turn_to(borrowing.number);
            }
            lease.turn = borrowing.turn;
            lease.loan = 0;
        }
        Ok(Heard::News { is_told })
    }

    /// Charges what a borrower has spent in its lease beyond what it has told before, and sets
    /// aside what it has `left`, at most what was.
    fn told(
        &mut self,
        borrower: u64,
        spent: u64,
        left: u64,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), UnknownTimeZone> {
        self.can_charge(moment)?;
        let Some(lease) = self.leases.all.get_mut(&borrower) else {
            return Ok(());
        };
        let more = spent.saturating_sub(lease.spent);
        let before = lease.left;
        lease.spent = lease.spent.max(spent);
        lease.left = left.min(before.saturating_sub(more));
        let back = before - lease.left;
        let parts = lease.parts.clone();
        for (place, part) in parts.iter().enumerate() {
            if let Some(entry) = self
                .limits
                .entries
                .iter_mut()
                .find(|it| it.key() == part.key)
            {
                entry.lent.units = entry.lent.units.saturating_sub(back);
                entry.begin_carrying();
            }
            let charged = self.limits.charge_lent(&part.key, more, moment, effects)?;
            let mut entries = self.limits.entries.iter_mut();
            let Some(entry) = entries.find(|it| it.key() == part.key) else {
                continue;
            };
            let carried = entry.lent.carried.take().filter(|_| charged > 0);
            let stamp = entry.lent.stamp;
            if let Some(lease) = self.leases.all.get_mut(&borrower) {
                lease.parts[place].carry(carried.unwrap_or(0), stamp, moment.now);
            }
        }
        Ok(())
    }

    /// The states that decide a policy's limits.
    fn of_policy<'a>(&'a mut self, policy: &'a Policy) -> impl Iterator<Item = &'a mut Entry> {
        let entries = self.limits.entries.iter_mut();
        entries.filter(|entry| is_of(entry, policy))
    }

    /// What the states have charged that their rows do not tell, by their keys.
    fn end_carrying(&mut self, policy: &Policy) -> Vec<(String, u64)> {
        let entries = self.of_policy(policy);
        let carried = entries.map(|entry| (entry.key(), entry.lent.carried.take().unwrap_or(0)));
        carried.collect()
    }

    /// Whether the borrower has no lease, or one of these limits and no others: each part of a lease
    /// has as much left as the whole. Who asks by an older definition has to come anew.
    fn is_lease_of(&self, borrower: u64, policy: &Policy) -> bool {
        let parts = self.leases.all.get(&borrower).map(|it| &it.parts[..]);
        let parts = parts.filter(|parts| !parts.is_empty());
        let of_policy = || {
            let entries = self.limits.entries.iter();
            entries.filter(|entry| is_of(entry, policy))
        };
        parts.is_none_or(|parts| {
            parts.len() == of_policy().count()
                && of_policy().all(|entry| parts.iter().any(|part| part.key == entry.key()))
        })
    }

    /// How many units more the borrower may have once `cost` units are taken.
    fn loan_of(
        &self,
        policy: &Policy,
        borrowing: &Borrowing,
        cost: u64,
        moment: Moment,
    ) -> Result<u64, Refusal> {
        let borrower = borrowing.borrower;
        let own = self.leases.all.get(&borrower);
        if own.is_none() && self.leases.all.len() >= MAX_BORROWERS {
            return Ok(0);
        }
        let own_left = own.map_or(0, |lease| lease.left);
        let others = self.leases.all.values();
        let others = others.filter(|it| it.left > 0 && it.borrower != borrower);
        let others = others.count() as u64;
        let first = Lease::first(borrower, 0, moment.now);
        let size = own.unwrap_or(&first).wanted();
        let mut units = u64::MAX;
        for limit in policy.limits() {
            let name = policy.name_or_empty();
            let entries = || self.limits.entries.iter();
            let Some(entry) = entries().find(|it| it.keeps(name, limit)) else {
                return Ok(0); // it was never decided
            };
            // What is set aside of another definition of the same limit is so of this one.
            let concerned = || entries().filter(|it| it.concerns(policy, limit));
            let sum =
                |units: fn(&Entry) -> u64| concerned().map(units).fold(0, u64::saturating_add);
            let (held, lent) = (sum(|it| it.on_hold), sum(|it| it.lent.units));
            let left = entry.usage.view(moment)?.remaining;
            let remains = left.saturating_sub(held).saturating_sub(cost);
            let out = Out {
                others_left: lent.saturating_sub(own_left),
                others,
                own_left,
            };
            units = units.min(loan(remains, size, &borrowing.terms, out));
        }
        Ok(units)
    }

    /// Sets units aside for the borrower, as many as it may have more.
    fn lend(
        &mut self,
        policy: &Policy,
        borrowing: &Borrowing,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Option<Loan>, Refusal> {
        let units = self.loan_of(policy, borrowing, 0, moment)?;
        let turn = self.turn_of(policy, moment)?;
        let Some(life) = life_until(&borrowing.terms, turn, moment.now).filter(|_| units > 0)
        else {
            return Ok(None);
        };
        let now = moment.now;
        let (borrower, number) = (borrowing.borrower, borrowing.number);
        for entry in self.of_policy(policy) {
            entry.lend(units, moment, effects);
        }
        let leases = &mut self.leases;
        let lease = leases
            .all
            .entry(borrower)
            .or_insert_with(|| Lease::first(borrower, number, now));
        lease.turn = borrowing.turn;
        lease.number = number;
        lease.lend(units, life, turn, now);
        let end = lease.set_end(now);
        leases.next_end = Some(leases.next_end.map_or(end, |next| next.min(end)));
        Ok(Some(Loan { units, life }))
    }

    /// What was lent by the message that comes once more.
    fn loan_again(&self, borrowing: &Borrowing, now: Timestamp) -> Option<Loan> {
        let lease = self.leases.all.get(&borrowing.borrower)?;
        let is_live = lease.loan > 0 && lease.until > now;
        is_live.then(|| Loan {
            units: lease.loan,
            life: lease.until.since(now),
        })
    }

    /// The first instant at which one of the policy's limits counts anew, or has other numbers.
    fn turn_of(&self, policy: &Policy, moment: Moment) -> Result<Option<Timestamp>, Refusal> {
        let change = policy.in_force_until(moment.now);
        let entries = self.limits.entries.iter().filter(|it| is_of(it, policy));
        let turns = entries.filter_map(|it| it.usage.turn());
        let next_end = self.limits.taken.next_end(policy, moment.now);
        Ok(turns.chain(change).chain(next_end).min())
    }

    /// Writes the row of a lease, which tells what this call has charged: by the keys of the
    /// limits.
    fn write_lease(
        &mut self,
        borrower: u64,
        carried: Vec<(String, u64)>,
        moment: Moment,
        effects: &mut Effects,
    ) {
        let entries = &self.limits.entries;
        let first = || Lease::first(borrower, 0, moment.now);
        let lease = self.leases.all.entry(borrower).or_insert_with(first);
        for (key, units) in carried {
            let Some(entry) = entries.iter().find(|it| it.key() == key) else {
                continue;
            };
            let stamp = entry.lent.stamp;
            let place = lease.parts.iter().position(|part| part.key == key);
            let place = place.unwrap_or_else(|| {
                lease.parts.push(Part::none(key));
                lease.parts.len() - 1
            });
            lease.parts[place].carry(units, stamp, moment.now);
        }
        let (key, row) = lease.row();
        effects.put(key, row);
    }
}

/// What a message of a borrower is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// The newest; whether it tells anything that the lease's row does not.
    News { is_told: bool },
    /// The newest, once more.
    Again,
    /// One that another has overtaken.
    Old,
}

impl Heard {
    const fn is_news(self) -> bool {
        matches!(self, Heard::News { .. })
    }
}

/// Whether the state decides one of the policy's limits.
fn is_of(entry: &Entry, policy: &Policy) -> bool {
    let name = policy.name_or_empty();
    policy.limits().iter().any(|limit| entry.keeps(name, limit))
}

/// Whether units of the policy can be spent without a question, after this one.
fn may_be_lent(item: &Item, policy: &Policy) -> bool {
    let check = &item.check;
    let is_plain = check.is_plain() && check.costs.is_empty() && !check.peek && !check.bypass;
    let is_now = check.max_delay.is_none() && check.hold.is_none() && check.cost > 0;
    // What counts as spent would open a window, where windows begin with the first use.
    let is_counted =
        |it: &Algorithm| !matches!(it, Algorithm::Concurrency(_) | Algorithm::FirstUse(_));
    let mut limits = policy.limits().iter();
    let is_spaced = policy.shapes() || policy.weights().is_some();
    is_plain && is_now && !is_spaced && limits.all(|limit| is_counted(limit.algorithm()))
}
