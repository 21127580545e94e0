//! The description of the API, for tools and people: `docs/openapi.yaml`, which is kept by hand.
//! The tests beside compare it with what is read, answered and served.

/// `docs/openapi.yaml` as JSON, with the schema of a policy in it (`build.rs`).
pub const DOCUMENT: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

#[cfg(test)]
mod tests;
