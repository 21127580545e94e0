//! The text of the classes that share a bucket:
//!
//! - `classes`: `name:weight:missing:brim:wants:since` of each, the name percent-encoded and empty
//!   for the rest, `since` in Unix ms where nothing is missing.
//! - `coming`: the grains that are not handed out yet.
//! - `idle`: those that would have come back since the whole is full.
//! - `common`: of what the first class lacks as told, what all owe.
//!
//! A build from before weights passes over them: it decides by the level alone, which admits no
//! more, and writes rows without classes. One from before `common` has the first class owe it. Of a
//! row in which the classes lack less than the level all owe the rest.

use std::sync::Arc;

use crate::algorithm::classes::{Class, Classes};
use crate::algorithm::level::Level;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::percent::{decode_component, encode_component};
use crate::Timestamp;

use super::items;

const KEY: &str = "classes";

pub(super) fn put_classes(
    line: LineWriter,
    classes: Option<&Classes>,
    level: &Level,
) -> LineWriter {
    let Some(classes) = classes else {
        return line;
    };
    let common = classes.common(level);
    let text = |(place, class): (usize, &Class)| {
        let mut text = String::new();
        encode_component(class.name.as_deref().unwrap_or(""), &mut text);
        let since = match class.missing {
            0 => class.full_since.as_millis(),
            _ => 0,
        };
        let all_owe = if place == 0 { common } else { 0 };
        let (weight, missing) = (class.weight, class.missing.saturating_add(all_owe));
        let (brim, wants) = (class.brim, class.wants);
        format!("{text}:{weight}:{missing}:{brim}:{wants}:{since}")
    };
    let list: Vec<String> = classes.list.iter().enumerate().map(text).collect();
    let some = |grains: u128| (grains > 0).then_some(grains);
    line.put(KEY, list.join(","))
        .put_some("coming", some(classes.coming))
        .put_some("idle", some(classes.idle))
        .put_some("common", some(common))
}

/// Reads the classes of a bucket at this level.
pub(super) fn get_classes(line: &Line, level: &Level) -> Result<Option<Box<Classes>>, Unreadable> {
    let class = |text: &str| {
        let mut parts = text.split(':');
        let name = decode_component(parts.next()?)?;
        let weight = parts.next()?.parse().ok().filter(|weight| *weight > 0)?;
        Some(Class {
            name: (!name.is_empty()).then(|| Arc::from(name)),
            weight,
            missing: parts.next()?.parse().ok()?,
            brim: parts.next()?.parse().ok()?,
            wants: parts.next()?.parse().ok()?,
            full_since: Timestamp::from_millis(parts.next()?.parse().ok()?),
        })
    };
    let list: Option<Vec<Class>> = items(line, KEY).map(class).collect();
    let mut list = list.ok_or(Unreadable::Damaged(KEY))?;
    let grains = |key| Ok::<u128, Unreadable>(line.number(key)?.unwrap_or(0));
    let (coming, idle, common) = (grains("coming")?, grains("idle")?, grains("common")?);
    if let Some(first) = list.first_mut() {
        let own = first.missing.checked_sub(common);
        first.missing = own.ok_or(Unreadable::Damaged(KEY))?;
    }
    match Classes::stored(list, coming, idle) {
        Some(classes) if !classes.divide(level) => Err(Unreadable::Damaged(KEY)),
        classes => Ok(classes.map(Box::new)),
    }
}
