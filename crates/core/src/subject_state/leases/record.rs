//! One lease, as its lender keeps it, and its row.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::lease::{Terms, GRACE, MAX_LIFE};
use crate::row::ROWS;
use crate::subject_state::effects::Write;
use crate::{Duration, Timestamp};

/// What the keys of these rows begin with.
const KEY: &str = "lease/";

/// What a lease has of one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// The key of the limit's row.
    pub(crate) key: String,
    /// Units charged that the limit's row of this stamp does not tell.
    pub(crate) carried: u64,
    /// The stamp.
    pub(crate) stamp: u64,
    /// When the last of them was charged. Dated earlier, a bucket would have refilled since.
    pub(crate) at: Timestamp,
}

impl Part {
    /// Nothing of the limit with this key.
    pub(crate) const fn none(key: String) -> Part {
        Part {
            key,
            carried: 0,
            stamp: 0,
            at: Timestamp::ZERO,
        }
    }

    /// Its row tells so many units more, charged now, beside this stamp of the limit's.
    pub(crate) fn carry(&mut self, units: u64, stamp: u64, now: Timestamp) {
        if self.stamp != stamp {
            self.stamp = stamp;
            self.carried = 0;
        }
        if units > 0 {
            self.carried = self.carried.saturating_add(units);
            self.at = self.at.max(now);
        }
    }
}

/// A lease of one borrower: the newest of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) borrower: u64,
    /// Which of the borrower's leases.
    pub(crate) number: u64,
    /// The newest of its messages.
    pub(crate) turn: u64,
    /// Units told as spent.
    pub(crate) spent: u64,
    /// Units set aside for it.
    pub(crate) left: u64,
    /// Units lent by the newest message.
    pub(crate) loan: u64,
    /// Up to how many units it is lent: what it uses up in its life.
    pub(crate) size: u64,
    pub(crate) parts: Vec<Part>,
    /// When it was lent last.
    pub(crate) at: Timestamp,
    /// When the borrower stops spending, at the latest.
    pub(crate) until: Timestamp,
    /// When what is left of it has been spent. `None` after waking, until the clock is known.
    pub(crate) over_at: Option<Timestamp>,
    /// Whether that is because its limits turn.
    pub(crate) ends_at_turn: bool,
    /// Whether nothing is taken back any more.
    pub(crate) is_over: bool,
}

impl Lease {
    /// The first of a borrower.
    pub(crate) const fn first(borrower: u64, number: u64, now: Timestamp) -> Lease {
        Lease {
            borrower,
            number,
            turn: 0,
            spent: 0,
            left: 0,
            loan: 0,
            size: 0,
            parts: Vec::new(),
            at: now,
            until: now,
            over_at: Some(now),
            ends_at_turn: false,
            is_over: true,
        }
    }

    /// The next one of the same borrower, of which nothing is lent yet. Its row is that of the one
    /// before, with what that carried.
    pub(crate) const fn turn_to(&mut self, number: u64) {
        self.number = number;
        self.turn = 0;
        self.spent = 0;
        self.left = 0;
        self.loan = 0;
        self.is_over = false;
    }

    /// Lends so many units until then; the limits turn at `turn`.
    pub(crate) fn lend(
        &mut self,
        units: u64,
        life: Duration,
        turn: Option<Timestamp>,
        now: Timestamp,
    ) {
        self.loan = units;
        self.left = self.left.saturating_add(units);
        self.at = now;
        self.until = now.plus(life);
        let over = self.until.plus(GRACE);
        // One millisecond before the turn: what is spent of it counts before.
        let before = turn.map(|turn| Timestamp::from_millis(turn.as_millis().saturating_sub(1)));
        self.ends_at_turn = before.is_some_and(|before| before < over);
        self.over_at = Some(before.map_or(over, |before| over.min(before)));
        self.is_over = false;
    }

    /// When it is over, if nothing more is lent; after waking a whole life and its grace from now,
    /// whatever the clock was that it was lent by.
    pub(crate) fn set_end(&mut self, now: Timestamp) -> Timestamp {
        *self
            .over_at
            .get_or_insert_with(|| now.plus(MAX_LIFE).plus(GRACE))
    }

    /// How much it is to be lent, after it has spent so many units since it was lent last: what it
    /// would use up in its life, and never four times as much as before at once.
    pub(crate) fn adapt(&mut self, spent: u64, terms: &Terms, now: Timestamp) {
        let elapsed = now.since(self.at).as_millis().max(1);
        let wanted = u128::from(spent) * u128::from(terms.life().as_millis());
        let wanted = u64::try_from(wanted.div_ceil(u128::from(elapsed))).unwrap_or(u64::MAX);
        let size = self.size.max(FIRST);
        self.size = wanted.clamp(size / 2, size.saturating_mul(4)).max(1);
    }

    /// Up to how many units it is lent.
    pub(crate) const fn wanted(&self) -> u64 {
        match self.size {
            0 => FIRST,
            size => size,
        }
    }

    pub(crate) fn key(&self) -> String {
        format!("{KEY}{:x}", self.borrower)
    }

    /// Key and text of its row.
    pub(crate) fn row(&self) -> (String, String) {
        let line = LineWriter::new(ROWS.written(), "lease")
            .put("borrower", format_args!("{:x}", self.borrower))
            .put("number", self.number)
            .put("turn", self.turn)
            .put("spent", self.spent)
            .put("left", self.left)
            .put("size", self.size)
            .put("at", self.at.as_millis())
            .flag("over", self.is_over);
        let part = |line: LineWriter, part: &Part| {
            line.and("part")
                .text("key", &part.key)
                .put("stamp", part.stamp)
                .put("carried", part.carried)
                .put_some("at", (part.carried > 0).then(|| part.at.as_millis()))
        };
        (self.key(), self.parts.iter().fold(line, part).finish())
    }

    /// The deletion of its row.
    pub(crate) fn deletion(&self) -> Write {
        Write::Delete { key: self.key() }
    }

    /// Reads a row, without its version.
    pub(crate) fn get(text: &str) -> Result<Lease, Unreadable> {
        let mut lines = text.split('\n').map(Line::parse);
        let line = lines.next().ok_or(Unreadable::Damaged("empty"))?;
        let borrower = line.get("borrower");
        let borrower = borrower.and_then(|text| u64::from_str_radix(text, 16).ok());
        let at = Timestamp::from_millis(line.needed("at")?);
        let mut lease = Lease {
            number: line.needed("number")?,
            turn: line.needed("turn")?,
            spent: line.needed("spent")?,
            left: line.needed("left")?,
            size: line.needed("size")?,
            over_at: None,
            is_over: line.flag("over"),
            ..Lease::first(borrower.ok_or(Unreadable::Damaged("borrower"))?, 0, at)
        };
        for line in lines {
            lease.parts.push(Part {
                key: line.text("key")?,
                carried: line.needed("carried")?,
                stamp: line.needed("stamp")?,
                at: Timestamp::from_millis(line.number("at")?.unwrap_or(0)),
            });
        }
        Ok(lease)
    }
}

/// So many units a borrower of which nothing is known is lent at most.
const FIRST: u64 = 8;
