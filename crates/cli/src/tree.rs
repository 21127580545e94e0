//! A JSON value whose numbers are kept digit for digit.

use core::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use tollgate_core::api::policy::named::is_of_limit;

/// The most levels of a value in a value.
pub const MAX_DEPTH: usize = 32;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tree {
    /// `null`, `true`, `false` or a number, as JSON writes it.
    Bare(String),
    /// A text.
    Text(String),
    /// An array.
    List(Vec<Tree>),
    /// An object, its fields in the order in which they are written.
    Fields(Vec<(String, Tree)>),
}

impl Tree {
    /// Reads JSON. Refuses a field that is given twice.
    pub fn from_json(json: &str) -> Result<Tree, String> {
        let raw: &RawValue = serde_json::from_str(json).map_err(|error| error.to_string())?;
        read(raw.get(), 0)
    }

    /// The field of an object.
    pub fn get(&self, name: &str) -> Option<&Tree> {
        let Tree::Fields(fields) = self else {
            return None;
        };
        fields
            .iter()
            .find(|(other, _)| other == name)
            .map(|it| &it.1)
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Tree::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Takes a field out.
    pub fn take(&mut self, name: &str) -> Option<Tree> {
        let Tree::Fields(fields) = self else {
            return None;
        };
        let at = fields.iter().position(|(other, _)| other == name)?;
        Some(fields.remove(at).1)
    }

    /// The same with the fields of each object in alphabetical order.
    pub fn sorted(&self) -> Tree {
        match self {
            Tree::List(list) => Tree::List(list.iter().map(Tree::sorted).collect()),
            Tree::Fields(fields) => {
                let sorted = fields.iter().map(|(name, it)| (name.clone(), it.sorted()));
                let mut sorted: Vec<_> = sorted.collect();
                sorted.sort_by(|one, other| one.0.cmp(&other.0));
                Tree::Fields(sorted)
            }
            other => other.clone(),
        }
    }

    /// A policy whose one limit stands in `limits` if it has a name: in a file, the `name` beside
    /// the settings is the policy's.
    pub fn with_limit_apart(self) -> Tree {
        match self {
            Tree::Fields(fields) if fields.iter().any(|(name, _)| name == "name") => {
                let is_of_limit = |it: &(String, Tree)| is_of_limit(&it.0);
                let (limit, mut others): (Vec<_>, Vec<_>) =
                    fields.into_iter().partition(is_of_limit);
                others.insert(
                    0,
                    ("limits".to_owned(), Tree::List(vec![Tree::Fields(limit)])),
                );
                Tree::Fields(others)
            }
            other => other,
        }
    }
}

impl fmt::Display for Tree {
    /// JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tree::Bare(text) => f.write_str(text),
            Tree::Text(text) => write!(f, "{}", serde_json::Value::from(text.as_str())),
            Tree::List(list) => {
                f.write_str("[")?;
                for (i, it) in list.iter().enumerate() {
                    write!(f, "{}{it}", if i == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Tree::Fields(fields) => {
                f.write_str("{")?;
                for (i, (name, it)) in fields.iter().enumerate() {
                    let name = serde_json::Value::from(name.as_str());
                    write!(f, "{}{name}:{it}", if i == 0 { "" } else { "," })?;
                }
                f.write_str("}")
            }
        }
    }
}

fn read(json: &str, depth: usize) -> Result<Tree, String> {
    if depth > MAX_DEPTH {
        return Err(format!("it has more than {MAX_DEPTH} levels"));
    }
    let text = |error: serde_json::Error| error.to_string();
    match json.as_bytes().first() {
        Some(b'{') => {
            let Pairs(pairs) = serde_json::from_str(json).map_err(text)?;
            let mut fields: Vec<(String, Tree)> = Vec::new();
            for (name, value) in pairs {
                if fields.iter().any(|(other, _)| *other == name) {
                    return Err(format!("`{name}` is given more than once: give it once."));
                }
                fields.push((name, read(value.get(), depth + 1)?));
            }
            Ok(Tree::Fields(fields))
        }
        Some(b'[') => {
            let list: Vec<&RawValue> = serde_json::from_str(json).map_err(text)?;
            let list = list.into_iter().map(|it| read(it.get(), depth + 1));
            Ok(Tree::List(list.collect::<Result<_, _>>()?))
        }
        Some(b'"') => Ok(Tree::Text(serde_json::from_str(json).map_err(text)?)),
        _ => Ok(Tree::Bare(json.to_owned())),
    }
}

/// The fields of an object, also those given twice.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_kept_digit_for_digit() {
        let json = r#"{"b":[0.100,9007199254740993,"é\n",null],"a":{"c":true}}"#;
        let tree = Tree::from_json(json).unwrap();
        assert_eq!(tree.to_string(), json);
        let sorted = r#"{"a":{"c":true},"b":[0.100,9007199254740993,"é\n",null]}"#;
        assert_eq!(tree.sorted().to_string(), sorted);
    }

    #[test]
    fn what_stands_twice_or_too_deep_is_refused() {
        assert!(Tree::from_json(r#"{"a":{"b":1,"b":2}}"#).is_err());
        assert!(Tree::from_json(&"[".repeat(40)).is_err());
        let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
        assert!(Tree::from_json(&deep).is_err());
    }
}
