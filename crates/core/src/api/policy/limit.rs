//! One limit: an algorithm's word and its numbers.
//!
//! The same fields stand at the top of a policy with one limit and in each element of `limits`.

use super::numbers::{self, at};
use super::schedule;
use crate::api::fields::Fields;
use crate::api::{BadRequest, Problem};
use crate::limit::{Algorithm, Kind, Limit, Name, MAX_LOG, MAX_NAME};
use crate::number::MAX_SAFE;
use crate::InvalidLimit;

/// Every field of a limit. `maxDelay` is not among them: beside these it may also belong to the
/// request.
pub const FIELDS: [&str; 26] = [
    "name",
    "algorithm",
    "strategy",
    "limit",
    "requests",
    "window",
    "start",
    "capacity",
    "maxTokens",
    "refill",
    "refillRate",
    "refillInterval",
    "initial",
    "initialTokens",
    "stepped",
    "burstCredits",
    "forgetAfter",
    "leak",
    "leakRate",
    "leakInterval",
    "period",
    "timeZone",
    "anchor",
    "ttl",
    "stages",
    "times",
];

/// Another word for a field, from the vocabularies of other limiters.
pub(in crate::api) struct Alias {
    /// The field's own word.
    pub(in crate::api) word: &'static str,
    /// The other word, or one of two that stand for it together.
    pub(in crate::api) other: &'static str,
    /// What a request is told that gives both.
    with: &'static str,
}

/// A request gives one word for one thing; who gives one does not get the other as a default.
pub(in crate::api) const ALIASES: [Alias; 8] = [
    alias("algorithm", "strategy", "`algorithm`, which is the same"),
    alias("limit", "requests", "`limit`, which is the same"),
    alias("capacity", "maxTokens", "`capacity`, which is the same"),
    alias("refill", "refillRate", "`refill`, which is the same"),
    alias(
        "refill",
        "refillInterval",
        "`refill`, which has the interval",
    ),
    alias("initial", "initialTokens", "`initial`, which is the same"),
    alias("leak", "leakRate", "`leak`, which is the same"),
    alias("leak", "leakInterval", "`leak`, which has the interval"),
];

const fn alias(word: &'static str, other: &'static str, with: &'static str) -> Alias {
    Alias { word, other, with }
}

const WORDS: &str =
    "fixedWindow, slidingWindow, slidingLog, tokenBucket, leakyBucket, quota or concurrency";
const STRATEGIES: &str = "sliding-window, fixed-window, token-bucket or leaky-bucket";

/// Takes one limit out of `fields`. The fields of another algorithm are errors.
pub(super) fn limit(fields: &mut Fields<'_>) -> Result<Limit, BadRequest> {
    one_word_each(fields)?;
    let name = name(fields, "name")?;
    let steps = schedule::take(fields)?;
    let kind = kind(fields)?;
    let algorithm = match kind {
        Kind::FixedWindow => numbers::fixed_window(fields)?,
        Kind::SlidingWindow => Algorithm::SlidingWindow(numbers::window(fields, MAX_SAFE)?),
        Kind::SlidingLog => Algorithm::SlidingLog(numbers::window(fields, MAX_LOG)?),
        Kind::TokenBucket => Algorithm::TokenBucket(numbers::token_bucket(fields)?),
        Kind::LeakyBucket => Algorithm::LeakyBucket(numbers::leaky_bucket(fields)?),
        Kind::Quota => Algorithm::Quota(numbers::quota(fields)?),
        Kind::Concurrency => Algorithm::Concurrency(numbers::concurrency(fields)?),
    };
    match fields.untaken(|name| FIELDS.contains(&name)) {
        Some(stray) => Err(fields.error(
            stray,
            Problem::Conflict {
                with: algorithm.word(),
            },
        )),
        None => steps.read(fields, Limit::new(name, algorithm)),
    }
}

/// Refuses two words for one thing.
fn one_word_each(fields: &Fields<'_>) -> Result<(), BadRequest> {
    let both = |alias: &&Alias| fields.has(alias.word) && fields.has(alias.other);
    match ALIASES.iter().find(both) {
        Some(Alias { other, with, .. }) => Err(fields.error(other, Problem::Conflict { with })),
        None => Ok(()),
    }
}

/// A name of a policy or a limit.
pub(in crate::api) fn name(
    fields: &mut Fields<'_>,
    field: &'static str,
) -> Result<Option<Name>, BadRequest> {
    match fields.text(field, 1, MAX_NAME)? {
        Some(text) => of_text(fields, field, &text)
            .map(Some)
            .map_err(|error| at(fields, error)),
        None => Ok(None),
    }
}

/// The name that a text is, as far as [`Fields::is_stored`] lets it be one.
pub(super) fn of_text(
    fields: &Fields<'_>,
    field: &'static str,
    text: &str,
) -> Result<Name, InvalidLimit> {
    match fields.is_stored() {
        true => Name::stored(field, text),
        false => Name::new(field, text),
    }
}

/// The algorithm: by its word; a limit and a window alone mean `slidingWindow`.
fn kind(fields: &mut Fields<'_>) -> Result<Kind, BadRequest> {
    let word = fields.word("algorithm", WORDS, |word| {
        Kind::from_word(word).ok_or(Problem::Malformed { expected: WORDS })
    })?;
    let strategy = fields.word("strategy", STRATEGIES, |word| match word {
        "sliding-window" => Ok(Kind::SlidingWindow),
        "fixed-window" => Ok(Kind::FixedWindow),
        "token-bucket" => Ok(Kind::TokenBucket),
        "leaky-bucket" => Ok(Kind::LeakyBucket),
        _ => Err(Problem::Malformed {
            expected: STRATEGIES,
        }),
    })?;
    const PLAIN: [&str; 3] = ["limit", "requests", "window"];
    let plain = fields.has_any(&PLAIN)
        && fields
            .untaken(|name| FIELDS.contains(&name) && !PLAIN.contains(&name))
            .is_none();
    match word.or(strategy) {
        None if plain => Ok(Kind::SlidingWindow),
        word => fields.required("algorithm", word),
    }
}
