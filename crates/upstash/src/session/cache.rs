//! The cache of one isolate: dynamic limits for a second, and texts of loaded scripts. Both are
//! bounded and only save calls: losing an entry changes no decision by more than that second.

use crate::command::Access;
use crate::commands;
use crate::error::RedisError;
use crate::script::{self, Script};
use crate::sha1::hex;

/// How long a dynamic limit is taken as known, ms: how late another isolate's change may take
/// effect.
const FRESH: i64 = 1_000;

/// The most dynamic limits in memory: one for each prefix in use.
const MAX_LIMITS: usize = 256;

/// The most texts: each differs from a published one in comments only, so there are hardly any.
const MAX_TEXTS: usize = 64;

/// The cache of one isolate.
#[derive(Default)]
pub struct SessionCache {
    limits: Vec<Limit>,
    texts: Vec<(String, Script)>,
}

struct Limit {
    object: String,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
    until: i64,
}

impl SessionCache {
    /// A dynamic limit, if it was read within the last second: its key's object and key, and what
    /// the key held.
    pub(crate) fn limit(&self, object: &str, key: &[u8], now: i64) -> Option<Option<&[u8]>> {
        let fresh = |limit: &&Limit| limit.object == object && limit.key == key;
        let limit = self.limits.iter().find(fresh)?;
        // A clock that steps back would keep it fresh for long.
        (now < limit.until && now >= limit.until - FRESH).then_some(limit.value.as_deref())
    }

    /// Caches a dynamic limit, which has at most [`crate::bounds::MAX_DYNAMIC_LIMIT`] bytes.
    pub(crate) fn set_limit(
        &mut self,
        object: String,
        key: Vec<u8>,
        value: Option<Vec<u8>>,
        now: i64,
    ) {
        self.forget_limit(&object, &key);
        if self.limits.len() >= MAX_LIMITS {
            self.limits.clear();
        }
        self.limits.push(Limit {
            object,
            key,
            value,
            until: now + FRESH,
        });
    }

    /// Removes a limit that this command may have changed.
    pub(crate) fn forget_limit_if_written(&mut self, object: &str, key: &[u8], name: &[u8]) {
        let writes = commands::find(name).is_some_and(|command| command.access > Access::Read);
        if writes && !self.limits.is_empty() {
            self.forget_limit(object, key);
        }
    }

    fn forget_limit(&mut self, object: &str, key: &[u8]) {
        self.limits
            .retain(|limit| limit.object != object || limit.key != key);
    }

    /// Removes everything of the objects whose names begin with this prefix.
    pub(crate) fn forget_limits(&mut self, prefix: &str) {
        self.limits
            .retain(|limit| !limit.object.starts_with(prefix));
    }

    pub(crate) fn load(&mut self, sha1: [u8; 20], script: Script) {
        let sha1 = hex(&sha1);
        let known = script::by_sha1(sha1.as_bytes()).is_some()
            || self.texts.iter().any(|(text, _)| *text == sha1);
        if !known {
            self.texts.truncate(MAX_TEXTS - 1);
            self.texts.insert(0, (sha1, script));
        }
    }

    /// The script of this SHA1: one of the known ones, or one whose text was loaded here.
    pub(crate) fn script(&self, sha1: &[u8]) -> Option<Script> {
        let loaded = || {
            self.texts
                .iter()
                .find(|(text, _)| text.as_bytes().eq_ignore_ascii_case(sha1))
        };
        script::by_sha1(sha1).or_else(|| loaded().map(|(_, script)| *script))
    }

    /// Takes `EVAL` or `EVALSHA` apart.
    pub(crate) fn parts<'a>(
        &self,
        command: &'a [Vec<u8>],
    ) -> Result<script::Parts<'a>, RedisError> {
        script::parts(command, |sha1| self.script(sha1))
    }
}
