//! What an isolate has recorded since it sent last, as text in the form of
//! [`tollgate_core::codec`]. Names and calls stand in it once; of an event there is a short line:
//!
//! `e <subject> <call> <ms after the chunk's at> <place> <told> <share> <operation> <permit>`
//!
//! with `<since>:<number>` for the place, and `~` before that of the last call of which an isolate
//! had heard that answered by itself; a digit for each item that was admitted (1) or not (0)
//! `c` where it was contended, `x` where it was not done, and `-` for whatever there is not. A
//! request that is no matter of the object is an event that was not done, which is what builds
//! from before read, with one word more: `stopped` or `elsewhere`.
//!
//! An override that changes limits is told in a line of its own: `<item> <until> <kind> <JSON>`,
//! with the place of the item, its end in Unix ms or `-`, and what it does as its route reads it.

use core::fmt::Write;
use std::collections::HashMap;
use std::rc::Rc;

use tollgate_core::api::overrides::{effect_text, parse_effect};
use tollgate_core::codec::{Line, LineWriter, Unreadable};
use tollgate_core::message::Call;
use tollgate_core::overrides::{Kind, Override};
use tollgate_core::replay::trace::{Apart, Asked, Event, State, Told, ALWAYS};
use tollgate_core::subject_state::Place;
use tollgate_core::Timestamp;
use tollgate_versions::Versions;

/// The versions of chunks, as they are sent and kept.
pub const CHUNKS: Versions = Versions::new(1);

/// More items has no call: of a damaged line no memory is asked.
const MAX_ITEMS: usize = 1_024;

/// What an isolate has recorded. Its text and its parts are bounded by whoever makes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chunk {
    /// The number of the isolate; 0 where a build from before this number told none.
    pub isolate: u64,
    /// When it was begun; the instants of its events are told from there.
    pub at: Timestamp,
    /// For how many days it is kept: as long as any of its policies wants.
    pub days: u64,
    /// How many events could not be recorded for want of room.
    pub dropped: u64,
    /// How many parcels of the isolate were lost before this one.
    pub lost: u64,
    /// The names of its subjects' objects, or their pseudonyms.
    pub subjects: Vec<String>,
    /// States, each with the place of its subject.
    pub states: Vec<(usize, State)>,
    /// Events, each with the place of its subject.
    pub events: Vec<(usize, Event)>,
}

impl Chunk {
    /// The chunk as text.
    pub fn encode(&self) -> String {
        let mut line = LineWriter::new(CHUNKS.written(), "chunk")
            .put("isolate", self.isolate)
            .put("at", self.at.as_millis())
            .put("days", self.days)
            .put("dropped", self.dropped)
            .put("lost", self.lost);
        for name in &self.subjects {
            line = line.and("subject").text("name", name);
        }
        for (subject, state) in &self.states {
            line = line
                .and("state")
                .put("subject", subject)
                .put("since", state.before.since.as_millis())
                .put("number", state.before.number);
            for (key, text) in &state.rows {
                line = line.and("row").text("key", key).text("text", text);
            }
        }
        let mut places: HashMap<*const Asked, usize> = HashMap::new();
        for (subject, event) in &self.events {
            let next = places.len();
            let place = *places.entry(Rc::as_ptr(&event.asked)).or_insert(next);
            if place == next {
                line = put_asked(line, &event.asked);
            }
            line = line.and(&self.event_line(*subject, place, event));
        }
        line.finish()
    }

    fn event_line(&self, subject: usize, call: usize, event: &Event) -> String {
        let none = || "-".to_owned();
        let after = |at: Timestamp| at.as_millis() as i64 - self.at.as_millis() as i64;
        let pair = |place: Place| format!("{}:{}", after(place.since), place.number);
        let place = match (event.place, event.after) {
            (Some(place), _) => pair(place),
            (None, Some(after)) => format!("~{}", pair(after)),
            (None, None) => none(),
        };
        let digit = |&admitted: &bool| if admitted { '1' } else { '0' };
        let mut told: String = event.told.admitted.iter().map(digit).collect();
        if event.told.is_contended {
            told.push('c');
        }
        if event.told.is_undone || event.apart.is_some() {
            told.push('x');
        }
        if told.is_empty() {
            told.push('-');
        }
        let share = match event.share {
            ALWAYS => none(),
            share => share.to_string(),
        };
        let hex = |bits: Option<u128>| bits.map_or_else(none, |bits| format!("{bits:x}"));
        let (operation, permit) = (hex(event.operation), hex(event.told.permit));
        let after = after(event.at);
        let apart = event.apart.map_or("", apart_word);
        format!("e {subject} {call} {after} {place} {told} {share} {operation} {permit}{apart}")
    }

    /// Reads a chunk.
    pub fn decode(text: &str) -> Result<Chunk, Unreadable> {
        let (_, text) = Line::versioned(text, CHUNKS)?;
        let mut lines = text.split('\n');
        let first = Line::parse(lines.next().unwrap_or_default());
        if first.word() != "chunk" {
            return Err(Unreadable::Damaged("word"));
        }
        let mut chunk = Chunk {
            isolate: first.number("isolate")?.unwrap_or(0),
            at: Timestamp::from_millis(first.needed("at")?),
            days: first.needed("days")?,
            dropped: first.needed("dropped")?,
            lost: first.needed("lost")?,
            ..Chunk::default()
        };
        let mut calls: Vec<Rc<Asked>> = Vec::new();
        for text in lines {
            let line = Line::parse(text);
            match line.word() {
                "e" => {
                    let event = chunk.event(text, &calls);
                    chunk.events.push(event.ok_or(Unreadable::Damaged("e"))?);
                }
                "call" => calls.push(Rc::new(asked(&line)?)),
                "subject" => chunk.subjects.push(line.text("name")?),
                "state" => {
                    let before = Place {
                        since: Timestamp::from_millis(line.needed("since")?),
                        number: line.needed("number")?,
                    };
                    let subject = chunk.subject(line.needed("subject")?);
                    let subject = subject.ok_or(Unreadable::Damaged("subject"))?;
                    let rows = Vec::new();
                    chunk.states.push((subject, State { before, rows }));
                }
                "row" => {
                    let row = (line.text("key")?, line.text("text")?);
                    let state = chunk.states.last_mut();
                    state.ok_or(Unreadable::Damaged("row"))?.1.rows.push(row);
                }
                _ => return Err(Unreadable::Damaged("word")),
            }
        }
        Ok(chunk)
    }

    fn subject(&self, place: usize) -> Option<usize> {
        (place < self.subjects.len()).then_some(place)
    }

    fn event(&self, line: &str, calls: &[Rc<Asked>]) -> Option<(usize, Event)> {
        let mut parts = line.split(' ').skip(1);
        let mut next = || parts.next();
        let instant = |after: &str| {
            let at = (self.at.as_millis() as i64).checked_add(after.parse().ok()?)?;
            Some(Timestamp::from_millis(at.try_into().ok()?))
        };
        let subject = self.subject(next()?.parse().ok()?)?;
        let asked = Rc::clone(calls.get(next()?.parse::<usize>().ok()?)?);
        let at = instant(next()?)?;
        let pair = |text: &str| {
            let (since, number) = text.split_once(':')?;
            let since = instant(since)?;
            let number = number.parse().ok()?;
            Some(Place { since, number })
        };
        let (place, after) = match next()? {
            "-" => (None, None),
            text => match text.strip_prefix('~') {
                Some(after) => (None, Some(pair(after)?)),
                None => (Some(pair(text)?), None),
            },
        };
        let told = next()?;
        let share = match next()? {
            "-" => ALWAYS,
            share => share.parse().ok()?,
        };
        let bits = |text: &str| u128::from_str_radix(text, 16).ok();
        let bits_or_none = |text: &str| match text {
            "-" => Some(None),
            text => bits(text).map(Some),
        };
        let operation = bits_or_none(next()?)?;
        let permit = bits_or_none(next()?)?;
        let apart = match next() {
            Some(word) => Some(apart(word)?),
            None => None,
        };
        let told = Told {
            admitted: told
                .chars()
                .filter(char::is_ascii_digit)
                .map(|it| it == '1')
                .collect(),
            is_contended: told.ends_with('c'),
            is_undone: told == "x" && apart.is_none(),
            permit,
        };
        let event = Event {
            at,
            isolate: self.isolate,
            place,
            after,
            asked,
            operation,
            told,
            share,
            apart,
        };
        Some((subject, event))
    }
}

const fn apart_word(apart: Apart) -> &'static str {
    match apart {
        Apart::Stopped => " stopped",
        Apart::Elsewhere => " elsewhere",
    }
}

fn apart(word: &str) -> Option<Apart> {
    match word {
        "stopped" => Some(Apart::Stopped),
        "elsewhere" => Some(Apart::Elsewhere),
        _ => None,
    }
}

/// Puts the line of a call, with what was over the head of its policies: in a field that builds
/// from before pass over.
pub(crate) fn put_asked(line: LineWriter, asked: &Asked) -> LineWriter {
    let line = line.and("call").text("text", &asked.call.encode());
    let mut under = String::new();
    for (item, overrides) in asked.under.iter().enumerate() {
        for it in overrides {
            let (kind, effect) = (it.effect.kind().word(), effect_text(&it.effect));
            let until = it.until.map(|until| until.as_millis().to_string());
            let until = until.as_deref().unwrap_or("-");
            let _ = writeln!(under, "{item} {until} {kind} {effect}"); // to a String
        }
    }
    match under.as_str() {
        "" => line,
        under => line.text("under", under),
    }
}

fn asked(line: &Line<'_>) -> Result<Asked, Unreadable> {
    let (_, call) = Call::decode(&line.text("text")?)?;
    let mut asked = Asked::plain(call);
    for text in line.text("under")?.lines() {
        let (item, it) = under(text).ok_or(Unreadable::Damaged("under"))?;
        if asked.under.len() <= item {
            asked.under.resize(item + 1, Vec::new());
        }
        asked.under[item].push(it);
    }
    Ok(asked)
}

fn under(text: &str) -> Option<(usize, Override)> {
    let mut parts = text.splitn(4, ' ');
    let mut next = || parts.next();
    let item = next()?.parse().ok().filter(|item| *item < MAX_ITEMS)?;
    let until = match next()? {
        "-" => None,
        until => Some(Timestamp::from_millis(until.parse().ok()?)),
    };
    let kind = Kind::from_word(next()?)?;
    let effect = parse_effect(kind, next()?).ok()?;
    Some((item, Override::bare(effect, until)))
}
