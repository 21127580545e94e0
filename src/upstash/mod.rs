//! The REST protocol of Upstash Redis: a request of it becomes a session of `tollgate_upstash`, whose questions are asked here.
//!
//! Everything is answered in the protocol's own shape, errors too: its clients read nothing else. What a command does, and where its
//! keys live, is not decided here.

use std::cell::{Cell, RefCell};

use js_sys::Uint8Array;
use tollgate_core::bounded::{Bounded, Secret};
use tollgate_core::subject::Namespace;
use tollgate_upstash::command::Access;
use tollgate_upstash::isolate::Isolate;
use tollgate_upstash::protocol::{self, Form, Sent};
use tollgate_upstash::session::{Next, Session};
use wasm_bindgen::prelude::*;

use crate::auth::{authorize, Caller, Role};
use crate::clock;
use crate::config::{Config, InvalidSetting};
use crate::error::ApiError;
use crate::keyspace_client;
use crate::placement;
use crate::runtime::{self, Headers, Request};
use crate::task::settled;
use worker::Env;

/// The largest body, in bytes: what the largest deny list of IP addresses needs, several times over.
const MAX_BODY: usize = 1 << 20;

/// The most namespaces of which something is remembered between requests.
const MOST_NAMESPACES: usize = 256;

thread_local! {
    /// What is remembered between requests, of each namespace for itself. It only saves calls.
    static ISOLATES: RefCell<(Secret, Bounded<Isolate>)> =
        RefCell::new((Secret::new(runtime::random_bits()), Bounded::new(MOST_NAMESPACES)));
    /// Makes each sync token another one. Nothing is read from it: every key has one owner, so what was written is read.
    static ANSWERS: Cell<u32> = const { Cell::new(0) };
}

/// Uses what is remembered of a namespace. `run` must not use it again.
fn isolate<T>(namespace: &Namespace, run: impl FnOnce(&mut Isolate) -> T) -> T {
    ISOLATES.with_borrow_mut(|(secret, isolates)| {
        let key = secret.key_in(namespace.as_str(), &());
        let (isolate, _) = isolates.get_or_put(key, Isolate::default, |_| (0, 0));
        run(isolate)
    })
}

/// Status and body.
type Answered = (u16, String);

/// Answers a request of this protocol.
pub(crate) async fn handle(
    form: Form<'_>,
    (request, headers, query): (&Request, &Headers, &str),
    env: &Env,
    config: Result<&Config, &InvalidSetting>,
) -> JsValue {
    let answered = match begin(form, headers, query, config) {
        Err(refused) => refused,
        Ok((config, caller)) => {
            let sent = match body(request, headers).await {
                Ok(body) => read_commands(form, query, &body),
                Err(refused) => Err(refused),
            };
            match sent {
                Err(refused) => refused,
                Ok(commands) => {
                    let base64 = headers
                        .get("upstash-encoding")
                        .is_some_and(|word| word.eq_ignore_ascii_case("base64"));
                    run(form, commands, env, config, caller, base64).await
                }
            }
        }
    };
    respond(form, answered)
}

fn respond(form: Form<'_>, (status, body): Answered) -> JsValue {
    if let (Form::WrongMethod(allow), 405) = (form, status) {
        return runtime::answer(
            status,
            &body,
            &format!("content-type: application/json\nallow: {allow}\n"),
        );
    }
    let count = ANSWERS.get().wrapping_add(1);
    ANSWERS.set(count);
    runtime::upstash_answer(status, &body, count)
}

fn refused(status: u16, text: &str) -> Answered {
    (status, protocol::error(text))
}

/// Who asks, if anybody may and the method is right.
fn begin<'a>(
    form: Form<'_>,
    headers: &Headers,
    query: &str,
    config: Result<&'a Config, &InvalidSetting>,
) -> Result<(&'a Config, &'a Caller), Answered> {
    let config = config
        .map_err(|invalid| refused(503, &format!("ERR {}", ApiError::from(invalid).detail())))?;
    if let Form::WrongMethod(allow) = form {
        return Err(refused(405, &format!("ERR this path answers {allow}")));
    }
    let token = protocol::token(query).map(|token| format!("Bearer {token}"));
    let token = headers.get("authorization").or(token);
    let caller = authorize(config, token.as_deref().unwrap_or(""), Role::Read);
    let caller = caller.map_err(|_| refused(401, "WRONGPASS invalid or missing auth token"))?;
    if headers
        .get("upstash-response-format")
        .is_some_and(|format| !format.eq_ignore_ascii_case("json"))
    {
        return Err(refused(400, "ERR the only response format is JSON"));
    }
    Ok((config, caller))
}

/// The body; empty where there is none.
async fn body(request: &Request, headers: &Headers) -> Result<Vec<u8>, Answered> {
    let too_large = || {
        refused(
            413,
            "ERR max request size exceeded: a request has at most 1048576 bytes",
        )
    };
    let unread = |_| refused(400, "ERR the body did not arrive in full: send it again");
    let announced = headers
        .get("content-length")
        .and_then(|length| length.parse::<usize>().ok());
    let reading = match announced {
        Some(length) if length > MAX_BODY => return Err(too_large()),
        Some(_) => request.array_buffer().map_err(unread)?,
        None => runtime::read_counted(request, MAX_BODY as u32),
    };
    let bytes = settled(reading).await.map_err(unread)?;
    if bytes.is_undefined() {
        return Err(too_large());
    }
    Ok(Uint8Array::new(&bytes).to_vec())
}

fn read_commands(form: Form<'_>, query: &str, body: &[u8]) -> Result<Vec<Sent>, Answered> {
    match form {
        Form::Pipeline | Form::Transaction => {
            protocol::several(body).map_err(|error| refused(400, &error.text(&[])))
        }
        Form::Path(path) => Ok(vec![protocol::path(path, query, body)]),
        _ => Ok(vec![protocol::single(body)]),
    }
}

/// Asks whatever the commands need, wave by wave.
async fn run(
    form: Form<'_>,
    commands: Vec<Sent>,
    env: &Env,
    config: &Config,
    caller: &Caller,
    base64: bool,
) -> Answered {
    let access = match caller.role {
        Role::Read => Access::Read,
        Role::Check => Access::Check,
        Role::Admin => Access::Admin,
    };
    let prefix = placement::keyspaces_of(&caller.namespace);
    let session = match form {
        Form::Transaction => isolate(&caller.namespace, |isolate| {
            Session::transaction(commands, access, prefix, isolate)
        }),
        _ => Ok(Session::new(commands, access, prefix)),
    };
    let mut session = match session {
        Ok(session) => session,
        Err(error) => return refused(400, &error),
    };
    let directory = placement::directory_of(&caller.namespace);
    let deadline = config.deadline().as_millis() as u32; // at most 30 s
    let mut answers = Vec::new();
    loop {
        let now = clock::now().as_millis() as i64;
        let next = isolate(&caller.namespace, |isolate| {
            session.advance(answers, isolate, now)
        });
        match next {
            Next::Done(replies) => return render(form, &replies, base64),
            Next::Ask(asks) => {
                answers = keyspace_client::ask(env, &directory, asks, deadline).await;
            }
        }
    }
}

fn render(form: Form<'_>, replies: &[tollgate_upstash::reply::Reply], base64: bool) -> Answered {
    match (form, replies) {
        (Form::Single | Form::Path(_), [reply]) => protocol::answer_single(reply, base64),
        _ => (200, protocol::answer_several(replies, base64)),
    }
}
