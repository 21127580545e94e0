//! The published text: one KV key per isolate and subject. The metadata, which a list returns,
//! holds the counts. The value holds the definitions, which only `GET /limit` reads.

use tollgate_versions::Versions;

use crate::codec::{Line, LineWriter, Unreadable};
use crate::limit::Name;
use crate::policy::{Policy, Version};
use crate::row::{get_limit, get_version, put_limit, put_version};
use crate::{Duration, Limit, Timestamp};

/// The versions of both texts. Counts of an unknown version are ignored: deployments are short
/// compared with windows.
pub const RECORDS: Versions = Versions::new(1);

/// KV keeps a key for at least a minute.
pub(super) const MIN_LIFE: Duration = Duration::from_secs(60);

/// Why units are counted. Each purpose has counts of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The policy's consistency is `eventual`.
    Mode,
    /// The object is unavailable, and is charged once it answers again.
    Fallback,
}

/// One key to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// The key, written by this isolate only.
    pub key: String,
    /// The definitions.
    pub value: String,
    /// The counts, at most 1,024 bytes.
    pub metadata: String,
    /// The life of the key; its text is irrelevant afterwards.
    pub life: Duration,
}

/// One isolate's count of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Hash of the limit's state key: policy name, name or algorithm, and time dimension.
    pub id: u64,
    /// The start of its window.
    pub start: Timestamp,
    /// Units admitted in this window.
    pub used: u64,
    /// Units admitted in the window before.
    pub previous: u64,
    /// Recent rate, in units per million seconds.
    pub rate: u64,
}

/// The limit of an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// As in [`Record::id`].
    pub id: u64,
    /// The policy's name, empty for inline.
    pub policy: String,
    /// The policy's version.
    pub version: Version,
    /// The limit as last requested.
    pub limit: Limit,
}

/// The same id in every isolate: FNV-1a, 64 bits, over the key of a state in an object.
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

/// Reads metadata: the time of publication, and the records.
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
            );
        put_limit(put_version(line, definition.version), &definition.limit)
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
            version: get_version(&line)?,
            limit: get_limit(&line)?,
        })
    };
    lines.map(definition).collect()
}

impl Definition {
    /// A policy of this limit alone; `None` if the name is invalid.
    pub fn policy(&self) -> Option<Policy> {
        let alone = Policy::new(vec![self.limit.clone()]).ok()?;
        if self.policy.is_empty() {
            return Some(alone);
        }
        let name = Name::stored("policy", &self.policy).ok()?;
        Some(alone.named(name, self.version))
    }
}
