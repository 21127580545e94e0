//! Parcels that an isolate sends to an object in the background, each of which counts once whatever
//! gets lost.
//!
//! An isolate has one parcel under way. Its content is frozen under the isolate's number and a
//! sequence until it is acknowledged, or given up after [`GIVEN_UP`]; then what it held is lost,
//! and said to be. Who receives it keeps the newest sequence of each isolate in the transaction in
//! which it keeps the content, so that a parcel that is sent again changes nothing. An isolate's
//! number is drawn with its memory: one that begins anew is another one.
//!
//! What is sent does not matter here.

use tollgate_core::{Duration, Timestamp};

/// The shortest time between two parcels.
pub const SPACING: Duration = Duration::from_secs(10);
/// How long the first events of a quiet isolate are gathered.
pub const GATHER: Duration = Duration::from_secs(1);
/// A parcel without an answer for so long was cut off with its request, and is sent again.
pub const OVERDUE: Duration = Duration::from_secs(5);
/// How long a parcel is sent again and again.
pub const GIVEN_UP: Duration = Duration::from_secs(60);
/// How long whoever receives keeps the newest sequence of an isolate that sends nothing more.
pub const REMEMBERED: Duration = Duration::from_secs(600);

/// A parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// The isolate's number.
    pub isolate: u64,
    /// Rises by one with each parcel of an isolate, from 1 on.
    pub sequence: u64,
    /// What is sent.
    pub content: String,
}

/// The sending end of one isolate.
#[derive(Debug)]
pub struct Outbox {
    isolate: u64,
    sent: u64,
    under_way: Option<UnderWay>,
    /// When a parcel was first sent last.
    last: Option<Timestamp>,
    /// How many were given up since one was sent.
    lost: u64,
}

#[derive(Debug)]
struct UnderWay {
    parcel: Parcel,
    since: Timestamp,
    /// When it was sent last.
    tried: Timestamp,
}

impl Outbox {
    /// Of the isolate with this number.
    pub const fn new(isolate: u64) -> Outbox {
        Outbox {
            isolate,
            sent: 0,
            under_way: None,
            last: None,
            lost: 0,
        }
    }

    /// How long to wait before [`Outbox::send`] has something to send, while there is content.
    /// `is_full`: there is so much of it that it is not to wait for [`SPACING`].
    pub fn wait(&self, is_full: bool, now: Timestamp) -> Duration {
        let until = match (&self.under_way, self.last) {
            (Some(under_way), _) => under_way.tried.plus(OVERDUE),
            (None, Some(last)) if !is_full => last.plus(SPACING),
            _ => now,
        };
        // After a step back of the clock nothing is far ahead.
        let wait = until.since(now).min(SPACING);
        if is_full {
            wait
        } else {
            wait.max(GATHER)
        }
    }

    /// What to send now: the parcel under way once more if its answer is overdue, else a new one of
    /// what `content` takes, if it has anything; it is told how many were given up since.
    pub fn send(
        &mut self,
        is_full: bool,
        now: Timestamp,
        content: impl FnOnce(u64) -> Option<String>,
    ) -> Option<Parcel> {
        if let Some(under_way) = &mut self.under_way {
            let is_old = |since: Timestamp, age: Duration| now < since || now.since(since) >= age;
            if is_old(under_way.since, GIVEN_UP) {
                self.lost += 1;
                self.under_way = None;
            } else if is_old(under_way.tried, OVERDUE) {
                under_way.tried = now;
                return Some(under_way.parcel.clone());
            } else {
                return None;
            }
        }
        let is_early = |last: Timestamp| last <= now && now.since(last) < SPACING;
        if !is_full && self.last.is_some_and(is_early) {
            return None;
        }
        let content = content(self.lost)?;
        self.lost = 0;
        self.sent += 1;
        self.last = Some(now);
        let parcel = Parcel {
            isolate: self.isolate,
            sequence: self.sent,
            content,
        };
        self.under_way = Some(UnderWay {
            parcel: parcel.clone(),
            since: now,
            tried: now,
        });
        Some(parcel)
    }

    /// A parcel has arrived.
    pub fn acknowledge(&mut self, sequence: u64) {
        let is_it = |it: &UnderWay| it.parcel.sequence == sequence;
        if self.under_way.as_ref().is_some_and(is_it) {
            self.under_way = None;
        }
    }

    /// Whether a parcel is under way.
    pub const fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }
}

/// Whether a parcel is new to whoever has received `newest` of its isolate, if any.
pub fn is_new(newest: Option<u64>, sequence: u64) -> bool {
    newest.is_none_or(|newest| sequence > newest)
}
