//! Our side: a keyspace over rows in memory. Between calls it is now and then dropped and read from
//! its rows anew, so that what is compared has been through storage.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use tollgate_upstash::commands;
use tollgate_upstash::error::RedisError;
use tollgate_upstash::keyspace::{Keyspace, Listed, Row, RowChange, Rows};
use tollgate_upstash::reply::Reply;
use tollgate_upstash::values::value::Kind;

type Stored = BTreeMap<(Vec<u8>, u32), (Option<i64>, Vec<u8>)>;

#[derive(Clone, Default)]
pub(crate) struct Memory(Rc<RefCell<Stored>>);

fn listed((key, _): &(Vec<u8>, u32), (expires, data): &(Option<i64>, Vec<u8>)) -> Listed {
    Listed {
        key: key[..].into(),
        kind: Kind::of_row([data[0], data[1]]).unwrap(),
        expires: *expires,
    }
}

impl Rows for Memory {
    fn read(&mut self, key: &[u8], _: usize) -> Result<Vec<Row>, RedisError> {
        let rows = self.0.borrow();
        let of_key = rows.iter().filter(|((stored, _), _)| stored == key);
        Ok(of_key
            .map(|((_, page), (_, data))| (*page, data.clone()))
            .collect())
    }

    fn head(&mut self, key: &[u8]) -> Result<Option<Listed>, RedisError> {
        let rows = self.0.borrow();
        let row = rows.get_key_value(&(key.to_vec(), 0));
        Ok(row.map(|(place, row)| listed(place, row)))
    }

    fn list(&mut self, _: usize) -> Result<Vec<Listed>, RedisError> {
        let rows = self.0.borrow();
        let heads = rows.iter().filter(|((_, page), _)| *page == 0);
        Ok(heads.map(|(place, row)| listed(place, row)).collect())
    }
}

impl Memory {
    fn all(&self) -> Vec<(Vec<u8>, Row)> {
        let rows = self.0.borrow();
        let row = |((key, page), (_, data)): (&(Vec<u8>, u32), &(_, Vec<u8>))| {
            (key.clone(), (*page, data.clone()))
        };
        rows.iter().map(row).collect()
    }

    fn apply(&self, changes: Vec<RowChange>) {
        let mut rows = self.0.borrow_mut();
        for change in changes {
            match change {
                RowChange::Put {
                    key,
                    page,
                    expires,
                    data,
                } => {
                    rows.insert((key.to_vec(), page), (expires, data));
                }
                RowChange::Trim { key, from } => {
                    rows.retain(|(stored, page), _| **stored != *key || *page < from)
                }
                RowChange::Wipe => rows.clear(),
                RowChange::Sweep { until } => {
                    rows.retain(|_, (expires, _)| expires.is_none_or(|time| time > until))
                }
            }
        }
    }
}

pub(crate) struct Ours {
    rows: Memory,
    keyspace: Keyspace,
    now: i64,
    calls: u32,
}

impl Ours {
    pub(crate) fn new(now: i64) -> Ours {
        let rows = Memory::default();
        let keyspace = Keyspace::new(Box::new(rows.clone()), true, 7);
        Ours {
            rows,
            keyspace,
            now,
            calls: 0,
        }
    }

    pub(crate) fn run(&mut self, command: &[Vec<u8>]) -> Reply {
        self.calls += 1;
        if self.calls.is_multiple_of(3) {
            self.keyspace = Keyspace::new(Box::new(self.rows.clone()), false, 7);
            if self.calls.is_multiple_of(2) {
                self.keyspace.restore(self.rows.all()).unwrap();
            }
        }
        self.keyspace.begin(self.now);
        let reply = commands::run(&mut self.keyspace, command);
        self.rows.apply(self.keyspace.take_changes());
        reply
    }

    pub(crate) fn rows(&self) -> Stored {
        self.rows.0.borrow().clone()
    }
}
