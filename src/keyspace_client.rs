//! The typed door to the objects that keep Redis keys, and to the directory of their names: the questions of a session asked at once, the
//! answers in their order, within the deadline. There is no failure mode here: the session makes errors of what gives no answer.

use js_sys::Array;
use tollgate_upstash::session::{Answer, Asks};

use crate::directory::{Listing, Notice};
use crate::handlers::failed;
use crate::limiter_client::{addressed, read, Reached};
use crate::runtime::{self, Env};
use crate::task::{settled, Settled};

/// Asks. `deadline`: in milliseconds.
pub(crate) async fn ask(env: &Env, directory: &str, asks: Asks, deadline: u32) -> Vec<Answer> {
    match asks {
        Asks::Names {
            prefix,
            after,
            limit,
        } => {
            let notice = Notice::List {
                prefix,
                after,
                limit,
            };
            let call = addressed(directory, &notice.encode());
            let came = settled(runtime::ask(&env.directory(), &call, deadline)).await;
            let names = text(came).and_then(|text| match Listing::decode(&text) {
                Ok(Listing::Names(names)) => Some(Answer::Names(names)),
                _ => None,
            });
            vec![names.unwrap_or(Answer::Failed)]
        }
        Asks::Objects { calls, allowance } => {
            let count = calls.len();
            // Each text goes as soon as it is copied.
            let calls = calls
                .into_iter()
                .map(|(name, text)| addressed(&name, &text));
            let asked = runtime::ask_keyspaces(
                &env.keyspace(),
                calls.collect(),
                deadline,
                allowance.reply as u32, // both far below 2^32
                allowance.looks as u32,
                allowance.last,
            );
            let answer = |value| text(Ok(value)).map_or(Answer::Failed, Answer::Text);
            match settled(asked).await {
                Ok(values) => Array::from(&values).iter().map(answer).collect(),
                Err(_) => vec![Answer::Failed; count], // it never rejects
            }
        }
    }
}

fn text(came: Settled) -> Option<String> {
    match read(came) {
        Ok(Reached(text)) => Some(text),
        Err(failure) => {
            failed(failure);
            None
        }
    }
}
