//! Keeps the section in which the compiler notes the features of the target: `strip` would remove
//! it, and wasm-bindgen, finding no `reference-types` in it, would refuse to build the wrappers
//! that bring the Worker back after a panic. And makes the two documents that the Worker embeds:
//! the schema of a policy (`src/schema.rs`), made short, and the description of the API
//! (`src/openapi`), as JSON that needs no other file.

use std::error::Error;
use std::fs::{read_to_string, write};

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};

const SCHEMA: &str = "schemas/policy.json";
const OPENAPI: &str = "docs/openapi.yaml";
/// How the description names the schema, beside which it does not lie.
const SCHEMA_FROM_OPENAPI: &str = "../schemas/policy.json";
/// Where the schema stands in what the Worker embeds.
const EMBEDDED: &str = "#/components/schemas/Policy";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("wasm32") {
        println!("cargo::rustc-link-arg-cdylib=--keep-section=target_features");
    }
    println!("cargo::rerun-if-changed={SCHEMA}");
    println!("cargo::rerun-if-changed={OPENAPI}");
    let folder = std::env::var("OUT_DIR")?;
    let schema: Value = serde_json::from_str(&read_to_string(SCHEMA)?)?;
    write(format!("{folder}/policy.json"), schema.to_string())?;
    let openapi = openapi(&read_to_string(OPENAPI)?, schema)?;
    write(format!("{folder}/openapi.json"), openapi.to_string())?;
    Ok(())
}

/// The description with the schema of a policy in it.
fn openapi(yaml: &str, mut schema: Value) -> Result<Value, Box<dyn Error>> {
    let documents = Yaml::load_from_str(yaml)?;
    let [document] = &documents[..] else {
        return Err(format!("{OPENAPI} is one document").into());
    };
    let mut openapi = json(document)?;
    modernize(&mut schema);
    match openapi.pointer_mut("/components/schemas/Policy") {
        Some(policy) => *policy = schema,
        None => return Err(format!("{OPENAPI} has no {EMBEDDED}").into()),
    }
    refer_inside(&mut openapi);
    Ok(openapi)
}

/// Turns a schema of draft-07 into one of 2020-12, as OpenAPI 3.1 has them, that is no document of
/// its own.
fn modernize(schema: &mut Value) {
    if let Value::Object(fields) = schema {
        fields.remove("$schema");
        if let Some(definitions) = fields.remove("definitions") {
            fields.insert("$defs".to_owned(), definitions);
        }
        if let Some(Value::Object(dependencies)) = fields.remove("dependencies") {
            let of = |(_, what): &(String, Value)| what.is_array();
            let (names, schemas): (Vec<_>, Vec<_>) = dependencies.into_iter().partition(of);
            fields.insert("dependentRequired".to_owned(), names.into_iter().collect());
            fields.insert("dependentSchemas".to_owned(), schemas.into_iter().collect());
        }
        fields.values_mut().for_each(modernize);
    } else if let Value::Array(values) = schema {
        values.iter_mut().for_each(modernize);
    }
}

/// Turns references to the schema, or inside it, into such to where it is embedded.
fn refer_inside(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(target)) = fields.get_mut("$ref") {
                let inside = target.strip_prefix(SCHEMA_FROM_OPENAPI).unwrap_or(target);
                if inside.is_empty() {
                    *target = EMBEDDED.to_owned();
                } else if let Some(path) = inside.strip_prefix("#/definitions/") {
                    *target = format!("{EMBEDDED}/$defs/{path}");
                }
            }
            fields.values_mut().for_each(refer_inside);
        }
        Value::Array(values) => values.iter_mut().for_each(refer_inside),
        _ => {}
    }
}

/// The same value as JSON has it.
fn json(yaml: &Yaml) -> Result<Value, Box<dyn Error>> {
    Ok(match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(it)) => Value::from(*it),
        Yaml::Value(Scalar::Integer(it)) => Value::from(*it),
        Yaml::Value(Scalar::FloatingPoint(it)) => Value::from(it.into_inner()),
        Yaml::Value(Scalar::String(it)) => Value::from(it.as_ref()),
        Yaml::Sequence(values) => values.iter().map(json).collect::<Result<_, _>>()?,
        Yaml::Mapping(fields) => {
            let mut object = Map::new();
            for (name, value) in fields {
                let name = name.as_str().ok_or("a field is not named by a text")?;
                object.insert(name.to_owned(), json(value)?);
            }
            Value::Object(object)
        }
        other => return Err(format!("JSON has no such value: {other:?}").into()),
    })
}
