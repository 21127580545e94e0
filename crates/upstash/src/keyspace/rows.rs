//! What is stored of the keys, and how it is read and changed.

use crate::error::RedisError;
use crate::values::bytes::Bytes;
use crate::values::value::Kind;

/// A stored row of a key, without the key: page number and data.
pub type Row = (u32, Vec<u8>);

/// A key as storage lists it.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The key.
    pub key: Bytes,
    /// Its type.
    pub kind: Kind,
    /// When it expires, Unix ms; `None` for never.
    pub expires: Option<i64>,
}

/// The stored rows, as the object can read them without waiting.
pub trait Rows {
    /// All rows of a key by page; empty when there is none. `MuchHeld` when they have more than
    /// `max` bytes, and then little more than that was read.
    fn read(&mut self, key: &[u8], max: usize) -> Result<Vec<Row>, RedisError>;

    /// A key without what it holds, also when it has expired; `None` when there is none.
    fn head(&mut self, key: &[u8]) -> Result<Option<Listed>, RedisError>;

    /// Every key, the expired ones too. `MuchHeld` when they have more than `max` bytes, as above.
    fn list(&mut self, max: usize) -> Result<Vec<Listed>, RedisError>;
}

/// A change of the stored rows.
#[derive(Clone, Debug, PartialEq)]
pub enum RowChange {
    /// Writes one row, replacing what it held.
    Put {
        /// The key.
        key: Bytes,
        /// The page.
        page: u32,
        /// The key's expiry for the column beside page 0; `None` for never, and on other pages.
        expires: Option<i64>,
        /// The content.
        data: Vec<u8>,
    },
    /// Deletes the key's rows from this page on; from 0: the whole key.
    Trim {
        /// The key.
        key: Bytes,
        /// The first page to go.
        from: u32,
    },
    /// Deletes every key.
    Wipe,
    /// Deletes every key that has expired by this time (Unix ms), in pieces if they are many. Rows
    /// of a form that this version does not know stay.
    Sweep {
        /// The time.
        until: i64,
    },
}
