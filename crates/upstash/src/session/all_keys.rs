//! Commands about every key of a namespace. The directory names the objects, page by page, and each
//! is asked.

use super::exchange::{Answer, Asks};
use super::placement::{cursor_behind, name_of_cursor};
use crate::bounds::{MAX_OBJECTS, MAX_PATTERN};
use crate::command::arguments::{integer, is_word};
use crate::error::RedisError;
use crate::message::Message;
use crate::reply::Reply;

/// So many names are read from the directory at once.
const PAGE: u32 = 200;

/// The next step.
pub(crate) enum Found {
    /// The directory is to be asked for more objects.
    More,
    /// These objects are to be asked.
    Objects(Vec<String>),
    /// The reply.
    Done(Reply),
}

#[derive(PartialEq)]
enum Kind {
    Flush,
    Keys,
    Size,
    Scan,
}

/// One such command in progress.
pub(crate) struct AllKeys {
    kind: Kind,
    prefix: String,
    /// The question to each object.
    pub(crate) message: String,
    page: u32,
    /// The last name that was listed.
    last: String,
    /// Whether there may be more names behind it.
    more: bool,
    found: Vec<Reply>,
    /// The error, if it failed.
    failed: Option<String>,
}

impl AllKeys {
    /// Reads the command.
    pub(crate) fn begin(
        name: &str,
        command: &[Vec<u8>],
        prefix: &str,
    ) -> Result<AllKeys, RedisError> {
        let mut pattern = b"*".to_vec();
        let mut of_kind = Vec::new();
        let mut page = PAGE;
        let mut last = String::new();
        let kind = match name {
            "FLUSHDB" | "FLUSHALL" => {
                if command.len() > 2
                    || command
                        .get(1)
                        .is_some_and(|word| !is_word(word, "ASYNC") && !is_word(word, "SYNC"))
                {
                    return Err(RedisError::Syntax);
                }
                Kind::Flush
            }
            "KEYS" => {
                pattern.clone_from(&command[1]);
                Kind::Keys
            }
            "DBSIZE" => Kind::Size,
            _ => {
                last = name_of_cursor(&command[1]).ok_or(RedisError::InvalidCursor)?;
                for pair in command[2..].chunks(2) {
                    match pair {
                        [word, value] if is_word(word, "MATCH") => pattern.clone_from(value),
                        [word, value] if is_word(word, "TYPE") => of_kind.clone_from(value),
                        [word, value] if is_word(word, "COUNT") => {
                            let count = Some(integer(value)?)
                                .filter(|count| *count > 0)
                                .ok_or(RedisError::Syntax)?;
                            page = count.clamp(10, i64::from(PAGE)) as u32;
                        }
                        _ => return Err(RedisError::Syntax),
                    }
                }
                Kind::Scan
            }
        };
        if pattern.len() > MAX_PATTERN {
            return Err(RedisError::LongPattern);
        }
        let message = match kind {
            Kind::Flush => Message::Clear,
            _ => Message::Keys {
                pattern,
                kind: of_kind,
            },
        };
        Ok(AllKeys {
            kind,
            prefix: prefix.to_owned(),
            message: message.encode(),
            page,
            last,
            more: false,
            found: Vec::new(),
            failed: None,
        })
    }

    /// Asks the directory for the next objects, where so many have been asked in this request.
    pub(crate) fn ask_names(&mut self, asked: usize) -> Asks {
        // Where no more may be asked, one name still says whether there are more.
        let left = MAX_OBJECTS.saturating_sub(asked).max(1) as u32; // at most 2,000
        self.page = self.page.min(left);
        Asks::Names {
            prefix: self.prefix.clone(),
            after: self.last.clone(),
            limit: self.page,
        }
    }

    /// Records the names of objects, and counts them with those already asked.
    pub(crate) fn receive_names(&mut self, answers: Vec<Answer>, asked: &mut usize) -> Found {
        let Some(Answer::Names(names)) = answers.into_iter().next() else {
            return self.fail(RedisError::Unreachable.text(&[]));
        };
        if names.is_empty() {
            return Found::Done(self.reply(false));
        }
        if *asked + names.len() > MAX_OBJECTS {
            return self.fail(RedisError::ManyObjects.text(&[]));
        }
        *asked += names.len();
        self.more = names.len() >= self.page as usize;
        self.last = names.last().cloned().unwrap_or_default();
        Found::Objects(names)
    }

    /// Records the answers of the objects.
    pub(crate) fn receive(&mut self, replies: Vec<Vec<Reply>>) -> Found {
        for reply in replies.into_iter().flatten() {
            match reply {
                Reply::Array(keys) => self.found.extend(keys),
                Reply::Error(text) => self.failed = Some(text),
                _ => {}
            }
        }
        let goes_on = self.more && self.failed.is_none() && self.kind != Kind::Scan;
        match goes_on {
            true => Found::More,
            false => Found::Done(self.reply(self.more)),
        }
    }

    fn fail(&mut self, text: String) -> Found {
        self.failed = Some(text);
        Found::Done(self.reply(false))
    }

    fn reply(&mut self, more: bool) -> Reply {
        if let Some(text) = self.failed.take() {
            return Reply::Error(text);
        }
        let found = std::mem::take(&mut self.found);
        match self.kind {
            Kind::Flush => Reply::ok(),
            Kind::Keys => Reply::Array(found),
            Kind::Size => Reply::count(found.len()),
            Kind::Scan => {
                let cursor = if more {
                    cursor_behind(&self.last)
                } else {
                    Reply::bulk(&b"0"[..])
                };
                Reply::Array(vec![cursor, Reply::Array(found)])
            }
        }
    }
}
