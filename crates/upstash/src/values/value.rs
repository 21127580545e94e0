//! The value of one key, and its durable form.
//!
//! Stored as rows `(key, page, data)`. Page 0 begins with a header that says everything about the
//! key: version, kind, expiry, number of pages; every other page only with the version. A version
//! that this build does not read is never taken as empty and never overwritten: reading it fails.

use tollgate_versions::{Version, Versions};

use crate::error::RedisError;
use crate::meter::Meter;
use crate::values::bytes::Bytes;
use crate::values::table::{Item, Table};

/// The versions of stored rows; a byte each.
pub const ROWS: Versions = Versions::new(1);

/// Bytes of page 0 before its content: version, kind, binary logarithm of the number of pages,
/// expiry.
const HEADER: usize = 11;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A byte string.
    String,
    /// Fields with values.
    Hash,
    /// Members.
    Set,
    /// Members with scores.
    SortedSet,
}

impl Kind {
    /// As the command `TYPE` names it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Hash => "hash",
            Kind::Set => "set",
            Kind::SortedSet => "zset",
        }
    }

    /// The kind that the first two bytes of a key's row tell: version and kind.
    pub fn of_row(head: [u8; 2]) -> Result<Self, RedisError> {
        version(head[0])
            .and_then(|version| Self::from_byte(version, head[1]))
            .ok_or(RedisError::UnknownForm)
    }

    fn to_byte(self, version: Version) -> u8 {
        self as u8 | mark(version)
    }

    fn from_byte(version: Version, byte: u8) -> Option<Self> {
        [Kind::String, Kind::Hash, Kind::Set, Kind::SortedSet]
            .into_iter()
            .find(|kind| kind.to_byte(version) == byte)
    }
}

/// What a key holds.
#[derive(Debug, PartialEq)]
pub enum Value {
    /// A byte string.
    String(Bytes),
    /// A hash, set or sorted set; never empty.
    Table(Kind, Table),
}

impl Value {
    /// The type of the value.
    pub fn kind(&self) -> Kind {
        match self {
            Value::String(_) => Kind::String,
            Value::Table(kind, _) => *kind,
        }
    }

    /// What it takes in memory, bytes.
    pub fn memory(&self) -> usize {
        match self {
            Value::String(bytes) => bytes.len(),
            Value::Table(_, table) => table.memory(),
        }
    }

    /// How many rows it takes, at least 1.
    pub fn pages(&self) -> u32 {
        match self {
            Value::String(_) => 1,
            Value::Table(_, table) => table.pages().len().max(1) as u32,
        }
    }

    /// The durable form of one page; `expires` (Unix ms, `None` for never) goes into page 0.
    pub fn encode(&self, page: u32, expires: Option<i64>) -> Vec<u8> {
        let version = ROWS.written();
        let mut data = vec![version.number() as u8];
        if page == 0 {
            data.push(self.kind().to_byte(version));
            data.push(self.pages().trailing_zeros() as u8);
            data.extend_from_slice(&expires.unwrap_or(0).to_le_bytes());
        }
        match self {
            Value::String(bytes) => data.extend_from_slice(bytes),
            Value::Table(_, table) => {
                for item in table.pages().get(page as usize).into_iter().flatten() {
                    write_bytes(&mut data, &item.field);
                    write_bytes(&mut data, &item.value);
                }
            }
        }
        data
    }

    /// Reads a value from all its rows, ordered by page, and its expiry. `meter` counts the looks
    /// at its members from now on.
    pub fn decode(
        rows: Vec<(u32, Vec<u8>)>,
        meter: &Meter,
    ) -> Result<(Value, Option<i64>), RedisError> {
        read_rows(rows, meter).ok_or(RedisError::UnknownForm)
    }
}

/// Whether any of these rows is of an older version than the one that is written. Then the key is
/// written anew, whole: otherwise what nobody changes would grow too old to be read.
pub fn is_older(rows: &[(u32, Vec<u8>)]) -> bool {
    let written = ROWS.written().number();
    let older = |data: &[u8]| data.first().is_some_and(|&byte| u32::from(byte) < written);
    rows.iter().any(|(_, data)| older(data))
}

/// The version that the first byte of a row tells, if it is read.
fn version(byte: u8) -> Option<Version> {
    ROWS.read(u32::from(byte))
}

/// Sets the kinds of a pretended version apart from those of others.
fn mark(version: Version) -> u8 {
    (version.mark().len() as u8) << 4
}

fn read_rows(rows: Vec<(u32, Vec<u8>)>, meter: &Meter) -> Option<(Value, Option<i64>)> {
    let (_, first) = rows.first()?;
    let header = first.get(..HEADER)?;
    let is_read = |data: &[u8]| data.first().and_then(|&byte| version(byte)).is_some();
    if rows
        .iter()
        .enumerate()
        .any(|(at, (page, data))| *page as usize != at || !is_read(data))
    {
        return None;
    }
    let kind = Kind::from_byte(version(header[0])?, header[1])?;
    let expires = i64::from_le_bytes(header[3..].try_into().ok()?);
    let expires = (expires != 0).then_some(expires);
    if kind == Kind::String {
        return Some((Value::String(first[HEADER..].into()), expires));
    }
    if 1usize.checked_shl(u32::from(header[2]))? != rows.len() {
        return None;
    }
    let mut table = Table::with_pages(rows.len(), meter);
    // Each row goes as soon as it is read: together they are as large as the table.
    for (page, (_, data)) in rows.into_iter().enumerate() {
        let start = if page == 0 { HEADER } else { 1 };
        table.fill(page, read_items(&data[start..])?);
    }
    Some((Value::Table(kind, table), expires))
}

fn read_items(mut data: &[u8]) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    while !data.is_empty() {
        items.push(Item {
            field: read_bytes(&mut data)?,
            value: read_bytes(&mut data)?,
        });
    }
    Some(items)
}

/// A length, seven bits a byte and the lowest first, and the bytes.
fn write_bytes(data: &mut Vec<u8>, bytes: &[u8]) {
    let mut length = bytes.len();
    while length >= 0x80 {
        data.push(length as u8 | 0x80);
        length >>= 7;
    }
    data.push(length as u8);
    data.extend_from_slice(bytes);
}

fn read_bytes(data: &mut &[u8]) -> Option<Bytes> {
    let mut length = 0usize;
    for shift in (0..28).step_by(7) {
        let (&byte, rest) = data.split_first()?;
        *data = rest;
        length |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            let bytes = data.get(..length)?.into();
            *data = &data[length..];
            return Some(bytes);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(value: &Value, expires: Option<i64>) -> Vec<(u32, Vec<u8>)> {
        (0..value.pages())
            .map(|page| (page, value.encode(page, expires)))
            .collect()
    }

    #[test]
    fn rows_are_pinned_byte_for_byte() {
        let string = Value::String(b"42"[..].into());
        assert_eq!(
            string.encode(0, Some(0x0102)),
            [1, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, b'4', b'2']
        );
        let mut table = Table::new(&Meter::default());
        table.insert(b"f"[..].into(), b"va"[..].into());
        let hash = Value::Table(Kind::Hash, table);
        assert_eq!(
            hash.encode(0, None),
            [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, b'f', 2, b'v', b'a']
        );
    }

    #[test]
    fn every_value_reads_back() {
        let meter = Meter::default();
        for size in [1, 64, 65, 1000] {
            let mut table = Table::new(&meter);
            for number in 0..size {
                table.insert(
                    format!("{number}").into_bytes().into(),
                    vec![7; number].into(),
                );
            }
            for kind in [Kind::Hash, Kind::Set, Kind::SortedSet] {
                let value = Value::Table(kind, table.copy());
                let read = Value::decode(rows(&value, Some(5)), &meter);
                assert_eq!(read, Ok((value, Some(5))));
            }
        }
        let value = Value::String([0, 255].into());
        let read = Value::decode(rows(&value, None), &meter);
        assert_eq!(read, Ok((value, None)));
    }

    #[test]
    fn rows_of_another_version_or_cut_short_are_an_error_and_not_empty() {
        let meter = Meter::default();
        let mut table = Table::new(&meter);
        for number in 0..200 {
            table.insert([number].into(), Bytes::default());
        }
        let good = rows(&Value::Table(Kind::Set, table), None);
        let mut newer = good.clone();
        newer[1].1[0] = 2;
        let mut kind = good.clone();
        kind[0].1[1] = 9;
        let mut cut = good.clone();
        cut[2].1.pop();
        for bad in [
            vec![],
            newer,
            kind,
            cut,
            good[..2].to_vec(),
            good[1..].to_vec(),
            vec![(0, vec![1])],
        ] {
            assert!(Value::decode(bad, &meter).is_err());
        }
    }
}
