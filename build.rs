//! Keeps the section in which the compiler notes the features of the target: `strip` would remove
//! it, and wasm-bindgen, finding no `reference-types` in it, would refuse to build the wrappers
//! that bring the Worker back after a panic. And makes the schema short that the Worker embeds
//! (`src/schema.rs`).

const SCHEMA: &str = "schemas/policy.json";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("wasm32") {
        println!("cargo::rustc-link-arg-cdylib=--keep-section=target_features");
    }
    println!("cargo::rerun-if-changed={SCHEMA}");
    let schema = std::fs::read_to_string(SCHEMA).expect("schemas/policy.json is in the repository");
    let folder = std::env::var("OUT_DIR").expect("cargo sets it");
    std::fs::write(format!("{folder}/policy.json"), minified(&schema))
        .expect("cargo made the folder");
}

/// The same JSON without the white space between its tokens.
fn minified(json: &str) -> String {
    let (mut in_text, mut escaped) = (false, false);
    let kept = json.chars().filter(|&c| {
        if c == '"' && !escaped {
            in_text = !in_text;
        }
        escaped = c == '\\' && !escaped;
        in_text || !c.is_ascii_whitespace()
    });
    kept.collect()
}
