//! What one isolate remembers between requests: refusals, circuits, what it gave out while objects were away, and shares of limits.
//!
//! Plain data only: a promise or a waker of one request must never be seen by another. Every part is bounded, is lost with the isolate,
//! and may be: then objects are asked more often, and what was given out without them is not charged to them.

use std::cell::RefCell;

use tollgate_core::bounded::Secret;
use tollgate_core::circuit::Circuits;
use tollgate_core::debts::Debts;
use tollgate_core::refusals::Refusals;

use crate::fallback::Shares;
use crate::runtime;

/// The parts, each with a module of its own.
pub(crate) struct Memory {
    pub(crate) refusals: Refusals,
    pub(crate) circuits: Circuits,
    pub(crate) debts: Debts,
    pub(crate) shares: Shares,
}

impl Memory {
    fn new(secret: Secret) -> Memory {
        Memory {
            refusals: Refusals::new(secret),
            circuits: Circuits::new(secret),
            debts: Debts::new(secret),
            shares: Shares::default(),
        }
    }
}

thread_local! {
    // Made by the first request, because there is no randomness outside of events.
    static MEMORY: RefCell<Memory> = RefCell::new(Memory::new(Secret::new(runtime::random_bits())));
}

/// Uses the memory. `run` must not use it again.
pub(crate) fn memory<T>(run: impl FnOnce(&mut Memory) -> T) -> T {
    MEMORY.with_borrow_mut(run)
}
