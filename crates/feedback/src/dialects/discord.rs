//! Discord says beside its [`plain`](super::plain) headers which bucket they are about, and of a
//! refusal for how much it counts. ("Rate Limits", Header Format)

use super::plain::X_RATELIMIT;
use crate::dialect::{Dialect, Header};
use crate::notes::Notes;
use crate::{Scope, Why};

const BUCKET: &str = "x-ratelimit-bucket";
const SCOPE: &str = "x-ratelimit-scope";
const GLOBAL: &str = "x-ratelimit-global";

pub(super) const DIALECT: Dialect = Dialect {
    knows: |name| [BUCKET, SCOPE, GLOBAL].contains(&name),
    read,
};

fn read(header: &Header<'_>, notes: &mut Notes) -> Result<(), Why> {
    if header.name == BUCKET {
        return notes.name(X_RATELIMIT, header.value);
    }
    let word = header.value.to_ascii_lowercase();
    let scope = match (header.name.as_str(), word.as_str()) {
        (GLOBAL, "true") | (SCOPE, "global") => Scope::Everything,
        (GLOBAL, "false") => return Ok(()),
        // The caller's own limit on the route.
        (SCOPE, "user") => Scope::Endpoint,
        // That of a resource, whoever asks for it.
        (SCOPE, "shared") => Scope::Resource,
        _ => return Err(Why::Malformed),
    };
    notes.cause(Some(scope), None);
    Ok(())
}
