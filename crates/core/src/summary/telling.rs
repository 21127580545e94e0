//! When an object looks for changes to tell, and when it tells them.

use super::{Summary, Told, SPACING};
use crate::Timestamp;

/// How far the directory is told of one subject.
#[derive(Debug, Clone, Default)]
pub struct Telling {
    /// `None`: nothing is known of what it was told, so that it is told anew.
    told: Option<Told>,
    /// Whether it has to be told anew.
    has_news: bool,
    /// Whether a call since it was told has been such that it may have to be.
    expects_news: bool,
    /// When that was last looked at.
    looked: Timestamp,
}

impl Telling {
    /// After waking: what a row says that was told, if it says so.
    pub fn found(told: Option<Told>) -> Telling {
        Telling {
            told,
            ..Telling::default()
        }
    }

    /// What was told.
    pub const fn told(&self) -> Option<&Told> {
        self.told.as_ref()
    }

    /// The directory has acknowledged this.
    pub fn acknowledge(&mut self, told: Option<Told>) {
        self.told = told;
        self.has_news = false;
        self.expects_news = false;
    }

    /// A call may have been news. By when [`Telling::look`] has to be called, where nothing else
    /// may wake the object by then; `None` where it is time now, or was said before.
    pub fn expect(&mut self, now: Timestamp) -> Option<Timestamp> {
        let told = self.told.as_ref().filter(|_| !self.expects_news)?;
        self.expects_news = true;
        (!told.is_due(now)).then(|| told.next())
    }

    /// After waking and after cleaning: as [`Telling::expect`], if what was told is not `current`.
    pub fn expect_if_changed(&mut self, now: Timestamp, current: &Summary) -> Option<Timestamp> {
        let is_changed = |told: &Told| told.is_changed(current, now);
        let is_news = self.told.as_ref().is_some_and(is_changed);
        is_news.then(|| self.expect(now)).flatten()
    }

    /// Looks whether what was told has changed, if it is time: not within ten seconds of the last
    /// telling, nor of the last look unless something is expected. Cheap while it is not.
    pub fn look(&mut self, now: Timestamp, current: impl FnOnce() -> Summary) {
        let is_time = |told: &Told| {
            let is_unseen = self.expects_news || now >= self.looked.plus(SPACING);
            told.is_due(now) && (is_unseen || now < self.looked)
        };
        if self.has_news || !self.told.as_ref().is_none_or(is_time) {
            return;
        }
        self.looked = now;
        self.expects_news = false;
        let current = current();
        let told = self.told.as_ref();
        self.has_news = told.is_none_or(|told| told.is_changed(&current, now));
    }

    /// Whether the directory has to be told anew.
    pub const fn has_news(&self) -> bool {
        self.has_news
    }
}
