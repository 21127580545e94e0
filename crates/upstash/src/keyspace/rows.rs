//! What is stored of the keys, and how it is read and changed.

use crate::error::RedisError;
use crate::value::Kind;

/// A stored row of a key, without the key: page number and data.
pub type Row = (u32, Vec<u8>);

/// A key as storage lists it.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The key.
    pub key: Vec<u8>,
    /// Its type.
    pub kind: Kind,
    /// When it expires, Unix ms; `None` for never.
    pub expires: Option<i64>,
}

/// The stored rows, as the object can read them without waiting.
pub trait Rows {
    /// All rows of a key by page; empty when there is none.
    fn read(&mut self, key: &[u8]) -> Result<Vec<Row>, RedisError>;

    /// Every key, the expired ones too.
    fn list(&mut self) -> Result<Vec<Listed>, RedisError>;
}

/// A change of the stored rows.
#[derive(Clone, Debug, PartialEq)]
pub enum RowChange {
    /// Writes one row, replacing what it held.
    Put {
        /// The key.
        key: Vec<u8>,
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
        key: Vec<u8>,
        /// The first page to go.
        from: u32,
    },
}
