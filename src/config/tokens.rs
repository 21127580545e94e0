//! `TOLLGATE_TOKENS`, and `TOLLGATE_TOKENS_2` to `_9` as one list with it: who may call, and as
//! what.

use tollgate_core::api::fields::Fields;
use tollgate_core::api::policy::named::MAX_TOKEN_NAME;
use tollgate_core::api::{BadRequest, Problem};
use tollgate_core::subject::Namespace;

use crate::auth::{hash, Caller, Hash, Role};

use super::invalid_setting::{InvalidSetting, EXAMPLE, TOKENS};

/// How many secrets hold tokens.
pub const SECRETS: usize = 9;

/// The name of one of the secrets, counted from 0: `TOLLGATE_TOKENS`, `TOLLGATE_TOKENS_2` and so
/// on.
pub fn secret(i: usize) -> String {
    match i {
        0 => TOKENS.to_owned(),
        _ => format!("{TOKENS}_{}", i + 1),
    }
}

/// Maximum number of tokens in one secret. A secret holds 5 KB, which is about forty.
const MAX_TOKENS: usize = 64;
/// Maximum length of a token, in bytes: it has to fit into a header.
const MAX_TOKEN: usize = 1_024;

/// The callers that the secrets name, at least one. `texts`: of `TOLLGATE_TOKENS`, and of those
/// that go on with it.
pub(super) fn callers(texts: [Option<&str>; SECRETS]) -> Result<Vec<Caller>, InvalidSetting> {
    let mut callers: Vec<Caller> = Vec::new();
    let mut places: Vec<String> = Vec::new();
    for (i, text) in texts.into_iter().enumerate() {
        let Some(text) = text.filter(|text| !text.trim_ascii().is_empty()) else {
            continue;
        };
        let secret = secret(i);
        let invalid = |why: String| {
            InvalidSetting::Wrong(format!(
                "The Worker's secret {secret} cannot be used: {why}"
            ))
        };
        for (entry, caller) in of_secret(&secret, text)
            .map_err(invalid)?
            .into_iter()
            .enumerate()
        {
            let place = format!("`{secret}[{entry}]`");
            let mut known = callers.iter().zip(&places);
            if let Some((what, other)) =
                known.find_map(|(it, at)| Some((in_common(it, &caller)?, at)))
            {
                return Err(invalid(format!(
                    "{other} and {place} have the same {what}; change or remove one."
                )));
            }
            places.push(place);
            callers.push(caller);
        }
    }
    if callers.is_empty() {
        return Err(InvalidSetting::NoTokens);
    }
    Ok(callers)
}

/// What two entries may not have in common, and have.
fn in_common(one: &Caller, other: &Caller) -> Option<&'static str> {
    let is_named = one.name.is_some() && one.name == other.name;
    match one.hash == other.hash {
        true => Some("token"),
        false => (is_named && one.namespace == other.namespace).then_some("name"),
    }
}

/// The callers that one secret names.
fn of_secret(secret: &str, text: &str) -> Result<Vec<Caller>, String> {
    let body = format!("{{\"{secret}\":{text}}}");
    let mut fields = Fields::parse(&body).map_err(|bad| match bad.problem {
        // The line and column would be those of the text with the secret's name in front.
        Problem::NotJson { .. } => format!("it is not JSON. It looks like {EXAMPLE}."),
        _ => bad.to_string(),
    })?;
    let text = |bad: BadRequest| bad.to_string();
    let entries = fields.array(secret, MAX_TOKENS).map_err(text)?;
    fields.finish().map_err(text)?;
    let entries = entries.unwrap_or_default().into_iter();
    entries
        .map(|entry| caller(entry.object().map_err(text)?))
        .collect()
}

fn caller(mut fields: Fields<'_>) -> Result<Caller, String> {
    let here = fields.here().to_owned();
    let text = |bad: BadRequest| bad.to_string();
    let hash = presented(&mut fields, &here)?;
    let caller = rights(&mut fields, &here, hash)?;
    fields.finish().map_err(text)?;
    Ok(caller)
}

/// The caller that the `props` of a service binding name, as an entry of the secret does without a
/// token. The error is a sentence that begins with the field.
pub fn of_props(props: &str) -> Result<Caller, String> {
    let text = |bad: BadRequest| bad.to_string();
    let mut fields = Fields::parse(props).map_err(text)?;
    let caller = rights(&mut fields, "props", [0; 32])?;
    fields.finish().map_err(text)?;
    Ok(caller)
}

/// The hash of an entry's token.
fn presented(fields: &mut Fields<'_>, here: &str) -> Result<Hash, String> {
    let text = |bad: BadRequest| bad.to_string();
    let token = fields.text("token", 1, MAX_TOKEN).map_err(text)?;
    let sha256 = fields.text("sha256", 64, 64).map_err(text)?;
    match (token, sha256) {
        (Some(token), None) if token.bytes().all(|b| b.is_ascii_graphic()) => Ok(hash(&token)),
        (Some(_), None) => Err(format!(
            "`{here}.token` must be of letters, digits and signs, without spaces: a header has to carry it."
        )),
        (None, Some(hex)) => from_hex(&hex)
            .ok_or_else(|| format!("`{here}.sha256` must be 64 lower-case hexadecimal digits.")),
        _ => Err(format!("`{here}` needs `token` or `sha256`, one of them.")),
    }
}

/// What the fields beside a token say.
fn rights(fields: &mut Fields<'_>, here: &str, hash: Hash) -> Result<Caller, String> {
    let text = |bad: BadRequest| bad.to_string();
    let role = fields
        .word("role", ROLES, |word| {
            Role::from_word(word).ok_or(Problem::Malformed { expected: ROLES })
        })
        .and_then(|role| fields.required("role", role))
        .map_err(text)?;
    let namespace = match fields.text("namespace", 1, MAX_TOKEN).map_err(text)? {
        Some(name) => Namespace::new(&name).map_err(|error| format!("`{here}`: {error}."))?,
        None => Namespace::default(),
    };
    let name = fields.text("name", 1, MAX_TOKEN_NAME).map_err(text)?;
    let is_sign = |b: u8| b.is_ascii_alphanumeric() || b"-_.@".contains(&b);
    if name.as_ref().is_some_and(|name| !name.bytes().all(is_sign)) {
        return Err(format!(
            "`{here}.name` must be of letters, digits, `-`, `_`, `.` and `@`."
        ));
    }
    let inline = fields.boolean("inline").map_err(text)?.unwrap_or(true);
    Ok(Caller {
        hash,
        name: name.map(Into::into),
        inline,
        role,
        namespace,
    })
}

const ROLES: &str = "admin, check or read";

fn from_hex(text: &str) -> Option<Hash> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}
