//! The members of a hash, a set or a sorted set, spread over pages that are stored as one row each.
//!
//! A page is both a bucket of a hash table and the unit of writing: changing one member of a large collection rewrites a few
//! kilobytes, and storing thousands of members at once costs a row per page and not per member. A small collection is one page
//! in the order of insertion, as in Redis.

use std::cmp::Ordering;

/// Members per page on average before the number of pages doubles: one page is then a row of some kilobytes.
const PAGE_MEMBERS: usize = 64;

/// Bytes per page on average before the number of pages doubles: keeps a row far below the 2 MB that storage takes.
const PAGE_BYTES: usize = 32 * 1024;

/// One member: a hash's field and value, a set's member and nothing, a sorted set's member and its score.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The field or member.
    pub field: Vec<u8>,
    /// The value; empty in a set, eight bytes (little endian) of a double in a sorted set.
    pub value: Vec<u8>,
}

impl Item {
    /// The score of a sorted set's member.
    pub fn score(&self) -> f64 {
        score_of(&self.value)
    }

    pub(crate) fn size(&self) -> usize {
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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pages: Vec<Vec<Item>>,
    len: usize,
    bytes: usize,
}

impl Table {
    /// A table with this many pages, to be filled by `fill`.
    pub(crate) fn with_pages(pages: usize) -> Self {
        Table {
            pages: vec![Vec::new(); pages],
            len: 0,
            bytes: 0,
        }
    }

    /// Sets the members of a page that was read from storage.
    pub(crate) fn fill(&mut self, page: usize, items: Vec<Item>) {
        self.len += items.len();
        self.bytes += items.iter().map(Item::size).sum::<usize>();
        self.pages[page] = items;
    }

    /// How many members.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no member is left.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of all members and values.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn pages(&self) -> &[Vec<Item>] {
        &self.pages
    }

    /// All members, page by page.
    pub fn iter(&self) -> impl Iterator<Item = &Item> {
        self.pages.iter().flatten()
    }

    fn page_of(&self, field: &[u8]) -> usize {
        hash(field) as usize & (self.pages.len() - 1)
    }

    /// The value of a member.
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        if self.pages.is_empty() {
            return None;
        }
        let page = &self.pages[self.page_of(field)];
        page.iter()
            .find(|item| item.field == field)
            .map(|item| &item.value[..])
    }

    /// Adds a member or replaces its value; true when it is new.
    pub fn insert(&mut self, field: Vec<u8>, value: Vec<u8>) -> (bool, Touched) {
        if self.pages.is_empty() {
            self.pages.push(Vec::new());
        }
        let number = self.page_of(&field);
        let page = &mut self.pages[number];
        self.bytes += value.len();
        if let Some(item) = page.iter_mut().find(|item| item.field == field) {
            self.bytes -= item.value.len();
            item.value = value;
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
        if self.pages.is_empty() {
            return None;
        }
        let number = self.page_of(field);
        let page = &mut self.pages[number];
        let at = page.iter().position(|item| item.field == field)?;
        let item = page.remove(at);
        self.len -= 1;
        self.bytes -= item.size();
        Some((item, Touched::Page(number as u32)))
    }

    /// The members by score, lowest first, equal scores by their bytes.
    pub fn by_score(&self) -> Vec<&Item> {
        merge_sort(self.iter().collect())
    }
}

/// Never unordered: no score is stored that is not a number. And -0 equals 0, which `total_cmp` would tell apart.
fn is_before(a: &Item, b: &Item) -> bool {
    let scores = a.score().partial_cmp(&b.score()).unwrap_or(Ordering::Equal);
    scores.then_with(|| a.field.cmp(&b.field)) == Ordering::Less
}

/// Sorts runs of 1, 2, 4 … members together: a tenth of the code of the library's sort, which would be another instance of it.
fn merge_sort(mut items: Vec<&Item>) -> Vec<&Item> {
    let mut width = 1;
    while width < items.len() {
        let mut sorted = Vec::with_capacity(items.len());
        for run in items.chunks(width * 2) {
            let (mut left, mut right) = run.split_at(width.min(run.len()));
            while let (Some(a), Some(b)) = (left.first(), right.first()) {
                let side = if is_before(b, a) {
                    &mut right
                } else {
                    &mut left
                };
                sorted.push(side[0]);
                *side = &side[1..];
            }
            sorted.extend_from_slice(left);
            sorted.extend_from_slice(right);
        }
        items = sorted;
        width *= 2;
    }
    items
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

    fn name(number: usize) -> Vec<u8> {
        format!("member-{number}").into_bytes()
    }

    #[test]
    fn keeps_every_member_while_pages_double() {
        let mut table = Table::default();
        for number in 0..5000 {
            assert!(table.insert(name(number), vec![1]).0);
        }
        assert_eq!((table.len(), table.iter().count()), (5000, 5000));
        assert!(table.pages().len() >= 64 && table.pages().len().is_power_of_two());
        for number in 0..5000 {
            assert_eq!(table.get(&name(number)), Some(&[1][..]));
            assert!(!table.insert(name(number), vec![2, 2]).0);
        }
        for number in 0..5000 {
            assert!(table.remove(&name(number)).is_some());
            assert!(table.remove(&name(number)).is_none());
        }
        assert_eq!((table.len(), table.bytes()), (0, 0));
    }

    #[test]
    fn a_small_collection_keeps_the_order_of_insertion() {
        let mut table = Table::default();
        for field in ["b", "a", "c", "a"] {
            table.insert(field.into(), vec![]);
        }
        table.remove(b"b");
        let fields: Vec<_> = table.iter().map(|item| &item.field[..]).collect();
        assert_eq!(fields, [b"a", b"c"]);
    }

    #[test]
    fn one_change_touches_one_page_unless_their_number_changes() {
        let mut table = Table::default();
        let touched: Vec<_> = (0..=PAGE_MEMBERS)
            .map(|number| table.insert(name(number), vec![]).1)
            .collect();
        assert!(touched[..PAGE_MEMBERS]
            .iter()
            .all(|touched| *touched == Touched::Page(0)));
        assert_eq!(touched[PAGE_MEMBERS], Touched::All);
        assert_eq!(
            table.insert(b"big".to_vec(), vec![0; 3 * PAGE_BYTES]).1,
            Touched::All
        );
    }

    #[test]
    fn members_are_ordered_by_score_then_bytes_and_minus_zero_is_zero() {
        let mut table = Table::default();
        for (member, score) in [
            ("d", 1.0),
            ("b", 0.0),
            ("a", -0.0),
            ("c", -0.0),
            ("e", f64::NEG_INFINITY),
        ] {
            table.insert(member.into(), f64::to_le_bytes(score).to_vec());
        }
        let order: Vec<_> = table
            .by_score()
            .iter()
            .map(|item| &item.field[..])
            .collect();
        assert_eq!(order, [b"e", b"a", b"b", b"c", b"d"]);
    }

    #[test]
    fn any_number_of_members_is_sorted() {
        for count in [0usize, 1, 2, 3, 7, 8, 9, 1000] {
            let mut table = Table::default();
            for number in 0..count {
                let score = (number * 7919 % count) as f64;
                table.insert(name(number), f64::to_le_bytes(score).to_vec());
            }
            let scores: Vec<f64> = table.by_score().iter().map(|item| item.score()).collect();
            assert!(scores.is_sorted() && scores.len() == count, "{count}");
        }
    }

    #[test]
    fn the_hash_that_places_members_is_pinned() {
        assert_eq!(hash(b""), 0x811c_9dc5);
        assert_eq!(hash(b"foobar"), 0xbf9c_f968);
    }
}
