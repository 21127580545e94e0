//! Commands about every key of a namespace. The directory names the objects, page by page, and each is asked.

use crate::command::{integer, is_word};
use crate::error::RedisError;
use crate::message::{decode_replies, Message};
use crate::placement::{cursor_behind, name_of_cursor};
use crate::reply::Reply;
use crate::session::{Answer, Ask};

/// Objects asked at once. One request may make a thousand calls on the platform, and the directory needs some of them.
const PAGE: u32 = 200;

enum Kind {
    Flush,
    Keys,
    Size,
    Scan,
}

/// One such command, under way.
pub(crate) struct Everywhere {
    kind: Kind,
    prefix: String,
    message: String,
    page: u32,
    /// The last name that was listed.
    last: String,
    /// Whether there may be more names behind it.
    more: bool,
    found: Vec<Reply>,
    failed: u32,
}

impl Everywhere {
    /// Begins with asking the directory.
    pub(crate) fn begin(
        name: &str,
        command: &[Vec<u8>],
        prefix: &str,
    ) -> Result<(Everywhere, Vec<Ask>), RedisError> {
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
        let message = match kind {
            Kind::Flush => Message::Clear,
            _ => Message::Keys {
                pattern,
                kind: of_kind,
            },
        };
        let everywhere = Everywhere {
            kind,
            prefix: prefix.to_owned(),
            message: message.encode(),
            page,
            last,
            more: false,
            found: Vec::new(),
            failed: 0,
        };
        let asks = everywhere.ask_names();
        Ok((everywhere, asks))
    }

    fn ask_names(&self) -> Vec<Ask> {
        vec![Ask::Names {
            prefix: self.prefix.clone(),
            after: self.last.clone(),
            limit: self.page,
        }]
    }

    /// Takes answers: the reply, or what has to be asked next.
    pub(crate) fn receive(&mut self, answers: Vec<Answer>) -> Result<Reply, Vec<Ask>> {
        let mut names = None;
        for answer in answers {
            match answer {
                Answer::Names(listed) => names = Some(listed),
                Answer::Text(text) => {
                    match decode_replies(&text, 1).and_then(|mut replies| replies.pop()) {
                        Some(Reply::Array(keys)) => self.found.extend(keys),
                        Some(Reply::Status(_)) => {}
                        _ => self.failed += 1,
                    }
                }
                Answer::Failed => self.failed += 1,
            }
        }
        if let Some(names) = names.filter(|names| !names.is_empty()) {
            self.more = names.len() >= self.page as usize;
            self.last = names.last().cloned().unwrap_or_default();
            let ask = |name| Ask::Object {
                name,
                text: self.message.clone(),
            };
            return Err(names.into_iter().map(ask).collect());
        }
        let more = std::mem::replace(&mut self.more, false);
        match self.kind {
            Kind::Scan => Ok(self.reply(more)),
            _ if more && self.failed == 0 => Err(self.ask_names()),
            _ => Ok(self.reply(false)),
        }
    }

    fn reply(&mut self, more: bool) -> Reply {
        if self.failed > 0 {
            return Reply::Error(RedisError::Unreachable.text(&[]));
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
