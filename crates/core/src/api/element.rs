//! The elements of a JSON array in a field.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::fields::Fields;
use super::raw::{Values, MAX_FIELDS};
use super::{values, BadRequest, Problem, Unit};
use crate::number::MAX_SAFE;
use crate::Duration;

/// One element of a JSON array, with its path.
#[derive(Debug)]
pub struct Element<'a> {
    path: String,
    value: &'a RawValue,
    /// Whether it comes out of storage.
    is_stored: bool,
}

impl<'a> Fields<'a> {
    /// An array of 1 to `max` elements, `max` at most [`MAX_FIELDS`].
    pub fn array(
        &mut self,
        name: &str,
        max: usize,
    ) -> Result<Option<Vec<Element<'a>>>, BadRequest> {
        let Some(text) = self.value(name).map(RawValue::get) else {
            return Ok(None);
        };
        let expected = "an array";
        if !text.starts_with('[') {
            return Err(self.error(name, Problem::WrongType { expected }));
        }
        // Values are not looked into, so what was JSON in the body is JSON here.
        let Values(values, count) = serde_json::from_str(text).map_err(BadRequest::not_json)?;
        if count == 0 || count > max.min(MAX_FIELDS) {
            return Err(self.error(name, Problem::at_most(max, Unit::Entries)));
        }
        let path = self.path(name);
        let elements = values.into_iter().enumerate().map(|(i, value)| Element {
            path: format!("{path}[{i}]"),
            value,
            is_stored: self.is_stored(),
        });
        Ok(Some(elements.collect()))
    }
}

impl<'a> Element<'a> {
    /// The element as a text of `min` to `max` bytes.
    pub fn text(self, min: usize, max: usize) -> Result<String, BadRequest> {
        let text = values::text(self.value.get(), (min, max));
        text.map(Cow::into_owned)
            .map_err(|problem| BadRequest::new(self.path, problem))
    }

    /// The element as a duration from `min` to `max`: a text such as `15m`, or whole milliseconds.
    pub fn duration(self, min: Duration, max: Duration) -> Result<Duration, BadRequest> {
        let duration = values::duration(self.value.get(), (min, max));
        duration.map_err(|problem| BadRequest::new(self.path, problem))
    }

    /// The element as a whole number, or a text, each as far as it is known; `expected` says which
    /// are.
    pub fn number_or_text<T>(
        self,
        expected: &'static str,
        number: impl FnOnce(u64) -> Option<T>,
        text: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, BadRequest> {
        let value = self.value.get();
        let meant = match value.starts_with('"') {
            true => values::string(value, expected)
                .ok()
                .and_then(|it| text(&it)),
            false => {
                let bounds = (0, MAX_SAFE as i64); // 2^53
                let read = values::integer(value, bounds).ok();
                read.and_then(|it| number(it.unsigned_abs()))
            }
        };
        meant.ok_or_else(|| BadRequest::new(self.path, Problem::Malformed { expected }))
    }

    /// The element as an object.
    pub fn object(self) -> Result<Fields<'a>, BadRequest> {
        Fields::inside(self.value, self.path, self.is_stored)
    }
}
