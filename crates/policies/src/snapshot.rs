//! All policies and overrides of a namespace as an isolate has them: what it is sent, and what it
//! makes of it.

use std::collections::BTreeMap;

use tollgate_core::api::overrides::{effect_text, parse_effect};
use tollgate_core::codec::{Line, LineWriter, Unreadable};
use tollgate_core::overrides::{Kind, Override, Target};
use tollgate_core::policy::Version;
use tollgate_core::Timestamp;
use tollgate_versions::Versions;

use crate::book::{Book, BookState};
use crate::overrides::bytes_of;

/// The versions of the text of [`Changes`], as it is sent and as KV keeps it.
pub const CHANGES: Versions = Versions::new(1);

/// All policies and overrides of a namespace at one revision.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    generation: u64,
    revision: u64,
    policies: BTreeMap<String, Held>,
    overrides: BTreeMap<(Target, Kind), Override>,
    /// How many bytes they take, about.
    override_bytes: usize,
    /// Whether it was told of overrides: a build from before them tells nothing.
    knows_overrides: bool,
    /// See [`BookState::adjusted`].
    adjusted: u64,
    /// When those end that change limits.
    ends: Vec<Timestamp>,
    /// The deleted names that are kept, in their order, each with the version that it has since.
    gone: Vec<(String, u64)>,
    /// See [`BookState::floor`]; `None` where whoever sent the last changes tells no versions of
    /// deletions.
    floor: Option<u64>,
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
    /// Deleted names with their versions; builds from before editions told none.
    gone: Vec<(String, Option<u64>)>,
    /// See [`Snapshot::floor`].
    floor: Option<u64>,
    overrides: Vec<Override>,
    lifted: Vec<(Target, Kind)>,
    /// Whether whoever sends this knows overrides, where it is the whole.
    knows_overrides: bool,
    /// See [`BookState::adjusted`].
    adjusted: u64,
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

    /// What it asks to be told the changes since: of nothing while it was told no overrides, or no
    /// versions of deletions that it needs, so that it is sent the whole. Else it would miss them
    /// for good once the object knows them again.
    pub fn asks_since(&self, needs_gone: bool) -> Known {
        match self.knows_overrides && (self.floor.is_some() || !needs_gone) {
            true => self.known(),
            false => Known::default(),
        }
    }

    /// Where a name stands among the deleted ones, or would stand.
    fn place_of(&self, name: &str) -> Result<usize, usize> {
        self.gone.binary_search_by(|(it, _)| it.as_str().cmp(name))
    }

    /// The version behind which a policy holds that the deployment brings under a name: that of the
    /// deletion, as far as it is known.
    pub fn behind(&self, name: &str) -> Version {
        let gone = self.place_of(name).ok().map(|at| self.gone[at].1);
        let number = gone.max(self.floor);
        Version {
            generation: self.generation,
            number: number.unwrap_or(0),
            ..Version::NONE
        }
    }

    /// The policy of this name.
    pub fn policy(&self, name: &str) -> Option<&Held> {
        self.policies.get(name)
    }

    /// All overrides, those that are over among them.
    pub fn overrides(&self) -> impl Iterator<Item = &Override> {
        self.overrides.values()
    }

    /// The newest instant until `now` at which an override that changes limits was set, lifted or
    /// over: [`Version::adjusted`](tollgate_core::policy::Version::adjusted).
    pub fn adjusted(&self, now: Timestamp) -> u64 {
        let over = self.ends.iter().filter(|end| **end <= now);
        over.fold(self.adjusted, |last, end| last.max(end.as_millis()))
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
        let tells_more = (changes.knows_overrides && !self.knows_overrides)
            || (changes.floor.is_some() && self.floor.is_none());
        let is_newer = of > self.known() || (of == self.known() && tells_more);
        if !is_newer || !is_next {
            return false;
        }
        (self.generation, self.revision) = (of.generation, of.revision);
        if changes.is_whole {
            self.policies.clear();
            self.overrides.clear();
            self.gone.clear();
            self.knows_overrides = changes.knows_overrides;
        }
        let has_overrides = !changes.overrides.is_empty() || !changes.lifted.is_empty();
        for key in &changes.lifted {
            self.overrides.remove(key);
        }
        self.adjusted = self.adjusted.max(changes.adjusted);
        let overrides = changes.overrides.into_iter();
        let by_key = |it: Override| ((it.target.clone(), it.effect.kind()), it);
        self.overrides.extend(overrides.map(by_key));
        let changing = self.overrides.iter();
        let changing = changing.filter(|((_, kind), _)| kind.changes_limits());
        self.ends = changing.filter_map(|(_, it)| it.until).collect();
        for (name, version) in changes.gone {
            self.policies.remove(&name);
            let Some(version) = version else { continue };
            match self.place_of(&name) {
                Ok(at) => self.gone[at].1 = version,
                Err(at) => self.gone.insert(at, (name, version)),
            }
        }
        self.floor = changes.floor;
        for (name, _) in &changes.policies {
            if let Ok(at) = self.place_of(name) {
                self.gone.remove(at);
            }
        }
        self.policies.extend(changes.policies);
        let policies = self.policies.iter();
        let bytes = policies.map(|(name, held)| name.len() + held.canonical.len());
        let gone = self.gone.iter().map(|(name, _)| name.len());
        self.bytes = bytes.sum::<usize>() + gone.sum::<usize>();
        if changes.is_whole || has_overrides {
            let bytes = |it: &Override| bytes_of(&it.target, &it.effect, (&it.author, &it.reason));
            self.override_bytes = self.overrides.values().map(bytes).sum();
        }
        self.bytes += self.override_bytes;
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
            floor,
            ..
        } = book.state;
        let is_whole = known.generation != generation || known.revision < forgotten;
        let is_news = |changed: u64| is_whole || changed > known.revision;
        let news = book.policies().filter(|(_, it, _)| is_news(it.revision));
        let policies = news.map(|(name, record, content)| {
            let version = Version {
                generation,
                number: record.version,
                ..Version::NONE
            };
            let canonical = content.canonical.clone();
            (name.to_owned(), Held { version, canonical })
        });
        let gone = book.gone().filter(|(_, it)| is_news(it.revision));
        let gone = gone.map(|(name, it)| (name.to_owned(), Some(it.version)));
        Changes {
            generation,
            revision,
            is_whole,
            policies: policies.collect(),
            gone: gone.collect(),
            floor: Some(floor),
            overrides: book
                .overrides()
                .filter(|(_, revision)| is_news(*revision))
                .map(|(it, _)| it)
                .collect(),
            lifted: book
                .lifted()
                .filter(|(.., at)| !is_whole && is_news(*at))
                .map(|(target, kind, _)| (target.clone(), kind))
                .collect(),
            knows_overrides: is_whole,
            adjusted: book.state.adjusted,
        }
    }

    /// The changes as text: of each policy that is new or gone a line. Overrides stand in a field
    /// of the first line, as lines of their own: a build from before them passes over a field, and
    /// could read nothing that has lines of another word, in KV neither.
    pub fn encode(&self) -> String {
        let line = LineWriter::new(CHANGES.written(), "changes")
            .put("generation", self.generation)
            .put("revision", self.revision)
            .flag("whole", self.is_whole)
            .put_some("floor", self.floor)
            .put_some("adjusted", (self.adjusted > 0).then_some(self.adjusted));
        let line = match self.encode_overrides() {
            Some(text) => line.text("overrides", &text),
            None => line,
        };
        let line = self.policies.iter().fold(line, |line, (name, held)| {
            line.and("policy")
                .put("name", name)
                .put("version", held.version.number)
                .text("text", &held.canonical)
        });
        let gone = |line: LineWriter, (name, version): &(String, Option<u64>)| {
            line.and("gone")
                .put("name", name)
                .put_some("version", *version)
        };
        self.gone.iter().fold(line, gone).finish()
    }

    fn encode_overrides(&self) -> Option<String> {
        if !self.is_whole && self.overrides.is_empty() && self.lifted.is_empty() {
            return None;
        }
        let line = LineWriter::new(CHANGES.written(), "overrides");
        let line = self.overrides.iter().fold(line, |line, it| {
            line.and("override")
                .put("target", &it.target)
                .put("kind", it.effect.kind().word())
                .put_some("until", it.until.map(Timestamp::as_millis))
                .text("author", &it.author)
                .text("reason", &it.reason)
                .text("text", &effect_text(&it.effect))
        });
        let lifted = |line: LineWriter, (target, kind): &(Target, Kind)| {
            (line.and("lifted").put("target", target)).put("kind", kind.word())
        };
        Some(self.lifted.iter().fold(line, lifted).finish())
    }

    fn decode_overrides(&mut self, text: &str) -> Result<(), Unreadable> {
        let (_, text) = Line::versioned(text, CHANGES)?;
        self.knows_overrides = self.is_whole;
        for line in text.split('\n').skip(1).map(Line::parse) {
            match line.word() {
                "override" => self.overrides.push(get_override(&line)?),
                "lifted" => self.lifted.push(get_key(&line)?),
                _ => return Err(Unreadable::Damaged("word")),
            }
        }
        Ok(())
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
            adjusted: first.number("adjusted")?.unwrap_or(0),
            floor: first.number("floor")?,
            ..Changes::default()
        };
        if first.flag("overrides") {
            changes.decode_overrides(&first.text("overrides")?)?;
        }
        for line in lines {
            let name = line.get("name").ok_or(Unreadable::Damaged("name"))?;
            match line.word() {
                "policy" => {
                    let version = Version {
                        generation: changes.generation,
                        number: line.needed("version")?,
                        ..Version::NONE
                    };
                    let canonical = line.text("text")?;
                    let held = Held { version, canonical };
                    changes.policies.push((name.to_owned(), held));
                }
                "gone" => changes
                    .gone
                    .push((name.to_owned(), line.number("version")?)),
                _ => return Err(Unreadable::Damaged("word")),
            }
        }
        Ok(changes)
    }
}

fn get_key(line: &Line<'_>) -> Result<(Target, Kind), Unreadable> {
    let target = Target::stored(line.get("target").unwrap_or(""));
    let target = target.map_err(|_| Unreadable::Damaged("target"))?;
    let kind = line.get("kind").and_then(Kind::from_word);
    Ok((target, kind.ok_or(Unreadable::Damaged("kind"))?))
}

fn get_override(line: &Line<'_>) -> Result<Override, Unreadable> {
    let (target, kind) = get_key(line)?;
    let effect = parse_effect(kind, &line.text("text")?);
    Ok(Override {
        target,
        effect: effect.map_err(|_| Unreadable::Damaged("text"))?,
        until: line.number("until")?.map(Timestamp::from_millis),
        author: line.text("author")?,
        reason: line.text("reason")?,
    })
}
