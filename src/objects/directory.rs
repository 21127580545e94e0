//! `DirectoryDO`: which subjects of a namespace are alive, and in which states.
//!
//! One object per namespace, named by [`crate::placement`]. It answers the messages of
//! [`crate::directory`], each in one synchronous step: by RPC, and for objects by `fetch`, of which
//! src/entry.js makes the same call. Stored: the names of [`super::rows::directory`].

use tollgate_core::codec::Unreadable;
use tollgate_core::limit::Name;
use tollgate_core::subject::Subject;
use tollgate_core::summary::Filter;
use wasm_bindgen::prelude::*;
use worker::{durable_object, DurableObject, Env, Request, Response, Result, State};

use super::rows::directory::Names;
use crate::clock;
use crate::directory::{end_of, DirectoryAnswer, DirectoryCall, Listed, Page, DIRECTORY_MESSAGES};

/// The directory of one namespace.
#[durable_object(fetch)]
pub struct DirectoryDO {
    names: Names,
}

impl DurableObject for DirectoryDO {
    fn new(state: State, _env: Env) -> Self {
        DirectoryDO {
            names: Names::new(&state),
        }
    }

    async fn fetch(&self, _request: Request) -> Result<Response> {
        super::not_fetched()
    }
}

#[wasm_bindgen]
impl DirectoryDO {
    /// Answers one message, as text. Values, not strings, on both sides: nothing is copied into
    /// wasm before it is known to be alive.
    pub fn call(&self, text: &JsValue) -> JsValue {
        self.answer(&text.as_string().unwrap_or_default()).into()
    }
}

impl DirectoryDO {
    fn answer(&self, text: &str) -> String {
        let (version, answer) = match DirectoryCall::decode(text) {
            Ok((version, call)) => (
                version,
                self.carry_out(&call).map_err(|error| error.to_string()),
            ),
            Err(Unreadable::Version { .. }) => return DIRECTORY_MESSAGES.other(),
            Err(damaged) => (DIRECTORY_MESSAGES.written(), Err(damaged.to_string())),
        };
        if answer.is_err() {
            self.names.doubt();
        }
        answer
            .unwrap_or_else(DirectoryAnswer::Refused)
            .encode_in(version)
    }

    fn carry_out(&self, call: &DirectoryCall) -> Result<DirectoryAnswer> {
        let names = &self.names;
        match call {
            DirectoryCall::Alive { name, at, summary } => {
                names.add(name, at.unwrap_or_else(clock::now), summary.as_ref())?
            }
            DirectoryCall::Gone { name, at } => {
                names.remove(name, at.unwrap_or_else(clock::now))?
            }
            DirectoryCall::List {
                prefix,
                after,
                limit,
            } => {
                let end = end_of(prefix).unwrap_or_default();
                return names
                    .list(prefix, after, &end, *limit)
                    .map(DirectoryAnswer::Names);
            }
            DirectoryCall::Find {
                prefix,
                after,
                limit,
                filter,
            } => {
                let page = self.find(prefix, after, *limit as usize, filter)?;
                return Ok(DirectoryAnswer::Subjects(page));
            }
        }
        Ok(DirectoryAnswer::Done)
    }

    fn find(&self, prefix: &str, after: &str, limit: usize, filter: &Filter) -> Result<Page> {
        let at = clock::now();
        let end = end_of(prefix).unwrap_or_default();
        let mut subjects = Vec::new();
        let mut take = |listed: Listed| {
            // A directory lists keys as well.
            if let Some(subject) = Subject::from_object_name(&listed.name) {
                if filter.fits(&subject, &listed.summary, at) {
                    subjects.push(listed);
                }
            }
            subjects.len() < limit
        };
        let policy = filter.policy.as_ref().map(Name::as_str);
        let names = (prefix, after, end.as_str());
        let next = self.names.scan(names, policy, filter.state, &mut take)?;
        Ok(Page { subjects, next, at })
    }
}
