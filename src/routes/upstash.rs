//! The REST protocol of Upstash Redis: a request becomes a session of `tollgate_upstash`, and
//! [`crate::decide::session`] sends the session's calls.
//!
//! All answers have the protocol's form, errors too, because its clients read no other. The
//! `tollgate_upstash` crate decides the meaning of a command and the object of a key.

use std::cell::Cell;

use tollgate_upstash::command::Access;
use tollgate_upstash::protocol::{self, Form, Sent};
use worker::Env;

use crate::auth::{authorize, Caller, Role};
use crate::config::{Config, InvalidSetting};
use crate::decide::session;
use crate::error::ApiError;
use crate::headers;
use crate::hot::Headers;

/// Maximum size of a body, in bytes: several times the largest deny list of IP addresses.
pub(crate) const MAX_BODY: usize = 1 << 20;

thread_local! {
    /// Makes each sync token unique.
    static ANSWERS: Cell<u32> = const { Cell::new(0) };
}

/// Status and body of an answer.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// A request whose caller is known.
pub(crate) struct Asked<'a> {
    form: Form<'a>,
    query: &'a str,
    config: &'a Config,
    caller: &'a Caller,
    /// Whether every string of the answer is in base64.
    base64: bool,
}

/// The caller, if the token is valid and the method is right.
pub(crate) fn begin<'a>(
    form: Form<'a>,
    headers: &Headers,
    query: &'a str,
    config: Result<&'a Config, &InvalidSetting>,
) -> Result<Asked<'a>, Answered> {
    let unset = |invalid: &InvalidSetting| {
        refused(503, &format!("ERR {}", ApiError::from(invalid).detail()))
    };
    let config = config.map_err(unset)?;
    if let Form::WrongMethod(allow) = form {
        return Err(refused(405, &format!("ERR this path answers {allow}")));
    }
    let token = protocol::token(query).map(|token| format!("Bearer {token}"));
    let token = headers.get("authorization").or(token);
    let caller = match config.callers() {
        Ok(callers) => authorize(callers, token.as_deref().unwrap_or(""), Role::Read),
        Err(invalid) => return Err(unset(invalid)),
    };
    let caller = caller.map_err(|_| refused(401, "WRONGPASS invalid or missing auth token"))?;
    // Whoever sends commands brings the numbers of their limits along.
    if !caller.inline {
        return Err(refused(
            403,
            "NOPERM this token may not bring limits of its own: name a policy at POST /limit",
        ));
    }
    let is = |header, word: &str| {
        let value = headers.get(header);
        value.map(|value| value.eq_ignore_ascii_case(word))
    };
    if is("upstash-response-format", "json") == Some(false) {
        return Err(refused(400, "ERR the only response format is JSON"));
    }
    Ok(Asked {
        form,
        query,
        config,
        caller,
        base64: is("upstash-encoding", "base64") == Some(true),
    })
}

impl Asked<'_> {
    /// Runs the commands of the body.
    pub(crate) async fn answer(&self, env: &Env, body: &[u8]) -> Answered {
        let commands = match self.commands(body) {
            Ok(commands) => commands,
            Err(refused) => return refused,
        };
        let access = match self.caller.role {
            Role::Read => Access::Read,
            Role::Check => Access::Check,
            Role::Admin => Access::Admin,
        };
        let request = session::Request {
            commands,
            access,
            is_transaction: matches!(self.form, Form::Transaction),
        };
        let deadline = self.config.deadline();
        let replies = match session::run(env, &self.caller.namespace, deadline, request).await {
            Ok(replies) => replies,
            Err(error) => return refused(400, &error),
        };
        let (status, body) = match (self.form, replies.as_slice()) {
            (Form::Single | Form::Path(_), [reply]) => protocol::answer_single(reply, self.base64),
            (_, replies) => (200, protocol::answer_several(replies, self.base64)),
        };
        Answered { status, body }
    }

    fn commands(&self, body: &[u8]) -> Result<Vec<Sent>, Answered> {
        match self.form {
            Form::Pipeline | Form::Transaction => {
                protocol::several(body).map_err(|error| refused(400, &error.text(&[])))
            }
            Form::Path(path) => Ok(vec![protocol::path(path, self.query, body)]),
            _ => Ok(vec![protocol::single(body)]),
        }
    }
}

/// The answer to a body of more than [`MAX_BODY`] bytes.
pub(crate) fn too_large() -> Answered {
    let text = format!("ERR max request size exceeded: a request has at most {MAX_BODY} bytes");
    refused(413, &text)
}

/// The answer to a body that did not arrive in full.
pub(crate) fn broken() -> Answered {
    refused(400, "ERR the body did not arrive in full: send it again")
}

fn refused(status: u16, text: &str) -> Answered {
    Answered {
        status,
        body: protocol::error(text),
    }
}

/// The headers of an answer.
pub(crate) fn header_lines(form: Form<'_>, answered: &Answered) -> String {
    let last = match (form, answered.status) {
        (Form::WrongMethod(methods), 405) => headers::allow(methods),
        _ => {
            let count = ANSWERS.get().wrapping_add(1);
            ANSWERS.set(count);
            headers::sync_token(count)
        }
    };
    [headers::JSON, &last].concat()
}
