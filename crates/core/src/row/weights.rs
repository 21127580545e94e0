//! The text of the weights of a policy, `by;name:weight,…` with the names percent-encoded, and of
//! the class that asks.

use std::sync::Arc;

use crate::codec::{Line, LineWriter, Unreadable};
use crate::limit::weights::{By, ClassName, Weights};
use crate::percent::{decode_component, encode_component};
use crate::policy::Policy;

const KEY: &str = "weights";
const CLASS: &str = "class";

/// Adds the weights of a policy, if it has any. An object of a build from before weights passes
/// over them and serves all alike, which admits no more.
pub(super) fn put_weights(line: LineWriter, policy: &Policy) -> LineWriter {
    let text = |weights: &Weights| {
        let mut text = format!("{};", weights.by().word());
        for (i, (name, weight)) in weights.written().iter().enumerate() {
            text.push_str(if i == 0 { "" } else { "," });
            encode_component(name, &mut text);
            text.push_str(&format!(":{weight}"));
        }
        text
    };
    line.put_some(KEY, policy.weights().map(text))
}

/// Reads them.
pub(super) fn get_weights(line: &Line) -> Result<Option<Weights>, Unreadable> {
    let Some(text) = line.get(KEY) else {
        return Ok(None);
    };
    let written = |text: &str| {
        let (name, weight) = text.rsplit_once(':')?;
        Some((decode_component(name)?, weight.parse().ok()?))
    };
    let read = || {
        let (by, list) = text.split_once(';')?;
        let list: Option<Vec<(String, u64)>> = list.split(',').map(written).collect();
        Some((By::from_word(by)?, list?))
    };
    let (by, list) = read().ok_or(Unreadable::Damaged(KEY))?;
    Ok(Some(Weights::new(by, list)?))
}

/// Adds the class that asks a policy, if it is not the rest.
pub(crate) fn put_class(line: LineWriter, policy: &Policy) -> LineWriter {
    match policy.class() {
        Some(class) => line.text(CLASS, class),
        None => line,
    }
}

/// Reads it.
pub(crate) fn get_class(line: &Line) -> Result<ClassName, Unreadable> {
    let class = line.text(CLASS)?;
    Ok((!class.is_empty()).then(|| Arc::from(class)))
}
