//! Twilio says how many requests of the account are under way, and not how many may be:
//! `Twilio-Concurrent-Requests: 7`.

use super::fields::{self, Field};
use crate::dialect::{Dialect, Header};
use crate::notes::Notes;
use crate::Why;

const NAME: &str = "twilio-concurrent-requests";

pub(super) const DIALECT: Dialect = Dialect {
    knows: |name| name == NAME,
    read: |header: &Header<'_>, notes: &mut Notes| -> Result<(), Why> {
        let field = (Field::Used, Some("concurrent-requests"));
        fields::read(NAME, field, header.value, notes)
    },
};
