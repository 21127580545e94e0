//! The policies of `tests/fixtures/policies.json`, through the parser. `schemas/policy.test.mjs`
//! takes the same ones through `schemas/policy.json`, so that schema and parser say the same.

#![allow(clippy::unwrap_used)]

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_core::api::policy::extended::extended;
use tollgate_core::api::policy::named::{base_of, parse, NamedPolicy};
use tollgate_core::api::{to_json, BadRequest};

#[derive(Deserialize)]
struct Fixture {
    /// What policies with `extends` extend, whatever its name.
    base: Box<RawValue>,
    /// Accepted by schema and parser.
    good: Vec<Box<RawValue>>,
    /// Refused by both.
    bad: Vec<Refused>,
    /// Refused by the parser alone: a schema cannot say it.
    beyond: Vec<Refused>,
}

#[derive(Deserialize)]
struct Refused {
    policy: Box<RawValue>,
    /// The field that the error names.
    field: String,
}

fn fixture() -> Fixture {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/policies.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Reads a policy as it is kept: with what it extends, if anything.
fn kept(base: &RawValue, policy: &RawValue) -> Result<NamedPolicy, BadRequest> {
    if base_of(policy.get())?.is_none() {
        return parse(policy.get());
    }
    let base = to_json(&parse(base.get())?);
    parse(&extended(&base, policy.get())?)
}

#[test]
fn good_policies_are_read() {
    let Fixture { base, good, .. } = fixture();
    let wrong = good.iter().filter_map(|policy| {
        let error = kept(&base, policy).err()?;
        Some(format!("{policy}: {error:?}"))
    });
    assert_eq!(wrong.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn bad_policies_are_refused_by_the_field_that_is_wrong() {
    let fixture = fixture();
    let all = fixture.bad.iter().chain(&fixture.beyond);
    let wrong = all.filter_map(|Refused { policy, field }| {
        let told = match kept(&fixture.base, policy) {
            Ok(_) => "nothing".to_owned(),
            Err(error) => error.field.to_string(),
        };
        (told != *field).then(|| format!("{policy}: {field}, not {told}"))
    });
    assert_eq!(wrong.collect::<Vec<_>>(), [""; 0]);
}
