//! The door to KV: one key written, keys listed, values read. Each begins at once, also before it
//! is awaited.

use core::future::Future;

use tollgate_core::isolate::counts::Put;
use tollgate_core::{Duration, Timestamp};
use worker::kv::{KvError, KvStore};
use worker::Env;

use super::Failure;
use crate::task;

/// The name of the binding in wrangler.toml.
const BINDING: &str = "TOLLGATE_KV";
/// A page has a thousand keys. A part of the counts is no count: beyond this nothing is known.
const MAX_PAGES: usize = 10;

/// The KV namespace of the counts.
pub(crate) struct Kv(KvStore);

/// What a list showed, key and metadata each, and when the last of the keys expires.
pub(crate) struct Listed {
    pub(crate) keys: Vec<(String, String)>,
    pub(crate) until: Timestamp,
}

impl Kv {
    /// The namespace, if one is bound.
    pub(crate) fn of(env: &Env) -> Option<Kv> {
        env.kv(BINDING).ok().map(Kv)
    }

    /// Writes a key.
    pub(crate) fn write(
        &self,
        put: &Put,
        patience: Duration,
    ) -> impl Future<Output = Result<(), Failure>> {
        let (store, put) = (self.0.clone(), put.clone());
        let life = put.life.as_secs_ceil();
        let writing = async move {
            let put = store.put(&put.key, put.value)?.metadata(put.metadata)?;
            put.expiration_ttl(life).execute().await
        };
        within(patience, "KV could not be written", writing)
    }

    /// Lists the keys that begin with `prefix`.
    pub(crate) fn list(
        &self,
        prefix: &str,
        patience: Duration,
    ) -> impl Future<Output = Result<Listed, Failure>> {
        let listing = listed(self.0.clone(), prefix.to_owned());
        within(patience, "KV could not be listed", listing)
    }

    /// The values of some keys, as far as there are any.
    pub(crate) async fn read(
        &self,
        keys: &[String],
        patience: Duration,
    ) -> Result<Vec<String>, Failure> {
        let read = |key: &String| within(patience, "KV could not be read", self.0.get(key).text());
        let reading: Vec<_> = keys.iter().map(read).collect(); // all of them at once
        let mut values = Vec::with_capacity(keys.len());
        for value in reading {
            values.extend(value.await?);
        }
        Ok(values)
    }
}

async fn listed(store: KvStore, prefix: String) -> Result<Listed, KvError> {
    let mut listed = Listed {
        keys: Vec::new(),
        until: Timestamp::ZERO,
    };
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let mut list = store.list().prefix(prefix.clone());
        if let Some(cursor) = cursor {
            list = list.cursor(cursor);
        }
        let page = list.execute().await?;
        for key in page.keys {
            // Seconds since 1970; none of ours is without.
            let until = Timestamp::from_millis(key.expiration.unwrap_or(0).saturating_mul(1_000));
            if let Some(metadata) = key.metadata.as_ref().and_then(|it| it.as_str()) {
                listed.until = listed.until.max(until);
                listed.keys.push((key.name, metadata.to_owned()));
            }
        }
        if page.list_complete {
            return Ok(listed);
        }
        cursor = page.cursor;
    }
    Err(KvError::JavaScript(
        format!("more than {MAX_PAGES} pages of keys").into(),
    ))
}

fn within<T: 'static>(
    patience: Duration,
    what: &'static str,
    work: impl Future<Output = Result<T, KvError>> + 'static,
) -> impl Future<Output = Result<T, Failure>> {
    let output = task::of_crate(work, patience);
    async move {
        let error = match output.await {
            Some(Ok(it)) => return Ok(it),
            Some(Err(error)) => error.to_string(),
            None => "no answer in time".to_owned(),
        };
        worker::console_warn!("tollgate: {what}: {error}");
        Err(Failure::Kv)
    }
}
