//! Which policies are asked where one refuses: `fallbackTo`, a list of names.

use super::limit;
use crate::api::fields::Fields;
use crate::api::{problem_of, BadRequest, Problem};
use crate::limit::{Name, MAX_NAME};

/// The field.
pub(super) const FIELD: &str = "fallbackTo";
/// The most policies that are asked where one refuses.
pub const MAX_FALLBACKS: usize = 3;

/// Takes the field: 1 to [`MAX_FALLBACKS`] names, none twice.
pub(super) fn take(fields: &mut Fields<'_>) -> Result<Vec<Name>, BadRequest> {
    let elements = fields.array(FIELD, MAX_FALLBACKS)?.unwrap_or_default();
    let path = |i: usize| format!("{}[{i}]", fields.path(FIELD));
    let mut names: Vec<Name> = Vec::with_capacity(elements.len());
    for (i, element) in elements.into_iter().enumerate() {
        let text = element.text(1, MAX_NAME)?;
        let name = limit::of_text(fields, FIELD, &text)
            .map_err(|error| BadRequest::new(path(i), problem_of(error).1))?;
        if names.contains(&name) {
            return Err(BadRequest::new(path(i), Problem::Duplicate));
        }
        names.push(name);
    }
    Ok(names)
}

/// The names in a policy that was read before; none where it cannot be read.
pub fn named_in(canonical: &str) -> Vec<Name> {
    // Hardly any policy has them, and this is asked of all.
    if !canonical.contains(FIELD) {
        return Vec::new();
    }
    let fields = Fields::stored(canonical);
    let names = fields.and_then(|mut fields| take(&mut fields));
    names.unwrap_or_default()
}
