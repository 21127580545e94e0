//! All policies of a namespace as an isolate has them: what it is sent, and what it makes of it.

use std::collections::BTreeMap;

use tollgate_core::codec::{Line, LineWriter, Unreadable};
use tollgate_core::policy::Version;
use tollgate_versions::Versions;

use crate::book::{Book, BookState};

/// The versions of the text of [`Changes`], as it is sent and as KV keeps it.
pub const CHANGES: Versions = Versions::new(1);

/// All policies of a namespace at one revision.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    generation: u64,
    revision: u64,
    policies: BTreeMap<String, Held>,
    /// How many bytes the names and texts take.
    bytes: usize,
}

/// One policy of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its version.
    pub version: Version,
    /// With all that it extends, in the form that `tollgate_core::api::policy::named` reads.
    pub canonical: String,
}

/// What has changed since a revision that an isolate has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    generation: u64,
    revision: u64,
    /// Whether these are all policies, and what is not among them is gone.
    is_whole: bool,
    policies: Vec<(String, Held)>,
    gone: Vec<String>,
}

/// The revision that an isolate has, with its generation; nothing at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Known {
    /// The generation.
    pub generation: u64,
    /// The revision.
    pub revision: u64,
}

impl Known {
    /// Whether this is newer than what the book has, so that its storage must have been lost, or
    /// restored from an older state: then [`Book::restored`] comes before any answer.
    pub fn is_ahead_of(self, book: &Book) -> bool {
        let (generation, revision) = (book.state.generation, book.state.revision);
        self > Known {
            generation,
            revision,
        }
    }
}

impl Snapshot {
    /// What it is of.
    pub const fn known(&self) -> Known {
        Known {
            generation: self.generation,
            revision: self.revision,
        }
    }

    /// The policy of this name.
    pub fn policy(&self, name: &str) -> Option<&Held> {
        self.policies.get(name)
    }

    /// How many bytes the names and texts take.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// All names, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.policies.keys().map(String::as_str)
    }

    /// Brings it to the revision of `changes`, unless that is older: answers may overtake each
    /// other. Whether it is another one now.
    pub fn apply(&mut self, changes: Changes) -> bool {
        let of = changes.known();
        let is_next = changes.is_whole || changes.generation == self.generation;
        if of <= self.known() || !is_next {
            return false;
        }
        (self.generation, self.revision) = (of.generation, of.revision);
        if changes.is_whole {
            self.policies.clear();
        }
        for name in &changes.gone {
            self.policies.remove(name);
        }
        self.policies.extend(changes.policies);
        let policies = self.policies.iter();
        let bytes = policies.map(|(name, held)| name.len() + held.canonical.len());
        self.bytes = bytes.sum();
        true
    }
}

impl Changes {
    /// The revision to which they bring a copy.
    pub const fn known(&self) -> Known {
        Known {
            generation: self.generation,
            revision: self.revision,
        }
    }

    /// What has changed in `book` for who has `known`; all of it where that is of another
    /// generation, or so old that names deleted since are forgotten.
    pub fn since(book: &Book, known: Known) -> Changes {
        let BookState {
            generation,
            revision,
            forgotten,
            ..
        } = book.state;
        let is_whole = known.generation != generation || known.revision < forgotten;
        let is_news = |changed: u64| is_whole || changed > known.revision;
        let news = book.policies().filter(|(_, it, _)| is_news(it.revision));
        let policies = news.map(|(name, record, content)| {
            let version = Version {
                generation,
                number: record.version,
            };
            let canonical = content.canonical.clone();
            (name.to_owned(), Held { version, canonical })
        });
        let gone = book.gone().filter(|(_, at)| !is_whole && is_news(*at));
        Changes {
            generation,
            revision,
            is_whole,
            policies: policies.collect(),
            gone: gone.map(|(name, _)| name.to_owned()).collect(),
        }
    }

    /// The changes as text: of each policy that is new or gone a line.
    pub fn encode(&self) -> String {
        let line = LineWriter::new(CHANGES.written(), "changes")
            .put("generation", self.generation)
            .put("revision", self.revision)
            .flag("whole", self.is_whole);
        let line = self.policies.iter().fold(line, |line, (name, held)| {
            line.and("policy")
                .put("name", name)
                .put("version", held.version.number)
                .text("text", &held.canonical)
        });
        let gone = |line: LineWriter, name: &String| line.and("gone").put("name", name);
        self.gone.iter().fold(line, gone).finish()
    }

    /// Reads changes.
    pub fn decode(text: &str) -> Result<Changes, Unreadable> {
        let (_, text) = Line::versioned(text, CHANGES)?;
        let mut lines = text.split('\n').map(Line::parse);
        let first = lines.next().filter(|line| line.word() == "changes");
        let first = first.ok_or(Unreadable::Damaged("word"))?;
        let mut changes = Changes {
            generation: first.needed("generation")?,
            revision: first.needed("revision")?,
            is_whole: first.flag("whole"),
            ..Changes::default()
        };
        for line in lines {
            let name = line.get("name").ok_or(Unreadable::Damaged("name"))?;
            match line.word() {
                "policy" => {
                    let version = Version {
                        generation: changes.generation,
                        number: line.needed("version")?,
                    };
                    let canonical = line.text("text")?;
                    let held = Held { version, canonical };
                    changes.policies.push((name.to_owned(), held));
                }
                "gone" => changes.gone.push(name.to_owned()),
                _ => return Err(Unreadable::Damaged("word")),
            }
        }
        Ok(changes)
    }
}
