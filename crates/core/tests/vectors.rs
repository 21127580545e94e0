//! The shared vectors of `tests/fixtures/vectors.json`, through the JSON of a request, the store in
//! memory and the JSON of the answer: the same steps that `tests/inside/vectors.test.mjs` takes
//! through the Worker and its object.

#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use serde_json::{json, Value};
use tollgate_core::api::request::{parse, Rule};
use tollgate_core::api::response::{to_json, DecisionBody};
use tollgate_core::calendar::UtcOnly;
use tollgate_core::store::{MemoryStore, RateLimitStore};
use tollgate_core::subject::Namespace;
use tollgate_core::subject_state::Item;
use tollgate_core::Timestamp;

/// Monday, 4 January 2027: what the times of a vector are counted from.
const START: u64 = 1_799_020_800_000;

/// The store in memory is ready at once.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("memory does not wait"),
    }
}

/// One request to any store, as its JSON answer.
fn limit<S: RateLimitStore<Error: std::fmt::Debug>>(store: &S, body: &Value) -> Value {
    let request = parse(&body.to_string()).unwrap();
    let Rule::Inline(policy) = request.rule else {
        unreachable!()
    };
    let subject = request.subject.in_namespace(Namespace::default());
    let item = Item {
        policy: policy.clone(),
        check: request.check,
    };
    let (decision, source) = ready(store.decide(&subject.object_name(), &item)).unwrap();
    let body = DecisionBody::new(&decision, &policy, &subject, source);
    serde_json::from_str(&to_json(&body)).unwrap()
}

/// A time in an answer, counted from the start of the vector.
fn relative(key: &str, value: &Value) -> Value {
    match (key, value.as_u64()) {
        ("reset" | "expires", Some(at)) => json!(at - START),
        _ => value.clone(),
    }
}

#[test]
fn the_store_in_memory_answers_the_shared_vectors() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/vectors.json"
    );
    let vectors: Vec<Value> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let now = Rc::new(Cell::new(START));
    let clock = Rc::clone(&now);
    let mut permits = 0;
    let random = move || {
        permits += 1;
        permits
    };
    let store = MemoryStore::new(
        move || Timestamp::from_millis(clock.get()),
        random,
        Box::new(UtcOnly),
    );
    for vector in &vectors {
        for (i, step) in vector["steps"].as_array().unwrap().iter().enumerate() {
            let mut body = vector["limit"].clone();
            body["identifier"] = vector["identifier"].clone();
            for key in ["cost", "maxDelay", "hold"] {
                if let Some(value) = step.get(key) {
                    body[key] = value.clone();
                }
            }
            now.set(START + step["at"].as_u64().unwrap());
            let answer = limit(&store, &body);
            for (key, expected) in step["expect"].as_object().unwrap() {
                assert_eq!(
                    &relative(key, &answer[key]),
                    expected,
                    "{} step {i}: {key} in {answer}",
                    vector["name"]
                );
            }
            let waits = step["expect"].get("retryAfter").is_some();
            assert_eq!(
                answer.get("retryAfter").is_some(),
                waits,
                "{} step {i}: {answer}",
                vector["name"]
            );
        }
    }
    now.set(START + 1_000_000_000_000);
    assert_eq!(store.clean(), 0, "idle subjects leave nothing");
}

#[test]
fn subjects_of_the_store_in_memory_share_nothing() {
    let now = || Timestamp::from_millis(START);
    let store = MemoryStore::new(now, || 1, Box::new(UtcOnly));
    let ask = |identifier: &str| {
        let body = json!({ "identifier": identifier, "limit": 1, "window": "1m" });
        limit(&store, &body)["success"].clone()
    };
    assert_eq!([ask("a"), ask("b"), ask("a")], [true, true, false]);
}
