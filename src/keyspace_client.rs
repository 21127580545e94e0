//! The typed door to the objects that keep Redis keys, and to the directory of their names: the questions of a session asked at once, the
//! answers in their order, within the deadline. There is no failure mode here: the session makes errors of what gives no answer.

use js_sys::Array;
use tollgate_upstash::session::{Answer, Ask};
use wasm_bindgen::JsValue;

use crate::directory::{Listing, Notice};
use crate::handlers::failed;
use crate::limiter_client::{addressed, read, Reached};
use crate::runtime::{self, Env};
use crate::task::{settled, Settled};

/// Asks. `deadline`: in milliseconds.
pub(crate) async fn ask(env: &Env, directory: &str, asks: Vec<Ask>, deadline: u32) -> Vec<Answer> {
    let names = matches!(asks[..], [Ask::Names { .. }]);
    let count = asks.len();
    let came = settled(begin(env, directory, asks, deadline)).await;
    read_answers(came, names, count)
}

/// The promise of all answers: one value for one question, else a list.
fn begin(env: &Env, directory: &str, asks: Vec<Ask>, deadline: u32) -> JsValue {
    if let [Ask::Object { name, text }] = &asks[..] {
        return runtime::ask(&env.keyspace(), &addressed(name, text), deadline);
    }
    let mut calls = Vec::with_capacity(asks.len());
    for ask in asks {
        match ask {
            Ask::Object { name, text } => calls.push(addressed(&name, &text)),
            Ask::Names {
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
                return runtime::ask(&env.directory(), &call, deadline);
            }
        }
    }
    runtime::ask_all(&env.keyspace(), calls, deadline)
}

fn read_answers(came: Settled, names: bool, count: usize) -> Vec<Answer> {
    let answer = |value: Settled| match read(value) {
        Ok(Reached(text)) if names => match Listing::decode(&text) {
            Ok(Listing::Names(names)) => Answer::Names(names),
            _ => Answer::Failed,
        },
        Ok(Reached(text)) => Answer::Text(text),
        Err(failure) => {
            failed(failure);
            Answer::Failed
        }
    };
    match came {
        Ok(value) if Array::is_array(&value) => Array::from(&value)
            .iter()
            .map(|value| answer(Ok(value)))
            .collect(),
        Ok(value) if count == 1 => vec![answer(Ok(value))],
        _ => vec![Answer::Failed; count], // `ask` never rejects
    }
}
