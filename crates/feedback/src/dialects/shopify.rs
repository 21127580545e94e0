//! Shopify's REST API says how full its leaky bucket is: `X-Shopify-Shop-Api-Call-Limit: 32/40`.
//! What its GraphQL API charges stands in the body. ("REST Admin API rate limits")

use crate::dialect::{each, Dialect, Header};
use crate::notes::Notes;
use crate::value::number::ratio;
use crate::value::parts;
use crate::{Told, Why};

const NAME: &str = "x-shopify-shop-api-call-limit";

pub(super) const DIALECT: Dialect = Dialect {
    knows: |name| name == NAME,
    read,
};

fn read(header: &Header<'_>, notes: &mut Notes) -> Result<(), Why> {
    each(parts(header.value), |part| {
        let (used, limit) = ratio(part)?;
        let told = Told {
            used: Some(used),
            limit: Some(limit),
            ..Told::default()
        };
        notes.tell(NAME, told)
    })
}
