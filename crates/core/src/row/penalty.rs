//! The text of a penalty: `after,within,block:block:…`, durations in ms.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::policy::penalty::Penalty;
use crate::policy::Policy;
use crate::Duration;

const KEY: &str = "penalty";

/// Adds the penalty of a policy, if it has one. An object of a build from before penalties passes
/// over it; this build has it again from the first call that tells the policy whole.
pub(super) fn put_penalty(line: LineWriter, policy: &Policy) -> LineWriter {
    let text = |penalty: &Penalty| {
        let block = penalty.blocks().iter();
        let block: Vec<String> = block.map(|it| it.as_millis().to_string()).collect();
        let (after, within) = (penalty.after(), penalty.within().as_millis());
        format!("{after},{within},{}", block.join(":"))
    };
    line.put_some(KEY, policy.penalty().map(text))
}

/// Reads it.
pub(super) fn get_penalty(line: &Line) -> Result<Option<Penalty>, Unreadable> {
    let Some(text) = line.get(KEY) else {
        return Ok(None);
    };
    let number = |text: &str| text.parse().map_err(|_| Unreadable::Damaged(KEY));
    let mut parts = text.splitn(3, ',');
    let mut part = || parts.next().ok_or(Unreadable::Damaged(KEY));
    let (after, within) = (number(part()?)?, Duration::from_millis(number(part()?)?));
    let block = part()?
        .split(':')
        .map(|it| number(it).map(Duration::from_millis));
    let block = block.collect::<Result<_, _>>()?;
    Ok(Some(Penalty::new(after, within, block)?))
}
