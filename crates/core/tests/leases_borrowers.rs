//! What an isolate does with what it has borrowed where its questions are not answered as they
//! should be: refused, cancelled, or answered by something else.

use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Reason};
use tollgate_core::isolate::bounded::{Key, Secret};
use tollgate_core::isolate::leases::{Leases, Reserved, Turn};
use tollgate_core::isolate::refusals::CallTimes;
use tollgate_core::lease::{Borrowing, Loan, Terms};
use tollgate_core::{Duration, Timestamp};

const OBJECT: &str = "rate-limit:default:hot";
/// Units lent at once.
const LOAN: u64 = 80;

/// One isolate with one lease, at an instant in milliseconds.
struct Isolate {
    leases: Leases,
    now: u64,
}

impl Isolate {
    /// It has been lent units that it has not spent.
    fn with_loan() -> Isolate {
        let mut isolate = Isolate {
            leases: Leases::default(),
            now: 1_000_000,
        };
        // Who asks for the first time borrows nothing.
        let first = isolate.borrowing();
        isolate.answer(&first, &Decision::bare(isolate.clock(), true, None));
        let second = isolate.borrowing();
        assert!(second.wants);
        isolate.lend(&second);
        isolate
    }

    /// The object lends with its answer.
    fn lend(&mut self, borrowing: &Borrowing) {
        let loan = Loan {
            units: LOAN,
            life: Duration::from_secs(1),
        };
        let lent = Decision {
            loan: Some(Box::new(loan)),
            ..Decision::bare(self.clock(), true, None)
        };
        self.answer(borrowing, &lent);
    }

    fn clock(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    fn key() -> Key {
        Secret::new(1).key(OBJECT, &0)
    }

    fn take(&mut self, cost: i64) -> Turn {
        let check = Check { cost, ..Check::ONE };
        let now = self.clock();
        let terms = Terms::default();
        self.leases
            .take(Isolate::key(), (OBJECT, &terms), &check, now, &|| 7)
    }

    fn borrowing(&mut self) -> Borrowing {
        match self.take(1) {
            Turn::Borrow(borrowing) => borrowing,
            other => panic!("{other:?}"),
        }
    }

    fn undecided(&mut self, borrowing: &Borrowing) {
        let now = self.clock();
        self.leases.undecided(Isolate::key(), borrowing, now);
    }

    /// Spends until it asks for more; what it asks.
    fn spend_until_asked(&mut self) -> Borrowing {
        loop {
            match self.take(1) {
                Turn::Spent(_) => {}
                Turn::Borrow(borrowing) => return borrowing,
                Turn::Ask => panic!("a question is under way"),
            }
        }
    }

    fn answer(&mut self, borrowing: &Borrowing, decision: &Decision) {
        let times = CallTimes {
            sent: self.clock(),
            received: self.clock(),
        };
        self.leases
            .answered(Isolate::key(), borrowing, times, decision);
    }

    /// Waits as long as it says, until it gives something back: how often it has looked, and units
    /// given back.
    fn give_back(&mut self) -> (u32, u64) {
        for looks in 1..1_000 {
            let wait = self.leases.wait(self.clock()).expect("something is left");
            self.now += wait.as_millis();
            if let [(_, returned)] = &self.leases.take_due(self.clock())[..] {
                return (looks, LOAN - returned.spent);
            }
        }
        panic!("it looks and looks");
    }
}

#[test]
fn who_waits_for_an_answer_looks_seldom_and_gives_back_once_it_is_lost() {
    let mut isolate = Isolate::with_loan();
    let asked = isolate.spend_until_asked();
    assert!(asked.left > 0);
    // Its request was cancelled: there is no answer.
    let (looks, back) = isolate.give_back();
    assert!(looks <= 10, "{looks}");
    assert_eq!(back, asked.left);
    assert!(isolate.now <= 1_000_000 + 2_250, "{}", isolate.now);
}

#[test]
fn a_question_that_was_not_decided_stands_in_nobodys_way() {
    let mut isolate = Isolate::with_loan();
    let asked = isolate.spend_until_asked();
    isolate.undecided(&asked);
    let again = isolate.borrowing();
    assert_eq!((again.number, again.turn), (asked.number, asked.turn + 1));
    assert!(again.wants);
    // The answer to the first is one to an old message.
    isolate.undecided(&asked);
    assert!(matches!(isolate.take(1), Turn::Spent(_)));
    isolate.undecided(&again);
    assert_eq!(isolate.give_back(), (1, again.left - 1));
}

#[test]
fn what_is_left_when_the_subject_is_blocked_is_given_back_and_not_spent() {
    let mut isolate = Isolate::with_loan();
    let asked = isolate.spend_until_asked();
    let blocked = Decision::bare(isolate.clock(), false, Some(Reason::Blocked));
    isolate.answer(&asked, &blocked);
    assert!(
        matches!(isolate.take(1), Turn::Borrow(_)),
        "nothing is spent"
    );
    let mut isolate = Isolate::with_loan();
    let asked = isolate.spend_until_asked();
    isolate.answer(&asked, &blocked);
    assert_eq!(isolate.give_back(), (1, asked.left));
}

impl Isolate {
    /// Sets a unit aside for a check that others have to admit.
    fn reserve(&mut self) -> Reserved {
        let (terms, now) = (Terms::default(), self.clock());
        let about = (OBJECT, &terms);
        let leases = &mut self.leases;
        let (reserved, _) = leases.reserve(Isolate::key(), about, &Check::ONE, now, &|| 7);
        reserved.expect("it has units").1
    }
}

#[test]
fn what_is_set_aside_is_left_to_the_object_and_spent_where_the_lease_is_over() {
    let mut isolate = Isolate::with_loan();
    let first = isolate.reserve();
    let asked = isolate.spend_until_asked();
    assert_eq!(asked.spent + asked.left, LOAN);
    isolate.undecided(&asked);
    isolate.now += 2_500;
    let next = isolate.borrowing();
    assert_eq!(next.before, Some(asked.spent + 1));
    assert_eq!((next.number, next.left), (asked.number + 1, 0));
    isolate.lend(&next);
    // What was set aside of the lease before is nothing of this one.
    let second = isolate.reserve();
    isolate.leases.give_up(&first);
    isolate.leases.keep(&second);
    // Neither is resolved twice.
    isolate.leases.keep(&second);
    isolate.leases.give_up(&second);
    assert_eq!(isolate.give_back(), (1, LOAN - 1));
}

#[test]
fn who_has_nothing_to_lend_is_not_asked_again_and_again() {
    let mut isolate = Isolate::with_loan();
    isolate.now += 2_500;
    let mut asked = 0;
    for _ in 0..1_000 {
        isolate.now += 1;
        let (terms, now) = (Terms::default(), isolate.clock());
        let about = (OBJECT, &terms);
        let leases = &mut isolate.leases;
        let (reserved, borrowing) = leases.reserve(Isolate::key(), about, &Check::ONE, now, &|| 7);
        assert!(reserved.is_none());
        if let Some(borrowing) = borrowing {
            asked += 1;
            isolate.answer(&borrowing, &Decision::bare(isolate.clock(), true, None));
        }
    }
    assert!((5..=10).contains(&asked), "{asked}");
}
