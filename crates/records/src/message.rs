//! What is said to the object that keeps recorded use, as text in the form of
//! [`tollgate_core::codec`].

use tollgate_core::codec::{Line, LineWriter, Unreadable};
use tollgate_core::limit::Name;
use tollgate_core::Timestamp;
use tollgate_versions::{Version, Versions};

use crate::busiest::List;
use crate::channel::Parcel;

/// The versions of calls and answers.
pub const RECORD_MESSAGES: Versions = Versions::new(1);

/// A call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Keep this: a parcel whose content is a [`Sent`].
    Keep(Parcel),
    /// What would this policy have decided of what is kept?
    Preview {
        /// Its name.
        name: Name,
        /// Its text, with all that it extends.
        candidate: String,
    },
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is kept, now or since before. These are the busiest subjects.
    Kept(List),
    /// The preview, in JSON.
    Preview(String),
    /// Not done, and why.
    Refused(String),
}

/// The content of a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sent {
    /// Who was seen most of each policy since the last parcel, with how often.
    pub seen: Vec<(String, Vec<(u64, u64)>)>,
    /// The list of the busiest subjects that the isolate has.
    pub list: List,
    /// A [`Chunk`](crate::chunk::Chunk) as text; empty where nothing was recorded.
    pub chunk: String,
}

impl Call {
    /// The call as text, for an object that reads this version.
    pub fn encode_in(&self, version: Version) -> String {
        match self {
            Call::Keep(parcel) => {
                let line = LineWriter::new(version, "keep")
                    .put("isolate", parcel.isolate)
                    .put("sequence", parcel.sequence);
                format!("{}\n{}", line.finish(), parcel.content)
            }
            Call::Preview { name, candidate } => LineWriter::new(version, "preview")
                .put("name", name.as_str())
                .text("candidate", candidate)
                .finish(),
        }
    }

    /// Reads a call, and the version in which to answer it.
    pub fn decode(text: &str) -> Result<(Version, Call), Unreadable> {
        let (version, text) = Line::versioned(text, RECORD_MESSAGES)?;
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        let line = Line::parse(first);
        let call = match line.word() {
            "keep" => Call::Keep(Parcel {
                isolate: line.needed("isolate")?,
                sequence: line.needed("sequence")?,
                content: rest.to_owned(),
            }),
            "preview" => Call::Preview {
                name: Name::stored("name", line.get("name").unwrap_or_default())?,
                candidate: line.text("candidate")?,
            },
            _ => return Err(Unreadable::Damaged("word")),
        };
        Ok((version, call))
    }
}

/// Encodes a call's text anew in another version; `None` when it cannot be read.
pub fn in_version(text: &str, version: Version) -> Option<String> {
    let (_, call) = Call::decode(text).ok()?;
    Some(call.encode_in(version))
}

impl Answer {
    /// The answer as text, in the version of the call.
    pub fn encode_in(&self, version: Version) -> String {
        let new = |word| LineWriter::new(version, word);
        match self {
            Answer::Kept(list) => new("kept").put("busiest", list_text(list)),
            Answer::Preview(json) => new("preview").text("json", json),
            Answer::Refused(why) => new("refused").text("detail", why),
        }
        .finish()
    }

    /// Reads an answer.
    pub fn decode(text: &str) -> Result<Answer, Unreadable> {
        let line = Line::parse(Line::versioned(text, RECORD_MESSAGES)?.1);
        Ok(match line.word() {
            "kept" => Answer::Kept(list(line.get("busiest").unwrap_or_default())?),
            "preview" => Answer::Preview(line.text("json")?),
            "refused" => Answer::Refused(line.text("detail")?),
            _ => return Err(Unreadable::Damaged("word")),
        })
    }
}

impl Sent {
    /// The content as text: so many lines as the first one says, and behind them the chunk.
    pub fn encode(&self) -> String {
        let line = LineWriter::new(RECORD_MESSAGES.written(), "sent")
            .put("lines", self.seen.len())
            .put("busiest", list_text(&self.list));
        let seen = |line: LineWriter, (policy, seen): &(String, Vec<(u64, u64)>)| {
            line.and("seen")
                .put("policy", policy)
                .put("of", pairs_text(seen.iter().copied()))
        };
        let head = self.seen.iter().fold(line, seen).finish();
        format!("{head}\n{}", self.chunk)
    }

    /// Reads it.
    pub fn decode(text: &str) -> Result<Sent, Unreadable> {
        let (_, text) = Line::versioned(text, RECORD_MESSAGES)?;
        let (first, mut rest) = text.split_once('\n').ok_or(Unreadable::Damaged("sent"))?;
        let first = Line::parse(first);
        let mut sent = Sent {
            list: list(first.get("busiest").unwrap_or_default())?,
            ..Sent::default()
        };
        for _ in 0..first.needed::<usize>("lines")? {
            let (line, behind) = rest.split_once('\n').ok_or(Unreadable::Damaged("seen"))?;
            let line = Line::parse(line);
            let policy = line.get("policy").ok_or(Unreadable::Damaged("policy"))?;
            let seen = pairs(line.get("of").unwrap_or_default())?;
            sent.seen.push((policy.to_owned(), seen));
            rest = behind;
        }
        rest.clone_into(&mut sent.chunk);
        Ok(sent)
    }
}

fn list_text(list: &List) -> String {
    pairs_text(
        list.all()
            .iter()
            .map(|(hash, from)| (*hash, from.as_millis())),
    )
}

fn list(text: &str) -> Result<List, Unreadable> {
    let pairs = pairs(text)?.into_iter();
    let pairs = pairs.map(|(hash, from)| (hash, Timestamp::from_millis(from)));
    Ok(List::of(&pairs.collect::<Vec<_>>()))
}

fn pairs_text(pairs: impl Iterator<Item = (u64, u64)>) -> String {
    let pairs: Vec<String> = pairs
        .map(|(hash, number)| format!("{hash:x}:{number}"))
        .collect();
    pairs.join(",")
}

fn pairs(text: &str) -> Result<Vec<(u64, u64)>, Unreadable> {
    let pair = |text: &str| {
        let (hash, number) = text.split_once(':')?;
        Some((u64::from_str_radix(hash, 16).ok()?, number.parse().ok()?))
    };
    let parts = text.split(',').filter(|part| !part.is_empty());
    parts
        .map(|part| pair(part).ok_or(Unreadable::Damaged("pair")))
        .collect()
}
