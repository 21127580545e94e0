//! Salesforce says what of each allocation is used:
//! `Sforce-Limit-Info: api-usage=25/5000; per-app-api-usage=17/250(appName=an-app)`, of which the
//! app's name is left out. ("REST API Developer Guide", Limit Info Header)

use crate::dialect::{each, Dialect, Header};
use crate::notes::Notes;
use crate::value::number::ratio;
use crate::{Told, Why};

const NAME: &str = "sforce-limit-info";

pub(super) const DIALECT: Dialect = Dialect {
    knows: |name| name == NAME,
    read,
};

fn read(header: &Header<'_>, notes: &mut Notes) -> Result<(), Why> {
    each(
        header.value.trim_end_matches(';').split([';', ',']),
        |part| {
            let (name, usage) = part.split_once('=').ok_or(Why::Malformed)?;
            let usage = usage.split('(').next().unwrap_or(usage);
            let (used, limit) = ratio(usage.trim())?;
            let told = Told {
                name: Some(name.trim().to_owned()),
                used: Some(used),
                limit: Some(limit),
                ..Told::default()
            };
            notes.tell(NAME, told)
        },
    )
}
