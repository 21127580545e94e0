//! The door to what the platform knows of the deployed version.

use worker::Env;

use crate::hot::Bindings;

/// The platform's id of the deployed version; `None` where it gives none.
pub(crate) fn deployed(env: &Env) -> Option<String> {
    let known = env.bound().version_metadata()?;
    known.id().ok().filter(|id| !id.is_empty())
}
