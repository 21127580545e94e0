//! The door to KV: one key written, keys listed, values read. Each begins at once, also before it
//! is awaited.

use core::future::Future;

use js_sys::{Object, Reflect};
use tollgate_core::isolate::counts::Put;
use tollgate_core::{Duration, Timestamp};
use wasm_bindgen::{JsCast, JsValue};
use worker::Env;

use super::Failure;
use crate::clock;
use crate::hot::{Bindings, KvNamespace, KvPage};
use crate::task;

/// A page has a thousand keys. A part of the counts is no count: beyond this nothing is known.
const MAX_PAGES: usize = 10;

/// The KV namespace of the counts.
pub(crate) struct Kv(KvNamespace);

/// What a list showed, key and metadata each, and when the last of the keys expires.
#[derive(Default)]
pub(crate) struct Listed {
    pub(crate) keys: Vec<(String, String)>,
    pub(crate) until: Timestamp,
}

impl Kv {
    /// The namespace, if one is bound.
    pub(crate) fn of(env: &Env) -> Option<Kv> {
        env.bound().kv().map(Kv)
    }

    /// Writes a key.
    pub(crate) fn write(
        &self,
        put: &Put,
        patience: Duration,
    ) -> impl Future<Output = Result<(), Failure>> {
        let options = options([
            ("expirationTtl", (put.life.as_secs_ceil() as f64).into()),
            ("metadata", put.metadata.as_str().into()),
        ]);
        let writing = self.0.put(&put.key, &put.value, &options);
        let written = within(patience, "KV could not be written", writing);
        async move { written.await.map(|_| ()) }
    }

    /// Writes a key that stays.
    pub(crate) async fn keep(
        &self,
        key: &str,
        value: &str,
        patience: Duration,
    ) -> Result<(), Failure> {
        let writing = self.0.put(key, value, &JsValue::UNDEFINED);
        let written = within(patience, "KV could not be written", writing);
        written.await.map(|_| ())
    }

    /// Lists the keys that begin with `prefix`.
    pub(crate) fn list(
        &self,
        prefix: &str,
        patience: Duration,
    ) -> impl Future<Output = Result<Listed, Failure>> {
        let pages = Pages {
            kv: self.0.clone(),
            prefix: prefix.into(),
            end: clock::now().plus(patience),
        };
        let first = pages.page(None);
        async move {
            let mut listed = Listed::default();
            let mut next = first;
            for left in (0..MAX_PAGES).rev() {
                let page = next.await?;
                if listed.add(&page).map_err(unreadable)? {
                    return Ok(listed);
                }
                if left == 0 {
                    break;
                }
                next = pages.page(page.cursor().map_err(unreadable)?);
            }
            worker::console_warn!("tollgate: KV lists more than {MAX_PAGES} pages of keys");
            Err(Failure::Kv)
        }
    }

    /// The values of some keys, as far as there are any.
    pub(crate) async fn read(
        &self,
        keys: &[String],
        patience: Duration,
    ) -> Result<Vec<String>, Failure> {
        let read = |key: &String| within(patience, "KV could not be read", self.0.get(key));
        let reading: Vec<_> = keys.iter().map(read).collect(); // all of them at once
        let mut values = Vec::with_capacity(keys.len());
        for value in reading {
            values.extend(value.await?.as_string());
        }
        Ok(values)
    }
}

/// A list under way.
struct Pages {
    kv: KvNamespace,
    prefix: JsValue,
    end: Timestamp,
}

impl Pages {
    /// Begins to read one page, which stands at the cursor; the first has none.
    fn page(&self, cursor: Option<String>) -> impl Future<Output = Result<KvPage, Failure>> {
        let options = options([("prefix", self.prefix.clone()), ("cursor", cursor.into())]);
        let left = self.end.since(clock::now());
        let page = within(left, "KV could not be listed", self.kv.list(&options));
        async move { page.await.map(JsCast::unchecked_into) }
    }
}

impl Listed {
    /// Adds the keys of a page; whether it is the last page.
    fn add(&mut self, page: &KvPage) -> Result<bool, JsValue> {
        for key in page.keys()? {
            if let Some(metadata) = key.metadata()?.as_string() {
                // None of ours is without.
                let seconds = key.expiration()?.unwrap_or(0.0) as u64;
                let until = Timestamp::from_millis(seconds.saturating_mul(1_000));
                self.until = self.until.max(until);
                self.keys.push((key.name()?, metadata));
            }
        }
        page.list_complete()
    }
}

/// An object of options; what is `undefined` is as if it were not there.
fn options<const N: usize>(fields: [(&str, JsValue); N]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        let _ = Reflect::set(&object, &name.into(), &value); // never fails on an object of our own
    }
    object.into()
}

/// What a call of KV comes to, if it does so in time.
fn within(
    patience: Duration,
    what: &'static str,
    begun: Result<JsValue, JsValue>,
) -> impl Future<Output = Result<JsValue, Failure>> {
    let outcome = begun.map(|promise| task::within(&promise, patience));
    async move {
        let settled = match outcome {
            Ok(outcome) => outcome.await,
            Err(error) => Some(Err(error)),
        };
        match settled {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => Err(failed(what, error)),
            None => Err(failed(what, "no answer in time".into())),
        }
    }
}

fn unreadable(error: JsValue) -> Failure {
    failed("KV listed keys that cannot be read", error)
}

/// The failure of KV, whose cause is logged.
fn failed(what: &str, error: JsValue) -> Failure {
    let error = worker::Error::from(error);
    worker::console_warn!("tollgate: {what}: {error}");
    Failure::Kv
}
