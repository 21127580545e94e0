//! What headers of a family say about a limit: the names of its fields, and how their values are
//! read.

use tollgate_core::Duration;

use crate::dialect::each;
use crate::notes::{Family, Notes};
use crate::value::number::{window, Number};
use crate::value::when::SECOND;
use crate::value::{parts, when};
use crate::{Told, Why};

/// A field of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Limit,
    Remaining,
    Used,
    /// A time in any of its forms.
    Reset,
    /// Of whatever limit, how long to wait.
    RetryAfter,
    /// The length of the window, in milliseconds.
    Window,
}

/// The fields by their names in headers, those first that have another one's name in theirs.
const FIELDS: [(&str, Field); 11] = [
    ("reset-after", Field::Reset),
    ("reset-date", Field::Reset),
    ("retry-after", Field::RetryAfter),
    ("interval-milliseconds", Field::Window),
    ("limit", Field::Limit),
    ("max", Field::Limit),
    ("remaining", Field::Remaining),
    ("used", Field::Used),
    ("reset", Field::Reset),
    // GitLab.
    ("observed", Field::Used),
    ("resettime", Field::Reset),
];
/// What stands behind a field's name and is no limit's: it would change what the field means.
const NO_NAMES: [&str; 9] = [
    "at",
    "date",
    "epoch",
    "in",
    "ms",
    "seconds",
    "time",
    "timestamp",
    "utc",
];

/// A header's field, and the name of the limit that it is of: `remaining`, or `remaining-tokens`,
/// or `tokens-remaining`. `None` where it is no field that is known.
pub(super) fn field_of(words: &str) -> Option<(Field, Option<&str>)> {
    let (field, name) = split(words)?;
    let is_name = |name: &str| !NO_NAMES.contains(&name) && split(name).is_none();
    name.is_none_or(is_name).then_some((field, name))
}

/// The field whose name words begin or end with, and the others.
fn split(words: &str) -> Option<(Field, Option<&str>)> {
    FIELDS.iter().find_map(|&(word, field)| {
        if words == word {
            return Some((field, None));
        }
        let behind = words.strip_prefix(word).and_then(|it| it.strip_prefix('-'));
        let ahead = words.strip_suffix(word).and_then(|it| it.strip_suffix('-'));
        behind.or(ahead).map(|name| (field, Some(name)))
    })
}

/// Reads the value of a field. It may be a list: the header was there several times, or it is a
/// limit with its policies (`10, 10;w=1, 50;w=60`) as the IETF's drafts 0 to 6 have it. The first
/// is the limit, also where it says its window itself.
pub(super) fn read(
    family: Family,
    (field, name): (Field, Option<&str>),
    value: &str,
    notes: &mut Notes,
) -> Result<(), Why> {
    each(parts(value).enumerate(), |(index, part)| {
        let (quota, parameters) = part.split_once(';').unwrap_or((part, ""));
        if field != Field::Limit || parameters.is_empty() {
            return read_one(family, (field, name), part, notes);
        }
        if index == 0 {
            read_one(family, (field, name), quota.trim_end(), notes)?;
        }
        policy(family, quota, parameters, notes)
    })
}

fn read_one(
    family: Family,
    (field, name): (Field, Option<&str>),
    text: &str,
    notes: &mut Notes,
) -> Result<(), Why> {
    let number = || Number::parse(text);
    let mut told = Told {
        name: name.map(str::to_owned),
        window: name.and_then(period),
        ..Told::default()
    };
    match field {
        Field::Limit => told.limit = Some(number()?.floor()),
        Field::Remaining => told.remaining = Some(number()?.floor()),
        Field::Used => told.used = Some(number()?.ceil()),
        Field::Reset => told.reset = Some(when::reset(text, notes.answered)?),
        Field::Window => told.window = Some(window(number()?.ceil())?),
        Field::RetryAfter => return notes.wait(when::wait(text, notes.answered)?),
    }
    notes.tell(family, told)
}

/// `10;w=1;burst=1000`.
fn policy(family: Family, quota: &str, parameters: &str, notes: &mut Notes) -> Result<(), Why> {
    let quota = Number::parse(quota.trim_end())?.floor();
    let mut windows = parameters
        .split(';')
        .filter_map(|it| it.trim().strip_prefix("w="));
    match windows.next().map(Number::parse).transpose()? {
        Some(seconds) => notes.policy(family, quota, window(seconds.millis(SECOND))?),
        None => Ok(()),
    }
}

/// The length of the window of a limit that is named for it (Kong, HubSpot). Months and years have
/// none.
fn period(name: &str) -> Option<Duration> {
    let seconds = match name {
        "second" | "secondly" => 1,
        "minute" | "minutely" => 60,
        "hour" | "hourly" => 3_600,
        "day" | "daily" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(seconds))
}
