//! What the home of a permit owes to the objects that have further parts of it: how it has ended.

use crate::algorithm::state::Moment;
use crate::decide::OnExpiry;
use crate::limit::Real;
use crate::{Duration, Timestamp};

use crate::subject_state::effects::Effects;
use crate::subject_state::holds::{End, Held, Holds, Home};
use crate::subject_state::limits::Limits;
use crate::subject_state::refusal::Refusal;

/// An object that has not acknowledged an outcome is told it again after so long, then after half
/// of the time for which it has been silent.
const TELL_AGAIN: Duration = Duration::from_secs(2);
/// And at least so often.
const TELL_AGAIN_MOST: Duration = Duration::from_secs(300);

/// How a permit has ended, as its home tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// This is to be charged. Where it says nothing, what was held: nobody has settled it in time.
    Settled(Real),
    /// Nothing is.
    Released,
    /// Nothing is, because nobody has settled it in time. A build from before this word takes it
    /// for a release.
    GivenBack,
}

impl Outcome {
    /// What is to be charged of a permit whose time was over: what was held.
    fn kept() -> Outcome {
        Outcome::Settled(Real::default())
    }
}

/// What one object is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The object's name.
    pub object: String,
    /// The permit's bits.
    pub permit: u128,
    /// The outcome.
    pub outcome: Outcome,
}

impl Held {
    /// The outcome, once there is one.
    fn outcome(&self) -> Option<Outcome> {
        let end = self.end.as_ref()?;
        Some(match (&end.real, end.how, self.on_expiry) {
            (Some(real), ..) => Outcome::Settled(real.clone()),
            (None, End::Expired, OnExpiry::Keep) => Outcome::kept(),
            (None, End::Expired, OnExpiry::GiveBack) => Outcome::GivenBack,
            _ => Outcome::Released,
        })
    }
}

impl Holds {
    /// When somebody has to see to it that other objects are told how permits have ended: when one
    /// of them ends by itself, or when it is time to tell it again.
    pub(crate) fn rings_by(&self, now: Timestamp) -> Option<Timestamp> {
        let rings = |held: &Held| match (&held.home, &held.end) {
            (Home::Here(others), None) if !others.objects.is_empty() && !held.is_place => {
                Some(held.until.max(now))
            }
            (_, Some(end)) if !end.owed.is_empty() => {
                let since = now.since(end.at).as_millis() / 2;
                let wait = Duration::from_millis(since).clamp(TELL_AGAIN, TELL_AGAIN_MOST);
                Some(now.plus(wait))
            }
            _ => None,
        };
        self.iter().filter_map(rings).min()
    }
}

impl Limits {
    /// What other objects have to be told, of each permit.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        let owed = |held: &Held| {
            let outcome = held.outcome();
            let end = held.end.clone();
            let owed = end.map(|end| end.owed).unwrap_or_default();
            let permit = held.permit;
            owed.into_iter().filter_map(move |object| {
                let outcome = outcome.clone()?;
                Some(Notice {
                    object,
                    permit,
                    outcome,
                })
            })
        };
        self.holds.iter().flat_map(owed).collect()
    }

    /// Whether another object has to be told something.
    pub(crate) fn has_notices(&self) -> bool {
        self.holds.iter().any(Held::owes)
    }

    /// Objects have acknowledged what they were told.
    pub(crate) fn acknowledge(&mut self, notices: &[&Notice], effects: &mut Effects) {
        let is_known = |held: &Held, notice: &Notice| {
            // Else it is to be told something newer.
            notice.permit == held.permit && held.outcome().as_ref() == Some(&notice.outcome)
        };
        for held in self.holds.all.iter_mut().filter(|it| it.owes()) {
            let known = notices.iter().filter(|notice| is_known(held, notice));
            let known: Vec<&str> = known.map(|notice| notice.object.as_str()).collect();
            let Some(end) = held.end.as_mut().filter(|_| !known.is_empty()) else {
                continue;
            };
            end.owed.retain(|object| !known.contains(&object.as_str()));
            let (key, row) = held.row();
            effects.put(key, row);
        }
    }

    /// The home of a part tells how the permit has ended: of one that has ended here already what
    /// is to be charged beyond. What is not known here is done. A place is charged for its instant
    /// already, and nothing but a release before then gives it back.
    pub(crate) fn conclude(
        &mut self,
        permit: u128,
        outcome: &Outcome,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let Some(place) = self.holds.find(permit) else {
            return Ok(());
        };
        let held = &self.holds.all[place];
        let is_over = held.end.is_some();
        match outcome {
            Outcome::Settled(_) | Outcome::GivenBack if held.is_place => Ok(()),
            Outcome::Settled(real) if is_over => self.correct(place, real, moment, effects),
            _ if is_over => Ok(()),
            Outcome::Released => self.release_held(permit, moment, effects),
            Outcome::GivenBack => Ok(self.end_in_time(place, false, moment, effects)?),
            kept if *kept == Outcome::kept() => Ok(self.end_in_time(place, true, moment, effects)?),
            Outcome::Settled(real) => self.settle(permit, real, moment, effects).map(drop),
        }
    }
}
