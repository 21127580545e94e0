//! What a policy is that extends another: settings one by one, limits by their names.

use serde_json::value::RawValue;

use super::limit::ALIASES;
use super::named::is_of_limit;
use crate::api::raw::{Pairs, Text, Values};
use crate::api::{BadRequest, Problem};

/// Fields of a policy that speak of itself alone.
const OWN: [&str; 3] = ["description", "extends", "source"];

/// The fields of an object, in their order.
type Object<'a> = Vec<(String, &'a RawValue)>;

/// The text of a policy that is written as `written` and extends `base`, which extends nothing and
/// is in its canonical form. [`super::named::parse`] reads it, and finds what does not go together.
///
/// A setting that is written takes the place of the base's. A limit that is written takes the place
/// of the base's limit of its name: field by field where it has no algorithm of its own, else
/// whole.
/// Limits without a name take the place of all of the base's that have none. Other limits of the
/// base stay, and come first.
pub fn extended(base: &str, written: &str) -> Result<String, BadRequest> {
    let (base, mut written) = (object(base)?, object(written)?);
    written.retain(|(name, _)| name != "extends");
    let (alone, others): (Object, Object) =
        written.into_iter().partition(|(name, _)| is_of_limit(name));
    let mut limits = elements(&others)?;
    if !alone.is_empty() {
        limits.push(alone);
    }
    let limits = merged(elements(&base)?, limits);
    let is_inherited = |name: &str| {
        let is_written = others.iter().any(|(other, _)| other == name);
        !is_written && name != "limits" && !OWN.contains(&name)
    };
    let kept = base.iter().filter(|(name, _)| is_inherited(name));
    let own = others.iter().filter(|(name, _)| name != "limits");
    let mut text = String::from("{\"limits\":[");
    for (i, limit) in limits.iter().enumerate() {
        text.push_str(if i == 0 { "" } else { "," });
        text.push('{');
        put(&mut text, limit.iter());
        text.push('}');
    }
    text.push(']');
    for field in kept.chain(own) {
        text.push(',');
        put(&mut text, [field].into_iter());
    }
    text.push('}');
    Ok(text)
}

fn merged<'a>(base: Vec<Object<'a>>, written: Vec<Object<'a>>) -> Vec<Object<'a>> {
    let has_unnamed = written.iter().any(|limit| name_of(limit).is_none());
    let (mut changes, mut limits) = (written, Vec::new());
    for limit in base {
        let name = name_of(&limit);
        if name.is_none() {
            if !has_unnamed {
                limits.push(limit);
            }
            continue;
        }
        match changes.iter().position(|other| name_of(other) == name) {
            Some(at) => limits.push(changed(limit, changes.remove(at))),
            None => limits.push(limit),
        }
    }
    limits.extend(changes);
    limits
}

/// One limit of the base with what is written of it.
fn changed<'a>(base: Object<'a>, written: Object<'a>) -> Object<'a> {
    let gives = |name: &str| written.iter().any(|(other, _)| other == name);
    if gives("algorithm") || gives("strategy") {
        return written;
    }
    let is_replaced = |name: &str| {
        gives(name)
            || ALIASES
                .iter()
                .any(|alias| alias.word == name && gives(alias.other))
    };
    let mut limit = base;
    limit.retain(|(name, _)| !is_replaced(name));
    limit.extend(written);
    limit
}

fn name_of<'a>(limit: &Object<'a>) -> Option<&'a str> {
    let named = limit.iter().find(|(name, _)| name == "name")?;
    Some(named.1.get())
}

/// The elements of `limits`, if the object has them.
fn elements<'a>(object: &Object<'a>) -> Result<Vec<Object<'a>>, BadRequest> {
    let Some((_, limits)) = object.iter().find(|(name, _)| name == "limits") else {
        return Ok(Vec::new());
    };
    let wrong = |expected| BadRequest::new("limits", Problem::WrongType { expected });
    let Values(values, _) = serde_json::from_str(limits.get()).map_err(|_| wrong("an array"))?;
    let element = |value: &'a RawValue| fields(value.get()).map_err(|_| wrong("objects"));
    values.into_iter().map(element).collect()
}

fn object(text: &str) -> Result<Object<'_>, BadRequest> {
    fields(text).map_err(BadRequest::not_json)
}

fn fields(text: &str) -> Result<Object<'_>, serde_json::Error> {
    let Pairs(pairs, _) = serde_json::from_str(text)?;
    let field = |(Text(name), value): (Text<'_>, _)| (name.into_owned(), value);
    Ok(pairs.into_iter().map(field).collect())
}

fn put<'a>(text: &mut String, fields: impl Iterator<Item = &'a (String, &'a RawValue)>) {
    for (i, (name, value)) in fields.enumerate() {
        text.push_str(if i == 0 { "\"" } else { ",\"" });
        text.push_str(name); // a known field: nothing to escape
        text.push_str("\":");
        text.push_str(value.get());
    }
}

#[cfg(test)]
mod tests {
    use super::super::named::{base_of, parse};
    use super::*;
    use crate::api::to_json;

    const BASE: &str = r#"{"limits":[
        {"name":"hour","algorithm":"fixedWindow","limit":100,"window":"1h"},
        {"name":"burst","algorithm":"tokenBucket","capacity":10,"refill":{"amount":1,"interval":"1s"}},
        {"algorithm":"concurrency","limit":3,"ttl":"1m"}],
        "provider":"stripe","failMode":"closed","askedBy":["app"],"description":"of the base","source":"base"}"#;

    fn canonical(base: &str, written: &str) -> Result<String, BadRequest> {
        let base = to_json(&parse(base).unwrap());
        Ok(to_json(&parse(&extended(&base, written)?)?))
    }

    /// The same as if all of it were written out.
    #[track_caller]
    fn is(written: &str, whole: &str) {
        let whole = to_json(&parse(whole).unwrap());
        assert_eq!(canonical(BASE, written).unwrap(), whole);
    }

    #[test]
    fn what_is_not_written_is_the_bases() {
        is(
            r#"{"extends":"base"}"#,
            &BASE.replace(r#","description":"of the base","source":"base""#, ""),
        );
    }

    #[test]
    fn limits_merge_by_name_and_settings_one_by_one() {
        is(
            r#"{"extends":"base","limits":[{"name":"hour","requests":7}],"failMode":"open","description":"own","source":"own"}"#,
            &BASE
                .replace("\"limit\":100", "\"limit\":7")
                .replace("closed", "open")
                .replace("of the base", "own")
                .replace("\"source\":\"base\"", "\"source\":\"own\""),
        );
        // Another algorithm is another limit; lists are taken whole.
        is(
            r#"{"extends":"base","askedBy":["a","b"],"limits":[{"name":"burst","algorithm":"slidingLog","limit":2,"window":1000}]}"#,
            r#"{"limits":[{"name":"hour","algorithm":"fixedWindow","limit":100,"window":"1h"},
                {"name":"burst","algorithm":"slidingLog","limit":2,"window":1000},
                {"algorithm":"concurrency","limit":3,"ttl":"1m"}],
                "provider":"stripe","failMode":"closed","askedBy":["a","b"]}"#,
        );
        // One limit at the top, without a name, takes the place of those without a name.
        is(
            r#"{"extends":"base","limit":5,"window":"1m"}"#,
            r#"{"limits":[{"name":"hour","algorithm":"fixedWindow","limit":100,"window":"1h"},
                {"name":"burst","algorithm":"tokenBucket","capacity":10,"refill":{"amount":1,"interval":"1s"}},
                {"limit":5,"window":"1m"}],"provider":"stripe","failMode":"closed","askedBy":["app"]}"#,
        );
    }

    #[test]
    fn what_does_not_go_together_is_an_error_of_its_field() {
        for (written, field) in [
            (
                r#"{"limits":[{"name":"hour","capacity":7}]}"#,
                "limits[0].capacity",
            ),
            (
                r#"{"limits":[{"name":"hour","window":"0s"}]}"#,
                "limits[0].window",
            ),
            (r#"{"limits":7}"#, "limits"),
            (r#"{"limits":[7]}"#, "limits"),
            (r#"{"consistency":"eventual"}"#, "consistency"),
            (r#"{"limits":[{"name":"new"}]}"#, "limits[3].algorithm"),
        ] {
            assert_eq!(
                canonical(BASE, written).unwrap_err().field,
                field,
                "{written}"
            );
        }
    }

    #[test]
    fn a_base_is_named_and_slips_are_found_first() {
        let name = |text| base_of(text).map(|name| name.map(|name| name.as_str().to_owned()));
        assert_eq!(name(r#"{"extends":"a.b"}"#), Ok(Some("a.b".to_owned())));
        assert_eq!(name(r#"{"limit":1,"window":"1s"}"#), Ok(None));
        for (text, field) in [
            (r#"{"extends":7}"#, "extends"),
            (r#"{"extends":"a b"}"#, "extends"),
            (r#"{"extend":"a"}"#, "extend"),
            (r#"{"identifier":"u"}"#, "identifier"),
            ("7", "body"),
        ] {
            assert_eq!(name(text).unwrap_err().field, field, "{text}");
        }
    }

    #[test]
    fn a_canonical_form_is_read_back() {
        let policy = parse(BASE).unwrap();
        assert_eq!(parse(&to_json(&policy)), Ok(policy));
        for (text, field) in [
            (r#"{"provider":"","limit":1,"window":1}"#, "provider"),
            (r#"{"askedBy":[],"limit":1,"window":1}"#, "askedBy"),
            (r#"{"askedBy":[""],"limit":1,"window":1}"#, "askedBy[0]"),
            (r#"{"askedBy":[7],"limit":1,"window":1}"#, "askedBy[0]"),
            (r#"{"extends":"a","limit":1,"window":1}"#, "extends"),
            (r#"{"description":"x"}"#, "limits"),
        ] {
            assert_eq!(parse(text).unwrap_err().field, field, "{text}");
        }
    }
}
