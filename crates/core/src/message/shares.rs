//! The text of the classes that share a limit: `name:weight:capacity:remaining:reset,…`, the name
//! percent-encoded and empty for the rest. A Worker of a build from before weights passes over it.

use std::sync::Arc;

use crate::algorithm::classes::Share;
use crate::codec::{Line, Unreadable};
use crate::percent::{decode_component, encode_component};
use crate::row::items;
use crate::Timestamp;

const KEY: &str = "classes";

/// The text; `None` where there are none.
pub(super) fn shares_text(shares: &[Share]) -> Option<String> {
    let text = |share: &Share| {
        let mut text = String::new();
        encode_component(share.name.as_deref().unwrap_or(""), &mut text);
        let (weight, capacity, left) = (share.weight, share.capacity, share.remaining);
        format!(
            "{text}:{weight}:{capacity}:{left}:{}",
            share.reset.as_millis()
        )
    };
    let all: Vec<String> = shares.iter().map(text).collect();
    (!all.is_empty()).then(|| all.join(","))
}

/// Reads them.
pub(super) fn get_shares(line: &Line) -> Result<Vec<Share>, Unreadable> {
    let share = |text: &str| {
        let mut parts = text.split(':');
        let name = decode_component(parts.next()?)?;
        let mut number = || parts.next()?.parse().ok();
        Some(Share {
            name: (!name.is_empty()).then(|| Arc::from(name)),
            weight: number()?,
            capacity: number()?,
            remaining: number()?,
            reset: Timestamp::from_millis(number()?),
        })
    };
    let shares: Option<Vec<Share>> = items(line, KEY).map(share).collect();
    shares.ok_or(Unreadable::Damaged(KEY))
}
