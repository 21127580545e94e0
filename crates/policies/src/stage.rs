//! What the audit says of subjects' stages, which their objects keep: two entries of one version.
//! The first is stored before the object is asked, so that no change goes unseen, and the second
//! when it has answered. Where the second is missing nobody knows whether the stage was set.

use tollgate_core::codec::{Line, LineWriter, Unreadable};
use tollgate_core::overrides::Target;

/// An entry for the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageNote {
    /// The subject.
    pub target: Target,
    /// What is known.
    pub news: StageNews,
    /// The name of the token; empty where it has none.
    pub author: String,
    /// In the author's words, up to
    /// [`MAX_REASON`](tollgate_core::api::overrides::MAX_REASON) bytes; empty where nothing was
    /// said.
    pub reason: String,
}

/// What is known of a stage that somebody sets; each text is JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageNews {
    /// It is about to be set.
    Asked {
        /// What is asked.
        asked: String,
    },
    /// It was set.
    Set {
        /// The version of the entry that said that it was about to be.
        version: u64,
        /// The subject's clock before; `None` where it had none.
        before: Option<String>,
        /// Its clock since then, and the steps of its limits.
        after: String,
    },
}

impl StageNote {
    pub(crate) fn put(&self, line: LineWriter) -> LineWriter {
        let line = match &self.news {
            StageNews::Asked { asked } => line.text("asked", asked),
            StageNews::Set {
                version,
                before,
                after,
            } => {
                let line = line.put("of", version).text("after", after);
                match before {
                    Some(before) => line.text("before", before),
                    None => line,
                }
            }
        };
        line.put("target", &self.target)
            .text("author", &self.author)
            .text("reason", &self.reason)
    }

    pub(crate) fn get(line: &Line<'_>) -> Result<StageNote, Unreadable> {
        let news = match line.number("of")? {
            None => StageNews::Asked {
                asked: json(line, "asked")?,
            },
            Some(version) => StageNews::Set {
                version,
                before: line
                    .get("before")
                    .map(|_| json(line, "before"))
                    .transpose()?,
                after: json(line, "after")?,
            },
        };
        let target = line.get("target").map(Target::stored);
        Ok(StageNote {
            target: target
                .and_then(Result::ok)
                .ok_or(Unreadable::Damaged("target"))?,
            news,
            author: line.text("author")?,
            reason: line.text("reason")?,
        })
    }
}

/// A text that stands in the audit as it is: without it nobody could read the page.
fn json(line: &Line<'_>, key: &'static str) -> Result<String, Unreadable> {
    match line.text(key)? {
        text if text.is_empty() => Err(Unreadable::Damaged(key)),
        text => Ok(text),
    }
}
