//! Keeps the section in which the compiler notes the features of the target: `strip` would remove
//! it, and wasm-bindgen, finding no `reference-types` in it, would refuse to build the wrappers
//! that bring the Worker back after a panic.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("wasm32") {
        println!("cargo::rustc-link-arg-cdylib=--keep-section=target_features");
    }
}
