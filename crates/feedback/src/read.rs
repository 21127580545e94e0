//! Chooses the headers that are looked at, and has each read in its dialect.

use tollgate_core::Timestamp;

use crate::dialect::{Dialect, Header};
use crate::dialects;
use crate::notes::{Notes, MAX_NAME};
use crate::{Feedback, Ignored, Why};

/// How many headers are looked at. Headers that are of no dialect do not count.
pub const MAX_HEADERS: usize = 64;
/// How many bytes of names and values are looked at: what most servers send at most, for all of
/// their headers.
pub const MAX_BYTES: usize = 8_192;
/// How many headers are named as not understood. Of those beyond nothing is said.
pub const MAX_IGNORED: usize = 64;

/// What an answer with this `status` and these `headers` says, that came at `answered`.
///
/// Names may be in any case, names and values have white space around them, and a header may be
/// there twice. Their order does not matter, unless there are more than [`MAX_HEADERS`] of
/// interest or these have more than [`MAX_BYTES`]: then the first count.
pub fn read<'a>(
    status: u16,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    answered: Timestamp,
) -> Feedback {
    let mut ignored = Vec::new();
    let mut notes = Notes::new(status, answered);
    let mut chosen = chosen(headers, &mut ignored);
    // What is told twice then comes out the same, whatever came first.
    chosen.sort_by(|(_, one), (_, other)| (&one.name, one.value).cmp(&(&other.name, other.value)));
    for (dialect, header) in chosen {
        if let Err(why) = (dialect.read)(&header, &mut notes) {
            ignored.push(Ignored {
                header: header.name,
                why,
            });
        }
    }
    ignored.sort();
    ignored.dedup();
    ignored.truncate(MAX_IGNORED);
    notes.finish(ignored)
}

/// The headers that are looked at, with the dialect of each. The others of interest are `ignored`.
fn chosen<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    ignored: &mut Vec<Ignored>,
) -> Vec<(&'static Dialect, Header<'a>)> {
    let mut chosen = Vec::new();
    let mut bytes = 0;
    for (name, value) in headers {
        let (name, value) = (trimmed(name), trimmed(value));
        if !is_token(name) {
            continue;
        }
        let long = name.len() > MAX_NAME;
        let name = name[..name.len().min(MAX_NAME)].to_ascii_lowercase();
        let Some(dialect) = dialects::of(&name) else {
            continue;
        };
        let size = name.len() + value.len();
        if long || chosen.len() == MAX_HEADERS || size > MAX_BYTES - bytes {
            if ignored.len() < MAX_IGNORED {
                let why = Why::TooMuch;
                ignored.push(Ignored { header: name, why });
            }
            continue;
        }
        bytes += size;
        chosen.push((dialect, Header { name, value }));
    }
    chosen
}

/// Without the white space that may stand around a header's value (RFC 9110, 5.5).
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Whether a name can be one of a header (RFC 9110, 5.6.2); then it is ASCII.
fn is_token(name: &str) -> bool {
    let is_of_token = |it: u8| it.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&it);
    name.bytes().all(is_of_token)
}
