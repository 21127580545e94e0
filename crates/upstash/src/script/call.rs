//! One call of a script, as the scripts see it.

use super::lua;
use crate::error::RedisError;
use crate::keyspace::Keyspace;

/// The limit that a dynamic-limit key holds.
#[derive(Clone, Copy, Debug)]
pub enum Dynamic<'a> {
    /// To be read from the key, which lives here.
    Stored,
    /// Read elsewhere; `None` when the key is not there.
    Given(Option<&'a [u8]>),
}

/// One call of a script.
pub(super) struct Call<'a> {
    pub(super) keyspace: &'a mut Keyspace,
    pub(super) keys: &'a [Vec<u8>],
    pub(super) arguments: &'a [Vec<u8>],
    pub(super) dynamic: Dynamic<'a>,
}

impl<'a> Call<'a> {
    /// The key at this place.
    pub(super) fn key(&self, at: usize) -> Result<&'a [u8], RedisError> {
        lua::text(self.keys, at)
    }

    /// The dynamic limit, if its key is used and holds one, else the limit of the arguments; `None`
    /// when that is no number.
    pub(super) fn limit(&mut self, key: usize, argument: usize) -> Result<Option<f64>, RedisError> {
        let given = self
            .arguments
            .get(argument)
            .and_then(|text| lua::to_number(text));
        let Some(key) = self.keys.get(key).filter(|key| !key.is_empty()) else {
            return Ok(given);
        };
        let stored = match self.dynamic {
            Dynamic::Stored => self.keyspace.string(key)?.map(|value| &**value),
            Dynamic::Given(value) => value,
        };
        Ok(stored.map_or(given, lua::to_number))
    }
}
