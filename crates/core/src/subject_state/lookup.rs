//! On which states an item is decided: under the definitions that it names, found among those that
//! the subject has, or new.

use crate::algorithm::state::Moment;
use crate::calendar::UnknownTimeZone;
use crate::{Algorithm, Limit};

use super::entry::Entry;
use super::limits::Limits;
use super::usage::Usage;
use super::{Item, Refusal, MAX_DEFINITIONS, MAX_ENTRIES};

/// An item and the limits among which its own are looked up.
#[derive(Clone, Copy)]
pub(super) struct Lookup<'a> {
    pub(super) item: &'a Item,
    pub(super) limits: &'a Limits,
}

/// Who asks a limit that classes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// The class of the item, which comes where it is not here.
    Class,
    /// Nobody: something happens to the whole, and no class comes by that.
    Nobody,
}

/// On what a limit is decided.
pub(super) enum Found {
    /// On the entry as it is.
    InForce(usize),
    /// On the entry under another definition.
    Changed(usize, Box<Entry>),
    /// On the entry under other numbers of its definition, which came by themselves.
    Stepped(usize, Box<Entry>),
    /// On the entry with a class among those that share it that is new there.
    Joined(usize, Box<Entry>),
    /// On an entry that is not there yet.
    New(Box<Entry>),
}

impl<'a> Lookup<'a> {
    fn policy(self) -> &'a str {
        self.item.policy.name_or_empty()
    }

    /// Whether new states are wanted, and there may be no room for them before the idle ones are
    /// dropped.
    pub(super) fn may_lack_room(self) -> bool {
        let new = self.new_limits(|_| true).count();
        let all = self.limits.entries.len() + new;
        new > 0 && (all > MAX_ENTRIES || self.crowded(|_| true).is_some())
    }

    /// Whether deciding the item may fail after something was changed: where room is short, or a
    /// limit that takes part may read the clocks of a time zone.
    pub(super) fn may_fail(self) -> bool {
        let is_quota = |limit: &Limit| {
            matches!(limit.algorithm(), Algorithm::Quota(_)) || limit.schedule().is_some()
        };
        let mut limits = self.item.policy.limits().iter();
        let concerned = |entry: &Entry| {
            let mut limits = self.item.policy.limits().iter();
            is_quota(&entry.usage.limit)
                && limits.any(|limit| entry.concerns(&self.item.policy, limit))
        };
        self.may_lack_room() || limits.any(is_quota) || self.limits.entries.iter().any(concerned)
    }

    /// Whether the subject has room for the states of the item's limits, once the idle ones are
    /// dropped.
    pub(super) fn has_room(self, moment: Moment) -> Result<(), Refusal> {
        let lasting = |entry: &Entry| !self.limits.is_to_drop(entry, moment.now);
        let new = self.new_limits(lasting).count();
        if new == 0 {
            return Ok(());
        }
        if let Some(name) = self.crowded(lasting) {
            return Err(Refusal::TooManyDefinitions(name));
        }
        let lasting = self.limits.entries.iter().filter(|entry| lasting(entry));
        if lasting.count() + new > MAX_ENTRIES {
            return Err(Refusal::TooManyLimits(self.limits.names()));
        }
        Ok(())
    }

    /// The limits of the item that none of the `lasting` entries keeps.
    fn new_limits(self, lasting: impl Fn(&Entry) -> bool + 'a) -> impl Iterator<Item = &'a Limit> {
        self.item.policy.limits().iter().filter(move |limit| {
            let mut entries = self.limits.entries.iter();
            !entries.any(|entry| entry.keeps(self.policy(), limit) && lasting(entry))
        })
    }

    /// The name of which the item brings one definition too many, beside those that are `lasting`.
    fn crowded(self, lasting: impl Fn(&Entry) -> bool + Copy + 'a) -> Option<String> {
        let too_many = |limit: &&Limit| {
            let named = self.limits.of_name(self.policy(), limit);
            let new = self.new_limits(lasting);
            let new = new.filter(|other| other.name() == limit.name()).count();
            named.filter(|entry| lasting(entry)).count() + new > MAX_DEFINITIONS
        };
        let mut new = self.new_limits(lasting);
        let limit = new.find(|limit| limit.name().is_some() && too_many(limit))?;
        limit.name().map(|name| name.as_str().to_owned())
    }

    /// On what `limit` of the item would be decided at this moment, if nothing is decided until
    /// then.
    pub(super) fn find(self, limit: &Limit, moment: Moment) -> Result<Found, UnknownTimeZone> {
        self.find_for(limit, Asker::Class, moment)
    }

    /// The same, asked by the class of the item or by none.
    pub(super) fn find_for(
        self,
        limit: &Limit,
        asker: Asker,
        moment: Moment,
    ) -> Result<Found, UnknownTimeZone> {
        let brings = asker == Asker::Class || self.item.policy.weights().is_none();
        let join = |usage: &mut Usage, moment: Moment| {
            if brings {
                usage.join(&self.item.policy, moment.now);
            }
        };
        let policy = self.policy();
        let mut entries = self.limits.entries.iter();
        let Some(place) = entries.position(|entry| entry.keeps(policy, limit)) else {
            let moment = self.not_before(limit, moment);
            let fresh = Entry::fresh(policy, limit, moment)?;
            let mut begun = self.in_force(fresh, moment)?;
            self.take_over_beside(&mut begun, moment)?;
            join(&mut begun.usage, moment);
            return Ok(Found::New(Box::new(begun)));
        };
        let entry = &self.limits.entries[place];
        let mut of_name = self.limits.of_name(policy, limit);
        let is_in_force = !of_name.any(|other| other.turn > entry.turn);
        let begins_to_replace = entry.begins_to_replace(&self.item.policy);
        let goes_on = is_in_force && !begins_to_replace;
        let clock = self.limits.clock();
        if goes_on && entry.usage.limit == *limit && !entry.usage.has_changed(clock, moment)? {
            let joined = entry.usage.joined(&self.item.policy, moment.now);
            return Ok(match joined.filter(|_| brings) {
                Some(usage) => Found::Joined(place, Box::new(entry.with_usage(usage))),
                None => Found::InForce(place),
            });
        }
        let moment = self.not_before(limit, moment);
        let mut next = entry.redefined(limit, clock, moment)?;
        if goes_on && entry.usage.limit.is_written_as(limit) {
            join(&mut next.usage, moment);
            return Ok(Found::Stepped(place, Box::new(next)));
        }
        if !is_in_force {
            next = self.in_force(next, moment)?;
        }
        if begins_to_replace {
            next.replace_inline();
        }
        // Under another algorithm it was charged together with other limits, or with none.
        if begins_to_replace || !entry.usage.limit.is_of_kind(limit) {
            self.take_over_beside(&mut next, moment)?;
        }
        join(&mut next.usage, moment);
        Ok(Found::Changed(place, Box::new(next)))
    }

    /// The moment, or the newest that the limit has seen under any definition: a clock that steps
    /// back refills nothing.
    fn not_before<'m>(self, limit: &Limit, moment: Moment<'m>) -> Moment<'m> {
        let entries = self.limits.entries.iter();
        let concerned = entries.filter(|entry| entry.concerns(&self.item.policy, limit));
        let seen = concerned.map(|entry| entry.usage.state.seen());
        Moment {
            now: seen.fold(moment.now, Ord::max),
            ..moment
        }
    }

    /// Has the entry count at least what is counted by those that it is charged together with from
    /// now on.
    fn take_over_beside(self, entry: &mut Entry, moment: Moment) -> Result<(), UnknownTimeZone> {
        let (policy, limit) = (&self.item.policy, entry.usage.limit.clone());
        let entries = self.limits.entries.iter();
        for other in entries.filter(|other| other.is_beside(policy, &limit)) {
            let followed = other.usage.followed(self.limits.clock(), moment)?;
            let usage = followed.as_ref().unwrap_or(&other.usage);
            entry.usage.take_over(usage, moment)?;
        }
        Ok(())
    }

    /// The entry, new or of another time, as the one in force of its name: it counts at least what
    /// any of the others in use has counted. Each of them was charged with what the others
    /// admitted, so none has counted more than was used.
    fn in_force(self, mut entry: Entry, moment: Moment) -> Result<Entry, UnknownTimeZone> {
        let (policy, limit) = (self.policy(), entry.usage.limit.clone());
        let of_name = self.limits.of_name(policy, &limit);
        let Some(newest) = of_name.clone().map(|other| other.turn).max() else {
            return Ok(entry);
        };
        let others = of_name.clone().filter(|other| !other.keeps(policy, &limit));
        for other in others {
            if other.usage.idle_at(moment.now) > moment.now {
                let followed = other.usage.followed(self.limits.clock(), moment)?;
                let usage = followed.as_ref().unwrap_or(&other.usage);
                entry.usage.take_over(usage, moment)?;
            }
        }
        // One item may ask several definitions of one name: then all of them are in force.
        let asks = |other: &Entry| {
            let mut limits = self.item.policy.limits().iter();
            limits.any(|limit| other.keeps(policy, limit))
        };
        let is_asked = of_name
            .clone()
            .any(|other| other.turn == newest && asks(other));
        entry.turn = newest + u64::from(!is_asked);
        Ok(entry)
    }
}
