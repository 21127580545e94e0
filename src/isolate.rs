//! The state of one isolate between requests: refusals, leases, circuits, debts, reports, shares,
//! copies of policies, the counts that it publishes through KV, and what it records.
//!
//! Plain data only: one request must never see a promise or a waker of another. Every part is
//! bounded and may be lost with the isolate: objects are then called more often, and debts are not
//! repaid. No namespace can evict another's entries ([`tollgate_core::isolate::bounded`]).

use std::cell::RefCell;

use tollgate_core::isolate::bounded::Secret;
use tollgate_core::isolate::circuit::Circuits;
use tollgate_core::isolate::counts::IsolateCounts;
use tollgate_core::isolate::debts::Debts;
use tollgate_core::isolate::kept::Kept;
use tollgate_core::isolate::leases::Leases;
use tollgate_core::isolate::refusals::Refusals;
use tollgate_core::isolate::refused_last::RefusedLast;
use tollgate_core::isolate::reports::Reports;
use tollgate_core::isolate::shares::{self, Shares};
use tollgate_policies::copies::Copies;
use tollgate_records::recorder::Recorder;

use crate::hot;

/// The start of every key of the counts in KV.
const COUNTS: &str = "eventual";

/// The parts, each with a module of its own.
pub(crate) struct Isolate {
    pub(crate) refusals: Refusals,
    pub(crate) refused_last: RefusedLast,
    pub(crate) kept: Kept,
    pub(crate) leases: Leases,
    pub(crate) circuits: Circuits,
    pub(crate) debts: Debts,
    pub(crate) reports: Reports,
    pub(crate) counts: IsolateCounts,
    pub(crate) shares: Shares,
    pub(crate) policies: Copies,
    pub(crate) recorder: Recorder,
}

impl Isolate {
    fn new(secret: Secret, isolate: u64) -> Isolate {
        Isolate {
            refusals: Refusals::new(secret),
            refused_last: RefusedLast::new(secret),
            kept: Kept::default(),
            leases: Leases::default(),
            circuits: Circuits::new(secret),
            debts: Debts::new(secret),
            reports: Reports::new(secret),
            counts: IsolateCounts::new(COUNTS, isolate, secret),
            shares: Shares::new(secret, shares::MAX_SUBJECTS),
            policies: Copies::default(),
            recorder: Recorder::new(isolate),
        }
    }
}

thread_local! {
    // Made by the first request, because there is no randomness outside of events.
    static ISOLATE: RefCell<Isolate> = RefCell::new(Isolate::new(
        Secret::new(hot::random_bits()),
        hot::random_bits() as u64,
    ));
}

/// Runs a step on the isolate's state. `run` must not call this function.
pub(crate) fn with<T>(run: impl FnOnce(&mut Isolate) -> T) -> T {
    ISOLATE.with_borrow_mut(run)
}
