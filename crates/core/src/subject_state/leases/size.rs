//! How much one borrower is lent: a part of what remains, and what it uses in a lease's life.

use crate::lease::Terms;

/// What is set aside of limits already, and for how many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Out {
    /// Units set aside for other borrowers.
    pub(super) others_left: u64,
    /// How many other borrowers have any.
    pub(super) others: u64,
    /// Units set aside for the one that asks.
    pub(super) own_left: u64,
}

/// How many units more the borrower may have. What `remains` is the limit less what is spent and
/// held, with what is lent: of a part of the rest alone, the tenth borrower would get next to
/// nothing.
pub(super) fn loan(remains: u64, size: u64, terms: &Terms, out: Out) -> u64 {
    let part = remains / (2 * out.others + 2);
    let all = (remains / 2).saturating_sub(out.others_left);
    let most = part.min(all).min(terms.max().unwrap_or(u64::MAX));
    size.min(most).saturating_sub(out.own_left)
}
