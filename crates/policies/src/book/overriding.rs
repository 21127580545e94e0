//! The overrides of a namespace, and each change of them.

use tollgate_core::algorithm::state::{LimitState, Moment};
use tollgate_core::api::overrides::{NewOverride, Until};
use tollgate_core::api::policy::named::stored;
use tollgate_core::api::{BadRequest, Problem};
use tollgate_core::limit::Name;
use tollgate_core::overrides::{Effect, Grant, Kind, Override, Target};
use tollgate_core::{Algorithm, Duration, Timestamp};

use super::{Book, By};
use crate::bounds::{MAX_OVERRIDE_BYTES, MAX_SUBJECT_OVERRIDES, MAX_WIDE_OVERRIDES};
use crate::overrides::{bytes_of, OverrideChange, OverrideKey, OverrideRecord};
use crate::precondition::Precondition;
use crate::refused::Refused;

/// How much longer than at first a grant may be made to last.
const KEPT: Duration = Duration::from_secs(31 * 86_400);
/// How far ahead a grant ends at most: as long it is kept of each subject what that has taken.
const MAX_GRANTED: Duration = Duration::from_secs(366 * 86_400);
/// The most lifted overrides that are kept one by one.
const MAX_LIFTED: usize = 1_000;

impl Book {
    /// All overrides that were not lifted, those that are over among them, each with the revision
    /// that set it.
    pub fn overrides(&self) -> impl Iterator<Item = (Override, u64)> + '_ {
        let all = self.overrides.iter();
        all.filter_map(|(key, record)| Some((told(key, record)?, record.revision)))
    }

    /// The lifted overrides that are kept, each with the revision that lifted it.
    pub fn lifted(&self) -> impl Iterator<Item = (&Target, Kind, u64)> {
        let lifted = self.overrides.iter().filter(|(_, it)| it.effect.is_none());
        lifted.map(|((target, kind), record)| (target, *kind, record.revision))
    }

    /// What is kept of an override, also of a lifted one.
    pub fn override_record(&self, key: &OverrideKey) -> Option<&OverrideRecord> {
        self.overrides.get(key)
    }

    /// The overrides in force behind `after`, in their order.
    pub fn overrides_after<'a>(
        &'a self,
        after: Option<&'a OverrideKey>,
        now: Timestamp,
    ) -> impl Iterator<Item = (&'a OverrideKey, &'a OverrideRecord)> {
        let is_behind = move |key: &OverrideKey| after.is_none_or(|after| key > after);
        let behind = self.overrides.iter().filter(move |(key, _)| is_behind(key));
        behind.filter(move |(_, record)| record.is_in_force(now))
    }

    /// Sets an override, in place of the one of this target and kind.
    pub fn set_override(
        &mut self,
        key: &OverrideKey,
        new: NewOverride,
        precondition: Precondition,
        by: By<'_>,
        moment: Moment,
    ) -> Result<OverrideChange, Refused> {
        let until = self.until(&key.0, &new.until, moment)?;
        if until.is_some_and(|until| until <= by.now) {
            let expected = "an instant that is to come";
            return Err(wrong("until", Problem::Malformed { expected }));
        }
        if let Target::Policy(name) = &key.0 {
            let content = self.holding(name.as_str())?;
            let policy = || stored(&content.canonical).map(|named| named.policy);
            if new.effect.grant().is_some() && !policy()?.takes_grants() {
                let with = "the target: units are granted where the subject's object decides, and \
                            slots are given back by their permits";
                return Err(wrong("kind", Problem::Conflict { with }));
            }
            if let Effect::Replace(limits) = &new.effect {
                let policy = policy()?;
                let suits = policy.with_limits(limits.clone());
                suits.map_err(|_| {
                    let with = "the policy, which could not be decided with these limits";
                    wrong("limits", Problem::Conflict { with })
                })?;
            }
        }
        let before = self.in_force(key, precondition, by.now)?;
        let mut effect = new.effect;
        if let (Effect::Grant(grant), Some(until)) = (&mut effect, until) {
            self.begin_or_go_on(grant, until, before.as_ref(), by.now)?;
        }
        let is_subject = key.0.is_subject();
        let others = self.overrides.iter().filter(|(other, record)| {
            *other != key && other.0.is_subject() == is_subject && record.is_in_force(by.now)
        });
        let most = if is_subject {
            MAX_SUBJECT_OVERRIDES
        } else {
            MAX_WIDE_OVERRIDES
        };
        if others.count() >= most {
            return Err(Refused::TooManyOverrides(most));
        }
        let record = OverrideRecord {
            revision: 0,
            at: by.now,
            author: by.author.to_owned(),
            reason: new.reason.unwrap_or_default(),
            until,
            effect: Some(effect),
        };
        self.check_bytes(key, &record, by.now)?;
        Ok(self.put_override(key, record, before, by.now))
    }

    /// Gives a grant its id: a new one, or that of the grant in force whose place it takes, of
    /// which subjects may have taken units. Those stay known for [`KEPT`] after the end that it
    /// was first given, so it may be made to last until then.
    fn begin_or_go_on(
        &self,
        grant: &mut Grant,
        until: Timestamp,
        before: Option<&OverrideRecord>,
        now: Timestamp,
    ) -> Result<(), Refused> {
        if until > now.plus(MAX_GRANTED) {
            let expected =
                "an instant within 366 days: what a subject has taken is known until then";
            return Err(wrong("until", Problem::Malformed { expected }));
        }
        let before = before.and_then(|it| it.effect.as_ref()?.grant());
        (grant.id, grant.kept) = match before {
            Some(before) => (before.id, before.kept),
            // A restored storage gives revisions once more, but no instant.
            None => (self.next_adjusted(now), until.plus(KEPT)),
        };
        if until > grant.kept {
            let with = "the end that it was granted with: it may last 31 days longer at most; \
                        lift it first, and it is granted anew";
            return Err(wrong("until", Problem::Conflict { with }));
        }
        Ok(())
    }

    /// All that are in force have to fit into one answer, and into the memory of an isolate.
    fn check_bytes(
        &self,
        key: &OverrideKey,
        record: &OverrideRecord,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let others = self.overrides.iter().filter(|(other, _)| *other != key);
        let others = others.filter(|(_, other)| other.is_in_force(now));
        let all = others.chain([(key, record)]);
        let bytes = all.filter_map(|((target, _), it)| {
            let effect = it.effect.as_ref()?;
            Some(bytes_of(target, effect, (&it.author, &it.reason)))
        });
        if bytes.sum::<usize>() > MAX_OVERRIDE_BYTES {
            return Err(Refused::OverridesTooLarge);
        }
        Ok(())
    }

    /// Lifts an override that is in force.
    pub fn lift_override(
        &mut self,
        key: &OverrideKey,
        precondition: Precondition,
        by: By<'_>,
    ) -> Result<OverrideChange, Refused> {
        let before = self.in_force(key, precondition, by.now)?;
        if before.is_none() {
            return Err(Refused::UnknownOverride);
        }
        let record = OverrideRecord {
            revision: 0,
            at: by.now,
            author: by.author.to_owned(),
            reason: by.reason.to_owned(),
            until: None,
            effect: None,
        };
        Ok(self.put_override(key, record, before, by.now))
    }

    fn in_force(
        &self,
        key: &OverrideKey,
        precondition: Precondition,
        now: Timestamp,
    ) -> Result<Option<OverrideRecord>, Refused> {
        let record = self.overrides.get(key).filter(|it| it.is_in_force(now));
        let revision = record.map(|record| record.revision);
        if precondition.holds(revision) {
            Ok(record.cloned())
        } else {
            Err(Refused::OverrideMoved(revision))
        }
    }

    fn put_override(
        &mut self,
        key: &OverrideKey,
        record: OverrideRecord,
        before: Option<OverrideRecord>,
        now: Timestamp,
    ) -> OverrideChange {
        self.begin_revision(now);
        let mut changed = self.forget_over(now);
        if key.1.changes_limits() {
            self.state.adjusted = self.next_adjusted(now);
        }
        let revision = self.state.revision;
        let record = OverrideRecord { revision, ..record };
        self.overrides.insert(key.clone(), record);
        changed.extend(self.forget_lifted());
        changed.retain(|other| other != key);
        changed.push(key.clone());
        OverrideChange { before, changed }
    }

    /// The next of the numbers by which versions under overrides are told apart.
    fn next_adjusted(&self, now: Timestamp) -> u64 {
        now.as_millis().max(self.state.adjusted + 1)
    }

    /// Those that are over are as good as lifted. Their revisions stay: an isolate may know an
    /// older form of one, which ends later or never, and has to be told that it is gone.
    fn forget_over(&mut self, now: Timestamp) -> Vec<OverrideKey> {
        let mut over = Vec::new();
        for (key, record) in &mut self.overrides {
            if record.effect.is_none() || record.is_in_force(now) {
                continue;
            }
            if key.1.changes_limits() {
                let until = record.until.map_or(0, Timestamp::as_millis);
                self.state.adjusted = self.state.adjusted.max(until);
            }
            record.effect = None;
            over.push(key.clone());
        }
        over
    }

    /// Forgets the longest lifted ones beyond the most that are kept.
    fn forget_lifted(&mut self) -> Vec<OverrideKey> {
        let lifted = self.lifted();
        let mut lifted: Vec<(u64, OverrideKey)> = lifted
            .map(|(target, kind, revision)| (revision, (target.clone(), kind)))
            .collect();
        lifted.sort_unstable();
        lifted.truncate(lifted.len().saturating_sub(MAX_LIFTED));
        for (revision, key) in &lifted {
            self.overrides.remove(key);
            self.state.forgotten = self.state.forgotten.max(*revision);
        }
        lifted.into_iter().map(|(_, key)| key).collect()
    }

    /// The instant at which an override ends that is set now.
    fn until(
        &self,
        target: &Target,
        until: &Until,
        moment: Moment,
    ) -> Result<Option<Timestamp>, Refused> {
        match until {
            Until::Lifted => Ok(None),
            Until::At(at) => Ok(Some(*at)),
            Until::After(time) => Ok(Some(moment.now.plus(*time))),
            Until::Reset(of) => {
                let name = match (target, of) {
                    (_, Some(name)) | (Target::Policy(name), None) => name,
                    _ => return Err(wrong("resetOf", Problem::Missing)),
                };
                self.reset_of(name, moment).map(Some)
            }
        }
    }

    /// When all windows of a policy have turned.
    fn reset_of(&self, name: &Name, moment: Moment) -> Result<Timestamp, Refused> {
        let content = self.holding(name.as_str())?;
        let policy = stored(&content.canonical)?.policy;
        let mut last = None;
        for limit in policy.limits() {
            let algorithm = limit.algorithm();
            // One that begins with the first use ends no later than if that was now.
            if matches!(
                algorithm,
                Algorithm::FixedWindow(_) | Algorithm::FirstUse(_) | Algorithm::Quota(_)
            ) {
                let fresh = LimitState::fresh(algorithm, moment);
                let fresh = fresh.map_err(|_| wrong("until", Problem::UnknownTimeZone))?;
                last = last.max(Some(fresh.view(algorithm, moment.now).reset));
            }
        }
        last.ok_or_else(|| {
            let with = "a policy without fixedWindow and quota: nothing of it turns";
            wrong("until", Problem::Conflict { with })
        })
    }
}

/// An override as isolates are told of it; `None` where it was lifted.
fn told((target, _): &OverrideKey, record: &OverrideRecord) -> Option<Override> {
    Some(Override {
        target: target.clone(),
        effect: record.effect.clone()?,
        until: record.until,
        author: record.author.clone(),
        reason: record.reason.clone(),
    })
}

fn wrong(field: &str, problem: Problem) -> Refused {
    Refused::Bad(BadRequest::new(field, problem))
}
