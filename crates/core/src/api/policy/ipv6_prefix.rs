//! By which network IPv6 addresses are counted: `ipv6Prefix`, in bits.

use crate::api::fields::Fields;
use crate::api::BadRequest;
use crate::subject::Ipv6Prefix;

/// The field.
pub(super) const FIELD: &str = "ipv6Prefix";

/// Takes the field: 32 to 128.
pub(super) fn take(fields: &mut Fields<'_>) -> Result<Option<Ipv6Prefix>, BadRequest> {
    let (min, max) = (Ipv6Prefix::MIN, Ipv6Prefix::MAX);
    let bits = fields.count(FIELD, min.into(), max.into())?;
    Ok(bits
        .and_then(|bits| u8::try_from(bits).ok())
        .and_then(Ipv6Prefix::new))
}
