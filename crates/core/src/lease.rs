//! Leases: units of a limit that are lent until an instant, to be spent without a question.
//!
//! **Protocol.** A borrower counts what it spends in one lease, and never counts down: each message
//! tells the sum, and what it has left and may still spend. The lender charges what the sum has
//! grown by, keeps what is left set aside, and may lend more. As sums are told, a message that is
//! lost, doubled or late does no harm (QUIC bounds a stream so, RFC 9000, section 4). What is not
//! told before the lease is over has been spent.
//!
//! A borrower takes the answer to its newest message alone, and its lease ends by its own clock
//! before the lender's: life is counted from before the message was sent, and the lender waits
//! [`GRACE`] longer. So at any time what is charged and what is set aside cover what was spent and
//! what may yet be.

use crate::error::InvalidLimit;
use crate::limit::in_range;
use crate::number::MAX_SAFE;
use crate::{Duration, Timestamp};

/// How long a lease lives unless the policy says otherwise.
pub const LIFE: Duration = Duration::from_secs(1);
/// The shortest life.
pub const MIN_LIFE: Duration = Duration::from_millis(100);
/// The longest: so late does a block take effect for who holds a lease.
pub const MAX_LIFE: Duration = Duration::from_secs(2);
/// So much longer than a lease lives its lender waits for what was spent of it.
pub const GRACE: Duration = Duration::from_secs(1);

/// What bounds the leases of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Terms {
    /// The most units that one borrower has at once; `None`: what its use and what is left allow.
    max: Option<u64>,
    life: Duration,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms {
            max: None,
            life: LIFE,
        }
    }
}

impl Terms {
    /// At most `max` units (1 to 2^53), for `life` (100 ms to 2 s).
    pub fn new(max: Option<u64>, life: Option<Duration>) -> Result<Terms, InvalidLimit> {
        let max = max.map(|max| in_range("lease.max", max, 1, MAX_SAFE));
        let life = life.unwrap_or(LIFE);
        if life < MIN_LIFE || life > MAX_LIFE {
            return Err(InvalidLimit::Malformed {
                field: "lease.life",
                expected: "100ms to 2s: as late does a block take effect",
            });
        }
        Ok(Terms {
            max: max.transpose()?,
            life,
        })
    }

    /// The most units that one borrower has at once, where that is said.
    pub const fn max(&self) -> Option<u64> {
        self.max
    }

    /// How long a lease lives.
    pub const fn life(&self) -> Duration {
        self.life
    }
}

/// What a borrower says with a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Borrowing {
    /// Who borrows: random, of one isolate, subject and policy.
    pub borrower: u64,
    /// Which of its leases, rising.
    pub number: u64,
    /// Which message of this lease, rising.
    pub turn: u64,
    /// Units spent in this lease.
    pub spent: u64,
    /// Units that it has left of it and may still spend. All others are given back.
    pub left: u64,
    /// Units spent in the lease before this one, once it is over.
    pub before: Option<u64>,
    /// Whether it wants more.
    pub wants: bool,
    /// What bounds its leases.
    pub terms: Terms,
}

impl Borrowing {
    /// Whether nothing is told by it, and nothing wanted.
    pub const fn is_bare(&self) -> bool {
        let untold = match self.before {
            Some(before) => before,
            None => 0,
        };
        !self.wants && self.spent == 0 && self.left == 0 && untold == 0
    }
}

/// What a borrower gives back, when it asks nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Returned {
    /// Who has borrowed.
    pub borrower: u64,
    /// Which of its leases, which is over by this.
    pub number: u64,
    /// Units spent in it.
    pub spent: u64,
}

/// What is lent with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loan {
    /// Units, beside those that the borrower has left.
    pub units: u64,
    /// How long all of them may be spent, from before the question was sent.
    pub life: Duration,
}

/// How long a lease that is lent now may live where limits turn at this instant; `None` where it
/// would not live long enough to be used.
pub(crate) fn life_until(
    terms: &Terms,
    turn: Option<Timestamp>,
    now: Timestamp,
) -> Option<Duration> {
    let till = turn.map_or(terms.life, |turn| turn.since(now));
    Some(terms.life.min(till)).filter(|life| *life >= SHORTEST)
}

/// A lease that would live for less than this before the turn of its limit is not worth a row.
const SHORTEST: Duration = Duration::from_millis(20);
