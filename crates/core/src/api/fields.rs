//! A strict reader of one JSON object.
//!
//! [`Fields::parse`] splits an object into names and unread values, one level deep: what is never
//! asked for is never interpreted, and nesting costs nothing, however deep. Each getter takes a
//! field by its name, checks its type and bounds and remembers that it was taken;
//! [`Fields::finish`] refuses what nobody took. Every error carries the path of the field.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

pub use super::element::Element;
pub use super::raw::MAX_FIELDS;

use super::raw::{Pairs, Text};
use super::values;
use super::{clipped, BadRequest, Problem, Unit, BODY};
use crate::number::{Decimal, MAX_SAFE};
use crate::Duration;

const AN_OBJECT: Problem = Problem::WrongType {
    expected: "an object",
};

/// The fields of one JSON object, each taken at most once.
#[derive(Debug)]
pub struct Fields<'a> {
    /// The object's own path, empty for the body.
    path: String,
    all: Vec<Field<'a>>,
    /// See [`Fields::stored`].
    is_stored: bool,
}

#[derive(Debug, Clone)]
struct Field<'a> {
    name: Cow<'a, str>,
    value: &'a RawValue,
    /// Whether it stands in this object, not in the one that gives defaults to it.
    own: bool,
    taken: bool,
}

impl<'a> Fields<'a> {
    /// Splits a body, which must be one JSON object.
    pub fn parse(body: &'a str) -> Result<Fields<'a>, BadRequest> {
        let text = body.trim_start_matches([' ', '\t', '\n', '\r']);
        if !text.starts_with('{') {
            serde_json::from_str::<IgnoredAny>(body).map_err(BadRequest::not_json)?;
            return Err(BadRequest::new(BODY, AN_OBJECT));
        }
        let pairs = serde_json::from_str(body).map_err(BadRequest::not_json)?;
        Fields::of(pairs, String::new())
    }

    /// Splits what was let in before and is stored, maybe by an older build that let in more: `.`
    /// and `..` are names in it ([`crate::dots`]).
    pub(super) fn stored(text: &'a str) -> Result<Fields<'a>, BadRequest> {
        let mut fields = Fields::parse(text)?;
        fields.is_stored = true;
        Ok(fields)
    }

    /// Whether it comes out of storage: see [`Fields::stored`].
    pub(super) const fn is_stored(&self) -> bool {
        self.is_stored
    }

    /// Splits a value inside a body, which must be an object; `is_stored` as the body is.
    pub(super) fn inside(
        value: &'a RawValue,
        path: String,
        is_stored: bool,
    ) -> Result<Fields<'a>, BadRequest> {
        if !value.get().starts_with('{') {
            return Err(BadRequest::new(path, AN_OBJECT));
        }
        match serde_json::from_str(value.get()) {
            Ok(pairs) => Ok(Fields {
                is_stored,
                ..Fields::of(pairs, path)?
            }),
            // The text is JSON; but an escape in a name may stand for half a surrogate pair.
            Err(_) => Err(BadRequest::new(path, values::WHOLE_TEXT)),
        }
    }

    fn of(Pairs(pairs, count): Pairs<'a>, path: String) -> Result<Fields<'a>, BadRequest> {
        if count > MAX_FIELDS {
            let here = if path.is_empty() {
                BODY.to_owned()
            } else {
                path
            };
            return Err(BadRequest::new(
                here,
                Problem::at_most(MAX_FIELDS, Unit::Fields),
            ));
        }
        let all = Vec::with_capacity(pairs.len());
        let mut fields = Fields {
            path,
            all,
            is_stored: false,
        };
        for (Text(name), value) in pairs {
            if fields.has(&name) {
                return Err(fields.error(&clipped(&name), Problem::Duplicate));
            }
            fields.all.push(Field {
                name,
                value,
                own: true,
                taken: false,
            });
        }
        Ok(fields)
    }

    /// The object's own path, empty for the body.
    pub fn here(&self) -> &str {
        &self.path
    }

    /// Whether the field is there, taken or not.
    pub fn has(&self, name: &str) -> bool {
        self.position(name).is_some()
    }

    /// Whether any of the fields is there, taken or not.
    pub fn has_any(&self, names: &[&str]) -> bool {
        self.find(|name| names.contains(&name)).is_some()
    }

    /// Whether the field is there, taken or not, and a text.
    pub fn is_text(&self, name: &str) -> bool {
        let found = self.position(name).map(|at| self.all[at].value.get());
        found.is_some_and(|value| value.starts_with('"'))
    }

    /// Forgets a field that was taken: whoever looks for it finds none.
    pub(super) fn forget(&mut self, name: &str) {
        self.all
            .retain(|field| !(field.taken && field.name == name));
    }

    /// The first field that `which` approves of, taken or not, its own or a default.
    pub fn find(&self, which: impl Fn(&str) -> bool) -> Option<&str> {
        let mut names = self.all.iter().map(|field| &*field.name);
        names.find(|name| which(name))
    }

    /// Adds each untaken field of `defaults` that this object lacks and `wanted` approves of. It
    /// keeps its path, and nobody has to take it.
    pub fn add_defaults(
        &mut self,
        defaults: &Fields<'a>,
        wanted: impl Fn(&str, &Fields<'a>) -> bool,
    ) {
        let missing = defaults.all.iter().filter(|default| {
            !default.taken && !self.has(&default.name) && wanted(&default.name, self)
        });
        let added = missing.map(|default| Field {
            own: false,
            ..default.clone()
        });
        let added: Vec<Field<'a>> = added.collect();
        self.all.extend(added);
    }

    /// The first field that nobody has taken and that stands in this object, among those that
    /// `which` approves of.
    pub fn untaken(&self, which: impl Fn(&str) -> bool) -> Option<&str> {
        let mut own = self.all.iter().filter(|field| field.own && !field.taken);
        own.find_map(|field| which(&field.name).then_some(&*field.name))
    }

    /// Refuses the first field whose name is in none of the lists: a slip in spelling is named
    /// before anything is called missing.
    pub fn only(&self, known: &[&[&str]]) -> Result<(), BadRequest> {
        match self.untaken(|name| !known.iter().any(|list| list.contains(&name))) {
            Some(name) => Err(self.error(&clipped(name), Problem::Unknown)),
            None => Ok(()),
        }
    }

    /// The names of all fields, in the order given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|field| &*field.name)
    }

    /// Refuses the first field that nobody has taken.
    pub fn finish(self) -> Result<(), BadRequest> {
        self.only(&[])
    }

    /// A text of `min` to `max` bytes.
    pub fn text(
        &mut self,
        name: &str,
        min: usize,
        max: usize,
    ) -> Result<Option<Cow<'a, str>>, BadRequest> {
        self.take(name, |value| values::text(value, (min, max)))
    }

    /// A whole number from `min` to `max`.
    pub fn integer(&mut self, name: &str, min: i64, max: i64) -> Result<Option<i64>, BadRequest> {
        self.take(name, |value| values::integer(value, (min, max)))
    }

    /// A whole number from `min` to `max`, neither below zero nor above 2^53.
    pub fn count(&mut self, name: &str, min: u64, max: u64) -> Result<Option<u64>, BadRequest> {
        // Bounds are at most 2^53, and what lies between them is not negative.
        let bounds = (min.min(MAX_SAFE) as i64, max.min(MAX_SAFE) as i64);
        self.take(name, |value| {
            values::integer(value, bounds).map(i64::unsigned_abs)
        })
    }

    /// A number above zero and at most 2^53, kept exactly.
    pub fn decimal(&mut self, name: &str) -> Result<Option<Decimal>, BadRequest> {
        self.decimal_within(name, values::DECIMAL, |_| true)
    }

    /// A number above zero, kept exactly, that lies within bounds of its own; `expected` says them.
    pub fn decimal_within(
        &mut self,
        name: &str,
        expected: &'static str,
        fits: fn(Decimal) -> bool,
    ) -> Result<Option<Decimal>, BadRequest> {
        self.take(name, |value| {
            let decimal = values::decimal(value, expected)?;
            let fits = fits(decimal);
            fits.then_some(decimal)
                .ok_or(Problem::Malformed { expected })
        })
    }

    /// A duration from `min` to `max`: a text such as `15m`, or whole milliseconds.
    pub fn duration(
        &mut self,
        name: &str,
        min: Duration,
        max: Duration,
    ) -> Result<Option<Duration>, BadRequest> {
        self.take(name, |value| values::duration(value, (min, max)))
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, name: &str) -> Result<Option<bool>, BadRequest> {
        self.take(name, values::boolean)
    }

    /// A text that `meaning` knows; `expected` says what a value of another type should have been.
    pub fn word<T>(
        &mut self,
        name: &str,
        expected: &'static str,
        meaning: impl Fn(&str) -> Result<T, Problem>,
    ) -> Result<Option<T>, BadRequest> {
        self.take(name, |value| meaning(&values::string(value, expected)?))
    }

    /// An object.
    pub fn object(&mut self, name: &str) -> Result<Option<Fields<'a>>, BadRequest> {
        match self.value(name) {
            Some(value) => Fields::inside(value, self.path(name), self.is_stored).map(Some),
            None => Ok(None),
        }
    }

    /// Turns an absent field into an error.
    pub fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, BadRequest> {
        value.ok_or_else(|| self.error(name, Problem::Missing))
    }

    /// The error that `problem` is at the field `name`, with the field's path.
    pub fn error(&self, name: &str, problem: Problem) -> BadRequest {
        BadRequest::new(self.path(name), problem)
    }

    /// Reads a field that nobody has taken, which is taken now.
    fn take<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a str) -> Result<T, Problem>,
    ) -> Result<Option<T>, BadRequest> {
        match self.value(name).map(|value| read(value.get())) {
            Some(Err(problem)) => Err(self.error(name, problem)),
            Some(Ok(value)) => Ok(Some(value)),
            None => Ok(None),
        }
    }

    /// The unread value of a field that nobody has taken, which is taken now.
    pub(super) fn value(&mut self, name: &str) -> Option<&'a RawValue> {
        let mut untaken = self.all.iter_mut().filter(|field| !field.taken);
        let field = untaken.find(|field| field.name == name)?;
        field.taken = true;
        Some(field.value)
    }

    /// The text of a field that nobody has taken, as it stands there. It is taken now.
    pub fn raw(&mut self, name: &str) -> Option<&'a str> {
        self.value(name).map(RawValue::get)
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.all.iter().position(|field| field.name == name)
    }

    /// The path of a field, or of a part of one (`anchor.day`). Defaults stand in the body.
    pub(super) fn path(&self, name: &str) -> String {
        let whole = name.split('.').next().unwrap_or(name);
        let own = self.position(whole).is_none_or(|at| self.all[at].own);
        if own && !self.path.is_empty() {
            format!("{}.{name}", self.path)
        } else {
            name.to_owned()
        }
    }
}
