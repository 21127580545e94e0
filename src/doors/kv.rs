//! The door to KV: one key written, keys listed, values read.

use js_sys::Array;
use tollgate_core::eventual::Put;
use tollgate_core::{Duration, Timestamp};
use wasm_bindgen::JsValue;

use super::Failure;
use crate::hot::{self, Kv};
use crate::task::{settled, Settled};

/// What a list showed, key and metadata each, and when the last of the keys expires.
pub(crate) struct Listed {
    pub(crate) keys: Vec<(String, String)>,
    pub(crate) until: Timestamp,
}

/// What became of a writing and a listing.
pub(crate) struct Synced {
    /// Whether the key was written; true where there was none to write.
    pub(crate) written: bool,
    /// Every key, if they could be read.
    pub(crate) listed: Option<Listed>,
}

/// A writing and a listing that are under way.
pub(crate) struct Syncing(JsValue);

impl Syncing {
    /// Begins to write a key and to list all that begin with `prefix`, unless it is empty. `patience`: at most 49 days.
    pub(crate) fn begin(kv: &Kv, put: Option<&Put>, prefix: &str, patience: Duration) -> Syncing {
        let put = put.map_or_else(Vec::new, |put| {
            let life = put.life.as_secs_ceil().to_string();
            vec![
                put.key.clone(),
                put.value.clone(),
                put.metadata.clone(),
                life,
            ]
        });
        Syncing(hot::sync_kv(kv, put, prefix, millis(patience)))
    }

    /// What came of it.
    pub(crate) async fn done(self) -> Synced {
        let both = Array::from(&settled(self.0).await.unwrap_or_default());
        Synced {
            written: both.get(0).is_truthy(),
            listed: Some(both.get(1))
                .filter(JsValue::is_object)
                .map(|list| listed(&Array::from(&list))),
        }
    }
}

/// Writes a key.
pub(crate) async fn write(kv: &Kv, put: &Put, patience: Duration) -> Result<(), Failure> {
    let synced = Syncing::begin(kv, Some(put), "", patience).done().await;
    synced.written.then_some(()).ok_or(Failure::Kv)
}

/// Lists the keys that begin with `prefix`.
pub(crate) async fn list(kv: &Kv, prefix: &str, patience: Duration) -> Result<Listed, Failure> {
    let synced = Syncing::begin(kv, None, prefix, patience).done().await;
    synced.listed.ok_or(Failure::Kv)
}

/// The values of some keys, as far as there are any.
pub(crate) async fn read(
    kv: &Kv,
    keys: Vec<String>,
    patience: Duration,
) -> Result<Vec<String>, Failure> {
    let read: Settled = settled(hot::read_kv(kv, keys, millis(patience))).await;
    let values = read.ok().filter(JsValue::is_object).ok_or(Failure::Kv)?;
    let values = Array::from(&values);
    Ok(values.iter().filter_map(|it| it.as_string()).collect())
}

/// Waits, so that KV takes a second writing of one key, or to look again what is due.
pub(crate) async fn wait(time: Duration) {
    let _ = settled(hot::later(millis(time))).await; // it never rejects
}

fn listed(list: &Array) -> Listed {
    let text = |i: u32| list.get(i).as_string().unwrap_or_default();
    let places = (0..list.length()).step_by(3);
    // Seconds since 1970; 0 where a key never expires, as none of ours does.
    let until = |i: u32| list.get(i + 2).as_f64().unwrap_or(0.0) as u64;
    let last = places.clone().map(until).max().unwrap_or(0);
    Listed {
        keys: places.map(|i| (text(i), text(i + 1))).collect(),
        until: Timestamp::from_millis(last.saturating_mul(1_000)),
    }
}

fn millis(patience: Duration) -> u32 {
    u32::try_from(patience.as_millis()).unwrap_or(u32::MAX)
}
