//! What was answered to requests that may come again, as far as it is in memory: the newest ones.

use std::collections::{HashMap, VecDeque};

use crate::codec::{Line, LineWriter, Unreadable};
use crate::decision::{Decision, Recognition};
use crate::row::{get_admission, put_admission, ROWS};
use crate::Timestamp;

/// An admitted request that is known when it comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    /// What was asked.
    pub(super) question: u128,
    /// What was answered, with the cost of each item.
    pub(super) admissions: Vec<(Decision, i64)>,
    /// Whether its permit is for slots, which are whose they are while they are held.
    pub(super) has_slots: bool,
    /// Until when it is known.
    pub(super) until: Timestamp,
    /// The operation that charged it, where there is one to take back.
    pub(super) operation: Option<u128>,
}

impl Kept {
    /// The answers given to so many items, as they are at `now`: whoever was promised a place waits
    /// for what is left of his time. What was given out elsewhere has one answer for all items.
    pub(super) fn again(
        &self,
        items: usize,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Vec<Decision> {
        let again = |(first, _): &(Decision, i64)| {
            let turn = first.delay.map(|delay| first.at.plus(delay));
            let version = first.recognition.and_then(|it| it.version);
            Decision {
                at: now,
                delay: turn.map(|turn| turn.since(now)),
                recognition: Some(Recognition {
                    since,
                    is_repeated: true,
                    version,
                }),
                ..first.clone()
            }
        };
        let last = self.admissions.last();
        let all = self.admissions.iter().chain(last.into_iter().cycle());
        all.take(items).map(again).collect()
    }

    /// The permits that were given.
    pub(super) fn permits(&self) -> impl Iterator<Item = u128> + '_ {
        let grants = self
            .admissions
            .iter()
            .filter_map(|(it, _)| it.grant.as_deref());
        grants.map(|grant| grant.permit)
    }

    /// Units that it was charged.
    pub(super) fn units(&self) -> i64 {
        let costs = self.admissions.iter().map(|(_, cost)| (*cost).max(0));
        costs.fold(0, i64::saturating_add)
    }

    /// What it takes in memory, with its place on a shelf; a guess on the large side.
    fn bytes(&self) -> usize {
        let standings = |(it, _): &(Decision, i64)| size_of_val(&*it.limits);
        let standings = self.admissions.iter().map(standings).sum::<usize>();
        size_of::<Kept>() + 128 + size_of_val(&*self.admissions) + standings
    }

    /// Its row.
    pub(super) fn row(&self) -> String {
        let line = LineWriter::new(ROWS.written(), "key")
            .put("question", format_args!("{:x}", self.question))
            .put("until", self.until.as_millis())
            .flag("slots", self.has_slots);
        let put = |line, (decision, cost): &(Decision, i64)| put_admission(line, decision, *cost);
        self.admissions.iter().fold(line, put).finish()
    }

    /// Reads its row.
    pub(super) fn from_row(row: &str) -> Result<Kept, Unreadable> {
        let (_, text) = Line::versioned(row, ROWS)?;
        let mut lines = text.split('\n').map(Line::parse);
        let line = lines.next().ok_or(Unreadable::Damaged("empty"))?;
        if line.word() != "key" {
            return Err(Unreadable::Damaged("word"));
        }
        let question = line.get("question").unwrap_or_default();
        let question = u128::from_str_radix(question, 16);
        Ok(Kept {
            question: question.map_err(|_| Unreadable::Damaged("question"))?,
            has_slots: line.flag("slots"),
            until: Timestamp::from_millis(line.needed("until")?),
            admissions: lines
                .map(|line| get_admission(&line))
                .collect::<Result<_, _>>()?,
            operation: None,
        })
    }
}

/// The newest requests that may come again, each as long as it is to be known.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    kept: HashMap<u128, (u64, Kept)>,
    /// In the order in which they came, each with its number.
    order: VecDeque<(u128, u64)>,
    /// The number of the next.
    next: u64,
    most: usize,
    bytes: usize,
}

/// What a shelf may take. All objects of an isolate share 128 MB, and one request may have 32
/// answers of 8 limits.
const MAX_BYTES: usize = 2 << 20;

impl Shelf {
    /// An empty one for so many at most, which take no more than [`MAX_BYTES`].
    pub(super) fn of(most: usize) -> Shelf {
        Shelf {
            kept: HashMap::new(),
            order: VecDeque::new(),
            next: 0,
            most,
            bytes: 0,
        }
    }

    /// What is known of a request.
    pub(super) fn find(&self, id: u128, now: Timestamp) -> Option<&Kept> {
        let (_, kept) = self.kept.get(&id)?;
        (kept.until > now).then_some(kept)
    }

    /// Puts one in; the oldest go where there is no room.
    pub(super) fn put(&mut self, id: u128, kept: Kept, now: Timestamp) {
        self.forget(id);
        let bytes = kept.bytes();
        while let Some(&(oldest, number)) = self.order.front() {
            // One that was forgotten, or has come anew, has no place here any more.
            let known = self.kept.get(&oldest).filter(|(at, _)| *at == number);
            let is_over = known.is_none_or(|(_, kept)| kept.until <= now);
            let has_room = self.kept.len() < self.most && self.bytes + bytes <= MAX_BYTES;
            if has_room && !is_over {
                break;
            }
            if known.is_some() {
                self.forget(oldest);
            }
            self.order.pop_front();
        }
        self.order.push_back((id, self.next));
        self.kept.insert(id, (self.next, kept));
        self.bytes += bytes;
        self.next += 1;
    }

    /// Forgets one; whether it was there.
    pub(super) fn forget(&mut self, id: u128) -> bool {
        let known = self.kept.remove(&id);
        self.bytes -= known.as_ref().map_or(0, |(_, kept)| kept.bytes());
        known.is_some()
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = Shelf::of(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Grant, Reason, Standing};
    use crate::Duration;

    fn kept(until: u64) -> Kept {
        Kept {
            question: 7,
            admissions: Vec::new(),
            has_slots: false,
            until: Timestamp::from_millis(until),
            operation: None,
        }
    }

    fn at(now: u64) -> Timestamp {
        Timestamp::from_millis(now)
    }

    #[test]
    fn the_oldest_goes_and_none_is_known_after_its_time() {
        let mut shelf = Shelf::of(3);
        for id in 0..4 {
            shelf.put(id, kept(100), at(id as u64));
        }
        let known = |shelf: &Shelf, now| {
            (0..4)
                .map(|id| shelf.find(id, at(now)).is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(known(&shelf, 5), [false, true, true, true]);
        assert_eq!(known(&shelf, 100), [false; 4]);
        // One that has come anew is as young as it is.
        assert!(shelf.forget(1));
        shelf.put(1, kept(100), at(5));
        shelf.put(9, kept(100), at(6));
        assert_eq!(known(&shelf, 7), [false, true, false, true]);
        assert!(shelf.order.len() <= 4);
    }

    #[test]
    fn large_answers_take_no_more_room_than_there_is() {
        let mut shelf = Shelf::of(4_096);
        let large = || Kept {
            admissions: vec![(Decision::bare(at(0), true, None), 1); 32],
            ..kept(100)
        };
        for id in 0..4_096 {
            shelf.put(id, large(), at(0));
            shelf.put(id, large(), at(0)); // in its own place
        }
        let sum: usize = shelf.kept.values().map(|(_, kept)| kept.bytes()).sum();
        assert!(shelf.bytes == sum && sum <= MAX_BYTES && sum > MAX_BYTES / 2);
        assert!(shelf.order.len() <= 2 * shelf.kept.len());
        let newest = shelf.kept.len() as u128;
        assert!((0..newest).all(|i| shelf.find(4_095 - i, at(1)).is_some()));
        for id in 0..4_096 {
            shelf.forget(id);
        }
        assert_eq!((shelf.bytes, shelf.kept.len()), (0, 0));
    }

    /// The form of rows, byte by byte: another build reads them.
    #[test]
    fn a_row_holds_the_numbers_of_its_answers() {
        let standing = |limit, remaining| Standing {
            limit,
            remaining,
            reset: at(9_000),
            refused: None,
            retry_at: None,
        };
        let full = Decision {
            deciding: Some(1),
            delay: Some(Duration::from_millis(250)),
            limits: [standing(10, 9), standing(5, 0)].into_iter().collect(),
            grant: Some(Box::new(Grant {
                permit: 0xabc,
                fence: 3,
                expires: at(8_000),
            })),
            recognition: Some(Recognition {
                version: Some(4),
                ..Recognition::default()
            }),
            ..Decision::bare(at(1_000), true, Some(Reason::Override))
        };
        let bare = Decision {
            recognition: Some(Recognition::default()),
            ..Decision::bare(at(1_000), true, None)
        };
        let kept = Kept {
            question: 0xbeef,
            admissions: vec![(full, 2), (bare, 1)],
            has_slots: true,
            until: at(61_000),
            operation: None,
        };
        let row = kept.row();
        assert_eq!(
            row,
            "1 key question=beef until=61000 slots=1\nadmission at=1000 cost=2 version=4 reason=override \
             deciding=1 delay=250 permit=abc fence=3 expires=8000 limits=10:9:9000,5:0:9000\n\
             admission at=1000 cost=1"
        );
        assert_eq!(Kept::from_row(&row), Ok(kept));
        for damaged in [
            "1 key until=1",
            "1 other question=1 until=1",
            "1 key question=1 until=1\nx",
        ] {
            assert!(Kept::from_row(damaged).is_err(), "{damaged}");
        }
        assert!(matches!(
            Kept::from_row("9 key"),
            Err(Unreadable::Version { .. })
        ));
    }
}
