//! The messages of a namespace's directory, as text in the form of [`tollgate_core::codec`].
//! Objects report in the background when they store their first row, when what is told of them
//! changes, and when their storage is empty again. No check calls the directory, and its list may
//! be a few seconds behind.

use tollgate_core::codec::{Line, LineWriter, Unreadable};
use tollgate_core::summary::{Filter, Summary};
use tollgate_core::Timestamp;
use tollgate_versions::{Version, Versions};

/// The versions of calls and answers.
pub const DIRECTORY_MESSAGES: Versions = Versions::new(1);
/// Maximum number of names in one answer.
pub const MAX_PAGE: u32 = 1_000;

/// A call to the directory. Names are those of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryCall {
    /// A subject has stored its first row, or what is told of it has changed.
    Alive {
        /// Its object's name.
        name: String,
        /// When it said so, by its clock: of two calls the older changes nothing. `None`: when the
        /// call arrives.
        at: Option<Timestamp>,
        /// The subject in short; none of keys, and of builds from before.
        summary: Option<Summary>,
    },
    /// A subject's storage is empty again.
    Gone {
        /// Its object's name.
        name: String,
        /// As in `Alive`.
        at: Option<Timestamp>,
    },
    /// Lists the objects in the order of their names.
    List {
        /// What the names begin with; empty for all.
        prefix: String,
        /// Only names after this one; empty for the first page.
        after: String,
        /// How many: 1 to [`MAX_PAGE`].
        limit: u32,
    },
    /// Lists subjects with what was told of them, in the order of their names. A directory of a
    /// build from before takes the word for damage: while a deployment spreads, nobody is listed.
    Find {
        /// What the names begin with.
        prefix: String,
        /// Only names after this one; empty for the first page.
        after: String,
        /// How many: 1 to [`MAX_PAGE`].
        limit: u32,
        /// What they have to be.
        filter: Filter,
    },
}

/// A subject in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its object's name.
    pub name: String,
    /// When its object told of it.
    pub told: Timestamp,
    /// What it told.
    pub summary: Summary,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The subjects, in the order of their names.
    pub subjects: Vec<Listed>,
    /// After which name the next page begins; `None` on the last.
    pub next: Option<String>,
    /// When the directory was read, by its clock.
    pub at: Timestamp,
}

/// Encodes a call's text anew in another version; `None` when it cannot be read.
pub fn in_version(text: &str, version: Version) -> Option<String> {
    let (_, notice) = DirectoryCall::decode(text).ok()?;
    Some(notice.encode_in(version))
}

/// An answer of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryAnswer {
    /// Recorded.
    Done,
    /// Names in order; fewer than asked for means that these are the last.
    Names(Vec<String>),
    /// To [`DirectoryCall::Find`].
    Subjects(Page),
    /// Not done, and why.
    Refused(String),
}

impl DirectoryCall {
    /// The call as text, for a directory that reads this version.
    pub fn encode_in(&self, version: Version) -> String {
        let new = |word| LineWriter::new(version, word);
        match self {
            DirectoryCall::Alive { name, at, summary } => {
                let line = told(new("alive"), name, *at);
                match summary {
                    Some(summary) => summary.put(line),
                    None => line,
                }
            }
            DirectoryCall::Gone { name, at } => told(new("gone"), name, *at),
            DirectoryCall::List {
                prefix,
                after,
                limit,
            } => new("list")
                .text("prefix", prefix)
                .text("after", after)
                .put("limit", limit),
            DirectoryCall::Find {
                prefix,
                after,
                limit,
                filter,
            } => filter.put(
                new("find")
                    .text("prefix", prefix)
                    .text("after", after)
                    .put("limit", limit),
            ),
        }
        .finish()
    }

    /// Reads a call, and the version in which to answer it.
    pub fn decode(text: &str) -> Result<(Version, DirectoryCall), Unreadable> {
        let (version, text) = Line::versioned(text, DIRECTORY_MESSAGES)?;
        let line = Line::parse(text);
        let name = || match line.text("name")? {
            name if name.is_empty() => Err(Unreadable::Damaged("name")),
            name => Ok(name),
        };
        let at = || -> Result<Option<Timestamp>, Unreadable> {
            Ok(line.number("at")?.map(Timestamp::from_millis))
        };
        let limit = || -> Result<u32, Unreadable> {
            Ok(line.number("limit")?.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE))
        };
        let notice = match line.word() {
            "alive" => DirectoryCall::Alive {
                name: name()?,
                at: at()?,
                summary: Summary::get(&line)?,
            },
            "gone" => DirectoryCall::Gone {
                name: name()?,
                at: at()?,
            },
            "list" => DirectoryCall::List {
                prefix: line.text("prefix")?,
                after: line.text("after")?,
                limit: limit()?,
            },
            "find" => DirectoryCall::Find {
                prefix: line.text("prefix")?,
                after: line.text("after")?,
                limit: limit()?,
                filter: Filter::get(&line)?,
            },
            _ => return Err(Unreadable::Damaged("word")),
        };
        Ok((version, notice))
    }
}

fn told(line: LineWriter, name: &str, at: Option<Timestamp>) -> LineWriter {
    let line = line.text("name", name);
    match at {
        Some(at) => line.put("at", at.as_millis()),
        None => line,
    }
}

impl DirectoryAnswer {
    /// The answer as text, in the version of the call.
    pub fn encode_in(&self, version: Version) -> String {
        let new = |word| LineWriter::new(version, word);
        match self {
            DirectoryAnswer::Done => new("done"),
            DirectoryAnswer::Names(names) => names.iter().fold(new("names"), |line, name| {
                line.and("subject").text("name", name)
            }),
            DirectoryAnswer::Subjects(page) => put_page(new("subjects"), page),
            DirectoryAnswer::Refused(why) => new("refused").text("detail", why),
        }
        .finish()
    }

    /// Reads an answer.
    pub fn decode(text: &str) -> Result<DirectoryAnswer, Unreadable> {
        let mut lines = Line::versioned(text, DIRECTORY_MESSAGES)?
            .1
            .split('\n')
            .map(Line::parse);
        let first = lines.next().ok_or(Unreadable::Damaged("empty"))?;
        Ok(match first.word() {
            "done" => DirectoryAnswer::Done,
            "names" => DirectoryAnswer::Names(
                lines
                    .map(|line| line.text("name"))
                    .collect::<Result<_, _>>()?,
            ),
            "subjects" => DirectoryAnswer::Subjects(Page {
                at: Timestamp::from_millis(first.needed("at")?),
                next: first.get("next").map(|_| first.text("next")).transpose()?,
                subjects: lines
                    .map(|line| get_listed(&line))
                    .collect::<Result<_, _>>()?,
            }),
            "refused" => DirectoryAnswer::Refused(first.text("detail")?),
            _ => return Err(Unreadable::Damaged("word")),
        })
    }
}

fn put_page(line: LineWriter, page: &Page) -> LineWriter {
    let line = line.put("at", page.at.as_millis());
    let line = match &page.next {
        Some(next) => line.text("next", next),
        None => line,
    };
    page.subjects.iter().fold(line, |line, listed| {
        let line = told(line.and("subject"), &listed.name, Some(listed.told));
        listed.summary.put(line)
    })
}

fn get_listed(line: &Line) -> Result<Listed, Unreadable> {
    Ok(Listed {
        name: line.text("name")?,
        told: Timestamp::from_millis(line.needed("at")?),
        summary: Summary::get(line)?.ok_or(Unreadable::Damaged("policies"))?,
    })
}

/// The first text after all texts that begin with `prefix`; `None` for the empty prefix. Names are
/// ASCII, so the last byte plus one is still text.
pub fn end_of(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    let last = end.pop().filter(char::is_ascii)?;
    end.push(char::from(last as u8 + 1));
    Some(end)
}

#[cfg(test)]
mod tests {
    use tollgate_core::limit::Name;
    use tollgate_core::summary::State;

    use super::*;

    fn summary() -> Summary {
        let mut summary = Summary::of(["c", "a.b", "c"].map(str::to_owned));
        summary.set(State::Blocked, Some(Timestamp::from_millis(90)));
        summary
    }

    #[test]
    fn notices_and_answers_have_these_forms_on_the_wire() {
        let name = || "shop/rate-limit:a%20b:u1".to_owned();
        let notices = [
            (
                DirectoryCall::Alive {
                    name: name(),
                    at: Some(Timestamp::from_millis(70)),
                    summary: None,
                },
                "1 alive name=shop%2Frate-limit%3Aa%2520b%3Au1 at=70",
            ),
            (
                DirectoryCall::Alive {
                    name: name(),
                    at: Some(Timestamp::from_millis(70)),
                    summary: Some(summary()),
                },
                "1 alive name=shop%2Frate-limit%3Aa%2520b%3Au1 at=70 policies=a.b,c blocked=90",
            ),
            (
                DirectoryCall::Find {
                    prefix: "rate-limit:".to_owned(),
                    after: "rate-limit:a:b".to_owned(),
                    limit: 7,
                    filter: Filter {
                        provider: Some("a b".to_owned()),
                        scope: Some(String::new()),
                        prefix: "u 1".to_owned(),
                        policy: Some(Name::new("policy", "a.b").unwrap()),
                        state: Some(State::Blocked),
                    },
                },
                "1 find prefix=rate-limit%3A after=rate-limit%3Aa%3Ab limit=7 provider=a%20b scope= identifier=u%201 policy=a.b state=blocked",
            ),
            (
                DirectoryCall::Find {
                    prefix: String::new(),
                    after: String::new(),
                    limit: 1,
                    filter: Filter::default(),
                },
                "1 find prefix= after= limit=1 identifier=",
            ),
            (
                DirectoryCall::Gone {
                    name: name(),
                    at: None,
                },
                "1 gone name=shop%2Frate-limit%3Aa%2520b%3Au1",
            ),
            (
                DirectoryCall::List {
                    prefix: "rate-limit:".to_owned(),
                    after: String::new(),
                    limit: 7,
                },
                "1 list prefix=rate-limit%3A after= limit=7",
            ),
        ];
        for (notice, text) in notices {
            assert_eq!(notice.encode_in(DIRECTORY_MESSAGES.written()), text);
            assert_eq!(
                DirectoryCall::decode(text),
                Ok((DIRECTORY_MESSAGES.written(), notice))
            );
        }
        let answers = [
            (DirectoryAnswer::Done, "1 done"),
            (DirectoryAnswer::Names(Vec::new()), "1 names"),
            (
                DirectoryAnswer::Names(vec!["a".to_owned(), "b c".to_owned()]),
                "1 names\nsubject name=a\nsubject name=b%20c",
            ),
            (
                DirectoryAnswer::Subjects(Page {
                    subjects: vec![Listed {
                        name: "rate-limit:a:b".to_owned(),
                        told: Timestamp::from_millis(70),
                        summary: summary(),
                    }],
                    next: Some("rate-limit:a:b".to_owned()),
                    at: Timestamp::from_millis(80),
                }),
                "1 subjects at=80 next=rate-limit%3Aa%3Ab\nsubject name=rate-limit%3Aa%3Ab at=70 policies=a.b,c blocked=90",
            ),
            (
                DirectoryAnswer::Subjects(Page {
                    subjects: Vec::new(),
                    next: None,
                    at: Timestamp::from_millis(80),
                }),
                "1 subjects at=80",
            ),
            (
                DirectoryAnswer::Refused("no".to_owned()),
                "1 refused detail=no",
            ),
        ];
        for (answer, text) in answers {
            assert_eq!(answer.encode_in(DIRECTORY_MESSAGES.written()), text);
            assert_eq!(DirectoryAnswer::decode(text), Ok(answer));
        }
    }

    #[test]
    fn unknown_fields_are_passed_over_and_other_versions_refused() {
        assert!(DirectoryCall::decode("1 alive name=a colour=red").is_ok());
        for text in [
            "2 alive name=a",
            "0 alive name=a",
            "alive",
            "",
            "1 alive",
            "1 dance name=a",
        ] {
            assert!(DirectoryCall::decode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_page_is_never_larger_than_allowed() {
        for (limit, expected) in [("0", 1), ("5", 5), ("4000000", MAX_PAGE)] {
            let notice = DirectoryCall::decode(&format!("1 list prefix= after= limit={limit}"));
            assert!(
                matches!(notice, Ok((_, DirectoryCall::List { limit, .. })) if limit == expected)
            );
        }
    }

    #[test]
    fn the_end_of_a_prefix_is_just_behind_everything_with_it() {
        assert_eq!(end_of("rate-limit:").as_deref(), Some("rate-limit;"));
        assert_eq!(end_of(""), None);
    }
}
