//! An isolate that borrows, as `src/decide/lease.rs` keeps its leases.

use core::hash::{Hash, Hasher};

use tollgate_core::decide::Check;
use tollgate_core::decision::Decision;
use tollgate_core::isolate::bounded::{Key, Secret};
use tollgate_core::isolate::leases::{Leases, Turn};
use tollgate_core::isolate::refusals::CallTimes;
use tollgate_core::lease::{Borrowing, Returned, Terms};
use tollgate_core::Timestamp;

use super::lender::{fingerprint, without};

/// An isolate.
#[derive(Clone)]
pub(crate) struct Borrower {
    leases: Leases,
    /// The question that is under way.
    pub(crate) asking: Option<Borrowing>,
    identity: u64,
}

impl Borrower {
    pub(crate) fn new() -> Borrower {
        Borrower {
            leases: Leases::default(),
            asking: None,
            identity: 0,
        }
    }

    pub(crate) fn take(&mut self, terms: &Terms, now: u64, random: u64) -> Turn {
        let (about, at) = (("object", terms), Timestamp::from_millis(now));
        let turn = self.leases.take(key(), about, &Check::ONE, at, &|| random);
        if let Turn::Borrow(borrowing) = &turn {
            self.asking = Some(*borrowing);
        }
        self.identify();
        turn
    }

    pub(crate) fn answered(&mut self, borrowing: &Borrowing, times: [u64; 2], told: &Decision) {
        let [sent, received] = times.map(Timestamp::from_millis);
        let times = CallTimes { sent, received };
        self.leases.answered(key(), borrowing, times, told);
        self.is_over(borrowing);
    }

    /// Nobody waits for the answer any more.
    pub(crate) fn gives_up(&mut self, borrowing: &Borrowing) {
        self.leases.failed(key(), borrowing);
        self.is_over(borrowing);
    }

    fn is_over(&mut self, borrowing: &Borrowing) {
        self.asking = self.asking.filter(|asking| asking != borrowing);
        self.identify();
    }

    pub(crate) fn take_due(&mut self, now: u64) -> Vec<Returned> {
        let due = self.leases.take_due(Timestamp::from_millis(now));
        self.identify();
        due.into_iter().map(|(_, returned)| returned).collect()
    }

    /// Whether something is to be given back by now.
    pub(crate) fn is_due(&self, now: u64) -> bool {
        let wait = self.leases.wait(Timestamp::from_millis(now));
        wait.is_some_and(|wait| wait.as_millis() == 0)
    }

    /// How many units it may spend now without a question.
    pub(crate) fn spendable(&self, terms: &Terms, now: u64) -> u64 {
        let mut leases = self.leases.clone();
        let (about, at) = (("object", terms), Timestamp::from_millis(now));
        let mut spends = |_: &u64| {
            matches!(
                leases.take(key(), about, &Check::ONE, at, &|| 0),
                Turn::Spent(_)
            )
        };
        (0..).take_while(|it| spends(it)).count() as u64
    }

    fn identify(&mut self) {
        // How the limit stood is shown, and nothing is decided by it.
        let leases = without(&format!("{:?}", self.leases), "standings: ", "since: ");
        self.identity = fingerprint(&(format!("{:?}", self.asking), leases));
    }
}

fn key() -> Key {
    Secret::new(1).key("object", &0)
}

impl PartialEq for Borrower {
    fn eq(&self, other: &Borrower) -> bool {
        self.identity == other.identity
    }
}

impl Eq for Borrower {}

impl Hash for Borrower {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.identity.hash(hasher);
    }
}

impl core::fmt::Debug for Borrower {
    fn fmt(&self, to: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(to, "{:x} {:?}", self.identity, self.asking)
    }
}
