//! The text of the grants that a policy is decided with: `id:units:until:kept,…`, instants in ms.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::policy::{Granted, Policy};
use crate::Timestamp;

use super::items;

const KEY: &str = "granted";

/// Adds them, where there are any. A build from before grants passes over them and gives none.
pub(super) fn put_granted(line: LineWriter, policy: &Policy) -> LineWriter {
    let text = |it: &Granted| {
        let (until, kept) = (it.until.as_millis(), it.kept.as_millis());
        format!("{}:{}:{until}:{kept}", it.id, it.units)
    };
    let granted: Vec<String> = policy.granted().iter().map(text).collect();
    line.put_some(KEY, (!granted.is_empty()).then(|| granted.join(",")))
}

/// Reads them.
pub(super) fn get_granted(line: &Line) -> Result<Vec<Granted>, Unreadable> {
    let granted = |text: &str| {
        let mut parts = text.split(':').map(|part| part.parse().ok());
        let mut part = || parts.next().flatten();
        Some(Granted {
            id: part()?,
            units: part()?,
            until: Timestamp::from_millis(part()?),
            kept: Timestamp::from_millis(part()?),
        })
    };
    let granted: Option<Vec<Granted>> = items(line, KEY).map(granted).collect();
    granted.ok_or(Unreadable::Damaged(KEY))
}
