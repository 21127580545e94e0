//! All policies of a namespace in the memory of an isolate: how long they are good for without
//! asking, and when to ask.
//!
//! A copy is good for [`FRESH`] after the call that confirmed it was sent. Then it is confirmed in
//! the background while requests use it, and when it is older than [`MAX_AGE`] they wait. So a
//! change is in force everywhere [`MAX_AGE`] after it was made. An isolate without requests asks
//! nothing.

use std::collections::BTreeMap;
use std::rc::Rc;

use tollgate_core::api::policy::named::{stored, NamedPolicy};
use tollgate_core::api::BadRequest;
use tollgate_core::limit::Name;
use tollgate_core::overrides::{Index, Matched, Revision};
use tollgate_core::policy::Version;
use tollgate_core::subject::Subject;
use tollgate_core::{Duration, Timestamp};

use crate::deployed::Deployed;
use crate::levels::{self, Level};
use crate::message::Call;
use crate::refused::Refused;
use crate::snapshot::{Changes, Known, Snapshot};

/// How old a copy may be before it is confirmed in the background.
pub const FRESH: Duration = Duration::from_secs(2);
/// How old a copy may be before requests wait until it is confirmed.
pub const MAX_AGE: Duration = Duration::from_secs(5);
/// How soon after a call another one is made in the background.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How long a request waits for what another one has asked, before it asks itself: that one's
/// client may have gone, and its call with it.
const JOIN: Duration = Duration::from_millis(300);
/// How long after a failure requests take the copy as it is, without waiting for another call that
/// may fail; these are made in the background.
const OUT_OF_REACH: Duration = Duration::from_secs(10);

/// The policies of a namespace, as an isolate has them.
#[derive(Debug, Default)]
pub struct Copy {
    /// What holds where nothing is stored.
    deployed: Rc<Deployed>,
    snapshot: Snapshot,
    /// When the call was sent that confirmed it last; `None` where it is what KV kept, or nothing.
    as_of: Option<Timestamp>,
    /// When somebody asked last.
    asked: Option<Timestamp>,
    /// When a call failed, if none has succeeded since.
    failed: Option<Timestamp>,
    /// When a request looked last whether objects know more, and was answered.
    looked: Option<Timestamp>,
    /// When what KV kept was read last.
    restored: Option<Timestamp>,
    /// A version that an object has decided by and that this copy has not, and since when it is
    /// known.
    seen: Option<(Name, Version, Timestamp)>,
    /// Its overrides, ready to be asked.
    overrides: Index,
    /// What was read of it so far.
    read: BTreeMap<String, (Version, Rc<NamedPolicy>)>,
}

/// What a request does about the age of the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It uses the copy.
    Use {
        /// Whether it asks in the background.
        asks: bool,
        /// Whether the copy may be older than [`MAX_AGE`], because the object is out of reach.
        is_degraded: bool,
    },
    /// It asks, and looks again when it has an answer.
    Ask,
    /// It looks again in a moment, because another request asks.
    Join,
    /// There is no copy, and the object is out of reach.
    Unavailable,
}

/// Why there is no such policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// Nobody has made one of this name.
    Unknown,
    /// This build cannot read it.
    Unreadable(BadRequest),
    /// The deployment brings it, and it cannot be asked together with what is stored in the place
    /// of others that it brings.
    Unfit(Refused),
}

/// A time that was noted; `None` where it lies so far ahead that the clock has stepped back since,
/// and nobody knows how long ago it was. Requests that wait see clocks a little apart.
fn not_ahead(at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    at.filter(|at| at.since(now) <= MAX_AGE)
}

impl Copy {
    /// One beside what the deployment brings. Nothing else is known yet.
    pub fn beside(deployed: Rc<Deployed>) -> Copy {
        Copy {
            deployed,
            ..Copy::default()
        }
    }

    /// What a request does at `now`.
    pub fn next(&self, now: Timestamp) -> Next {
        let since = |at: Option<Timestamp>| Some(now.since(not_ahead(at, now)?));
        let within = |at: Option<Timestamp>, time: Duration| since(at).is_some_and(|it| it < time);
        let asks = match &self.seen {
            Some((.., at)) => self.asked < Some(*at) || !within(self.asked, JOIN),
            None => !within(self.asked, ASK_AGAIN),
        };
        let is_degraded = match since(self.as_of) {
            Some(age) if age <= FRESH => {
                return Next::Use {
                    asks: asks && self.seen.is_some(),
                    is_degraded: false,
                }
            }
            Some(age) => age > MAX_AGE,
            None => true,
        };
        if !is_degraded {
            return Next::Use { asks, is_degraded };
        }
        match (within(self.failed, OUT_OF_REACH), self.has_nothing()) {
            (true, false) => Next::Use { asks, is_degraded },
            // The next one to come asks.
            (true, true) if !asks => Next::Unavailable,
            _ if within(self.asked, JOIN) && self.failed < self.asked => Next::Join,
            _ => Next::Ask,
        }
    }

    /// What a request does that has to know what holds at `since`, because an object knows more
    /// than the copy: one of all such requests asks at a time, and the others look again.
    pub fn next_since(&self, since: Timestamp, now: Timestamp) -> Next {
        let as_of = not_ahead(self.as_of, now);
        let asked = not_ahead(self.asked, now);
        let has_asked = |time: Duration| asked.is_some_and(|at| now.since(at) < time);
        let is_known = self.is_known_since(since, now);
        if is_known || self.is_out_of_reach(now) {
            return Next::Use {
                asks: !is_known && !has_asked(ASK_AGAIN),
                is_degraded: as_of.is_none(),
            };
        }
        let is_under_way = has_asked(JOIN) && asked > as_of && asked > self.failed;
        match is_under_way {
            true => Next::Join,
            false => Next::Ask,
        }
    }

    /// Whether a call has confirmed the copy that was sent after `since`.
    pub fn is_known_since(&self, since: Timestamp, now: Timestamp) -> bool {
        not_ahead(self.as_of, now) > Some(since)
    }

    /// A request has looked by a call that was sent at `sent`, and that was answered.
    pub fn look(&mut self, sent: Timestamp) {
        self.looked = self.looked.max(Some(sent));
    }

    /// Whether one has looked within the last [`ASK_AGAIN`]. That is enough where objects say
    /// nothing, which they may do for long.
    pub fn has_looked(&self, now: Timestamp) -> bool {
        not_ahead(self.looked, now).is_some_and(|at| now.since(at) < ASK_AGAIN)
    }

    /// Whether a request that needs no policy goes on although nothing is known: the object has not
    /// answered a moment ago. Then whether it asks in the background.
    pub fn goes_without(&self, now: Timestamp) -> Option<bool> {
        let within = |at: Option<Timestamp>, time: Duration| {
            not_ahead(at, now).is_some_and(|at| now.since(at) < time)
        };
        let goes = self.is_empty() && within(self.failed, OUT_OF_REACH);
        goes.then(|| !within(self.asked, ASK_AGAIN))
    }

    /// The call with which somebody asks the object now.
    pub fn ask(&mut self, now: Timestamp) -> Call {
        self.asked = Some(now);
        // Else the answer would confirm nothing beside it.
        self.as_of = not_ahead(self.as_of, now);
        Call::Since {
            known: self.snapshot.asks_since(!self.deployed.is_empty()),
            seen: self.seen.clone().map(|(name, version, _)| (name, version)),
        }
    }

    /// The object has answered a call that was sent at `sent`. `false` where the answer does not
    /// follow on what the copy has: that was dropped since, or another generation begun.
    pub fn learn(&mut self, changes: Changes, sent: Timestamp) -> bool {
        let told = changes.known();
        self.restore(changes);
        let follows = self.snapshot.known() >= told;
        if follows {
            self.as_of = self.as_of.max(Some(sent));
            self.failed = None;
            self.seen = None;
        }
        follows
    }

    /// Something was changed from this isolate: whoever asks next waits until the copy is
    /// confirmed.
    pub fn outdate(&mut self) {
        self.as_of = None;
        self.asked = None;
    }

    /// The object has not answered.
    pub fn fail(&mut self, now: Timestamp) {
        self.failed = Some(now);
    }

    /// Whether the object gave no answer within the last [`OUT_OF_REACH`], and none since: nobody
    /// waits for it then.
    pub fn is_out_of_reach(&self, now: Timestamp) -> bool {
        not_ahead(self.failed, now).is_some_and(|at| now.since(at) < OUT_OF_REACH)
    }

    /// Whether what KV kept is to be read now that the object has not answered: every
    /// [`OUT_OF_REACH`] at most.
    pub fn begin_restoring(&mut self, now: Timestamp) -> bool {
        let is_due = (self.restored).is_none_or(|at| now.since(at) >= OUT_OF_REACH || at > now);
        if is_due {
            self.restored = Some(now);
        }
        is_due
    }

    /// This is what KV kept. It may be newer than what the isolate has, and confirms nothing.
    pub fn restore(&mut self, changes: Changes) {
        if self.snapshot.apply(changes) {
            // What is brought may stand on others than before.
            let snapshot = &self.snapshot;
            let held = |name: &String| snapshot.policy(name).map(|held| held.version);
            self.read
                .retain(|name, (version, _)| held(name) == Some(*version));
            self.overrides = Index::of(self.snapshot.overrides().cloned());
        }
    }

    /// An object has decided by this version. Where it is newer than the copy's the object that
    /// keeps the policies is asked at once; and where it is newer than that one's, that one's
    /// storage was restored from an older state.
    pub fn notice(&mut self, name: &Name, version: Version, now: Timestamp) {
        let held = self.version(name.as_str());
        let is_known =
            matches!(&self.seen, Some((known, seen, _)) if known == name && *seen >= version);
        let is_newer = |held: Version| {
            let adjusted = self.snapshot.adjusted(now);
            version > Version { adjusted, ..held }
        };
        if !is_known && held.is_none_or(is_newer) {
            self.seen = Some((name.clone(), version, now));
        }
    }

    /// The overrides that hold for a subject at `now`, decided by a policy or an inline limit.
    pub fn overrides(
        &self,
        subject: &Subject,
        policy: Option<&Name>,
        now: Timestamp,
    ) -> Matched<'_> {
        self.overrides.matched(subject, policy, now)
    }

    /// How far the overrides are known.
    pub fn revision(&self) -> Revision {
        let Known {
            generation,
            revision: number,
        } = self.snapshot.known();
        Revision { generation, number }
    }

    /// See [`Version::adjusted`].
    pub fn adjusted(&self, now: Timestamp) -> u64 {
        self.snapshot.adjusted(now)
    }

    /// Whether nothing was ever learnt.
    pub fn is_empty(&self) -> bool {
        self.as_of.is_none() && self.snapshot.known() == Known::default()
    }

    /// Whether there is nothing to decide a named policy by.
    pub fn has_nothing(&self) -> bool {
        self.is_empty() && self.deployed.is_empty()
    }

    /// How many bytes the policies take, about.
    pub fn bytes(&self) -> usize {
        self.snapshot.bytes()
    }

    /// The policy of this name, with its name and version.
    pub fn policy(&mut self, name: &Name) -> Result<Rc<NamedPolicy>, Missing> {
        let version = self.version(name.as_str()).ok_or(Missing::Unknown)?;
        if let Some((read, policy)) = self.read.get(name.as_str()) {
            if *read == version {
                return Ok(Rc::clone(policy));
            }
        }
        let canonical = match self.snapshot.policy(name.as_str()) {
            Some(held) => &held.canonical,
            None => self.brought(name.as_str())?,
        };
        let mut policy = stored(canonical).map_err(Missing::Unreadable)?;
        policy.policy = policy.policy.named(name.clone(), version);
        let policy = Rc::new(policy);
        let entry = (version, Rc::clone(&policy));
        self.read.insert(name.as_str().to_owned(), entry);
        Ok(policy)
    }

    /// The version that holds under a name: of what is stored, else of what the deployment brings.
    fn version(&self, name: &str) -> Option<Version> {
        let held = self.snapshot.policy(name).map(|held| held.version);
        let brought = || Some(self.deployed.get(name)?.version(self.snapshot.behind(name)));
        held.or_else(brought)
    }

    /// The text of what the deployment brings. What is stored was looked at when it was; but this
    /// deployment may be a later one.
    fn brought(&self, name: &str) -> Result<&String, Missing> {
        let brought = |name: &str| self.deployed.get(name).map(|it| &it.content);
        let of = |name: &str| match self.snapshot.policy(name) {
            Some(held) => Some(Level::read(&held.canonical)),
            None => brought(name).map(Level::of),
        };
        levels::check(name, &of, &|_| true).map_err(Missing::Unfit)?;
        let content = brought(name).ok_or(Missing::Unknown)?;
        Ok(&content.canonical)
    }
}
