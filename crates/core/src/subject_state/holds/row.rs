//! The row of a permit: `permit/<bits>`, a line for the permit and one for each part, each further
//! object of it, and each object that is still owed its outcome.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::decide::OnExpiry;
use crate::row::{get_limit_names, get_real, put_limit_names, put_real, ROWS};
use crate::{Duration, Timestamp};

use super::record::{End, Ended, Held, Home, Others, Part};
use crate::subject_state::effects::Write;

/// What the keys of these rows begin with.
const KEY: &str = "permit/";

fn key_of(permit: u128) -> String {
    format!("{KEY}{}", hex(permit))
}

impl Held {
    /// Key and text.
    pub(crate) fn row(&self) -> (String, String) {
        let is_part = self.home == Home::Elsewhere;
        let line = LineWriter::new(ROWS.written(), "permit")
            .put("permit", hex(self.permit))
            .put("fence", self.fence)
            .put("hold", self.hold.as_millis())
            .put("until", self.until.as_millis())
            .flag("giveBack", self.on_expiry == OnExpiry::GiveBack)
            .flag("elsewhere", is_part)
            .flag("slots", self.has_slots)
            .flag("place", self.is_place)
            .put_some(
                "operation",
                self.operation.filter(|_| self.is_place).map(hex),
            )
            .put_some("turn", Some(self.turn).filter(|turn| *turn > 0));
        let line = put_limit_names(line, self.home.limits());
        let line = match &self.end {
            Some(end) => put_end(line, end),
            None => line,
        };
        let part = |line: LineWriter, part: &Part| {
            line.and("part")
                .text("key", &part.key)
                .text("name", &part.name)
                .put("units", part.units)
                .flag("named", part.is_named)
        };
        let line = self.parts.iter().fold(line, part);
        let name = |word| move |line: LineWriter, name: &String| line.and(word).text("name", name);
        let line = self.home.others().iter().fold(line, name("object"));
        let owed = self.end.iter().flat_map(|end| &end.owed);
        let line = owed.fold(line, name("owed"));
        (key_of(self.permit), line.finish())
    }

    /// The deletion of the row.
    pub(crate) fn deletion(&self) -> Write {
        Write::Delete {
            key: key_of(self.permit),
        }
    }

    /// Reads the row, without its version.
    pub(crate) fn get(text: &str) -> Result<Held, Unreadable> {
        let mut lines = text.split('\n').map(Line::parse);
        let line = lines.next().ok_or(Unreadable::Damaged("empty"))?;
        let permit = line.get("permit").and_then(bits);
        let mut held = Held {
            permit: permit.ok_or(Unreadable::Damaged("permit"))?,
            fence: line.needed("fence")?,
            operation: line.get("operation").and_then(bits),
            parts: Vec::new(),
            has_slots: line.flag("slots"),
            hold: Duration::from_millis(line.needed("hold")?),
            until: Timestamp::from_millis(line.needed("until")?),
            on_expiry: match line.flag("giveBack") {
                true => OnExpiry::GiveBack,
                false => OnExpiry::Keep,
            },
            home: match line.flag("elsewhere") {
                true => Home::Elsewhere,
                false => Home::Here(Others {
                    objects: Vec::new(),
                    limits: get_limit_names(&line)?,
                }),
            },
            turn: line.number("turn")?.unwrap_or(0),
            before: Vec::new(),
            is_place: line.flag("place"),
            end: get_end(&line)?,
        };
        for line in lines {
            match (line.word(), &mut held.home, &mut held.end) {
                ("part", _, _) => held.parts.push(Part {
                    key: line.text("key")?,
                    name: line.text("name")?,
                    units: line.needed("units")?,
                    is_named: line.flag("named"),
                }),
                ("object", Home::Here(others), _) => others.objects.push(line.text("name")?),
                ("owed", _, Some(end)) => end.owed.push(line.text("name")?),
                _ => return Err(Unreadable::Damaged("word")),
            }
        }
        Ok(held)
    }
}

fn hex(bits: u128) -> String {
    format!("{bits:032x}")
}

fn bits(text: &str) -> Option<u128> {
    u128::from_str_radix(text, 16).ok()
}

fn put_end(line: LineWriter, end: &Ended) -> LineWriter {
    let line = line
        .put("end", end.how.word())
        .put("at", end.at.as_millis());
    match &end.real {
        Some(real) => put_real(line.flag("settled", true), real),
        None => line,
    }
}

fn get_end(line: &Line) -> Result<Option<Ended>, Unreadable> {
    let Some(word) = line.get("end") else {
        return Ok(None);
    };
    let real = match line.flag("settled") {
        true => Some(get_real(line)?),
        false => None,
    };
    Ok(Some(Ended {
        how: End::of_word(word).ok_or(Unreadable::Damaged("end"))?,
        at: Timestamp::from_millis(line.needed("at")?),
        real,
        owed: Vec::new(),
    }))
}
