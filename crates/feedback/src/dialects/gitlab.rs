//! GitLab says beside its [`plain`](super::plain) headers which of its throttles they are about:
//! `RateLimit-Name: throttle_authenticated_web`. ("User and IP rate limits", Response headers)

use super::plain::RATELIMIT;
use crate::dialect::{Dialect, Header};
use crate::notes::Notes;
use crate::Why;

pub(super) const DIALECT: Dialect = Dialect {
    knows: |name| name == "ratelimit-name",
    read: |header: &Header<'_>, notes: &mut Notes| -> Result<(), Why> {
        notes.name(RATELIMIT, header.value)
    },
};
