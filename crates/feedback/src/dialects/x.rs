//! X, formerly Twitter, says beside its [`plain`](super::plain) headers (`x-rate-limit-limit`) how
//! much of a day's allowance is left to the app and the user: `x-app-limit-24hour-remaining`.

use tollgate_core::Duration;

use super::fields;
use crate::dialect::{Dialect, Header};
use crate::notes::{Family, Notes};
use crate::{Told, Why};

const DAY: Duration = Duration::from_secs(86_400);
const FAMILIES: [(Family, &str); 2] = [
    ("x-app-limit-24hour-", "app-24hour"),
    ("x-user-limit-24hour-", "user-24hour"),
];

pub(super) const DIALECT: Dialect = Dialect {
    knows: |name| FAMILIES.iter().any(|(family, _)| name.starts_with(family)),
    read,
};

fn read(header: &Header<'_>, notes: &mut Notes) -> Result<(), Why> {
    let of = |&(family, name)| Some((family, name, header.name.strip_prefix(family)?));
    let (family, name, words) = FAMILIES.iter().find_map(of).ok_or(Why::Unknown)?;
    let (field, None) = fields::field_of(words).ok_or(Why::Unknown)? else {
        return Err(Why::Unknown);
    };
    fields::read(family, (field, Some(name)), header.value, notes)?;
    let told = Told {
        name: Some(name.to_owned()),
        window: Some(DAY),
        ..Told::default()
    };
    notes.tell(family, told)
}
