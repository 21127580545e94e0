//! The text of slots that are held.

use crate::algorithm::slots::Slot;
use crate::algorithm::Holder;
use crate::codec::{Line, Unreadable};
use crate::Timestamp;

use super::items;

/// `permit:units:fence:deadline`, the permit in hexadecimal; permit and fence are 0 where nobody
/// holds the slots.
pub(crate) fn slots_text<'a>(slots: impl Iterator<Item = &'a Slot>) -> String {
    let slot = |slot: &Slot| {
        let holder = slot.holder.map(|holder| (holder.permit, holder.fence));
        let (permit, fence) = holder.unwrap_or((0, 0));
        format!(
            "{:x}:{}:{}:{}",
            permit,
            slot.units,
            fence,
            slot.deadline.as_millis()
        )
    };
    slots.map(slot).collect::<Vec<_>>().join(",")
}

/// Reads the slots under `key`; none where there is no such field.
pub(crate) fn get_slots(line: &Line, key: &'static str) -> Result<Vec<Slot>, Unreadable> {
    let slot = |item: &str| {
        let mut parts = item.split(':');
        let permit = u128::from_str_radix(parts.next()?, 16).ok()?;
        let units = parts.next()?.parse().ok()?;
        let fence = parts.next()?.parse().ok()?;
        Some(Slot {
            holder: (permit != 0).then_some(Holder { permit, fence }),
            units,
            deadline: Timestamp::from_millis(parts.next()?.parse().ok()?),
        })
    };
    items(line, key)
        .map(slot)
        .collect::<Option<_>>()
        .ok_or(Unreadable::Damaged(key))
}
