//! GitHub says beside its [`plain`](super::plain) headers which of its limits they are about:
//! `x-ratelimit-resource: core`. ("Rate limits for the REST API")

use super::plain::X_RATELIMIT;
use crate::dialect::{Dialect, Header};
use crate::notes::Notes;
use crate::Why;

pub(super) const DIALECT: Dialect = Dialect {
    knows: |name| name == "x-ratelimit-resource",
    read: |header: &Header<'_>, notes: &mut Notes| -> Result<(), Why> {
        notes.name(X_RATELIMIT, header.value)
    },
};
