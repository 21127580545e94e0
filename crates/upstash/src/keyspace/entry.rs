//! One key in memory: what it holds, what of it is stored, and what has changed since.

use super::rows::RowChange;
use crate::bounds::KEY_OVERHEAD;
use crate::values::bytes::Bytes;
use crate::values::table::Touched;
use crate::values::value::Value;

#[derive(Clone, Debug)]
enum Dirty {
    Clean,
    /// In ascending order.
    Pages(Vec<u32>),
    Whole,
}

pub(super) struct Entry {
    pub(super) key: Bytes,
    /// `None`: known to be absent.
    pub(super) value: Option<Value>,
    pub(super) expires: Option<i64>,
    /// How many rows of the key are in storage.
    stored: u32,
    dirty: Dirty,
}

impl Entry {
    pub(super) fn new(
        key: &[u8],
        value: Option<Value>,
        expires: Option<i64>,
        stored: u32,
    ) -> Entry {
        Entry {
            key: key.into(),
            value,
            expires,
            stored,
            dirty: Dirty::Clean,
        }
    }

    /// Bytes in memory.
    pub(super) fn size(&self) -> usize {
        KEY_OVERHEAD + self.key.len() + self.value.as_ref().map_or(0, Value::memory)
    }

    /// Marks what has to be written.
    pub(super) fn touch(&mut self, touched: Touched) {
        match (&mut self.dirty, touched) {
            (Dirty::Whole, _) => {}
            (dirty, Touched::All) => *dirty = Dirty::Whole,
            (Dirty::Pages(pages), Touched::Page(page)) => {
                if let Err(at) = pages.binary_search(&page) {
                    pages.insert(at, page);
                }
            }
            (dirty, Touched::Page(page)) => *dirty = Dirty::Pages(vec![page]),
        }
    }

    /// Appends the rows to write, and takes them as written.
    pub(super) fn take_changes(&mut self, changes: &mut Vec<RowChange>) {
        let dirty = std::mem::replace(&mut self.dirty, Dirty::Clean);
        let pages = self.value.as_ref().map_or(0, Value::pages);
        let touched = match dirty {
            Dirty::Clean => return,
            Dirty::Pages(touched) => touched,
            Dirty::Whole => (0..pages).collect(),
        };
        for page in touched.into_iter().filter(|page| *page < pages) {
            let expires = self.expires.filter(|_| page == 0);
            let data = self
                .value
                .as_ref()
                .map_or_else(Vec::new, |value| value.encode(page, self.expires));
            changes.push(RowChange::Put {
                key: self.key.clone(),
                page,
                expires,
                data,
            });
        }
        if self.stored > pages {
            changes.push(RowChange::Trim {
                key: self.key.clone(),
                from: pages,
            });
        }
        self.stored = pages;
    }
}
