//! Redis commands: a session of `tollgate_upstash` says what it needs, wave by wave, and is given
//! what objects answer.

use std::cell::RefCell;

use tollgate_core::isolate::bounded::{BoundedMap, Secret};
use tollgate_core::subject::Namespace;
use tollgate_core::Duration;
use tollgate_upstash::command::Access;
use tollgate_upstash::protocol::Sent;
use tollgate_upstash::reply::Reply;
use tollgate_upstash::session::{Answer, Asks, Next, Session, SessionCache};
use worker::Env;

use crate::clock;
use crate::directory::DirectoryCall;
use crate::doors::{directory, keyspace, Failure};
use crate::hot;
use crate::placement;
use crate::telemetry::flush;

/// The most namespaces of which something is remembered between requests.
const MAX_NAMESPACES: usize = 256;

thread_local! {
    /// What is remembered between requests, of each namespace for itself. It only saves calls.
    static CACHES: RefCell<(Secret, BoundedMap<SessionCache>)> =
        RefCell::new((Secret::new(hot::random_bits()), BoundedMap::new(MAX_NAMESPACES)));
}

/// Uses what is remembered of a namespace. `run` must not use it again.
fn with_cache<T>(namespace: &Namespace, run: impl FnOnce(&mut SessionCache) -> T) -> T {
    CACHES.with_borrow_mut(|(secret, caches)| {
        let key = secret.key_in(namespace.as_str(), &());
        let (cache, _) = caches.get_or_put(key, SessionCache::default, |_| (0, 0));
        run(cache)
    })
}

/// Commands, and what their caller may do.
pub(crate) struct Request {
    pub(crate) commands: Vec<Sent>,
    pub(crate) access: Access,
    /// All of them at once, or none.
    pub(crate) is_transaction: bool,
}

/// One reply for each command, or why none of a transaction was run.
pub(crate) async fn run(
    env: &Env,
    namespace: &Namespace,
    deadline: Duration,
    request: Request,
) -> Result<Vec<Reply>, String> {
    let Request {
        commands, access, ..
    } = request;
    let prefix = placement::keyspaces_of(namespace);
    let mut session = if request.is_transaction {
        with_cache(namespace, |cache| {
            Session::transaction(commands, access, prefix, cache)
        })?
    } else {
        Session::new(commands, access, prefix)
    };
    let directory = placement::directory_of(namespace);
    let mut answers = Vec::new();
    loop {
        let now = clock::now().as_millis() as i64;
        let next = with_cache(namespace, |cache| session.advance(answers, cache, now));
        match next {
            Next::Done(replies) => return Ok(replies),
            Next::Ask(asks) => answers = ask(env, &directory, asks, deadline).await,
        }
    }
}

async fn ask(env: &Env, directory: &str, asks: Asks, deadline: Duration) -> Vec<Answer> {
    match asks {
        Asks::Names {
            prefix,
            after,
            limit,
        } => {
            let query = DirectoryCall::List {
                prefix,
                after,
                limit,
            };
            let names = directory::list(env, directory, &query, deadline).await;
            vec![names.map_or_else(failed, Answer::Names)]
        }
        Asks::Objects { calls, allowance } => {
            let answers = keyspace::ask(env, calls, allowance, deadline).await;
            let answer = |answer: Result<String, Failure>| answer.map_or_else(failed, Answer::Text);
            answers.into_iter().map(answer).collect()
        }
    }
}

fn failed(failure: Failure) -> Answer {
    flush::failed(failure);
    Answer::Failed
}
