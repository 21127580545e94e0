//! The columns of a row, read one after the other, and values as SQLite takes them.

use worker::{Error, Result, SqlStorageValue};

use super::{integer, text};

/// The columns of a row, one after the other.
pub(super) struct Columns<C>(pub(super) C);

impl<C: Iterator<Item = SqlStorageValue>> Columns<C> {
    pub(super) fn text(&mut self) -> Result<String> {
        text(self.0.next()).ok_or_else(|| Error::from("a column is no text"))
    }

    pub(super) fn text_or_null(&mut self) -> Option<String> {
        text(self.0.next())
    }

    pub(super) fn number_or_null(&mut self) -> Result<Option<u64>> {
        match self.0.next() {
            None | Some(SqlStorageValue::Null) => Ok(None),
            value => {
                let number = integer(value).and_then(|number| number.try_into().ok());
                let number = number.ok_or_else(|| Error::from("a column is no number"))?;
                Ok(Some(number))
            }
        }
    }

    pub(super) fn number(&mut self) -> Result<u64> {
        let number = integer(self.0.next()).and_then(|number| number.try_into().ok());
        number.ok_or_else(|| Error::from("a column is no number"))
    }
}

/// A number as SQLite takes it; what is larger than 2^53 means "all".
pub(super) fn number(value: u64) -> SqlStorageValue {
    SqlStorageValue::Integer(i64::try_from(value).unwrap_or(i64::MAX).min(1 << 53))
}

pub(super) fn some(text: Option<&str>) -> SqlStorageValue {
    text.map_or(SqlStorageValue::Null, SqlStorageValue::from)
}
