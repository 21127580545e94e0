//! What isolates tell each other: one KV key an isolate and subject. Its metadata, which a list
//! shows, holds the counts; its value holds the definitions, for whoever wants to show them.

use tollgate_versions::Versions;

use crate::codec::{Line, LineWriter, Unreadable};
use crate::limit::Name;
use crate::policy::Policy;
use crate::row::{get_limit, put_limit};
use crate::{Duration, Limit, Timestamp};

/// The versions of both texts. Counts of a version that is not read are not added: deployments are
/// short beside windows.
pub const RECORDS: Versions = Versions::new(1);

/// KV keeps a key for at least a minute.
pub(super) const SHORTEST_LIFE: Duration = Duration::from_secs(60);

/// For what units are counted. One does not see the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The policy is decided so.
    Mode,
    /// The policy's object is out of reach, and is charged when it is back.
    Fallback,
}

/// One key to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// The key: this isolate's own.
    pub key: String,
    /// The definitions.
    pub value: String,
    /// The counts, at most 1,024 bytes.
    pub metadata: String,
    /// After this long the key may go: it says nothing any more.
    pub life: Duration,
}

/// What one isolate has counted of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Stands for the limit's state: policy name, name or algorithm, and time dimension.
    pub id: u64,
    /// The start of its window.
    pub start: Timestamp,
    /// Units admitted in this window.
    pub used: u64,
    /// Units admitted in the window before.
    pub previous: u64,
    /// How many units a million seconds it admitted lately.
    pub rate: u64,
}

/// The limit that an id stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// As in [`Record::id`].
    pub id: u64,
    /// The policy's name, empty for inline.
    pub policy: String,
    /// The policy's version.
    pub version: u64,
    /// The limit as last asked for.
    pub limit: Limit,
}

/// What stands for a limit's state in every isolate: FNV-1a, 64 bits, over what keys a state in an
/// object.
pub(super) fn id_of(purpose: Purpose, policy: &str, limit: &Limit) -> u64 {
    let dimension = limit.algorithm().dimension();
    let apart = match purpose {
        Purpose::Mode => "",
        Purpose::Fallback => "/fallback", // no name of a policy or limit has a slash
    };
    let parts = [policy, "/", limit.name_or_word(), "/", &dimension, apart];
    let bytes = parts.iter().flat_map(|part| part.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The metadata: at most 1,000 bytes for [`MAX_LIMITS`](super::MAX_LIMITS).
pub(super) fn write_counts(at: Timestamp, records: impl Iterator<Item = Record>) -> String {
    let line = LineWriter::new(RECORDS.written(), "counts").put("time", at.as_millis());
    let put = |line: LineWriter, record: Record| {
        line.and("c")
            .put("i", format_args!("{:x}", record.id))
            .put("s", record.start.as_millis())
            .put("u", record.used)
            .put_some("p", Some(record.previous).filter(|&units| units > 0))
            .put_some("r", Some(record.rate).filter(|&rate| rate > 0))
    };
    records.fold(line, put).finish()
}

/// Reads metadata: when it was told, and what.
pub fn read_counts(text: &str) -> Result<(Timestamp, Vec<Record>), Unreadable> {
    let mut lines = Line::versioned(text, RECORDS)?
        .1
        .split('\n')
        .map(Line::parse);
    let first = lines.next().filter(|line| line.word() == "counts");
    let first = first.ok_or(Unreadable::Damaged("word"))?;
    let at = Timestamp::from_millis(first.needed("time")?);
    let records = lines.map(|line| read_record(&line));
    Ok((at, records.collect::<Result<_, Unreadable>>()?))
}

fn read_record(line: &Line) -> Result<Record, Unreadable> {
    let (mut id, mut start, mut used) = (None, None, None);
    let (mut previous, mut rate) = (Some(0), Some(0));
    for (key, value) in line.pairs() {
        match key {
            "i" => id = u64::from_str_radix(value, 16).ok(),
            "s" => start = value.parse().ok(),
            "u" => used = value.parse().ok(),
            "p" => previous = value.parse().ok(),
            "r" => rate = value.parse().ok(),
            _ => {}
        }
    }
    match (id, start, used, previous, rate) {
        (Some(id), Some(start), Some(used), Some(previous), Some(rate)) => Ok(Record {
            id,
            start: Timestamp::from_millis(start),
            used,
            previous,
            rate,
        }),
        _ => Err(Unreadable::Damaged("counts")),
    }
}

/// The value.
pub(super) fn write_definitions(definitions: impl Iterator<Item = Definition>) -> String {
    let put = |line: LineWriter, definition: Definition| {
        let line = line
            .and("limit")
            .put("id", format_args!("{:x}", definition.id))
            .put_some(
                "policy",
                (!definition.policy.is_empty()).then_some(&definition.policy),
            )
            .put_some(
                "version",
                (definition.version > 0).then_some(definition.version),
            );
        put_limit(line, &definition.limit)
    };
    let line = LineWriter::new(RECORDS.written(), "definitions");
    definitions.fold(line, put).finish()
}

/// Reads a value.
pub fn read_definitions(text: &str) -> Result<Vec<Definition>, Unreadable> {
    let lines = Line::versioned(text, RECORDS)?.1.split('\n').skip(1);
    let definition = |text| {
        let line = Line::parse(text);
        let id = line.get("id").unwrap_or("");
        Ok(Definition {
            id: u64::from_str_radix(id, 16).map_err(|_| Unreadable::Damaged("id"))?,
            policy: line.get("policy").unwrap_or("").to_owned(),
            version: line.number("version")?.unwrap_or(0),
            limit: get_limit(&line)?,
        })
    };
    lines.map(definition).collect()
}

impl Definition {
    /// The policy of this limit alone; `None` when the name is no policy's.
    pub fn policy(&self) -> Option<Policy> {
        let alone = Policy::new(vec![self.limit.clone()]).ok()?;
        if self.policy.is_empty() {
            return Some(alone);
        }
        let name = Name::new("policy", &self.policy).ok()?;
        Some(alone.named(name, self.version))
    }
}
