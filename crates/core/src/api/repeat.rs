//! `idempotencyKey` and `operation`: what a caller calls a request, so that it is known when it
//! comes again.

use super::fields::Fields;
use super::{bytes_between, BadRequest, Problem};
use crate::idempotency::{Repeat, MAX_NAME};

/// The field of an idempotency key.
pub(super) const KEY: &str = "idempotencyKey";
/// The field of an operation.
pub(super) const OPERATION: &str = "operation";

/// Takes what a request is called, if it is.
pub(super) fn take(fields: &mut Fields<'_>) -> Result<Option<Repeat>, BadRequest> {
    let key = fields.text(KEY, 1, MAX_NAME)?.map(String::from);
    let operation = fields.text(OPERATION, 1, MAX_NAME)?.map(String::from);
    let repeat = of(key, operation);
    repeat.map_err(|(field, problem)| fields.error(field, problem))
}

/// What these name.
pub(super) fn of(
    key: Option<String>,
    operation: Option<String>,
) -> Result<Option<Repeat>, (&'static str, Problem)> {
    let repeat = match (key, operation) {
        (None, None) => return Ok(None),
        (Some(key), None) => Repeat::Key(key),
        (None, Some(operation)) => Repeat::Operation(operation),
        (Some(_), Some(_)) => {
            let with =
                "`idempotencyKey`, which does the same and is stored as well: name one of them";
            return Err((OPERATION, Problem::Conflict { with }));
        }
    };
    let (field, name) = (repeat.field(), repeat.name());
    if !(1..=MAX_NAME).contains(&name.len()) {
        return Err((field, bytes_between(1, MAX_NAME)));
    }
    if name.contains(char::is_control) {
        let expected = "text without control characters";
        return Err((field, Problem::Malformed { expected }));
    }
    Ok(Some(repeat))
}

/// Why a request that only looks has no name.
pub(super) fn clash_of_peek(repeat: &Repeat) -> (&'static str, Problem) {
    let with = "`peek`, which changes nothing and can be sent again as it is";
    (repeat.field(), Problem::Conflict { with })
}

impl Repeat {
    /// The field that names it.
    pub(super) const fn field(&self) -> &'static str {
        match self {
            Repeat::Key(_) => KEY,
            Repeat::Operation(_) => OPERATION,
        }
    }
}
