//! The typed door to KV: one key written and others listed at once, values read; each within a time, and never an exception.

use js_sys::Array;
use tollgate_core::eventual::Put;
use tollgate_core::{Duration, Timestamp};
use wasm_bindgen::JsValue;

use crate::runtime::{self, Kv};
use crate::task::Settled;

/// What a list showed, key and metadata each, and when the last of the keys expires.
pub(crate) struct Listed {
    pub(crate) keys: Vec<(String, String)>,
    pub(crate) until: Timestamp,
}

/// What became of a writing and a listing.
pub(crate) struct Outcome {
    /// Whether the key was written; true where there was none to write.
    pub(crate) written: bool,
    /// Every key, if they could be read.
    pub(crate) listed: Option<Listed>,
}

/// Begins to write a key and to list all that begin with `prefix`, unless it is empty. `patience`: at most 49 days.
pub(crate) fn sync(kv: &Kv, put: Option<&Put>, prefix: &str, patience: Duration) -> JsValue {
    let put = put.map_or_else(Vec::new, |put| {
        let life = put.life.as_secs_ceil().to_string();
        vec![
            put.key.clone(),
            put.value.clone(),
            put.metadata.clone(),
            life,
        ]
    });
    runtime::sync_kv(kv, put, prefix, millis(patience))
}

/// What [`sync`] came to.
pub(crate) fn synced(settled: Settled) -> Outcome {
    let both = Array::from(&settled.unwrap_or_default());
    Outcome {
        written: both.get(0).is_truthy(),
        listed: Some(both.get(1))
            .filter(JsValue::is_object)
            .map(|list| listed(&Array::from(&list))),
    }
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

/// Begins to read the values of some keys.
pub(crate) fn read(kv: &Kv, keys: Vec<String>, patience: Duration) -> JsValue {
    runtime::read_kv(kv, keys, millis(patience))
}

/// What [`read`] came to: the values that there are.
pub(crate) fn values(settled: Settled) -> Option<Vec<String>> {
    let values = settled.ok().filter(JsValue::is_object)?;
    let values = Array::from(&values);
    Some(values.iter().filter_map(|it| it.as_string()).collect())
}

fn millis(patience: Duration) -> u32 {
    u32::try_from(patience.as_millis()).unwrap_or(u32::MAX)
}
