//! A wave of calls sent at once: the parts of commands in order, their objects, and the dynamic
//! limits that some of them need first.

use std::rc::Rc;

use super::cache::SessionCache;
use super::merge::{either, merge};
use super::piece::{Limit, Piece};
use super::round::Question;
use crate::bounds::MAX_DYNAMIC_LIMIT;
use crate::error::RedisError;
use crate::message::{encode_run, give_limit};
use crate::reply::Reply;

/// One part of a command, for one object.
struct Part {
    /// The command's place in the request.
    slot: usize,
    /// Whether it asks another object what the part before it asks.
    again: bool,
    command: Rc<Vec<Vec<u8>>>,
    /// Object and key of the dynamic limit that a script needs beforehand.
    limit: Option<Limit>,
    /// Its reply, once that is known.
    reply: Option<Reply>,
}

impl Part {
    fn give(&mut self, limit: Option<&[u8]>) {
        let command: &mut Vec<_> = Rc::make_mut(&mut self.command);
        give_limit(command, limit);
    }
}

struct Object {
    name: String,
    /// Its parts.
    parts: Vec<usize>,
}

#[derive(Default)]
pub(super) struct Wave {
    objects: Vec<Object>,
    /// The objects in the order of their names.
    by_name: Vec<usize>,
    parts: Vec<Part>,
    /// The dynamic limits that have to be read before, in order.
    limits: Vec<Limit>,
}

impl Wave {
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        let by_name = |&object: &usize| (*self.objects[object].name).cmp(name);
        self.by_name.binary_search_by(by_name)
    }

    pub(super) fn add(&mut self, slot: usize, piece: Piece, only: Option<&String>) {
        let mut again = false;
        for home in piece.homes {
            if only.is_some_and(|only| *only != home) {
                continue;
            }
            let object = match self.find(&home) {
                Ok(at) => self.by_name[at],
                Err(at) => {
                    self.by_name.insert(at, self.objects.len());
                    self.objects.push(Object {
                        name: home,
                        parts: Vec::new(),
                    });
                    self.objects.len() - 1
                }
            };
            self.objects[object].parts.push(self.parts.len());
            self.parts.push(Part {
                slot,
                again,
                command: Rc::clone(&piece.command),
                limit: piece.limit.clone(),
                reply: None,
            });
            again = true;
        }
    }

    /// Whether the dynamic limit that a piece needs may be changed by what is asked before it: its
    /// object is asked something.
    pub(super) fn may_change_limit_of(&self, piece: &Piece) -> bool {
        let object = piece.limit.as_ref().map(|(object, _)| object);
        object.is_some_and(|object| self.find(object).is_ok())
    }

    /// Gives every script the dynamic limit that is known, and asks for the others.
    pub(super) fn find_limits(&mut self, cache: &SessionCache, now: i64) -> Vec<Question> {
        for part in &mut self.parts {
            let Some(limit) = &part.limit else { continue };
            match cache.limit(&limit.0, &limit.1, now) {
                Some(value) => part.give(value),
                None => {
                    if let Err(at) = self.limits.binary_search(limit) {
                        self.limits.insert(at, limit.clone());
                    }
                }
            }
        }
        let question = |(object, key): &Limit| Question {
            object: object.clone(),
            text: encode_run([&[b"GET".to_vec(), key.clone()][..]]),
            count: 1,
        };
        self.limits.iter().map(question).collect()
    }

    /// Gives the dynamic limits that were read, or the errors of reading them, to the scripts that
    /// need them.
    pub(super) fn give_limits(
        &mut self,
        replies: Vec<Vec<Reply>>,
        cache: &mut SessionCache,
        now: i64,
    ) {
        let judged = |reply: Option<Reply>| match reply.unwrap_or(Reply::Nil) {
            Reply::Bulk(value) if value.len() > MAX_DYNAMIC_LIMIT => {
                Reply::Error(RedisError::LongLimit.text(&[]))
            }
            reply => reply,
        };
        let replies: Vec<Reply> = replies
            .into_iter()
            .map(|mut replies| judged(replies.pop()))
            .collect();
        for part in &mut self.parts {
            let limit = part.limit.as_ref();
            let Some(Ok(at)) = limit.map(|limit| self.limits.binary_search(limit)) else {
                continue;
            };
            match &replies[at] {
                Reply::Bulk(value) => part.give(Some(value)),
                Reply::Nil => part.give(None),
                error => part.reply = Some(error.clone()),
            }
        }
        for ((object, key), reply) in std::mem::take(&mut self.limits).into_iter().zip(replies) {
            match reply {
                Reply::Bulk(value) => cache.set_limit(object, key, Some(value.to_vec()), now),
                Reply::Nil => cache.set_limit(object, key, None, now),
                _ => {}
            }
        }
    }

    /// The questions to the objects.
    pub(super) fn questions(&self) -> Vec<Question> {
        let mut questions = Vec::new();
        for object in &self.objects {
            let open = self.open(object).map(|part| &part.command[..]);
            let count = self.open(object).count();
            if count > 0 {
                questions.push(Question {
                    object: object.name.clone(),
                    text: encode_run(open),
                    count,
                });
            }
        }
        questions
    }

    fn open<'a>(&'a self, object: &'a Object) -> impl Iterator<Item = &'a Part> {
        let parts = object.parts.iter().map(|&part| &self.parts[part]);
        parts.filter(|part| part.reply.is_none())
    }

    /// Records the replies to these questions.
    pub(super) fn receive(&mut self, replies: Vec<Vec<Reply>>) {
        let mut replies = replies.into_iter();
        for object in &self.objects {
            if self.open(object).next().is_none() {
                continue;
            }
            let mut replies = replies.next().unwrap_or_default().into_iter();
            for &part in &object.parts {
                let part = &mut self.parts[part];
                if part.reply.is_none() {
                    part.reply = replies.next();
                }
            }
        }
    }

    /// Merges the parts of each command into one reply.
    pub(super) fn finish(self, replies: &mut [Reply], cache: &mut SessionCache) {
        for object in &self.objects {
            for &part in &object.parts {
                // It may have been a dynamic limit that this has changed.
                if let [name, key, ..] = &self.parts[part].command[..] {
                    cache.forget_limit_if_written(&object.name, key, name);
                }
            }
        }
        let mut last = None;
        let mut parts = self.parts.into_iter().peekable();
        while let Some(part) = parts.next() {
            let mut reply = part.reply.unwrap_or(Reply::Nil);
            while let Some(other) = parts.next_if(|next| next.again) {
                reply = either(reply, other.reply.unwrap_or(Reply::Nil));
            }
            replies[part.slot] = match last {
                Some(slot) if slot == part.slot => {
                    let before = std::mem::replace(&mut replies[part.slot], Reply::Nil);
                    merge(before, reply)
                }
                _ => reply,
            };
            last = Some(part.slot);
        }
    }
}
