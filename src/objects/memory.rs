//! The keys that all shards of this isolate keep in memory between calls, as bytes.

use core::cell::RefCell;
use std::rc::{Rc, Weak};

use tollgate_upstash::bounds::{MAX_KEPT_TOGETHER, SMALL_KEPT};

use super::listing::ListedObject;
use super::shard::LoadedShard;

type Shard = ListedObject<LoadedShard>;

thread_local! {
    /// The objects that keep much, and their bytes, in the order of their last calls.
    static LARGE: RefCell<Vec<(Weak<Shard>, usize)>> = const { RefCell::new(Vec::new()) };
}

/// Records the bytes that an object keeps after a call. When the sum is too large, the least
/// recently called objects drop their keys from memory.
pub(super) fn keep(shard: &Rc<Shard>) {
    LARGE.with_borrow_mut(|large| {
        large.retain(|(other, _)| other.strong_count() > 0 && other.as_ptr() != Rc::as_ptr(shard));
        let held = shard.look(LoadedShard::held).unwrap_or(0);
        if held <= SMALL_KEPT {
            return;
        }
        large.push((Rc::downgrade(shard), held));
        let mut together: usize = large.iter().map(|(_, held)| held).sum();
        while together > MAX_KEPT_TOGETHER {
            let (oldest, held) = large.remove(0);
            together -= held;
            if let Some(oldest) = oldest.upgrade() {
                oldest.change(LoadedShard::forget);
            }
        }
    });
}
