//! The text of places ahead in a row. Only rows of limits with waiting callers have these fields:
//!
//! - `spent`: what is spent, where the fields of other rows speak of everything as if it were in
//!   front of the next caller: of a bucket the whole deficit, of windows the last one charged. A
//!   build that knows no places passes over the new fields and continues from those: it lets nobody
//!   in before all who wait, and so never admits more. Therefore the version of rows is the same.
//! - `places`: `distance:units` of each, its instant as the distance from the one before; `:early`
//!   behind it, where a shaper's unit starts so many parts earlier; and `x3` for three alike in
//!   succession.
//! - `spans`: `distance:length` of the windows and periods ahead in which they lie, the start as
//!   the distance from the end of the one before.
//! - `slow`: `amount:interval:until` of an older rate that is still in force.

use core::fmt::Write;

use crate::algorithm::bucket::{Bucket, Queue};
use crate::algorithm::counter::{Ahead, Counter};
use crate::algorithm::counts::Counts;
use crate::algorithm::level::Level;
use crate::algorithm::places::{Place, Places, MAX_PLACES};
use crate::algorithm::shape::Slow;
use crate::algorithm::sliding::Sliding;
use crate::calendar::Span;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::limit::{Rate, Shape, Window};
use crate::number::Decimal;
use crate::{Duration, Timestamp};

use super::classes::{get_classes, put_classes};

/// The most places that a row may hold: more than are ever promised, and few enough for a damaged
/// row to fit in memory.
const MAX_STORED: usize = 8 * MAX_PLACES as usize;

/// More parts than any bucket has credits: at most 2^53 units of at most 2^65 parts.
const MAX_PARTS: u128 = 1 << 118;

pub(super) fn put_counter(line: LineWriter, counter: &Counter) -> LineWriter {
    let (last, used) = counter.last_span();
    let line = line
        .put("used", used)
        .put("start", last.start.as_millis())
        .put("end", last.end.as_millis())
        .put("time", counter.time.as_millis());
    let Some(ahead) = &counter.ahead else {
        return line;
    };
    let (start, end) = (counter.span.start.as_millis(), counter.span.end.as_millis());
    let mut last = end;
    let spans = ahead.spans.iter().map(|span| {
        let (start, end) = (span.start.as_millis(), span.end.as_millis());
        let distance = start - core::mem::replace(&mut last, end);
        format!("{distance}:{}", end - start)
    });
    let spans = repeated(spans);
    line.put("spent", format_args!("{start}:{end}:{}", counter.used))
        .put("places", text(&ahead.places))
        .put_some("spans", (!spans.is_empty()).then_some(spans))
}

pub(super) fn get_counter(line: &Line, counter: Counter) -> Result<Counter, Unreadable> {
    let Some([start, end, used]) = numbers(line, "spent")? else {
        return Ok(counter);
    };
    let span = |start, end| Span {
        start: Timestamp::from_millis(start),
        end: Timestamp::from_millis(end),
    };
    let mut last = end;
    let spans = list(line, "spans", |[distance, length]| {
        let start = last.saturating_add(distance);
        last = start.saturating_add(length);
        span(start, last)
    })?;
    let ahead = Ahead {
        places: get_places(line)?,
        spans,
    };
    Ok(Counter {
        span: span(start, end),
        used,
        ahead: Some(Box::new(ahead)).filter(|ahead| !ahead.places.is_empty()),
        ..counter
    })
}

pub(super) fn put_sliding(line: LineWriter, sliding: &Sliding, window: &Window) -> LineWriter {
    let (counts, last) = (&sliding.counts, sliding.last_counts(window));
    let line = line
        .put("used", last.current)
        .put("previous", last.previous)
        .put("start", last.start.as_millis())
        .put("time", counts.time.as_millis());
    let Some(places) = &sliding.places else {
        return line;
    };
    let start = counts.start.as_millis();
    line.put(
        "spent",
        format_args!("{start}:{}:{}", counts.previous, counts.current),
    )
    .put("places", text(places))
}

pub(super) fn get_sliding(line: &Line, counts: Counts) -> Result<Sliding, Unreadable> {
    let Some([start, previous, current]) = numbers(line, "spent")? else {
        let places = None;
        return Ok(Sliding { counts, places });
    };
    Ok(Sliding {
        counts: Counts {
            start: Timestamp::from_millis(start),
            previous,
            current,
            ..counts
        },
        places: Some(Box::new(get_places(line)?)).filter(|places| !places.is_empty()),
    })
}

pub(super) fn put_bucket(line: LineWriter, bucket: &Bucket, shape: &Shape) -> LineWriter {
    let level = &bucket.level;
    let line = line
        .put("used", bucket.as_if_in_front(shape))
        .put("time", level.time.as_millis())
        .put_some(
            "seen",
            (level.seen != level.time).then(|| level.seen.as_millis()),
        )
        .put_some("credits", (level.credits > 0).then_some(level.credits))
        .put_some(
            "creditsUntil",
            (level.credits > 0).then(|| level.credits_until.as_millis()),
        );
    let line = put_classes(line, bucket.classes.as_deref(), level);
    let Some(queue) = &bucket.queue else {
        return line;
    };
    let slow = |slow: &Slow| {
        let (rate, until) = (slow.rate, slow.until.as_millis());
        format!("{}:{}:{until}", rate.amount(), rate.interval().as_millis())
    };
    line.put("spent", level.deficit)
        .put("places", text(&queue.places))
        .put_some("slow", queue.slow.as_ref().map(slow))
}

pub(super) fn get_bucket(line: &Line, level: Level) -> Result<Bucket, Unreadable> {
    let level = Level {
        credits: level.credits.min(MAX_PARTS),
        ..level
    };
    let Some(deficit) = line.number("spent")? else {
        return Ok(Bucket {
            level,
            queue: None,
            classes: get_classes(line, &level)?,
        });
    };
    let queue = Queue {
        places: get_places(line)?,
        slow: line.get("slow").map(slow).transpose()?,
        ..Queue::default()
    };
    Ok(Bucket {
        level: Level { deficit, ..level },
        queue: Some(Box::new(queue)).filter(|queue| !queue.places.is_empty()),
        classes: None,
    })
}

fn slow(text: &str) -> Result<Slow, Unreadable> {
    let damaged = Unreadable::Damaged("slow");
    let (amount, rest) = text.split_once(':').ok_or(damaged.clone())?;
    let [interval, until] = split(rest).ok_or(damaged.clone())?;
    let amount = Decimal::parse(amount).map_err(|_| damaged)?;
    Ok(Slow {
        rate: Rate::new("interval", amount, Duration::from_millis(interval))?,
        until: Timestamp::from_millis(until),
    })
}

fn text(places: &Places) -> String {
    let mut last = 0;
    let entries = places.iter().map(|place| {
        let at = place.at.as_millis();
        let distance = at - core::mem::replace(&mut last, at);
        match place.early {
            0 => format!("{distance}:{}", place.units),
            early => format!("{distance}:{}:{early}", place.units),
        }
    });
    repeated(entries)
}

/// The entries with commas between them; of alike ones in succession one, and how many.
fn repeated(entries: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    let mut entries = entries.peekable();
    while let Some(entry) = entries.next() {
        let mut times = 1u64;
        while entries.next_if_eq(&entry).is_some() {
            times += 1;
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&entry);
        if times > 1 {
            let _ = write!(text, "x{times}"); // writing to a String cannot fail
        }
    }
    text
}

fn get_places(line: &Line) -> Result<Places, Unreadable> {
    let mut last = 0u64;
    let places = list(line, "places", |[distance, units, early]| {
        last = last.saturating_add(distance);
        Place::new(Timestamp::from_millis(last), units).early_by(early)
    })?;
    Ok(places.into())
}

/// The entries of a list, each of at most so many numbers; missing ones are 0.
fn list<const N: usize, T>(
    line: &Line,
    key: &'static str,
    mut read: impl FnMut([u64; N]) -> T,
) -> Result<Vec<T>, Unreadable> {
    let mut found = Vec::new();
    let text = line.get(key).unwrap_or("");
    for item in text.split(',').filter(|item| !item.is_empty()) {
        let (entry, times) = item.split_once('x').unwrap_or((item, "1"));
        let room = MAX_STORED - found.len();
        let times = times.parse().ok().filter(|times: &usize| *times <= room);
        let (Some(times), Some(entry)) = (times, split(entry)) else {
            return Err(Unreadable::Damaged(key));
        };
        found.extend((0..times).map(|_| read(entry)));
    }
    Ok(found)
}

/// At most so many numbers between colons; missing ones are 0.
fn split<const N: usize>(text: &str) -> Option<[u64; N]> {
    let mut numbers = [0; N];
    for (i, part) in text.split(':').enumerate() {
        *numbers.get_mut(i)? = part.parse().ok()?;
    }
    Some(numbers)
}

fn numbers<const N: usize>(line: &Line, key: &'static str) -> Result<Option<[u64; N]>, Unreadable> {
    let numbers = |text| split(text).ok_or(Unreadable::Damaged(key));
    line.get(key).map(numbers).transpose()
}
