//! The text of what a policy's limits will be: a field that holds lines of its own.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::policy::Later;
use crate::Timestamp;

use super::{get_limit, put_limit, ROWS};

const KEY: &str = "later";

/// Adds it, where anything is known. A build from before passes over it, and its waits are told as
/// if no override ended.
pub(crate) fn put_later(line: LineWriter, later: &[Later]) -> LineWriter {
    if later.is_empty() {
        return line;
    }
    let text = LineWriter::new(ROWS.written(), KEY);
    let text = later.iter().fold(text, |text, later| {
        let from = text.and("from").put("at", later.at.as_millis());
        let text = from.flag("open", later.is_open);
        let limits = later.limits.iter();
        limits.fold(text, |text, limit| put_limit(text.and("limit"), limit))
    });
    line.text(KEY, &text.finish())
}

/// Reads it.
pub(crate) fn get_later(line: &Line) -> Result<Vec<Later>, Unreadable> {
    let mut all: Vec<Later> = Vec::new();
    if !line.flag(KEY) {
        return Ok(all);
    }
    let text = line.text(KEY)?;
    let (_, text) = Line::versioned(&text, ROWS)?;
    for line in text.split('\n').skip(1).map(Line::parse) {
        match (line.word(), all.last_mut()) {
            ("from", _) => all.push(Later {
                at: Timestamp::from_millis(line.needed("at")?),
                limits: Vec::new(),
                is_open: line.flag("open"),
            }),
            ("limit", Some(later)) => later.limits.push(get_limit(&line)?),
            _ => return Err(Unreadable::Damaged(KEY)),
        }
    }
    // A build from before tells no limits where everything is let through.
    for later in &mut all {
        later.is_open |= later.limits.is_empty();
    }
    Ok(all)
}
