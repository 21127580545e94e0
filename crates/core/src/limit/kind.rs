//! The seven algorithms by their words, without their numbers.

use super::Algorithm;

/// Which of the seven algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// [`Algorithm::FixedWindow`] and [`Algorithm::FirstUse`].
    FixedWindow,
    /// [`Algorithm::SlidingWindow`].
    SlidingWindow,
    /// [`Algorithm::SlidingLog`].
    SlidingLog,
    /// [`Algorithm::TokenBucket`].
    TokenBucket,
    /// [`Algorithm::LeakyBucket`].
    LeakyBucket,
    /// [`Algorithm::Quota`].
    Quota,
    /// [`Algorithm::Concurrency`].
    Concurrency,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 7] = [
        Kind::FixedWindow,
        Kind::SlidingWindow,
        Kind::SlidingLog,
        Kind::TokenBucket,
        Kind::LeakyBucket,
        Kind::Quota,
        Kind::Concurrency,
    ];

    /// The word for it in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::FixedWindow => "fixedWindow",
            Kind::SlidingWindow => "slidingWindow",
            Kind::SlidingLog => "slidingLog",
            Kind::TokenBucket => "tokenBucket",
            Kind::LeakyBucket => "leakyBucket",
            Kind::Quota => "quota",
            Kind::Concurrency => "concurrency",
        }
    }

    /// The kind that a word names.
    pub fn from_word(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

impl Algorithm {
    /// Which algorithm it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Algorithm::FixedWindow(_) | Algorithm::FirstUse(_) => Kind::FixedWindow,
            Algorithm::SlidingWindow(_) => Kind::SlidingWindow,
            Algorithm::SlidingLog(_) => Kind::SlidingLog,
            Algorithm::TokenBucket(_) => Kind::TokenBucket,
            Algorithm::LeakyBucket(_) => Kind::LeakyBucket,
            Algorithm::Quota(_) => Kind::Quota,
            Algorithm::Concurrency(_) => Kind::Concurrency,
        }
    }

    /// The word for it in JSON.
    pub const fn word(&self) -> &'static str {
        self.kind().word()
    }
}
