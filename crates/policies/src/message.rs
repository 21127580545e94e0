//! What is said to the object that keeps a namespace's policies, as text in the form of
//! [`tollgate_core::codec`]. It answers `Since` with the text of
//! [`Changes`](crate::snapshot::Changes), and the others with an [`Answer`].

use tollgate_core::codec::{Line, LineWriter, Unreadable};
use tollgate_core::limit::Name;
use tollgate_core::overrides::{Kind, Target};
use tollgate_core::policy::Version as PolicyVersion;
use tollgate_versions::{Version, Versions};

use crate::deployed::Deployed;
use crate::precondition::Precondition;
use crate::snapshot::Known;
use crate::stage::StageNote;

/// The versions of calls and answers.
pub const POLICY_MESSAGES: Versions = Versions::new(1);

/// The field that has what the caller's deployment brings.
const DEPLOYED: &str = "deployed";

/// A call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// What has changed since a revision that an isolate has?
    Since {
        /// The revision.
        known: Known,
        /// A policy's version that a subject's object has decided by, newer than the isolate's.
        seen: Option<(Name, PolicyVersion)>,
    },
    /// Which policies are there?
    List,
    /// How is the policy of this name?
    Get(Name),
    /// How was it before? The newest first, before this version if one is given.
    Versions {
        /// The policy.
        name: Name,
        /// Only versions before this one.
        before: Option<u64>,
    },
    /// What was changed? The newest first, before this change if one is given.
    Audit {
        /// Only changes before this one.
        before: Option<u64>,
    },
    /// Change a policy.
    Change(Requested),
    /// Which overrides are there? Those of one target, or all: the first after this one, if one is
    /// given.
    Overrides {
        /// Only of this target.
        target: Option<Target>,
        /// Only behind this one, in the order of their texts.
        after: Option<(Target, Kind)>,
    },
    /// Set or lift an override.
    Override(RequestedOverride),
    /// Make policies from presets, all or none. An object of a build from before this call takes
    /// its word for damage and does nothing, so the word raises no version.
    Install(Installation),
    /// Enter into the audit that a subject's stage is set, which the subject's object does. An
    /// object of a build from before this call takes its word for damage and does nothing, so the
    /// word raises no version.
    Stage(StageNote),
}

/// An override that somebody wants set or lifted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedOverride {
    /// Whom it is for.
    pub target: Target,
    /// Which kind.
    pub kind: Kind,
    /// What `PUT` was sent; `None` lifts it.
    pub body: Option<String>,
    /// What has to hold.
    pub precondition: Precondition,
    /// As in [`Requested::author`].
    pub author: String,
    /// Why it is lifted, in the author's words; what sets one says that in its body.
    pub reason: String,
}

/// Policies that somebody wants made from presets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Each with its text; see [`Book::install`](crate::book::Book::install).
    pub policies: Vec<(Name, String)>,
    /// As in [`Requested`].
    pub author: String,
    /// As in [`Requested`].
    pub reason: String,
    /// As in [`Requested`].
    pub is_dry_run: bool,
}

/// A change that somebody wants made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    /// The policy.
    pub name: Name,
    /// What is done.
    pub action: Action,
    /// What has to hold.
    pub precondition: Precondition,
    /// The name of the token, up to
    /// [`MAX_TOKEN_NAME`](tollgate_core::api::policy::named::MAX_TOKEN_NAME) bytes; empty where it
    /// has none.
    pub author: String,
    /// In the author's words, up to
    /// [`MAX_REASON`](tollgate_core::api::policy::rollback::MAX_REASON) bytes.
    pub reason: String,
    /// Whether it is only tried: the answer says what it would do, and nothing is changed.
    pub is_dry_run: bool,
}

/// A change of one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It is made, or written anew.
    Put {
        /// Its text.
        written: String,
    },
    /// It is deleted.
    Delete,
    /// It is written anew as it was in this version.
    Rollback {
        /// The version.
        version: u64,
    },
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The body for the caller, in JSON.
    Body {
        /// The version of the policy that it is about.
        version: Option<u64>,
        /// Whether the policy was made.
        is_new: bool,
        /// The body.
        json: String,
    },
    /// Not done: nothing is changed.
    Refused {
        /// The code as callers see it.
        code: String,
        /// The field that it is about.
        field: Option<String>,
        /// The sentence for the caller.
        detail: String,
    },
}

impl Call {
    /// The call as text, for an object that reads this version.
    pub fn encode_in(&self, version: Version) -> String {
        self.encode_beside("", version)
    }

    /// The same of a caller whose deployment brings policies of this text. It stands in a field of
    /// the first line, which builds from before pass over: to them nothing is brought.
    pub fn encode_beside(&self, deployed: &str, version: Version) -> String {
        let new = |word| match deployed {
            "" => LineWriter::new(version, word),
            text => LineWriter::new(version, word).text(DEPLOYED, text),
        };
        match self {
            Call::Since { known, seen } => {
                let line = new("since")
                    .put("generation", known.generation)
                    .put("revision", known.revision);
                match seen {
                    Some((name, version)) => line
                        .put("name", name.as_str())
                        .put("ofGeneration", version.generation)
                        .put("version", version.number),
                    None => line,
                }
            }
            Call::List => new("list"),
            Call::Get(name) => new("get").put("name", name.as_str()),
            Call::Versions { name, before } => new("versions")
                .put("name", name.as_str())
                .put_some("before", *before),
            Call::Audit { before } => new("audit").put_some("before", *before),
            Call::Overrides { target, after } => {
                let line = new("overrides").put_some("target", target.as_ref());
                match after {
                    Some((target, kind)) => line.put("after", target).put("afterKind", kind.word()),
                    None => line,
                }
            }
            Call::Override(requested) => {
                let line = match &requested.body {
                    Some(body) => new("override").text("body", body),
                    None => new("lift"),
                };
                let line = line
                    .put("target", &requested.target)
                    .put("kind", requested.kind.word());
                put_precondition(line, requested.precondition)
                    .text("author", &requested.author)
                    .text("reason", &requested.reason)
            }
            Call::Change(Requested {
                name,
                action,
                precondition,
                author,
                reason,
                is_dry_run,
            }) => {
                let line = match action {
                    Action::Put { written } => new("put").text("written", written),
                    Action::Delete => new("delete"),
                    Action::Rollback { version } => new("rollback").put("to", version),
                };
                put_precondition(line.put("name", name.as_str()), *precondition)
                    .text("author", author)
                    .text("reason", reason)
                    .flag("dryRun", *is_dry_run)
            }
            Call::Install(Installation {
                policies,
                author,
                reason,
                is_dry_run,
            }) => {
                let line = new("install")
                    .text("author", author)
                    .text("reason", reason)
                    .flag("dryRun", *is_dry_run);
                let policy = |line: LineWriter, (name, written): &(Name, String)| {
                    let line = line.and("policy").put("name", name.as_str());
                    line.text("written", written)
                };
                policies.iter().fold(line, policy)
            }
            Call::Stage(note) => note.put(new("stage")),
        }
        .finish()
    }

    /// Reads a call, and the version in which to answer it.
    pub fn decode(text: &str) -> Result<(Version, Call), Unreadable> {
        let (version, text) = Line::versioned(text, POLICY_MESSAGES)?;
        let mut lines = text.split('\n').map(Line::parse);
        let line = lines.next().ok_or(Unreadable::Damaged("empty"))?;
        let call = match line.word() {
            "since" => Call::Since {
                known: Known {
                    generation: line.needed("generation")?,
                    revision: line.needed("revision")?,
                },
                seen: seen(&line)?,
            },
            "list" => Call::List,
            "get" => Call::Get(name(&line)?),
            "versions" => Call::Versions {
                name: name(&line)?,
                before: line.number("before")?,
            },
            "audit" => Call::Audit {
                before: line.number("before")?,
            },
            "overrides" => Call::Overrides {
                target: target(&line, "target")?,
                after: match target(&line, "after")? {
                    Some(target) => Some((target, kind(&line, "afterKind")?)),
                    None => None,
                },
            },
            "override" => get_override(&line, Some(line.text("body")?))?,
            "lift" => get_override(&line, None)?,
            "put" => change(
                &line,
                Action::Put {
                    written: line.text("written")?,
                },
            )?,
            "delete" => change(&line, Action::Delete)?,
            "rollback" => change(
                &line,
                Action::Rollback {
                    version: line.needed("to")?,
                },
            )?,
            "install" => Call::Install(Installation {
                policies: lines.map(|line| policy(&line)).collect::<Result<_, _>>()?,
                author: line.text("author")?,
                reason: line.text("reason")?,
                is_dry_run: line.flag("dryRun"),
            }),
            "stage" => Call::Stage(StageNote::get(&line)?),
            _ => return Err(Unreadable::Damaged("word")),
        };
        Ok((version, call))
    }
}

/// Encodes a call's text anew in another version; `None` when it cannot be read.
pub fn in_version(text: &str, version: Version) -> Option<String> {
    let (_, call) = Call::decode(text).ok()?;
    Some(call.encode_beside(&deployed_text(text).ok()?, version))
}

/// What the deployment brings from which a call was made: nothing where this build cannot read it.
/// Then the isolates of that deployment still look at what they ask together.
pub fn deployed_in(text: &str) -> Deployed {
    let text = deployed_text(text).unwrap_or_default();
    Deployed::parse(&text).unwrap_or_default()
}

fn deployed_text(text: &str) -> Result<String, Unreadable> {
    let (_, text) = Line::versioned(text, POLICY_MESSAGES)?;
    let line = Line::parse(text.split('\n').next().unwrap_or_default());
    match line.get(DEPLOYED) {
        Some(_) => line.text(DEPLOYED),
        None => Ok(String::new()),
    }
}

fn put_precondition(line: LineWriter, precondition: Precondition) -> LineWriter {
    let (word, version) = match precondition {
        Precondition::None => (None, None),
        Precondition::Absent => (Some("absent"), None),
        Precondition::Present => (Some("present"), None),
        Precondition::Version(version) => (None, Some(version)),
    };
    line.put_some("if", word).put_some("ifVersion", version)
}

fn get_precondition(line: &Line<'_>) -> Result<Precondition, Unreadable> {
    match (line.get("if"), line.number("ifVersion")?) {
        (None, None) => Ok(Precondition::None),
        (Some("absent"), None) => Ok(Precondition::Absent),
        (Some("present"), None) => Ok(Precondition::Present),
        (None, Some(version)) => Ok(Precondition::Version(version)),
        // One that is not known may not be taken for none.
        _ => Err(Unreadable::Damaged("if")),
    }
}

fn target(line: &Line<'_>, key: &str) -> Result<Option<Target>, Unreadable> {
    let text = line.get(key);
    let target = text.map(Target::stored).transpose();
    target.map_err(|_| Unreadable::Damaged("target"))
}

fn kind(line: &Line<'_>, key: &str) -> Result<Kind, Unreadable> {
    let kind = line.get(key).and_then(Kind::from_word);
    kind.ok_or(Unreadable::Damaged("kind"))
}

fn get_override(line: &Line<'_>, body: Option<String>) -> Result<Call, Unreadable> {
    Ok(Call::Override(RequestedOverride {
        target: target(line, "target")?.ok_or(Unreadable::Damaged("target"))?,
        kind: kind(line, "kind")?,
        body,
        precondition: get_precondition(line)?,
        author: line.text("author")?,
        reason: line.text("reason")?,
    }))
}

fn seen(line: &Line<'_>) -> Result<Option<(Name, PolicyVersion)>, Unreadable> {
    if line.get("name").is_none() {
        return Ok(None);
    }
    let version = PolicyVersion {
        generation: line.needed("ofGeneration")?,
        number: line.needed("version")?,
        ..PolicyVersion::NONE
    };
    Ok(Some((name(line)?, version)))
}

fn name(line: &Line<'_>) -> Result<Name, Unreadable> {
    Ok(Name::stored("name", line.get("name").unwrap_or(""))?)
}

fn policy(line: &Line<'_>) -> Result<(Name, String), Unreadable> {
    match line.word() {
        "policy" => Ok((name(line)?, line.text("written")?)),
        _ => Err(Unreadable::Damaged("word")),
    }
}

fn change(line: &Line<'_>, action: Action) -> Result<Call, Unreadable> {
    let precondition = get_precondition(line)?;
    Ok(Call::Change(Requested {
        name: name(line)?,
        action,
        precondition,
        author: line.text("author")?,
        reason: line.text("reason")?,
        is_dry_run: line.flag("dryRun"),
    }))
}

impl Answer {
    /// The answer as text, in the version of the call.
    pub fn encode_in(&self, version: Version) -> String {
        let new = |word| LineWriter::new(version, word);
        match self {
            Answer::Body {
                version,
                is_new,
                json,
            } => new("body")
                .put_some("version", *version)
                .flag("new", *is_new)
                .text("json", json),
            Answer::Refused {
                code,
                field,
                detail,
            } => {
                let line = new("refused").text("code", code);
                let line = match field {
                    Some(field) => line.text("field", field),
                    None => line,
                };
                line.text("detail", detail)
            }
        }
        .finish()
    }

    /// Reads an answer.
    pub fn decode(text: &str) -> Result<Answer, Unreadable> {
        let (_, text) = Line::versioned(text, POLICY_MESSAGES)?;
        let line = Line::parse(text);
        match line.word() {
            "body" => Ok(Answer::Body {
                version: line.number("version")?,
                is_new: line.flag("new"),
                json: line.text("json")?,
            }),
            "refused" => Ok(Answer::Refused {
                code: line.text("code")?,
                field: line.get("field").map(|_| line.text("field")).transpose()?,
                detail: line.text("detail")?,
            }),
            _ => Err(Unreadable::Damaged("word")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::StageNews;

    fn change(action: Action, precondition: Precondition) -> Call {
        Call::Change(Requested {
            name: Name::new("name", "a.b").unwrap(),
            action,
            precondition,
            author: "ann@x.org".to_owned(),
            reason: "more\nof it".to_owned(),
            is_dry_run: precondition == Precondition::Absent,
        })
    }

    fn stage(news: StageNews) -> Call {
        Call::Stage(StageNote {
            target: Target::parse("subject:a//b").unwrap(),
            news,
            author: "ann@x.org".to_owned(),
            reason: "more\nof it".to_owned(),
        })
    }

    #[test]
    fn calls_have_these_forms_on_the_wire() {
        let name = || Name::new("name", "a.b").unwrap();
        let known = Known {
            generation: 5,
            revision: 7,
        };
        let written = "{ \"limit\": 1 }".to_owned();
        let by = "author=ann%40x.org reason=more%0Aof%20it";
        let calls = [
            (
                Call::Since { known, seen: None },
                "1 since generation=5 revision=7".to_owned(),
            ),
            (
                Call::Since {
                    known,
                    seen: Some((
                        name(),
                        PolicyVersion {
                            generation: 4,
                            number: 9,
                            ..PolicyVersion::NONE
                        },
                    )),
                },
                "1 since generation=5 revision=7 name=a.b ofGeneration=4 version=9".to_owned(),
            ),
            (Call::List, "1 list".to_owned()),
            (Call::Get(name()), "1 get name=a.b".to_owned()),
            (
                Call::Versions {
                    name: name(),
                    before: Some(3),
                },
                "1 versions name=a.b before=3".to_owned(),
            ),
            (Call::Audit { before: None }, "1 audit".to_owned()),
            (
                change(Action::Put { written }, Precondition::Version(7)),
                format!("1 put written=%7B%20%22limit%22%3A%201%20%7D name=a.b ifVersion=7 {by}"),
            ),
            (
                change(Action::Delete, Precondition::Present),
                format!("1 delete name=a.b if=present {by}"),
            ),
            (
                change(Action::Rollback { version: 2 }, Precondition::None),
                format!("1 rollback to=2 name=a.b {by}"),
            ),
            (
                change(Action::Delete, Precondition::Absent),
                format!("1 delete name=a.b if=absent {by} dryRun=1"),
            ),
            (
                Call::Install(Installation {
                    policies: vec![
                        (name(), "{\n}".to_owned()),
                        (Name::new("name", "c").unwrap(), "7".to_owned()),
                    ],
                    author: "ann@x.org".to_owned(),
                    reason: "more\nof it".to_owned(),
                    is_dry_run: true,
                }),
                format!(
                    "1 install {by} dryRun=1\npolicy name=a.b written=%7B%0A%7D\npolicy name=c written=7"
                ),
            ),
            (
                stage(StageNews::Asked {
                    asked: "{}".to_owned(),
                }),
                format!("1 stage asked=%7B%7D target=subject:a//b {by}"),
            ),
            (
                stage(StageNews::Set {
                    version: 7,
                    before: None,
                    after: "{ }".to_owned(),
                }),
                format!("1 stage of=7 after=%7B%20%7D target=subject:a//b {by}"),
            ),
            (
                stage(StageNews::Set {
                    version: 7,
                    before: Some("[]".to_owned()),
                    after: "1".to_owned(),
                }),
                format!("1 stage of=7 after=1 before=%5B%5D target=subject:a//b {by}"),
            ),
        ];
        for (call, text) in calls {
            assert_eq!(call.encode_in(POLICY_MESSAGES.written()), text);
            assert_eq!(Call::decode(&text), Ok((POLICY_MESSAGES.written(), call)));
        }
    }

    #[test]
    fn what_the_deployment_brings_stands_beside_every_call() {
        let brought = "{\"a\": {\"limit\": 1, \"window\": \"1s\"}}";
        let install = Call::Install(Installation {
            policies: vec![(Name::new("name", "c").unwrap(), "7".to_owned())],
            author: String::new(),
            reason: String::new(),
            is_dry_run: false,
        });
        for call in [
            Call::List,
            change(Action::Delete, Precondition::None),
            install,
        ] {
            let written = POLICY_MESSAGES.written();
            let text = call.encode_beside(brought, written);
            assert_eq!(Call::decode(&text), Ok((written, call.clone())));
            assert_eq!(deployed_in(&text), Deployed::parse(brought).unwrap());
            assert_eq!(in_version(&text, written).as_deref(), Some(&*text));
            assert!(deployed_in(&call.encode_in(written)).is_empty());
            // Of a later build, with a field that this one does not know.
            let later = call.encode_beside("{\"a\": {\"limit\": 1, \"colour\": 1}}", written);
            assert!(Call::decode(&later).is_ok() && deployed_in(&later).is_empty());
        }
    }

    #[test]
    fn answers_have_these_forms_on_the_wire() {
        let answers = [
            (
                Answer::Body {
                    version: Some(7),
                    is_new: true,
                    json: "{}".to_owned(),
                },
                "1 body version=7 new=1 json=%7B%7D",
            ),
            (
                Answer::Refused {
                    code: "invalidField".to_owned(),
                    field: Some("limits[0].window".to_owned()),
                    detail: "No.".to_owned(),
                },
                "1 refused code=invalidField field=limits%5B0%5D.window detail=No.",
            ),
            (
                Answer::Refused {
                    code: "versionMoved".to_owned(),
                    field: None,
                    detail: "No.".to_owned(),
                },
                "1 refused code=versionMoved detail=No.",
            ),
        ];
        for (answer, text) in answers {
            assert_eq!(answer.encode_in(POLICY_MESSAGES.written()), text);
            assert_eq!(Answer::decode(text), Ok(answer));
        }
    }

    #[test]
    fn what_is_not_understood_is_not_done() {
        for text in [
            "",
            "list",
            "2 list",
            "1 dance",
            "1 get",
            "1 get name=a%20b",
            "1 since generation=1",
            "1 since generation=1 revision=1 name=a",
            "1 rollback name=a",
            "1 delete name=a if=monday",
            "1 delete name=a if=absent ifVersion=7",
            "1 delete name=a ifVersion=x",
            "1 install\nlimit name=a",
            "1 install\npolicy written=7",
            "1 stage target=subject:a//b author= reason=",
            "1 stage of=7 target=subject:a//b author= reason=",
            "1 stage asked=1 author= reason=",
        ] {
            assert!(Call::decode(text).is_err(), "{text}");
        }
        assert!(Call::decode("1 delete name=a colour=red").is_ok());
        assert!(Answer::decode("1 list").is_err());
    }
}
