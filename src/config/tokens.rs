//! `TOLLGATE_TOKENS`: who may call, and as what.

use tollgate_core::api::fields::Fields;
use tollgate_core::api::{BadRequest, Problem};
use tollgate_core::subject::Namespace;

use crate::auth::{hash, Caller, Hash, Role};

use super::invalid_setting::{InvalidSetting, EXAMPLE, TOKENS};

/// Maximum number of tokens. A secret holds 5 KB, which is about forty.
const MAX_TOKENS: usize = 64;
/// Maximum length of a token, in bytes: it has to fit into a header.
const MAX_TOKEN: usize = 1_024;

/// The callers that the secret names, at least one.
pub(super) fn callers(text: Option<&str>) -> Result<Vec<Caller>, InvalidSetting> {
    let text = text
        .filter(|text| !text.trim_ascii().is_empty())
        .ok_or(InvalidSetting::NoTokens)?;
    let invalid = |why: String| {
        InvalidSetting::Wrong(format!(
            "The Worker's secret {TOKENS} cannot be used: {why}"
        ))
    };
    let body = format!("{{\"{TOKENS}\":{text}}}");
    let mut fields = Fields::parse(&body).map_err(|bad| match bad.problem {
        // The line and column would be those of the text with the secret's name in front.
        Problem::NotJson { .. } => invalid(format!("it is not JSON. It looks like {EXAMPLE}.")),
        _ => invalid(bad.to_string()),
    })?;
    let entries = fields
        .array(TOKENS, MAX_TOKENS)
        .map_err(|bad| invalid(bad.to_string()))?;
    fields.finish().map_err(|bad| invalid(bad.to_string()))?;
    let mut callers: Vec<Caller> = Vec::new();
    for (i, entry) in entries.unwrap_or_default().into_iter().enumerate() {
        let fields = entry.object().map_err(|bad| invalid(bad.to_string()))?;
        let caller = caller(fields).map_err(&invalid)?;
        if let Some(first) = callers.iter().position(|other| other.hash == caller.hash) {
            return Err(invalid(format!(
                "entries {first} and {i} have the same token; remove one."
            )));
        }
        callers.push(caller);
    }
    Ok(callers)
}

fn caller(mut fields: Fields<'_>) -> Result<Caller, String> {
    let here = fields.here().to_owned();
    let text = |bad: BadRequest| bad.to_string();
    let token = fields.text("token", 1, MAX_TOKEN).map_err(text)?;
    let sha256 = fields.text("sha256", 64, 64).map_err(text)?;
    let hash = match (token, sha256) {
        (Some(token), None) if token.bytes().all(|b| b.is_ascii_graphic()) => hash(&token),
        (Some(_), None) => {
            return Err(format!(
                "`{here}.token` must be of letters, digits and signs, without spaces: a header has to carry it."
            ))
        }
        (None, Some(hex)) => from_hex(&hex)
            .ok_or_else(|| format!("`{here}.sha256` must be 64 lower-case hexadecimal digits."))?,
        _ => return Err(format!("`{here}` needs `token` or `sha256`, one of them.")),
    };
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
    fields.finish().map_err(text)?;
    Ok(Caller {
        hash,
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
