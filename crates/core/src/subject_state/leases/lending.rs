//! Lending: what a borrower asks is decided, and more is lent.

use crate::algorithm::state::Moment;
use crate::decide::Check;
use crate::decision::Decision;
use crate::lease::{life_until, Borrowing, Loan};
use crate::policy::Policy;
use crate::{Algorithm, Timestamp};

use super::size::{loan, Out};
use super::telling::Heard;
use super::{Lease, Part, MAX_BORROWERS};
use crate::subject_state::effects::Effects;
use crate::subject_state::entry::Entry;
use crate::subject_state::item::Item;
use crate::subject_state::lookup::{Asker, Found, Lookup};
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
            && self.is_lease_of(borrowing.borrower, &policy)
            && (item.check.changes() || self.has_numbers_of(&policy, moment)?);
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

    /// Whether each limit is decided as it is: who asks for nothing puts no other numbers in force.
    fn has_numbers_of(&self, policy: &Policy, moment: Moment) -> Result<bool, Refusal> {
        let item = Item {
            policy: policy.clone(),
            check: Check::ONE,
        };
        let lookup = Lookup {
            item: &item,
            limits: &self.limits,
        };
        for limit in policy.limits() {
            let found = lookup.find_for(limit, Asker::Nobody, moment)?;
            if !matches!(found, Found::InForce(_)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the borrower has no lease, or one of these limits and no others: each part of a
    /// lease has as much left as the whole. Who asks by an older definition has to come anew.
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
        let first = || Lease::first(borrower, 0, moment.now);
        let lease = self.leases.all.entry(borrower).or_insert_with(first);
        for (key, units) in carried {
            let Some(entry) = self.limits.of_key(&key) else {
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

/// Whether the state decides one of the policy's limits.
fn is_of(entry: &Entry, policy: &Policy) -> bool {
    let name = policy.name_or_empty();
    policy.limits().iter().any(|limit| entry.keeps(name, limit))
}

/// Whether units of the policy can be spent without a question, after this one.
fn may_be_lent(item: &Item, policy: &Policy) -> bool {
    // What counts as spent would open a window, where windows begin with the first use.
    let is_counted =
        |it: &Algorithm| !matches!(it, Algorithm::Concurrency(_) | Algorithm::FirstUse(_));
    let mut limits = policy.limits().iter();
    let is_spaced = policy.shapes() || policy.weights().is_some();
    item.check.may_borrow() && !is_spaced && limits.all(|limit| is_counted(limit.algorithm()))
}
