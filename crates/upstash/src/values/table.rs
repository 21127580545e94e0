//! The members of a hash, a set or a sorted set, spread over pages that are stored as one row each.
//!
//! A page is both a bucket of a hash table and the unit of writing: changing one member of a large
//! collection rewrites a few kilobytes, and storing thousands of members at once costs a row per
//! page and not per member. A small collection is one page in the order of insertion, as in Redis.
//!
//! Every look at members is counted by the call's [`Meter`]. Once that is used up a table looks
//! empty and does not change: whoever changes one asks the meter first, as [`crate::keyspace`]
//! does.

use crate::bounds::{MEMBER_OVERHEAD, ORDER_OVERHEAD, PAGE_OVERHEAD};
use crate::meter::Meter;
use crate::values::bytes::Bytes;
use crate::values::order::{Order, Ranked};

/// Members per page on average before the number of pages doubles: one page is then a row of some
/// kilobytes.
const PAGE_MEMBERS: usize = 64;

/// Bytes per page on average before the number of pages doubles: keeps a row far below the 2 MB
/// that storage takes.
const PAGE_BYTES: usize = 32 * 1024;

/// What putting a member in order counts in members looked at: each is compared some seventeen
/// times.
const LOOKS_TO_ORDER: usize = 4;

/// One member: a hash's field and value, a set's member and nothing, a sorted set's member and its
/// score.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The field or member.
    pub field: Bytes,
    /// The value; empty in a set, eight bytes (little endian) of a double in a sorted set.
    pub value: Bytes,
}

impl Item {
    /// The score of a sorted set's member.
    pub fn score(&self) -> f64 {
        score_of(&self.value)
    }

    fn size(&self) -> usize {
        self.field.len() + self.value.len()
    }
}

/// The double in a sorted set's value; a value of another length (no such is written) counts as 0.
pub fn score_of(value: &[u8]) -> f64 {
    value.try_into().map_or(0.0, f64::from_le_bytes)
}

/// What of a table a change touched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Touched {
    /// The page of this number.
    Page(u32),
    /// Every page: their number changed.
    All,
}

/// Members in pages; the number of pages is a power of two.
#[derive(Debug)]
pub struct Table {
    pages: Vec<Vec<Item>>,
    len: usize,
    bytes: usize,
    /// The members by score, once that was asked for.
    order: Option<Order>,
    meter: Meter,
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.pages == other.pages
    }
}

impl Table {
    /// A table without members, whose looks `meter` counts.
    pub fn new(meter: &Meter) -> Self {
        Table::with_pages(0, meter)
    }

    /// A table with this many pages, to be filled by `fill`.
    pub(crate) fn with_pages(pages: usize, meter: &Meter) -> Self {
        Table {
            pages: vec![Vec::new(); pages],
            len: 0,
            bytes: 0,
            order: None,
            meter: meter.clone(),
        }
    }

    /// Sets the members of a page that was read from storage.
    pub(crate) fn fill(&mut self, page: usize, items: Vec<Item>) {
        self.len += items.len();
        self.bytes += items.iter().map(Item::size).sum::<usize>();
        self.pages[page] = items;
    }

    /// The same members once more.
    pub fn copy(&self) -> Table {
        let mut copy = Table::new(&self.meter);
        if self.meter.look(self.len) {
            copy.pages.clone_from(&self.pages);
            (copy.len, copy.bytes) = (self.len, self.bytes);
        }
        copy
    }

    /// How many members.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no member is left.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What the members take in memory, bytes.
    pub fn memory(&self) -> usize {
        let order = if self.order.is_some() {
            ORDER_OVERHEAD
        } else {
            0
        };
        self.bytes + self.len * (MEMBER_OVERHEAD + order) + self.pages.len() * PAGE_OVERHEAD
    }

    pub(crate) fn pages(&self) -> &[Vec<Item>] {
        &self.pages
    }

    /// All members, page by page.
    pub fn iter(&self) -> impl Iterator<Item = &Item> {
        let may = self.meter.look(self.len) && self.meter.look_at_bytes(self.bytes);
        let pages = if may { &self.pages[..] } else { &[] };
        pages.iter().flatten()
    }

    fn page_of(&self, field: &[u8]) -> usize {
        hash(field) as usize & (self.pages.len() - 1)
    }

    /// Finds a member: its page and, if it is there, its place. `None` when there is no page, or no
    /// more looking.
    fn find(&self, field: &[u8]) -> Option<(usize, Option<usize>)> {
        if self.pages.is_empty() {
            return None;
        }
        let number = self.page_of(field);
        let page = &self.pages[number];
        // Who knows the hash can bring any number of members into one page.
        if !self.meter.look(1 + page.len() / PAGE_MEMBERS) {
            return None;
        }
        Some((number, page.iter().position(|item| *item.field == *field)))
    }

    /// The value of a member.
    pub fn get(&self, field: &[u8]) -> Option<&Bytes> {
        let (page, at) = self.find(field)?;
        Some(&self.pages[page][at?].value)
    }

    /// Adds a member or replaces its value; true when it is new.
    pub fn insert(&mut self, field: Bytes, value: Bytes) -> (bool, Touched) {
        if self.pages.is_empty() {
            self.pages.push(Vec::new());
        }
        let Some((number, at)) = self.find(&field) else {
            return (false, Touched::Page(0));
        };
        if let Some(order) = &mut self.order {
            if let Some(at) = at {
                order.remove(self.pages[number][at].score(), &field);
            }
            order.insert(score_of(&value), field.clone());
        }
        self.bytes += value.len();
        let page = &mut self.pages[number];
        if let Some(at) = at {
            self.bytes -= page[at].value.len();
            page[at].value = value;
            return (false, self.after(number));
        }
        self.bytes += field.len();
        self.len += 1;
        page.push(Item { field, value });
        (true, self.after(number))
    }

    fn after(&mut self, page: usize) -> Touched {
        let pages = self.pages.len();
        if self.len <= PAGE_MEMBERS * pages && self.bytes <= PAGE_BYTES * pages {
            return Touched::Page(page as u32);
        }
        // A single huge member cannot be spread; doubling for it would only add empty pages.
        if self.len <= pages {
            return Touched::Page(page as u32);
        }
        let items: Vec<Item> = self.pages.drain(..).flatten().collect();
        self.pages = vec![Vec::new(); pages * 2];
        for item in items {
            let page = self.page_of(&item.field);
            self.pages[page].push(item);
        }
        Touched::All
    }

    /// Takes a member out; `None` when it was not there.
    pub fn remove(&mut self, field: &[u8]) -> Option<(Item, Touched)> {
        let (number, at) = self.find(field)?;
        let item = self.pages[number].remove(at?);
        self.len -= 1;
        self.bytes -= item.size();
        if let Some(order) = &mut self.order {
            order.remove(item.score(), field);
        }
        Some((item, Touched::Page(number as u32)))
    }

    /// The members of a sorted set by score, kept in that order from now on; `None` when the call
    /// may not look at so many.
    pub fn ordered(&mut self) -> Option<&Order> {
        if self.order.is_none() {
            if !self.meter.look(self.len * LOOKS_TO_ORDER) {
                return None;
            }
            let ranked = |item: &Item| Ranked {
                score: item.score(),
                member: item.field.clone(),
            };
            self.order = Some(Order::of(self.pages.iter().flatten().map(ranked).collect()));
        }
        self.order.as_ref()
    }
}

/// FNV-1a. It decides which row a member is stored in, so it never changes.
fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::RedisError;

    fn name(number: usize) -> Bytes {
        format!("member-{number}").into_bytes().into()
    }

    fn table() -> Table {
        Table::new(&Meter::default())
    }

    #[test]
    fn keeps_every_member_while_pages_double() {
        let mut table = table();
        for number in 0..5000 {
            assert!(table.insert(name(number), [1].into()).0);
        }
        assert_eq!((table.len(), table.iter().count()), (5000, 5000));
        assert!(table.pages().len() >= 64 && table.pages().len().is_power_of_two());
        for number in 0..5000 {
            assert_eq!(table.get(&name(number)).map(|value| value.len()), Some(1));
            assert!(!table.insert(name(number), [2, 2].into()).0);
        }
        for number in 0..5000 {
            assert!(table.remove(&name(number)).is_some());
            assert!(table.remove(&name(number)).is_none());
        }
        assert_eq!((table.len(), table.bytes), (0, 0));
    }

    #[test]
    fn a_small_collection_keeps_the_order_of_insertion() {
        let mut table = table();
        for field in ["b", "a", "c", "a"] {
            table.insert(field.as_bytes().into(), Bytes::default());
        }
        table.remove(b"b");
        let fields: Vec<_> = table.iter().map(|item| &item.field[..]).collect();
        assert_eq!(fields, [b"a", b"c"]);
    }

    #[test]
    fn one_change_touches_one_page_unless_their_number_changes() {
        let mut table = table();
        let touched: Vec<_> = (0..=PAGE_MEMBERS)
            .map(|number| table.insert(name(number), Bytes::default()).1)
            .collect();
        assert!(touched[..PAGE_MEMBERS]
            .iter()
            .all(|touched| *touched == Touched::Page(0)));
        assert_eq!(touched[PAGE_MEMBERS], Touched::All);
        assert_eq!(
            table
                .insert(b"big"[..].into(), vec![0; 3 * PAGE_BYTES].into())
                .1,
            Touched::All
        );
    }

    #[test]
    fn once_in_order_members_stay_so_through_every_change() {
        let mut table = table();
        let score = |number: usize| Bytes::from(f64::to_le_bytes(number as f64));
        let in_order = |table: &mut Table| {
            let order = table.ordered().unwrap();
            let scores: Vec<f64> = order.range(0, order.len()).map(|item| item.score).collect();
            assert!(scores.is_sorted());
            assert_eq!(scores.len(), table.len());
        };
        for number in 0..2_000 {
            table.insert(name(number), score(number * 7919 % 2_000));
        }
        in_order(&mut table);
        for number in 0..2_000 {
            match number % 3 {
                0 => drop(table.remove(&name(number))),
                1 => drop(table.insert(name(number), score(number))),
                _ => drop(table.insert(name(number + 2_000), score(number / 2))),
            }
        }
        in_order(&mut table);
    }

    #[test]
    fn members_in_one_page_cost_what_looking_through_it_takes() {
        // The page's number is the lowest bits of the hash, which a caller can bring about.
        let same_page = |number: &u32| hash(&number.to_le_bytes()).is_multiple_of(1 << 10);
        let members: Vec<u32> = (0..).filter(same_page).take(8_000).collect();
        let meter = Meter::default();
        let mut table = Table::new(&meter);
        for member in &members {
            table.insert(Bytes::from(member.to_le_bytes()), Bytes::default());
        }
        let before = meter.left();
        table.get(&members[7_999].to_le_bytes());
        assert!(before - meter.left() >= 8_000 / PAGE_MEMBERS);
        meter.begin(1_000);
        let looked = members.iter().take_while(|member| {
            table.get(&member.to_le_bytes());
            meter.passed().is_none()
        });
        assert!(looked.count() < 10);
        assert_eq!(meter.passed(), Some(RedisError::ManyMembers));
    }

    #[test]
    fn nothing_is_looked_at_or_changed_once_the_meter_is_used_up() {
        let meter = Meter::default();
        let mut table = Table::new(&meter);
        for number in 0..1_000 {
            table.insert(name(number), Bytes::from(1f64.to_le_bytes()));
        }
        meter.begin(500);
        assert_eq!(table.iter().count(), 0);
        assert!(table.get(&name(1)).is_none() && table.remove(&name(1)).is_none());
        assert!(table.ordered().is_none() && table.copy().is_empty());
        table.insert(b"new"[..].into(), Bytes::default());
        meter.begin(10_000);
        assert_eq!((table.len(), table.iter().count()), (1_000, 1_000));
    }

    #[test]
    fn memory_counts_what_members_take() {
        let mut table = table();
        for number in 0..1_000u32 {
            table.insert(Bytes::from(number.to_le_bytes()), Bytes::default());
        }
        assert!((68_000..72_000).contains(&table.memory()));
        table.ordered();
        assert!(table.memory() >= 100_000);
    }

    #[test]
    fn the_hash_that_places_members_is_pinned() {
        assert_eq!(hash(b""), 0x811c_9dc5);
        assert_eq!(hash(b"foobar"), 0xbf9c_f968);
    }
}
