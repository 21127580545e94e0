//! State that an object keeps in memory between events.

use core::cell::RefCell;

use worker::Result;

/// State that is loaded at the first event, and dropped when storage fails, because memory may then
/// be ahead of storage, or the instance not be the current one any more. A write that fails only
/// later needs no care here: the output gate holds the answer back, and the runtime ends the
/// instance.
pub(super) struct Resident<S> {
    slot: RefCell<Option<S>>,
}

impl<S> Resident<S> {
    /// Nothing is loaded yet.
    pub(super) const fn new() -> Resident<S> {
        Resident {
            slot: RefCell::new(None),
        }
    }

    /// Runs a step on the state. If no state is loaded, `load` loads it first; `run` learns whether
    /// that happened.
    pub(super) fn with<T>(
        &self,
        load: impl FnOnce() -> Result<S>,
        run: impl FnOnce(&mut S, bool) -> Result<T>,
    ) -> Result<T> {
        let mut slot = self.slot.borrow_mut();
        let loaded = slot.is_none();
        let mut state = match slot.take() {
            Some(state) => state,
            None => load()?,
        };
        let result = run(&mut state, loaded);
        if result.is_ok() {
            *slot = Some(state);
        }
        result
    }

    /// The result of `look` on the state, if it is loaded.
    pub(super) fn look<T>(&self, look: impl FnOnce(&S) -> T) -> Option<T> {
        self.slot.borrow().as_ref().map(look)
    }

    /// Changes the state, if it is loaded.
    pub(super) fn change(&self, change: impl FnOnce(&mut S)) {
        if let Some(state) = &mut *self.slot.borrow_mut() {
            change(state);
        }
    }

    /// Drops the state; the next step loads it anew.
    pub(super) fn unload(&self) {
        self.slot.replace(None);
    }
}
