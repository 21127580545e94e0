//! Baseline D: a rate limiter as one would first write it with the `worker` crate. The Worker reads
//! JSON and sends JSON to the object; the object awaits a read of its storage, awaits a write, and
//! answers with JSON. One object per identifier; it stores `bucket`.
#![cfg(target_arch = "wasm32")]
#![allow(missing_docs)] // the macros make public items without documentation

use serde::{Deserialize, Serialize};
use worker::{
    durable_object, event, Context, Date, DurableObject, Env, Headers, Method, Request,
    RequestInit, Response, Result, State,
};

/// What the caller asks; times in milliseconds.
#[derive(Serialize, Deserialize)]
struct Check {
    identifier: String,
    capacity: f64,
    refill: Refill,
    #[serde(default = "one")]
    cost: f64,
}

#[derive(Serialize, Deserialize)]
struct Refill {
    amount: f64,
    interval: f64,
}

fn one() -> f64 {
    1.0
}

/// The stored bucket: what is left and since when.
#[derive(Serialize, Deserialize)]
struct Bucket {
    tokens: f64,
    time: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Decision {
    success: bool,
    limit: f64,
    remaining: f64,
    reset: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<f64>,
}

#[event(fetch)]
async fn fetch(mut request: Request, env: Env, _context: Context) -> Result<Response> {
    let check: Check = request.json().await?;
    let stub = env
        .durable_object("LIMITER")?
        .get_by_name(&check.identifier)?;
    let headers = Headers::new();
    headers.set("content-type", "application/json")?;
    let mut init = RequestInit::new();
    init.with_method(Method::Post)
        .with_headers(headers)
        .with_body(Some(serde_json::to_string(&check)?.into()));
    stub.fetch_with_request(Request::new_with_init("https://limiter/check", &init)?)
        .await
}

#[durable_object]
pub struct Limiter {
    state: State,
}

impl DurableObject for Limiter {
    fn new(state: State, _env: Env) -> Self {
        Self { state }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let check: Check = request.json().await?;
        let now = Date::now().as_millis() as f64;
        let storage = self.state.storage();
        let bucket = match storage.get::<Bucket>("bucket").await? {
            Some(bucket) => bucket,
            None => Bucket {
                tokens: check.capacity,
                time: now,
            },
        };
        let rate = check.refill.amount / check.refill.interval;
        let tokens = (bucket.tokens + (now - bucket.time) * rate).min(check.capacity);
        if tokens < check.cost {
            let decision = Decision {
                success: false,
                limit: check.capacity,
                remaining: tokens.floor(),
                reset: now + ((check.capacity - tokens) / rate).ceil(),
                retry_after: Some(((check.cost - tokens) / rate).ceil()),
            };
            return Ok(Response::from_json(&decision)?.with_status(429));
        }
        let tokens = tokens - check.cost;
        storage.put("bucket", Bucket { tokens, time: now }).await?;
        Response::from_json(&Decision {
            success: true,
            limit: check.capacity,
            remaining: tokens.floor(),
            reset: now + ((check.capacity - tokens) / rate).ceil(),
            retry_after: None,
        })
    }
}
