//! KV: a write is seen some time after it was made.

use std::collections::BTreeMap;

/// For each key what was written, and from when on it is seen, in ms.
#[derive(Debug, Default)]
pub(crate) struct Kv(BTreeMap<String, Vec<(u64, String)>>);

impl Kv {
    pub(crate) fn put(&mut self, key: String, seen_from: u64, metadata: String) {
        self.0.entry(key).or_default().push((seen_from, metadata));
    }

    /// Key and metadata of all keys that begin so, as they are seen at `now`.
    pub(crate) fn list(&mut self, prefix: &str, now: u64) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let from_prefix = self.0.range_mut(prefix.to_owned()..);
        for (key, written) in from_prefix.take_while(|(key, _)| key.starts_with(prefix)) {
            let newest = written.iter().rposition(|(from, _)| *from <= now);
            if let Some(newest) = newest {
                written.drain(..newest); // nobody sees what is older
                found.push((key.clone(), written[0].1.clone()));
            }
        }
        found
    }
}
