//! What a dialect is: which headers are its own, and how each is read.

use crate::notes::Notes;
use crate::Why;

/// A header.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    /// Its name in lower case.
    pub(crate) name: String,
    /// Its value without white space around it.
    pub(crate) value: &'a str,
}

/// How an upstream, or many of them, tell limits.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// Whether a header is one of this dialect, by its name in lower case.
    pub(crate) knows: fn(&str) -> bool,
    /// Reads a header of this dialect. What of it was understood is noted also where the rest was
    /// not.
    pub(crate) read: fn(&Header<'_>, &mut Notes) -> Result<(), Why>,
}

/// Does the same with each part of a value, also after one that was not understood; why the first
/// was not.
pub(crate) fn each<T>(
    parts: impl IntoIterator<Item = T>,
    mut act: impl FnMut(T) -> Result<(), Why>,
) -> Result<(), Why> {
    let mut first = Ok(());
    for part in parts {
        first = first.and(act(part));
    }
    first
}
